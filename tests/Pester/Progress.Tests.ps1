#requires -Module @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

BeforeAll {
    . "$PSScriptRoot/Emulator.ps1"
    $script:module = "$PSScriptRoot/../../Mapillary.psd1"
    $script:emulator = Start-Emulator -ArgumentList '--user', 'x', '--images', '400', '--sequences', '4', '--page-limit', '100', '--user', 'lossy', '--images', '30', '--latency-ms', '20', '--fault', 'cdn.NotFound404:0.04:always', '--fault', 'cdn.Html503:0.2:1'

    # Runs a command in a session of its own and gives all its streams, with the time it took.
    function script:Invoke-Apart ([string] $Command) {
        $shell = [powershell]::Create()
        try {
            $watch = [Diagnostics.Stopwatch]::StartNew()
            $output = $shell.AddScript("Import-Module '$module'; Set-Location '$TestDrive'; $Command").Invoke()
            [pscustomobject]@{
                Output   = $output
                Progress = @($shell.Streams.Progress | Where-Object ActivityId -GE 0x4D415000)
                Warning  = @($shell.Streams.Warning | ForEach-Object { "$_" })
                Text     = @($shell.Streams.Information | ForEach-Object { "$_" })
                Seconds  = $watch.Elapsed.TotalSeconds
            }
        }
        finally {
            $shell.Dispose()
        }
    }
}

AfterAll {
    Stop-Emulator $emulator
}

Describe 'Progress of <name>' -ForEach @(
    @{ Name = 'Save-MapillaryImage'; Activity = 'Saving images'; Command = 'Get-MapillaryImage -User x | Save-MapillaryImage -Destination save -Quality 256' }
    @{ Name = 'Backup-MapillaryUser'; Activity = 'Backing up'; Command = 'Backup-MapillaryUser x -Destination backup -Quality 256 -IncludeArchived' }
) {
    BeforeAll {
        $script:run = Invoke-Apart $command
        $script:overall = @($run.Progress | Where-Object Activity -EQ $activity)
        $script:stages = @($run.Progress | Where-Object ParentActivityId -EQ $overall[0].ActivityId)
    }

    It 'is told overall, and for each stage below it' {
        $overall.Count | Should -BeGreaterThan 1
        $overall[0].ParentActivityId | Should -Be -1
        'Listed', 'Downloaded' | Should -BeIn $stages.Activity
        ($stages | Where-Object Activity -EQ 'Downloaded' | Select-Object -First 1).StatusDescription | Should -Match '^[\d,]+ images, .+, up to \d+ at once$'
        @($stages | Group-Object Activity | ForEach-Object { @($_.Group.ActivityId | Select-Object -Unique).Count } | Select-Object -Unique) | Should -Be 1 -Because 'a stage keeps its line'
    }

    It 'tells a percentage once the listing is read, and only then' {
        $overall | Where-Object { $_.StatusDescription -match ' of 400 images' -and $_.RecordType -eq 'Processing' } | ForEach-Object { $_.PercentComplete | Should -BeIn (0..100) }
        $overall | Where-Object { $_.StatusDescription -notmatch ' of 400 images' } | ForEach-Object { $_.PercentComplete | Should -Be -1 }
    }

    It 'changes at most five times a second' {
        foreach ($line in $run.Progress | Where-Object RecordType -EQ 'Processing' | Group-Object ActivityId) { $line.Count | Should -BeLessOrEqual ($run.Seconds * 5 + 2) }
    }

    It 'is gone at the end' {
        foreach ($line in $run.Progress | Group-Object ActivityId) { $line.Group[-1].RecordType | Should -Be 'Completed' -Because "of $($line.Group[-1].Activity)" }
    }

    It 'is silent where $ProgressPreference says so' {
        (Invoke-Apart "`$ProgressPreference = 'SilentlyContinue'; $($command -replace 'save |backup ', 'silent ')").Progress | Should -BeNullOrEmpty
    }
}

Describe 'Progress of Merge-MapillaryCollection' {
    It 'is told from the first shard on, and gone at the end' {
        $run = Invoke-Apart '1, 2 | ForEach-Object { Get-MapillaryImage -User x -Shard "$_/2" | Save-MapillaryImage -Destination part$_ -Quality 256 -ProgressAction SilentlyContinue } | Out-Null; Merge-MapillaryCollection part?/mapillary-x-256 merged'

        $run.Output.IsIntact | Should -BeTrue
        $lines = @($run.Progress | Where-Object Activity -EQ 'Merging shards')
        $lines[0].StatusDescription | Should -Match '^Reading shard 1/2: .+ of .+'
        $lines[0].PercentComplete | Should -BeIn (0..100)
        $lines[-1].RecordType | Should -Be 'Completed'
    }
}

Describe 'The summary' {
    It 'counts what a pipeline has saved, for whoever asks for information' {
        $first = Invoke-Apart 'Get-MapillaryImage -User x -MaxPages 1 | Save-MapillaryImage -Destination summary -Quality 256'
        $second = Invoke-Apart 'Get-MapillaryImage -User x -MaxPages 1 | Save-MapillaryImage -Destination summary -Quality 256'

        $saved = @($first.Output | Where-Object Status -EQ 'Saved').Count
        $first.Text | Should -Contain ($first.Text -match "^Saved +$saved ")[0]
        $second.Text[0] | Should -BeLike 'Nothing new: *'
    }

    It 'of a backup that a rule stopped warns with the command that goes on, and that command does' {
        $run = Invoke-Apart 'Backup-MapillaryUser lossy -Destination rule -Quality 256 -IncludeArchived -MaximumImages 5'

        $run.Output[0].Status | Should -Be 'Stopped'
        $next = @($run.Warning -match '^lossy: Next: ') -replace '^lossy: Next: '
        $next.Count | Should -Be 1
        (Invoke-Apart $next[0]).Output[0].Ledger.Present | Should -Be 5
    }

    It 'names each kind of loss once, with what to do' {
        $run = Invoke-Apart 'Backup-MapillaryUser lossy -Destination losses -Quality 1024 -IncludeArchived'

        $lost = $run.Output[0].Ledger.Unavailable
        if ($lost -eq 0) { throw 'The emulator withheld no image; the seed or the rate has to change.' }
        @($run.Text -match "^lossy: $lost .*such as image \d+.*there is nothing to do").Count | Should -Be 1
    }
}

Describe 'Progress of a listing' {
    BeforeAll {
        $script:slow = Start-Emulator -ArgumentList '--user', 'x', '--images', '60', '--sequences', '3', '--page-limit', '10', '--latency-ms', '150'
    }

    AfterAll {
        Stop-Emulator $slow
    }

    It 'of <command> tells how many images there are so far, and is gone at the end' -ForEach @(
        @{ Command = 'Get-MapillaryImage -User x' }
        @{ Command = 'Get-MapillarySequence -User x' }
        @{ Command = 'Measure-MapillaryDownload -User x' }
    ) {
        $run = Invoke-Apart $command

        $run.Progress.Count | Should -BeGreaterThan 1
        $run.Progress | Where-Object RecordType -EQ 'Processing' | ForEach-Object { $_.StatusDescription | Should -Match "^user 'x': \d+ images$" }
        $run.Progress[-1].RecordType | Should -Be 'Completed'
    }
}
