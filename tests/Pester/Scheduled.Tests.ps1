#requires -Module @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

BeforeAll {
    . "$PSScriptRoot/Emulator.ps1"
    $script:module = (Resolve-Path "$PSScriptRoot/../../Mapillary.psd1").ProviderPath
    $script:backup = (Resolve-Path "$PSScriptRoot/../../samples/Backup.ps1").ProviderPath
    Import-Module $module -Force
    $script:emulator = Start-Emulator -ArgumentList '--user', 'anna', '--images', '12', '--sequences', '6', '--user', 'ben', '--images', '5'

    function script:Invoke-Backup([string[]] $ArgumentList) {
        $output = pwsh -NoProfile -NonInteractive -File $backup -Module $module -RetryWait 00:00:00 -MinimumFreeSpace 1 @ArgumentList
        [pscustomobject]@{ ExitCode = $LASTEXITCODE; Output = $output -join "`n" }
    }
}

AfterAll {
    Stop-Emulator $emulator
}

Describe 'samples/Backup.ps1' {
    It 'has help: what its exit codes mean, and what each parameter is for' {
        $help = Get-Help $backup -Full

        $help.Description.Text -join "`n" | Should -Match '1 +nothing could be done'
        $help.parameters.parameter.Where({ $_.Name -eq 'UserList' }).description.Text | Should -Match 'one per line'
    }

    It 'backs up a list of users, and ends with 0' {
        Set-Content $TestDrive/users.txt '# mine', '', 'anna', ' ben '

        $run = Invoke-Backup '-UserList', "$TestDrive/users.txt", '-Destination', "$TestDrive/good"

        $run.ExitCode | Should -Be 0 -Because $run.Output
        Test-Path $TestDrive/good/mapillary-anna-original/collection.json, $TestDrive/good/mapillary-ben-original/collection.json | Should -Be $true, $true
        Get-Content $TestDrive/good/backup.log -Raw | Should -Match 'anna: Complete, listed 12'
    }

    It 'ends with 2 where something is left, and the next run goes on' {
        $run = Invoke-Backup '-UserList', "$TestDrive/users.txt", '-Destination', "$TestDrive/late", '-MaximumDuration', '00:00:00.001'
        $run.ExitCode | Should -Be 2 -Because $run.Output
        $run.Output | Should -Match 'Not backed up: anna, ben'

        (Invoke-Backup '-UserList', "$TestDrive/users.txt", '-Destination', "$TestDrive/late").ExitCode | Should -Be 0
    }

    It 'names a misspelled user, whom it does not try again, and ends with 2' {
        Set-Content $TestDrive/misspelled.txt '@ben', 'annna'

        $run = Invoke-Backup '-UserList', "$TestDrive/misspelled.txt", '-Destination', "$TestDrive/good"

        $run.ExitCode | Should -Be 2 -Because $run.Output
        $run.Output | Should -Match 'No images on Mapillary, or no such user: annna\.'
        $run.Output | Should -Match '@ben: Complete'
        $run.Output | Should -Not -Match 'Trying|All users'
    }

    It 'ends with 1 where nothing can be done: <why>' -ForEach @(
        @{ Why = 'no token'; Break = { $env:MAPILLARY_TOKEN = '' }; Mend = { $env:MAPILLARY_TOKEN = $emulator.Token }; List = 'users.txt' }
        @{ Why = 'no list'; Break = { }; Mend = { }; List = 'none.txt' }
        @{ Why = 'no user in the list'; Break = { Set-Content $TestDrive/empty.txt '# nobody yet', '' }; Mend = { }; List = 'empty.txt' }
    ) {
        & $break
        try {
            $run = Invoke-Backup '-UserList', "$TestDrive/$list", '-Destination', "$TestDrive/bad"
        }
        finally {
            & $mend
        }

        $run.ExitCode | Should -Be 1 -Because $run.Output
        $run.Output | Should -Match 'Nothing could be done: .+'
        # A scheduler throws the output away.
        Get-Content $TestDrive/bad/backup.log -Tail 1 | Should -Match 'Nothing could be done: .+'
    }

    It 'does not take one user for another whose name differs in case only' {
        Set-Content $TestDrive/twins.txt 'Anna', 'anna'
        # Where anna's collection belongs, there is another user's; and there is no Anna.
        $null = New-Item -ItemType File -Path $TestDrive/twins/mapillary-anna-original/collection.json -Force -Value '{"user":"ben","quality":"original"}'

        $run = Invoke-Backup '-UserList', "$TestDrive/twins.txt", '-Destination', "$TestDrive/twins", '-Retry', '0'

        $run.Output | Should -Match 'Anna: Empty'
        $run.Output | Should -Match "anna: .*holds user 'ben'"
        $run.ExitCode | Should -Be 2 -Because $run.Output
    }

    It 'goes on with another log where a viewer holds its own' {
        Set-Content $TestDrive/one.txt 'ben'
        $null = New-Item -ItemType File -Path $TestDrive/viewed/backup.log -Value "before`n" -Force
        # As on Windows whoever reads a file and lets nobody write it; on Linux that takes a lock.
        $viewer = [System.IO.File]::Open("$TestDrive/viewed/backup.log", 'Open', 'Read', $(if ($IsWindows) { 'Read' } else { 'None' }))
        try {
            $run = Invoke-Backup '-UserList', "$TestDrive/one.txt", '-Destination', "$TestDrive/viewed"
        }
        finally {
            $viewer.Dispose()
        }

        $run.ExitCode | Should -Be 0 -Because $run.Output
        Get-Content $TestDrive/viewed/backup.log | Should -Be 'before'
        Get-Content $TestDrive/viewed/backup.2*.log -Raw | Should -Match '(?s)Backing up 1 users.+ben: Complete, listed 5.+All users are backed up'
    }

    It 'ends with 3 beside another run, and touches nothing' {
        $null = New-Item -ItemType Directory -Path $TestDrive/busy
        $lock = [System.IO.File]::Open("$TestDrive/busy/.backup.lock", 'OpenOrCreate', 'ReadWrite', 'None')
        try {
            (Invoke-Backup '-UserList', "$TestDrive/users.txt", '-Destination', "$TestDrive/busy").ExitCode | Should -Be 3
        }
        finally {
            $lock.Dispose()
        }

        Get-ChildItem $TestDrive/busy -Directory | Should -BeNullOrEmpty
    }
}

Describe 'samples/BackupTask.xml' {
    It 'is a task that starts the script with arguments that it has, and gives it time to end by itself' {
        $task = ([xml](Get-Content $PSScriptRoot/../../samples/BackupTask.xml -Raw)).Task
        $task.NamespaceURI | Should -Be 'http://schemas.microsoft.com/windows/2004/02/mit/task'
        $words = [System.Management.Automation.Language.Parser]::ParseInput("pwsh $($task.Actions.Exec.Arguments)", [ref] $null, [ref] $null).EndBlock.Statements[0].PipelineElements[0].CommandElements
        $names = $words.Where{ $_ -is [System.Management.Automation.Language.CommandParameterAst] }.ParameterName
        $script, $ours = $names.Where({ $_ -eq 'File' }, 'SkipUntil')

        $ours | Should -BeIn (Get-Command $backup).Parameters.Keys
        (Get-Command $backup).Parameters.Values.Where{ $_.Attributes.Mandatory }.Name | Should -BeIn $ours
        $longest = [timespan] "$($words[[array]::IndexOf($words.ForEach('Extent').ForEach('Text'), '-MaximumDuration') + 1])"
        [System.Xml.XmlConvert]::ToTimeSpan($task.Settings.ExecutionTimeLimit) | Should -BeGreaterThan $longest
        # The order that the scheduler's schema has for them.
        $task.ChildNodes.Where{ $_.NodeType -eq 'Element' }.Name | Should -Be 'RegistrationInfo', 'Triggers', 'Settings', 'Actions'
    }
}

Describe 'Many machines' {
    It 'spreads an account over processes by shards, whose images are all of it and none twice' {
        $processes = 1..3 | ForEach-Object {
            $command = "Import-Module '$module'; Get-MapillaryImage -User anna -Shard $_/3 | Save-MapillaryImage -Destination '$TestDrive/shard$_' | Out-Null"
            Start-Process pwsh -NoNewWindow -PassThru -ArgumentList '-NoProfile', '-NonInteractive', '-Command', $command
        }
        $processes | Wait-Process
        $processes.ExitCode | Should -Be 0, 0, 0

        $all = 1..3 | ForEach-Object { Get-ChildItem $TestDrive/shard$_ -Recurse -Filter *.jpg -File -ErrorAction Ignore }
        $all.Count | Should -Be 12
        @($all.BaseName | Sort-Object -Unique).Count | Should -Be 12
    }

    It 'puts the shards together into one collection, and again without a change' {
        $parts = @(Get-Item $TestDrive/shard*/mapillary-anna-original)
        $empty = @(1..3 | Where-Object { -not (Test-Path $TestDrive/shard$_/mapillary-anna-original) })

        Merge-MapillaryCollection $parts.FullName $TestDrive/all -WhatIf
        Test-Path $TestDrive/all | Should -BeFalse
        $merged = Merge-MapillaryCollection $parts.FullName $TestDrive/all -Shards 3 -EmptyShard $empty

        $merged.IsIntact, $merged.ListedToEnd, $merged.Images | Should -Be $true, $true, 12
        (Get-Content "$($merged.Path)/collection.json" -Raw | ConvertFrom-Json).complete | Should -BeTrue
        Get-ChildItem $parts -Recurse -Filter *.jpg -File | Should -BeNullOrEmpty
        (Backup-MapillaryUser -User anna -Destination $TestDrive/all -NoTar).Ledger.Present | Should -Be 12
        (Merge-MapillaryCollection $parts.FullName $TestDrive/all -EmptyShard $empty).Images | Should -Be 12
    }

    It 'says which shard is missing' {
        $parts = @(Get-Item $TestDrive/shard*/mapillary-anna-original)
        { Merge-MapillaryCollection $parts.FullName $TestDrive/more -Shards 4 -ErrorAction Stop } | Should -Throw -ErrorId 'CollectionIncomplete,*' -ExpectedMessage '*4/4*missing*'
        Test-Path $TestDrive/more | Should -BeFalse
    }
}
