<#
.SYNOPSIS
    Types the main job line by line, and shows what a person at a prompt would see. Ends with 1 when something is not as it should be.
#>
[CmdletBinding()]
param(
    # Where everything is written.
    [Parameter(Mandatory)]
    [string] $Folder,

    # The module's manifest.
    [Parameter(Mandatory)]
    [string] $Module
)

$ErrorActionPreference = 'Stop'
if ([Console]::IsOutputRedirected) { $PSStyle.OutputRendering = 'PlainText' }
Import-Module -Name $Module
Set-Location -LiteralPath $Folder

# Shows a line behind a prompt, runs it, and shows what it emits; the last of that is returned by Get-Last.
function Enter-Line ([string] $Remark, [string] $Line) {
    '', "$($PSStyle.Foreground.BrightBlack)# $Remark$($PSStyle.Reset)", "PS> $($PSStyle.Foreground.BrightCyan)$Line$($PSStyle.Reset)" | Out-Host
    & ([scriptblock]::Create($Line)) | Tee-Object -Variable emitted | Out-Host
    $script:last = $emitted
}

function Assert-That ([bool] $Condition, [string] $Sentence) {
    if (-not $Condition) { throw "The demo failed: $Sentence" }
}

"An emulated Mapillary runs on this machine, with a user 'demo' of 60 photos. Nothing leaves it." | Out-Host

Enter-Line 'The whole job: list, save with metadata restored, bundle, describe for archive.org' `
    'Get-MapillaryImage -User demo | Save-MapillaryImage -Webp | New-SequenceTar | Export-IaMetadata'
Assert-That ($last.Images -eq 60) "60 images were to be described, and there are $($last.Images)."

Enter-Line 'Once more: everything is there, and nothing is fetched again' `
    'Get-MapillaryImage -User demo | Save-MapillaryImage -Webp | Group-Object Status -NoElement'
Assert-That ($last.Name -eq 'Present' -and $last.Count -eq 60) 'all 60 images were to be present.'

Enter-Line 'Only some: filters are plain PowerShell' `
    'Get-MapillaryImage -User demo | Where-Object IsPanorama | Select-Object -First 3 | Save-MapillaryImage -Destination panoramas'
Assert-That ($last.Count -eq 3 -and -not ($last.Status -ne 'Saved')) 'three panoramas were to be saved.'

Enter-Line 'Is all of it still what was written? Reads everything back, tars included' `
    'Test-MapillaryCollection mapillary_data/mapillary-demo-original-webp'
Assert-That $last.IsIntact 'the collection was to be intact.'

Enter-Line 'What of Mapillary is on archive.org already' 'Get-IaStats'

Enter-Line 'What was captured where: a page that opens from disk' 'Export-MapillaryMap mapillary_data/mapillary-demo-original-webp'
$map = $last.Path

@"

Everything is in $Folder
The map: $map

The same for your own account, in PowerShell 7.4 or later, in the folder of Mapillary.psd1
('dotnet tool restore' and 'dotnet pwsh' start a PowerShell there, if you have none):

    Import-Module ./Mapillary.psd1
    `$env:MAPILLARY_TOKEN = 'MLY|...'    # yours, from https://www.mapillary.com/dashboard/developers
    Get-MapillaryImage -User anna | Save-MapillaryImage -Webp | New-SequenceTar | Export-IaMetadata

Without PowerShell, 'mapillary backup' does the same: dotnet run -c Release --project src/Mapillary.Cli -- backup anna
"@ | Out-Host
