#requires -Module @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

BeforeAll {
    . $PSScriptRoot/Emulator.ps1
    Import-Module $PSScriptRoot/../../Mapillary.psd1 -Force
    $script:cache = $env:XDG_CACHE_HOME
    $env:XDG_CACHE_HOME = "$TestDrive/cache"
    $script:emulator = Start-Emulator -ArgumentList '--user', 'x', '--images', '5', '--archived', '120'
}

AfterAll {
    Stop-Emulator $emulator
    $env:XDG_CACHE_HOME = $cache
}

Describe 'Get-IaStats' {
    It 'shows what mapillary stats prints, from a cache in the user''s cache folder' {
        $cli = $env:MAPILLARY_CLI
        if (-not $cli) {
            $cli = Get-ChildItem -Path "$PSScriptRoot/../../src/Mapillary.Cli/bin/*/net8.0/mapillary.dll" |
                Sort-Object -Property LastWriteTime -Descending | Select-Object -First 1 -ExpandProperty FullName
        }

        $statistics = Get-IaStats -Refresh
        $shown = (Get-IaStats | Out-String -Width 80) -replace "`r"
        $printed = (dotnet $cli stats) -join "`n"

        $shown.Trim() | Should -Be $printed.Trim()
        $shown | Should -Match 'from the cache'
        $shown | Should -Match "Unique images +$($statistics.UniqueImages.ToString('N0', [cultureinfo]::InvariantCulture))"
        $shown | Should -Match 'Share of all +0\.\d{3} % of about 2 billion as of 20\d\d-\d\d-\d\d'
        if (-not $IsWindows) { "$TestDrive/cache/mapillary-powershell/ia-statistics.json" | Should -Exist }
        @(Get-IaStats -Detailed).Count | Should -Be $statistics.Collections
    }
}

Describe 'A collection of mapillary-downloader' {
    BeforeAll {
        # As version 0.12 leaves it when it is told not to make tars.
        function New-OtherToolsCollection {
            [Diagnostics.CodeAnalysis.SuppressMessageAttribute('PSUseShouldProcessForStateChangingFunctions', '', Justification = 'A test fixture.')]
            [CmdletBinding()]
            [OutputType([string])]
            param([string] $Path)

            $photo = "$PSScriptRoot/../Mapillary.Emulator/Photos/street-02-bare.jpg"
            $records = foreach ($image in @(
                    @{ Id = '900000000000101'; Day = '2024-01-15'; Sequence = '--49xbCtIcKmxBbYALHRWA'; Time = 1705362245250 }
                    @{ Id = '900000000000102'; Day = '2024-01-16'; Sequence = '--49xbCtIcKmxBbYALHRWA'; Time = 1705363245000 }
                    @{ Id = '900000000000103'; Day = '2024-02-29'; Sequence = '7nfcwfvjdtphz7yj6zat6a'; Time = 1709164800001 }
                )) {
                $folder = New-Item -ItemType Directory -Force -Path "$Path/$($image.Day)/$($image.Sequence)"
                $file = Copy-Item $photo "$folder/$($image.Id).jpg" -PassThru
                $file.LastWriteTimeUtc = [DateTimeOffset]::FromUnixTimeMilliseconds($image.Time).UtcDateTime
                '{{"captured_at": {0}, "geometry": {{"type": "Point", "coordinates": [13.5, 52.25]}}, "sequence": "{1}", "make": "Gr\u00fcn", "id": "{2}"}}' -f $image.Time, $image.Sequence, $image.Id
            }

            $lines = @($records[0], $records[1], '{"id": "900000000000104", "capt', $records[1], $records[2], '{"__complete__": true}')
            $packed = [IO.Compression.GZipStream]::new([IO.File]::Create("$Path/metadata.jsonl.gz"), [IO.Compression.CompressionLevel]::Optimal)
            $packed.Write([Text.Encoding]::ASCII.GetBytes(($lines -join "`n") + "`n"))
            $packed.Dispose()
            '{"original": ["900000000000102", "900000000000101", "900000000000103"]}' | Set-Content "$Path/progress.json"
            'Downloading' | Set-Content "$Path/download.log.20260424-101112"
            Copy-Item $photo "$Path/__ia_thumb__.jpg"
            $null = New-Item -ItemType Directory "$Path/.meta/mapillary_downloader"
            '0.12.0' | Set-Content -NoNewline "$Path/.meta/mapillary_downloader/0"
            (Resolve-Path $Path).ProviderPath
        }
    }

    It 'gets its metadata restored, goes into tars and is described' {
        $folder = New-OtherToolsCollection $TestDrive/left/mapillary-some-one-original
        $before = Get-FileHash $folder/metadata.jsonl.gz, $folder/progress.json, $folder/__ia_thumb__.jpg

        $restored = @(Set-MapillaryExif $folder -MetadataPath $folder/metadata.jsonl.gz -PassThru -WarningVariable damage -WarningAction SilentlyContinue -ErrorAction Stop)
        $again = @(Set-MapillaryExif $folder -MetadataPath $folder/metadata.jsonl.gz -PassThru -WarningAction SilentlyContinue)
        $tars = @(New-SequenceTar $folder)
        $metadata = foreach ($format in 'Rip', 'Csv', 'Json') { $tars | Export-IaMetadata -Format $format -WarningAction SilentlyContinue }

        ($restored.Id | Sort-Object) -join ' ' | Should -Be '900000000000101 900000000000102 900000000000103'
        $restored.Changed | Should -Not -Contain $false
        $again.Changed | Should -Not -Contain $true
        $damage -join "`n" | Should -BeLike '*line 3*'
        $tars.Group -join ' ' | Should -Be '7nfcwfvjdtphz7yj6zat6a _x002d_-49xbCtIcKmxBbYALHRWA'
        $tars.Entries -join ' ' | Should -Be '1 2'
        Get-ChildItem $folder -Recurse -Filter *.jpg | Select-Object -ExpandProperty Name | Should -Be '__ia_thumb__.jpg'
        (Get-FileHash $before.Path).Hash | Should -Be $before.Hash
        @($metadata).Count | Should -Be 3
        $metadata.Images | Should -Be @(3, 3, 3)
        $metadata[0].Coverage | Should -Be '2024-01-15 - 2024-02-29'
        Get-Content -Raw $folder/.meta/date/0 | Should -BeExactly '2024-01-15'
        (Import-Csv $folder/ia-metadata.csv)[0].creator | Should -Be 'some-one'
        (Get-Content -Raw $folder/ia-metadata.json | ConvertFrom-Json).description | Should -Match 'Contains 3 images.*tar files by sequence'
    }

    It 'gives the same tars in another time zone, with another umask and from files made in another order' -Skip:$IsWindows {
        $folder = New-OtherToolsCollection $TestDrive/here/mapillary-some-one-original
        $copy = "$TestDrive/there/mapillary-some-one-original"
        $script = {
            param($From, $To)
            Import-Module $env:MAPILLARY_MODULE
            Get-ChildItem $From -Recurse -Filter 9*.jpg | Sort-Object -Property Name -Descending | ForEach-Object {
                $target = Join-Path $To ([IO.Path]::GetRelativePath($From, $_.FullName))
                $null = New-Item -ItemType Directory -Force (Split-Path $target)
                Copy-Item -LiteralPath $_.FullName $target
            }
            $null = New-SequenceTar $To -GroupBy Date
        }

        $env:MAPILLARY_MODULE = "$PSScriptRoot/../../Mapillary.psd1"
        sh -c 'umask 077; TZ=Pacific/Auckland exec "$@"' sh ((Get-Command pwsh -CommandType Application)[0].Source) -NoProfile -NonInteractive -Command "& { $script } '$folder' '$copy'"
        $tars = @(New-SequenceTar $folder -GroupBy Date)

        $tars.Group -join ' ' | Should -Be '2024-01-15 2024-01-16 2024-02-29'
        (Get-FileHash $copy/*.tar).Hash | Should -Be (Get-FileHash $tars.Path).Hash
    }
}

Describe 'Test-IaCollection' {
    It 'tells who is archived in which form, from parameters and the pipeline alike' {
        $archived = Get-IaStats -Detailed | Where-Object { $_.Quality -eq 'original' -and $_.Format -eq 'JPEG' } | Select-Object -First 2

        $archived.User | Test-IaCollection | Should -Be @($true, $true)
        Test-IaCollection $archived[0].User, 'nobody-of-this-name' | Should -Be @($true, $false)
        Test-IaCollection -User $archived[0].User -Quality 256 -Webp | Should -BeFalse
        Test-IaCollection -Identifier $archived[0].Identifier | Should -BeTrue
    }

    It 'makes it an error, and not $false, where it cannot be told' {
        $answers = @(Test-IaCollection -Identifier 'no such name', 'mapillary-nobody-original' -ErrorVariable failed -ErrorAction SilentlyContinue)

        $answers | Should -Be @($false)
        $failed.FullyQualifiedErrorId | Should -Be 'ArchiveRefused,Mapillary.PowerShell.Commands.TestIaCollectionCommand'
        $failed.TargetObject | Should -Be 'no such name'
    }
}

Describe 'Publish-IaCollection' {
    BeforeAll {
        $script:archive = Start-Emulator -ArgumentList '--user', 'anna', '--images', '310', '--sequences', '4', '--user', 'ben', '--images', '40', '--user', 'carl', '--images', '0', '--s3-redirects', '--listed-after-reads', '1'
        $script:output = "$TestDrive/account"
        function script:Get-Upload { @($archive.Requests.ToArray() -match '^S3 200 PUT ' -replace '^S3 200 PUT ') }
        # The names and checksums that archive.org lists for an item, as a line each.
        function script:Get-Listed ([string] $Identifier) {
            (Invoke-RestMethod "$env:ARCHIVE_ORG_ENDPOINT/metadata/$Identifier").files | Where-Object md5 | ForEach-Object { "$($_.name) $($_.md5)" } | Sort-Object
        }

        function script:Get-OnDisk ([string] $Path) {
            Get-ChildItem -LiteralPath $Path -File | ForEach-Object { "$($_.Name) $([System.Convert]::ToHexString([System.Security.Cryptography.MD5]::HashData([System.IO.File]::ReadAllBytes($_.FullName))).ToLowerInvariant())" } | Sort-Object
        }
    }

    AfterAll {
        Stop-Emulator $archive
    }

    It 'brings accounts into archive.org in one line, and later what is new' {
        Send-Emulator $archive 'withdraw anna 10'
        $first = 'anna', '# not now: dora', '', 'ben', 'carl' | Backup-MapillaryUser -Destination $output -WarningVariable said -WarningAction SilentlyContinue | Publish-IaCollection

        $first.Status | Should -Be 'Verified', 'Verified'
        $first.Identifier | Should -Be 'mapillary-anna-original', 'mapillary-ben-original'
        "$said" | Should -Match "'carl' has no images"
        Get-Listed mapillary-anna-original | Should -Be (Get-OnDisk $output/mapillary-anna-original)
        Get-Listed mapillary-ben-original | Should -Be (Get-OnDisk $output/mapillary-ben-original)

        $before = (Get-Upload).Count
        $second = 'anna', 'ben' | Backup-MapillaryUser -Destination $output | Publish-IaCollection
        $second.Status | Should -Be 'Verified', 'Verified'
        $second.FilesSent | Should -Be 0, 0
        (Get-Upload).Count | Should -Be $before

        Send-Emulator $archive 'restore anna'
        $third = 'anna' | Backup-MapillaryUser -Destination $output | Publish-IaCollection -WarningAction SilentlyContinue
        $third.Status | Should -Be 'Verified'
        $third.Files.Where({ $_.IsNew }).Name -like '*.tar' | Should -BeLike '*.2.tar'
        $third.Files.Where({ $_.IsNew }).Name | Should -Contain 'metadata.jsonl.gz'
        Get-Listed mapillary-anna-original | Should -Be (Get-OnDisk $output/mapillary-anna-original)
    }

    It 'shows files and headers with -WhatIf, needs no keys for it and sends nothing' {
        'ben' | Backup-MapillaryUser -Destination $output/plan -IncludeArchived -Quality 1024 | Should -Not -BeNullOrEmpty
        $before = (Get-Upload).Count
        $secret = $env:IA_SECRET_KEY
        $env:IA_SECRET_KEY = ''
        try {
            Start-Transcript -Path $TestDrive/plan.txt -UseMinimalHeader | Out-Null
            Publish-IaCollection $output/plan/mapillary-ben-1024 -WhatIf | Should -BeNullOrEmpty
        } finally {
            Stop-Transcript | Out-Null
            $env:IA_SECRET_KEY = $secret
        }

        $said = Get-Content $TestDrive/plan.txt -Raw
        $said | Should -Match "into the new item 'mapillary-ben-1024'"
        $said | Should -Match 'x-archive-meta00-mediatype: data'
        $said | Should -Match 'metadata\.jsonl\.gz, '
        $said | Should -Not -Match $secret
        (Get-Upload).Count | Should -Be $before
        Test-Path $output/plan/mapillary-ben-1024/.upload.jsonl | Should -BeFalse
    }

    It 'goes on after it was killed' {
        'anna' | Backup-MapillaryUser -Destination $output/killed -IncludeArchived -Quality 2048 -NoTar | Out-Null
        $before = (Get-Upload).Count
        $module = (Get-Module Mapillary).Path -replace 'psm1$', 'psd1'
        $process = Start-Process pwsh -NoNewWindow -PassThru -RedirectStandardOutput $TestDrive/killed.out -RedirectStandardError $TestDrive/killed.err -ArgumentList '-NoProfile', '-Command', "Import-Module '$module'; Publish-IaCollection '$output/killed/mapillary-anna-2048'"
        while ((Get-Upload).Count -lt $before + 40 -and -not $process.HasExited) { Start-Sleep -Milliseconds 5 }
        $process.Kill()
        $process.WaitForExit()

        $result = Publish-IaCollection $output/killed/mapillary-anna-2048 -ThrottleLimit 8

        $result.Status | Should -Be 'Verified'
        $result.FilesSent | Should -BeLessThan 300
        $sent = (Get-Upload)[$before..10000]
        # At most the four that were under way went up twice.
        $sent.Count - @($sent | Sort-Object -Unique).Count | Should -BeLessOrEqual 4
        $onDisk = Get-ChildItem $output/killed/mapillary-anna-2048 -File -Recurse | Where-Object FullName -NotMatch '/\.'
        (Get-Listed mapillary-anna-2048).Count | Should -Be $onDisk.Count
    }

    It 'says which keys are missing or wrong, and shows none' {
        $wrong = [pscredential]::new('someAccess', [System.Net.NetworkCredential]::new('', 'someSecret').SecurePassword)
        'ben' | Backup-MapillaryUser -Destination $output/keys -IncludeArchived -Quality 256 | Out-Null
        { Publish-IaCollection $output/keys/mapillary-ben-256 -Credential $wrong } | Should -Throw -ErrorId 'KeysRefused,Mapillary.PowerShell.Commands.PublishIaCollectionCommand'
        "$($Error[0]) $($Error[0].Exception)" | Should -Not -Match 'someSecret|someAccess'

        $access = $env:IA_ACCESS_KEY
        $env:IA_ACCESS_KEY = ''
        try {
            { Publish-IaCollection $output/keys/mapillary-ben-256 } | Should -Throw -ErrorId 'KeysRefused,Mapillary.PowerShell.Commands.PublishIaCollectionCommand'
            $Error[0].Exception.Message | Should -Match 'archive.org/account/s3.php'
        } finally {
            $env:IA_ACCESS_KEY = $access
        }
    }
}
