#!/usr/bin/env pwsh

<#
.SYNOPSIS
    Backs up a list of Mapillary users; for Task Scheduler, systemd timers and cron.
.DESCRIPTION
    Run it with pwsh -File: the exit code is then this script's own.

    0  all users are backed up
    1  nothing could be done: no token, no list, no user in it, no disk
    2  some users or images are missing, or a name is misspelled; the log names them, and the next run tries again
    3  another run of this script is under way; nothing was done

    The token comes from the secret store where there is one with that secret, else from the environment variable MAPILLARY_TOKEN.
.EXAMPLE
    pwsh -NoProfile -File Backup.ps1 -UserList users.txt -Destination /srv/archive -MaximumDuration 06:00:00
#>
[CmdletBinding()]
param(
    # User names, one per line; blank lines and those that begin with # are skipped.
    [Parameter(Mandatory)]
    [string] $UserList,

    [Parameter(Mandatory)]
    [string] $Destination,

    [ValidateSet('256', '1024', '2048', 'Original')]
    [string] $Quality = 'Original',

    [switch] $Webp,

    # The run ends in good order after this time; the next one goes on.
    [timespan] $MaximumDuration = '1.00:00:00',

    [long] $MinimumFreeSpace = 10GB,

    # How often a user that could not be backed up is tried again in this run, and how long to wait before that.
    [int] $Retry = 2,

    [timespan] $RetryWait = '00:10:00',

    # The name of the token in the secret store (module Microsoft.PowerShell.SecretManagement).
    [string] $Secret = 'MapillaryToken',

    # The module; by its name where it is installed.
    [string] $Module = 'Mapillary',

    # On Windows: what is not well is told to the Application log too, as an error of this source. An administrator makes the source, once.
    [string] $EventSource
)

$ErrorActionPreference = 'Stop'
$log = Join-Path -Path $Destination -ChildPath 'backup.log'
# For as long as a viewer keeps others from writing the first one.
$otherLog = Join-Path -Path $Destination -ChildPath ('backup.{0:yyyyMMdd-HHmmss}.log' -f [datetime]::UtcNow)

# A sharing or lock violation on Windows, EWOULDBLOCK on Linux and macOS; all else is trouble with the disk.
function Test-IsHeld([System.Management.Automation.ErrorRecord] $ErrorRecord) {
    ($ErrorRecord.Exception.GetBaseException().HResult -band 0xFFFF) -in 32, 33, 11, 35
}

# No log is worth the work: what cannot be written is on the output.
function Write-BackupLog([string] $Text) {
    $line = '{0:yyyy-MM-ddTHH:mm:ssZ} {1}' -f [datetime]::UtcNow, $Text
    Write-Output $line
    foreach ($file in @($log, $otherLog | Select-Object -Unique)) {
        for ($try = 0; $try -lt 6; $try++) {
            if ($try -gt 0) { Start-Sleep -Milliseconds 500 }
            try {
                Add-Content -LiteralPath $file -Value $line -Encoding utf8
                $script:log = $file
                return
            }
            catch {
                $trouble = $_.Exception.Message
                if (-not (Test-IsHeld $_)) { break }
            }
        }
    }

    Write-Output "The log cannot be written: $trouble"
}

function Write-BackupEvent([string] $Text) {
    if (-not $EventSource) { return }
    try { [System.Diagnostics.EventLog]::WriteEntry($EventSource, $Text, 'Error', 1) }
    catch { Write-BackupLog "The Application log cannot be written: $($_.Exception.Message)" }
}

try {
    $null = New-Item -ItemType Directory -Path $Destination -Force
    # The operating system lets go of it, however this process ends.
    try {
        $lock = [System.IO.File]::Open((Join-Path -Path $Destination -ChildPath '.backup.lock'), 'OpenOrCreate', 'ReadWrite', 'None')
    }
    catch [System.IO.IOException] {
        if (-not (Test-IsHeld $_)) { throw }
        Write-Output 'Another run is under way; nothing was done.'
        exit 3
    }

    Import-Module -Name $Module
    if ((Get-Command -Name Get-Secret -ErrorAction Ignore) -and (Get-SecretInfo -Name $Secret -ErrorAction Ignore)) {
        # A SecureString, which stays one.
        $PSDefaultParameterValues['Backup-MapillaryUser:Token'] = Get-Secret -Name $Secret
    }

    $users = @(Get-Content -LiteralPath $UserList | ForEach-Object Trim | Where-Object { $_ -and -not $_.StartsWith('#') } | Select-Object -Unique)
    if (-not $users) { throw "There is no user name in '$UserList'." }
    Write-BackupLog "Backing up $($users.Count) users to $Destination."
    $options = @{ Destination = $Destination; Quality = $Quality; Webp = $Webp; MinimumFreeSpace = $MinimumFreeSpace }
    $ends = [datetime]::UtcNow + $MaximumDuration
    # Mapillary answers alike for a user without images and for one that does not exist. To try again does not help; to look does.
    $unknown = [System.Collections.Generic.List[string]]::new()
    for ($try = 0; $users.Count -gt 0 -and $try -le $Retry; $try++) {
        if ($try -gt 0) {
            if ([datetime]::UtcNow + $RetryWait -ge $ends) { break }
            Write-BackupLog "Trying $($users.Count) users again in $RetryWait."
            Start-Sleep -Duration $RetryWait
        }

        $done = [System.Collections.Generic.List[string]]::new()
        # One at a time, for the list may name a user otherwise than the result does, as @anna.
        foreach ($user in $users) {
            $left = $ends - [datetime]::UtcNow
            if ($left -le [timespan]::Zero) { break }
            # Each line as soon as there is something to tell: a run may take days, and end in the middle.
            Backup-MapillaryUser -User $user @options -MaximumDuration $left -ErrorAction Continue 2>&1 3>$null | ForEach-Object {
                if ($_ -is [System.Management.Automation.ErrorRecord]) {
                    Write-BackupLog "${user}: $($_.Exception.Message)"
                }
                else {
                    Write-BackupLog ('{0}: {1}, {2}{3}' -f $user, $_.Status, $_.Ledger, $(if ($_.StopReason) { ", because $($_.StopReason)" }))
                    if ($_.Status -in 'Complete', 'Empty', 'Archived') { $done.Add($user) }
                    if ($_.Status -eq 'Empty') { $unknown.Add($user) }
                }
            }
        }

        # Names that differ in case only are two users.
        $users = @($users | Where-Object { $_ -cnotin $done })
    }

    if ($unknown) { Write-BackupLog "No images on Mapillary, or no such user: $($unknown -join ', '). Check the spelling in $UserList." }
    if ($users) { Write-BackupLog "Not backed up: $($users -join ', '). The next run goes on." }
    if ($unknown -or $users) {
        Write-BackupEvent "Mapillary backup: something is left. Look at $log."
        exit 2
    }

    Write-BackupLog 'All users are backed up.'
    exit 0
}
catch {
    $reason = "Nothing could be done: $($_.Exception.Message)"
    Write-BackupLog $reason
    Write-BackupEvent "Mapillary backup: $reason"
    exit 1
}
finally {
    if ($lock) { $lock.Dispose() }
}
