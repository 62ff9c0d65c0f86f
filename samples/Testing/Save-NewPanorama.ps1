<#
.SYNOPSIS
    Saves a user's panoramas that were captured since a day, and says how many, and which failed.
.DESCRIPTION
    Here to show how a script is tested: see Save-NewPanorama.Tests.ps1 beside it.
.EXAMPLE
    ./Save-NewPanorama.ps1 -User anna -After 2024-06-01
#>
[CmdletBinding()]
param(
    [Parameter(Mandatory)]
    [string] $User,

    [Parameter(Mandatory)]
    [string] $After,

    [string] $Destination = './mapillary_data'
)

$saved = Get-MapillaryImage -User $User -After $After | Where-Object IsPanorama | Save-MapillaryImage -Destination $Destination
$failed = @($saved | Where-Object Status -EQ Failed)
if ($failed) { Write-Warning "$User`: $($failed.Count) panoramas failed: $($failed.Id -join ', ')" }

[pscustomobject]@{
    User   = $User
    Saved  = @($saved | Where-Object Status -EQ Saved).Count
    Failed = $failed.Id
}
