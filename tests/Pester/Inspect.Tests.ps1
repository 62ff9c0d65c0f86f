BeforeAll {
    . "$PSScriptRoot/Emulator.ps1"
    Import-Module "$PSScriptRoot/../../Mapillary.psd1" -Force
    $script:emulator = Start-Emulator -ArgumentList '--user', 'x', '--images', '400', '--sequences', '8', '--page-limit', '100', '--user', 'ben', '--images', '20',
    '--user', 'odd', '--images', '10', '--odd', 'MissingOriginalUrl:0.1'
}

AfterAll {
    Stop-Emulator $emulator
}

Describe 'Get-MapillarySequence' {
    It 'lists the sequences of users, the newest first, and their images add up' {
        $sequences = @(Get-MapillarySequence -User x)

        $sequences.Count | Should -Be 8
        ($sequences | Measure-Object Images -Sum).Sum | Should -Be 400
        $sequences.First | Should -Be ($sequences.First | Sort-Object -Descending)
        $sequences[0].First | Should -BeOfType [DateTimeOffset]
        $sequences[0].Bounds.West | Should -BeLessThan $sequences[0].Bounds.East
        # 50 images, eight metres from one to the next.
        $sequences[0].LengthKm | Should -BeGreaterThan 0.38
        $sequences[0].LengthKm | Should -BeLessThan 0.4
        @([pscustomobject]@{ User = 'x' }, [pscustomobject]@{ User = 'ben' } | Get-MapillarySequence | Group-Object Creator).Name | Should -Be 'ben', 'x'
    }

    It 'pipes into Get-MapillaryImage, also after a file' {
        $first = Get-MapillarySequence x | Select-Object -First 1
        $ids = @(Get-MapillaryImage x | Where-Object SequenceId -CEQ $first.Id).Id | Sort-Object

        @($first | Get-MapillaryImage).Id | Sort-Object | Should -Be $ids
        $first | Export-Clixml $TestDrive/sequence.xml
        @(Import-Clixml $TestDrive/sequence.xml | Get-MapillaryImage).Id | Sort-Object | Should -Be $ids
    }

    It 'takes ids from the pipeline, passes over blank ones and remarks, and emits each once as soon as it is read' {
        $ids = (Get-MapillarySequence x).Id
        @('# Sequences of x', '', "  $($ids[3]) ", $ids[1], $ids[3] | Get-MapillarySequence).Id | Should -Be $ids[3], $ids[1]
        $before = @(Get-EmulatorRequest $emulator 'Graph *sequence_id=*').Count

        @($ids | Get-MapillarySequence | Select-Object -First 1).Id | Should -Be $ids[0]

        @(Get-EmulatorRequest $emulator 'Graph *sequence_id=*').Count | Should -Be ($before + 1)
    }

    It 'reads a listing of an earlier run without asking Mapillary' {
        Get-MapillaryImage ben | Save-MapillaryImage $TestDrive/listed -Quality 256 | Out-Null
        $before = @(Get-EmulatorRequest $emulator 'Graph *').Count

        $sequence = Get-MapillarySequence -Path $TestDrive/listed/mapillary-ben-256/metadata.jsonl

        $sequence.Images | Should -Be 20
        $sequence | Should -BeLike (Get-MapillaryImage ben -MaxPages 1 | Select-Object -First 1).SequenceId
        @(Get-EmulatorRequest $emulator 'Graph *').Count | Should -Be ($before + 1)
    }

    It 'counts only what fits' {
        @(Get-MapillarySequence x -CameraType spherical).IsPanorama | Should -Be $true, $true
        @(Get-MapillarySequence x -Before 2023-03-05).Count | Should -Be 3
        $all = @(Get-MapillarySequence x)
        $box = $all[0].Bounds
        (Get-MapillarySequence x -BoundingBox $box | Where-Object Id -CEQ $all[0].Id).Images | Should -Be 50
        Get-MapillarySequence x -BoundingBox 0, 0, 1, 1 -WarningVariable warnings -WarningAction SilentlyContinue | Should -BeNullOrEmpty
        $warnings | Should -Match "'x'"
    }

    It 'is grouped by date in its view' {
        $text = Get-MapillarySequence x | Out-String -Width 80
        @([regex]::Matches($text, '(?m)^\s+Date: (\S+)') | ForEach-Object { $_.Groups[1].Value }) | Should -Be '2023-03-06', '2023-03-05', '2023-03-04'
        $text | Should -Match 'Id\s+Images\s+First\s+Last\s+LengthKm\s+CameraType'
        $text | Should -Match '0\.39\d '
    }
}

Describe 'A file of sequences or ids' {
    It 'may have blank lines and remarks' {
        $ids = (Get-MapillarySequence x | Select-Object -First 2).Id
        Set-Content $TestDrive/sequences.txt -Value '# Sequences of x', '', $ids[0], "  $($ids[1])  ", '   ', '# the end'

        @(Get-MapillaryImage -SequenceId (Get-Content $TestDrive/sequences.txt)).Count | Should -Be 100
        @(Get-Content $TestDrive/sequences.txt | Get-MapillarySequence).Count | Should -Be 2
    }

    It 'may have nothing but comments where it comes down the pipeline; as an argument that is an error' {
        Set-Content $TestDrive/none.txt -Value '# Nothing yet', ''
        { Get-MapillaryImage -SequenceId (Get-Content $TestDrive/none.txt) } | Should -Throw -ErrorId 'NothingNamed,*'
        Get-Content $TestDrive/none.txt | Get-MapillarySequence | Should -BeNullOrEmpty
        Get-Content $TestDrive/none.txt | Get-MapillaryImage | Should -BeNullOrEmpty
    }
}

Describe '-Shard' {
    It 'spreads an account: all shards together are everything, and each image and sequence is in one' {
        $shards = 1..3 | ForEach-Object { , @(Get-MapillaryImage x -Shard "$_/3") }

        @($shards | ForEach-Object { $_.Id } | Sort-Object) | Should -Be @((Get-MapillaryImage x).Id | Sort-Object)
        @($shards | ForEach-Object { $_.SequenceId | Sort-Object -Unique -CaseSensitive }).Count | Should -Be 8
        1..3 | ForEach-Object { @((Get-MapillarySequence x -Shard "$_/3").Id | Sort-Object) | Should -Be @($shards[$_ - 1].SequenceId | Sort-Object -Unique -CaseSensitive) }
    }

    It 'asks only for the sequences of its share, and for no further page when the first images are enough' {
        $ids = (Get-MapillarySequence x).Id
        $before = @(Get-EmulatorRequest $emulator 'Graph *sequence_id=*').Count
        $found = @($ids | Get-MapillarySequence -Shard 1/3)
        @(Get-EmulatorRequest $emulator 'Graph *sequence_id=*').Count | Should -Be ($before + $found.Count)

        $before = @(Get-EmulatorRequest $emulator 'Graph *').Count
        @(Get-MapillaryImage x -Shard 1/1 | Select-Object -First 3).Count | Should -Be 3
        @(Get-EmulatorRequest $emulator 'Graph *').Count | Should -Be ($before + 1)
    }

    It 'says at binding what is wrong with <value>' -ForEach @(
        @{ Value = '0/4' }
        @{ Value = '5/4' }
        @{ Value = 'x' }
        @{ Value = '' }
        @{ Value = 3 }
    ) {
        { Get-MapillaryImage -User x -Shard $value } | Should -Throw -ErrorId 'ParameterArgumentTransformationError,*' -ExpectedMessage "*'$value'*3/16*"
        { Get-MapillarySequence -User x -Shard $value } | Should -Throw -ErrorId 'ParameterArgumentTransformationError,*' -ExpectedMessage "*'$value'*3/16*"
    }
}

Describe 'Test-MapillaryImage' {
    BeforeAll {
        $script:images = @(Get-MapillaryImage x)
        $script:sound = $images | Where-Object ThumbOriginalUrl | Select-Object -First 1
        $script:lacking = $images | Where-Object { -not $_.ThumbOriginalUrl } | Select-Object -First 1
    }

    It 'finds nothing the matter with a sound image, by its id and as an object' {
        $diagnosis = Test-MapillaryImage $sound.Id
        $diagnosis.IsFine | Should -BeTrue
        $diagnosis.HasRecord | Should -BeTrue
        @($diagnosis.Renditions | Where-Object IsWhole).Count | Should -Be 4
        $diagnosis.Expires | Should -BeGreaterThan ([DateTimeOffset]::UtcNow)
        ($sound | Test-MapillaryImage -Quality 1024).IsFine | Should -BeTrue
    }

    It 'says what is the matter, and what to do' {
        $diagnosis = Test-MapillaryImage -Id $lacking.Id
        $diagnosis.IsFine | Should -BeFalse
        $diagnosis.Verdict | Should -Be "Mapillary offers no rendition 'original'."
        $diagnosis.Findings[0].Severity | Should -Be 'Error'
        $diagnosis.Findings[0].Advice | Should -Match '2048'
        (Test-MapillaryImage -Id $lacking.Id -Quality 256, 2048).IsFine | Should -BeTrue
    }

    It 'goes on past ids that are not there, and passes over blank lines and remarks' {
        $found = @('# failed images', '', '12345', $sound.Id, $sound.Id | Test-MapillaryImage -Quality 256 -ErrorAction Stop)
        $found.Id | Should -Be '12345', $sound.Id
        $found.HasRecord | Should -Be $false, $true
        $found[0].RecordProblem | Should -Match "Object with ID '12345' does not exist"
    }

    It 'takes what was saved and failed' {
        $saved = $lacking | Save-MapillaryImage $TestDrive/failed -ErrorAction SilentlyContinue
        ($saved | Test-MapillaryImage).Verdict | Should -Match 'original'
    }

    It 'looks without a token at what it is given, also after a file, and needs one for ids' {
        $sound | Export-Clixml $TestDrive/image.xml
        $token = $env:MAPILLARY_TOKEN
        $env:MAPILLARY_TOKEN = $null
        try {
            $diagnosis = Import-Clixml $TestDrive/image.xml | Test-MapillaryImage -Quality 256
            $diagnosis.HasRecord | Should -BeNullOrEmpty
            $diagnosis.IsFine | Should -BeTrue
            { Test-MapillaryImage 12345 } | Should -Throw -ErrorId 'TokenMissing,Mapillary.PowerShell.Commands.TestMapillaryImageCommand'
        }
        finally {
            $env:MAPILLARY_TOKEN = $token
        }
    }

    It 'reads well' {
        $text = Test-MapillaryImage $lacking.Id | Out-String -Width 100
        $text | Should -Match "(?m)^Verdict\s+: .*offers no rendition 'original'"
        $text | Should -Match '(?m)^Renditions +: 256: HTTP 200, \S+ KiB, whole, 256 x \d+ pixels'
        $text | Should -Match '(?m)^Findings\s+: Error: '
        # No signed address, and so nothing to copy by mistake.
        $text | Should -Not -Match 'oh='
    }
}

Describe 'Measure-MapillaryDownload' {
    It 'counts exactly, and estimates with a range' {
        $plan = Measure-MapillaryDownload x $TestDrive/measured -Rate 1MB

        $plan.Images | Should -Be 400
        $plan.Sequences | Should -Be 8
        $plan.Days | Should -Be 3
        $plan.Unavailable | Should -Be @(Get-MapillaryImage x | Where-Object { -not $_.ThumbOriginalUrl }).Count
        $plan.Sampled | Should -Be 30
        $plan.BytesToFetch.IsExact | Should -BeFalse
        $plan.BytesToFetch.Low | Should -BeLessThan $plan.BytesToFetch.High
        $plan.Duration.TotalSeconds | Should -BeGreaterThan 1
        $plan.Fits | Should -BeTrue
        $plan.ArchiveItems | Should -Be 1
        Test-Path $TestDrive/measured | Should -BeFalse
    }

    It 'emits a plan a user, one for all of a pipeline, and warns of a user without images' {
        (Measure-MapillaryDownload x, ben -Rate 1MB -SampleSize 3).User | Should -Be 'x', 'ben'
        $plan = Get-MapillaryImage x -MaxPages 1 | Measure-MapillaryDownload -Rate 1MB -Quality 256
        $plan.Images | Should -Be 100
        $plan.User | Should -Be 'x'
        (Measure-MapillaryDownload nobody -WarningVariable warnings -WarningAction SilentlyContinue).Images | Should -Be 0
        $warnings | Should -Match 'nobody'
    }

    It 'finds WebP smaller and measures no more than the sample' {
        $before = @(Get-EmulatorRequest $emulator 'Cdn *').Count
        $plan = Measure-MapillaryDownload x -Webp -Rate 1MB -SampleSize 7
        @(Get-EmulatorRequest $emulator 'Cdn *').Count | Should -Be ($before + 7)
        $plan.BytesOnDisk.Bytes | Should -BeLessThan $plan.BytesToFetch.Bytes
    }

    It 'reads well' {
        $text = Measure-MapillaryDownload x $TestDrive/measured -Rate 1MB | Out-String -Width 120
        $text | Should -Match "(?m)^User 'x', original"
        $text | Should -Match '(?m)^  Images\s+400 in 8 sequences on 3 days'
        $text | Should -Match '(?m)^  Download\s+about \S+ MiB \(\S+ MiB to \S+ MiB\), by 30 sizes'
        $text | Should -Match 'it fits'
    }

    It 'is what -WhatIf shows of a backup and of saving, and nothing is written' {
        $shown = pwsh -NoProfile -NonInteractive -Command "
            Import-Module '$PSScriptRoot/../../Mapillary.psd1'
            Backup-MapillaryUser x, nobody '$TestDrive/whatif' -WhatIf
            Get-MapillaryImage ben | Save-MapillaryImage '$TestDrive/whatif' -WhatIf" | Out-String

        $shown | Should -Match "What if: Back up to .*whatif: User 'x', original"
        $shown | Should -Match '400 in 8 sequences on 3 days'
        $shown | Should -Match "User 'nobody', original: no images"
        $shown | Should -Match "What if: Save to .*whatif: User 'ben', original"
        $shown | Should -Match '20 in 1 sequence on 1 day'
        @($shown -split '\n' -match 'What if').Count | Should -Be 3
        Test-Path $TestDrive/whatif | Should -BeFalse
    }

    It 'plans only what is not there' {
        Backup-MapillaryUser ben $TestDrive/there -Quality 256 | Out-Null
        $plan = Measure-MapillaryDownload ben $TestDrive/there -Quality 256
        $plan.Present | Should -Be 20
        $plan.ToFetch | Should -Be 0
        $plan.BytesToFetch | Should -BeNullOrEmpty
    }
}
