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

Describe 'Many machines' {
    It 'spreads an account over processes by shards, whose images are all of it and none twice' {
        $processes = 1..3 | ForEach-Object {
            $command = "Import-Module '$module'; Get-MapillaryImage -User anna -Shard $_/3 | Save-MapillaryImage -Destination '$TestDrive/shard$_' | Out-Null"
            Start-Process pwsh -PassThru -ArgumentList '-NoProfile', '-NonInteractive', '-Command', $command
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
