#!/usr/bin/env pwsh
<#
.SYNOPSIS
    Saves one Mapillary account on several machines over SSH, a shard on each.
.DESCRIPTION
    Each machine needs the module installed, your public key, and in its sshd_config the line
    Subsystem powershell /usr/bin/pwsh -sshs -NoLogo

    The token goes there within the encrypted connection, and into the environment of the process that saves; it is written nowhere.
    Emits an object for each machine. The exit code is the largest of those of Save-Shard.ps1; it is 1 for a machine that cannot be reached.
.EXAMPLE
    pwsh -NoProfile -File remoting.ps1 -User anna -HostName photo1, photo2, photo3 -Destination /srv/archive
#>
[CmdletBinding()]
param(
    [Parameter(Mandatory)]
    [string] $User,

    # The machines. Their order and number say which shard each has: keep them until all is done.
    [Parameter(Mandatory)]
    [string[]] $HostName,

    # A folder on each machine; it may be one that they share.
    [Parameter(Mandatory)]
    [string] $Destination,

    # What else Save-Shard.ps1 is told, such as '-Quality', '2048'.
    [string[]] $ArgumentList = @()
)

$ErrorActionPreference = 'Stop'
# With -File, a list comes as one text.
$HostName = @($HostName.Split(',').Trim())
$script = Get-Content -LiteralPath (Join-Path -Path $PSScriptRoot -ChildPath 'Save-Shard.ps1') -Raw

$save = {
    param([string] $Script, [string] $Token, [string] $Shard, [string[]] $Arguments)
    $file = Join-Path -Path ([System.IO.Path]::GetTempPath()) -ChildPath "Save-Shard.$([guid]::NewGuid()).ps1"
    try {
        Set-Content -LiteralPath $file -Value $Script
        $env:MAPILLARY_TOKEN = $Token
        $log = pwsh -NoProfile -NonInteractive -File $file -Shard $Shard @Arguments 2>&1
        [pscustomobject]@{ Shard = $Shard; ExitCode = $LASTEXITCODE; Log = @($log | ForEach-Object ToString) }
    }
    finally {
        Remove-Item -LiteralPath $file -ErrorAction Ignore
    }
}

$jobs = for ($i = 0; $i -lt $HostName.Count; $i++) {
    $shard = "$($i + 1)/$($HostName.Count)"
    $arguments = @('-User', $User, '-Destination', $Destination) + $ArgumentList
    Invoke-Command -HostName $HostName[$i] -AsJob -JobName $shard -ScriptBlock $save -ArgumentList $script, "$env:MAPILLARY_TOKEN", $shard, $arguments
}

$worst = 0
foreach ($job in $jobs) {
    $unreached = $null
    $ended = @($job | Receive-Job -Wait -ErrorAction SilentlyContinue -ErrorVariable unreached)
    if (-not $ended) { $ended = [pscustomobject]@{ Shard = $job.Name; ExitCode = 1; Log = @("$unreached"); PSComputerName = $job.Location } }
    $ended | Select-Object -Property Shard, ExitCode, PSComputerName, Log
    $worst = [System.Math]::Max($worst, ($ended.ExitCode | Measure-Object -Maximum).Maximum)
    $job | Remove-Job
}

exit $worst
