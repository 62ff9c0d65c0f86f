#!/usr/bin/env pwsh
<#
.SYNOPSIS
    Saves one shard of a Mapillary account; for Slurm, Kubernetes and other schedulers.
.DESCRIPTION
    Run it with pwsh -File: the exit code is then this script's own, and schedulers decide by it.

    0  all images of the shard are there, or Mapillary does not have them any more
    1  nothing could be done: no module, no such user, no disk, no network
    2  something is left: images failed, the listing broke off, or the time was over; run it again
    3  the token is missing or refused; to run it again does not help

    Each shard goes into a folder of its own below -Destination, such as 3of16. A run that ends early, in whatever way, is gone on with
    by the same command. The token comes from the environment variable MAPILLARY_TOKEN.
.EXAMPLE
    pwsh -NoProfile -File Save-Shard.ps1 -User anna -Shard 3/16 -Destination /srv/archive -MaximumDuration 06:00:00
.EXAMPLE
    pwsh -NoProfile -File Save-Shard.ps1 -User anna -Index 2 -Count 16 -Destination /srv/archive

    The same shard, for schedulers that count from 0.
#>
[CmdletBinding(DefaultParameterSetName = 'Shard')]
param(
    [Parameter(Mandatory)]
    [string] $User,

    # The number of the shard, from 1, and how many there are.
    [Parameter(Mandatory, ParameterSetName = 'Shard')]
    [string] $Shard,

    # The number of the shard, from 0.
    [Parameter(Mandatory, ParameterSetName = 'Index')]
    [int] $Index,

    # How many shards there are. It must stay the same until all are done.
    [Parameter(Mandatory, ParameterSetName = 'Index')]
    [int] $Count,

    [Parameter(Mandatory)]
    [string] $Destination,

    [ValidateSet('256', '1024', '2048', 'Original')]
    [string] $Quality = 'Original',

    [switch] $Webp,

    # The run ends in good order after this time; the next one goes on.
    [timespan] $MaximumDuration = '7.00:00:00',

    [long] $MinimumFreeSpace = 1GB,

    # The module; by its name where it is installed.
    [string] $Module = 'Mapillary'
)

$ErrorActionPreference = 'Stop'
# A log file is no screen.
$ProgressPreference = 'SilentlyContinue'
$PSStyle.OutputRendering = 'PlainText'
if ($PSCmdlet.ParameterSetName -eq 'Index') { $Shard = "$($Index + 1)/$Count" }

function Write-ShardLog([string] $Text) {
    '{0:yyyy-MM-ddTHH:mm:ssZ} {1} {2}: {3}' -f [datetime]::UtcNow, $User, $Shard, $Text
}

# Numbers, not the images: an account may have millions.
$listed = 0
$ended = [ordered]@{ Saved = 0; Present = 0; Unavailable = 0; Failed = 0 }
try {
    Import-Module -Name $Module
    $options = @{
        Destination      = Join-Path -Path $Destination -ChildPath $Shard.Replace('/', 'of')
        Quality          = $Quality
        Webp             = $Webp
        MaximumDuration  = $MaximumDuration
        MinimumFreeSpace = $MinimumFreeSpace
    }
    Write-ShardLog "Saving to $($options.Destination)."
    # What befalls an image is in the object that it ends as; what ends the run is thrown all the same.
    Get-MapillaryImage -User $User -Shard $Shard |
        ForEach-Object { $listed++; $_ } |
        Save-MapillaryImage @options -ErrorAction SilentlyContinue |
        ForEach-Object {
            $ended[$_.Status]++
            if ($_.Error) { Write-ShardLog "$($_.Status): $($_.Error)" }
        }

    if ($listed -eq 0 -and -not (Get-MapillaryImage -User $User | Select-Object -First 1)) {
        Write-ShardLog 'Nothing could be done: Mapillary lists no image of this user. Check the spelling.'
        exit 1
    }

    $counts = "listed $listed, " + (@($ended.GetEnumerator() | ForEach-Object { "$($_.Key.ToLowerInvariant()) $($_.Value)" }) -join ', ')
    $left = $listed - ($ended.Saved + $ended.Present + $ended.Unavailable)
    if ($left -gt 0) {
        Write-ShardLog "$left images are left: $counts. Run the same command again."
        exit 2
    }

    Write-ShardLog $(if ($listed -eq 0) { 'No image of this user is in this shard; it leaves no collection.' } else { "All images are there or gone: $counts." })
    exit 0
}
catch {
    $reason = $_.Exception.Message
    if ($_.FullyQualifiedErrorId -match '^Token(Missing|Refused),') {
        Write-ShardLog "The token: $reason"
        exit 3
    }

    # What was under way when a listing broke is not counted; what cannot be written is not begun.
    if ($ended.Saved + $ended.Present -gt 0 -or ($listed -gt 0 -and $_.FullyQualifiedErrorId -notmatch '^(Destination|Collection)')) {
        Write-ShardLog "Not all could be done: $reason Run the same command again."
        exit 2
    }

    Write-ShardLog "Nothing could be done: $reason"
    exit 1
}
