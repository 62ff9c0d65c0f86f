BeforeAll {
    . "$PSScriptRoot/Emulator.ps1"
    Import-Module "$PSScriptRoot/../../Mapillary.psd1" -Force
    $script:emulator = Start-Emulator
    # The name that the system itself knows: a Windows without ICU has no other.
    $script:berlin = [TimeZoneInfo]::FindSystemTimeZoneById($(if ($IsWindows) { 'W. Europe Standard Time' } else { 'Europe/Berlin' }))
}

AfterAll {
    Stop-Emulator $emulator
}

Describe 'The main job' {
    It 'makes of a user a tar a sequence, of WebP files, none missing' {
        $tars = Get-MapillaryImage -User x | Save-MapillaryImage -Quality 256 -Webp -Destination $TestDrive/webp | New-SequenceTar

        $tars | Should -HaveCount 3
        $names = $tars | ForEach-Object { & tar -tf $_.Path }
        $names | Should -HaveCount 60
        $names | Should -BeLike '*.webp'
        ($tars | Measure-Object -Property Entries -Sum).Sum | Should -Be 60
        Get-ChildItem $TestDrive/webp -Recurse -Include *.webp, *.jpg, *.part | Should -BeNullOrEmpty
    }

    It 'saves what Where-Object lets through' {
        $all = @(Get-MapillaryImage -User x)
        $saved = @($all | Where-Object IsPanorama | Save-MapillaryImage -Destination $TestDrive/panoramas)

        $saved.Count | Should -BeGreaterThan 0
        $saved.Count | Should -BeLessThan $all.Count
        $saved.Status | Should -Be (@('Saved') * $saved.Count)
        $saved.Id | Sort-Object | Should -Be @($all | Where-Object { $_.CameraType -in 'spherical', 'equirectangular' } | ForEach-Object Id | Sort-Object)
    }

    It 'filters by camera and time as a person writes it' {
        $all = @(Get-MapillaryImage -User x)
        $middle = ($all | Sort-Object CapturedAt)[30].CapturedAt

        @($all | Where-Object { $_.CapturedAt -ge $middle }).Count | Should -Be 30
        @(Get-MapillaryImage -User x -After $middle).Count | Should -Be 30
        @(Get-MapillaryImage -User x -After $middle.ToString('o')).Count | Should -Be 30
    }

    It 'takes an id file as it is, comments, blank lines and all' {
        $ids = (Get-MapillaryImage -User x | Select-Object -First 7).Id
        @('# some ids', '', $ids[0..3], '   ', $ids[4..6]) | ForEach-Object { $_ } | Set-Content $TestDrive/ids.txt

        $saved = @(Get-Content $TestDrive/ids.txt | Get-MapillaryImage | Save-MapillaryImage -Destination $TestDrive/byid)

        $saved.Id | Sort-Object | Should -Be ($ids | Sort-Object)
        $saved.Status | Should -Be (@('Saved') * 7)
    }

    It 'names each unknown id and goes on' {
        $id = (Get-MapillaryImage -User x | Select-Object -First 1).Id

        $found = @('1', $id, '2' | Get-MapillaryImage -ErrorVariable problems -ErrorAction SilentlyContinue)

        $found.Id | Should -Be $id
        $problems.FullyQualifiedErrorId | Should -Be (@('ImageNotFound,Mapillary.PowerShell.Commands.GetMapillaryImageCommand') * 2)
        $problems.TargetObject | Should -Be '1', '2'
    }

    It 'takes a file of sequence ids as it is' {
        $sequences = (Get-MapillaryImage -User x).SequenceId | Sort-Object -Unique
        '# two of them', $sequences[0], '', $sequences[1] | Set-Content $TestDrive/sequences.txt

        @(Get-MapillaryImage -SequenceId (Get-Content $TestDrive/sequences.txt)).Count | Should -Be 40
    }

    It 'lists a sequence in the order of its capture' {
        $sequence = (Get-MapillaryImage -User x | Select-Object -First 1).SequenceId
        $images = @(Get-MapillaryImage -SequenceId $sequence)

        $images.Count | Should -Be 20
        $images.CapturedAt | Should -Be @($images.CapturedAt | Sort-Object)
    }

    It 'needs no program for it that might not be installed' {
        $images = @(Get-MapillaryImage -User x | Select-Object -First 2)
        $path = $env:PATH
        $env:PATH = "$TestDrive"
        try {
            @($images | Save-MapillaryImage -Destination $TestDrive/bare -Webp | Get-Item).Extension | Should -Be '.webp', '.webp'
            @($images | Save-MapillaryImage -Destination $TestDrive/bare -JpegQuality 50 | Get-Item).Extension | Should -Be '.jpg', '.jpg'
        }
        finally {
            $env:PATH = $path
        }
    }

    It 'converts the files of a folder' {
        $saved = @(Get-MapillaryImage -User x | Select-Object -First 5 | Save-MapillaryImage -Destination $TestDrive/convert -Layout Sequence)
        $folder = Split-Path $saved[0].Path

        $converted = @(Get-ChildItem "$folder/*.jpg" | ConvertTo-Webp)

        $converted.Count | Should -Be 5
        Get-ChildItem "$folder/*.jpg" | Should -BeNullOrEmpty
        (Get-ChildItem "$folder/*.webp").LastWriteTimeUtc | Sort-Object | Should -Be @($saved.CapturedAt.UtcDateTime | Sort-Object)
    }

    It 'compresses again in the quality asked for, with all metadata, and into no collection of another' {
        $images = @(Get-MapillaryImage -User x | Select-Object -First 6)
        $served = @($images | Save-MapillaryImage -Destination $TestDrive/served)
        $saved = @($images | Save-MapillaryImage -Destination $TestDrive/small -JpegQuality 40)

        $saved.Status | Should -Be (@('Saved') * 6)
        ($saved | Measure-Object Length -Sum).Sum | Should -BeLessThan (($served | Measure-Object Length -Sum).Sum / 2)
        # All tags are there: restoring finds nothing to change.
        ($images | Set-MapillaryExif -Path $saved[0].CollectionPath -PassThru).Changed | Should -Be (@($false) * 6)
        (Get-Content $TestDrive/small/mapillary-x-original/collection.json | ConvertFrom-Json).jpeg_quality | Should -Be 40
        ($saved | Export-IaMetadata).Description | Should -BeLike '*re-compressed as JPEG of quality 40.*'
        { $images | Save-MapillaryImage -Destination $TestDrive/small } | Should -Throw -ErrorId 'CollectionMismatch,*'
        Backup-MapillaryUser -User x -Destination $TestDrive/smallbackup -Quality 256 -JpegQuality 40 -Layout Time -MaximumImages 40 -WarningVariable told -WarningAction SilentlyContinue | ForEach-Object Status | Should -Be 'Stopped'
        # The command that it says to go on with is the right one.
        $next = ($told -join "`n" | Select-String -Pattern 'Backup-MapillaryUser x .*').Matches[0].Value
        $next | Should -BeLike '* -JpegQuality 40 -Layout Time*'
        & ([scriptblock]::Create($next)) | ForEach-Object Status | Should -Be 'Complete'
    }

    It 'refuses WebP together with a quality of JPEG, and a quality off the scale' {
        $image = Get-MapillaryImage -User x | Select-Object -First 1

        { $image | Save-MapillaryImage -Destination $TestDrive/both -Webp -JpegQuality 85 } | Should -Throw -ErrorId 'ParameterConflict,*'
        { Backup-MapillaryUser -User x -Destination $TestDrive/both -Webp -JpegQuality 85 } | Should -Throw -ErrorId 'ParameterConflict,*'
        { $image | Save-MapillaryImage -Destination $TestDrive/both -JpegQuality 101 } | Should -Throw -ErrorId 'ParameterArgumentValidationError,*'
        "$TestDrive/both" | Should -Not -Exist
    }

    It 'names files and folders by time, and does everything else with them' {
        $saved = @(Get-MapillaryImage -User x | Save-MapillaryImage -Destination $TestDrive/time -Layout Time -NoExif)
        $folder = $saved[0].CollectionPath

        foreach ($image in $saved) {
            Split-Path $image.Path -Leaf | Should -Be ('{0:yyyyMMdd_HHmmss_fff}.jpg' -f $image.CapturedAt.UtcDateTime)
            Split-Path (Split-Path $image.Path) -Leaf | Should -Match ('^\d{{8}}_\d{{6}}_{0}$' -f [regex]::Escape($image.SequenceId.Substring(0, 8)))
        }

        @(Set-MapillaryExif -Path $folder -MetadataPath $folder/metadata.jsonl -PassThru).Changed | Should -Be (@($true) * 60)
        (Test-MapillaryCollection $folder).IsIntact | Should -BeTrue
        @(Get-MapillaryImage -User x | Save-MapillaryImage -Destination $TestDrive/time -Layout Time).Status | Should -Be (@('Present') * 60)
        (New-SequenceTar $folder -GroupBy Date | Measure-Object Entries -Sum).Sum | Should -Be 60
        (Test-MapillaryCollection $folder).IsIntact | Should -BeTrue
        @(Get-MapillaryImage -User x | Save-MapillaryImage -Destination $TestDrive/time -Layout Time).Status | Should -Be (@('Present') * 60)
    }

    It 'fetches nothing again' {
        Get-MapillaryImage -User x | Save-MapillaryImage -Destination $TestDrive/twice | Out-Null
        $before = @(Get-EmulatorRequest $emulator 'Cdn *').Count

        $again = @(Get-MapillaryImage -User x | Save-MapillaryImage -Destination $TestDrive/twice)

        $again.Status | Should -Be (@('Present') * 60)
        @(Get-EmulatorRequest $emulator 'Cdn *').Count | Should -Be $before
    }

    It 'reads the listing of an earlier run without network' {
        $saved = @(Get-MapillaryImage -User x | Save-MapillaryImage -Destination $TestDrive/listing)
        $requests = $emulator.Requests.Count

        $listed = @(Get-MapillaryImage -Path "$($saved[0].CollectionPath)/metadata.jsonl")

        $listed.Id | Sort-Object | Should -Be ($saved.Id | Sort-Object)
        $emulator.Requests.Count | Should -Be $requests
    }

    It 'takes images back from Export-Clixml' {
        Get-MapillaryImage -User x | Select-Object -First 4 | Export-Clixml $TestDrive/images.xml

        $saved = @(Import-Clixml $TestDrive/images.xml | Save-MapillaryImage -Destination $TestDrive/clixml)

        $saved.Status | Should -Be (@('Saved') * 4)
    }

    It 'restores metadata on disk from objects, a listing and the API alike, and only once' {
        $images = @(Get-MapillaryImage -User x | Select-Object -First 6)
        $images | Save-MapillaryImage -Destination $TestDrive/reference | Out-Null
        $expected = Get-ChildItem $TestDrive/reference -Recurse -Filter *.jpg | Sort-Object Name | Get-FileHash
        foreach ($source in 'objects', 'listing', 'api') {
            $saved = $images | Save-MapillaryImage -Destination "$TestDrive/exif-$source" -NoExif
            $folder = $saved[0].CollectionPath
            $restored = @(switch ($source) {
                    'objects' { $images | Set-MapillaryExif -Path $folder -PassThru }
                    'listing' { Set-MapillaryExif -Path $folder -MetadataPath $folder/metadata.jsonl -PassThru }
                    'api' { Get-ChildItem $folder -Recurse -Filter *.jpg | Set-MapillaryExif -PassThru }
                })
            $restored.Changed | Should -Be (@($true) * 6) -Because $source
            $restored[0].Changes.Tag | Should -Contain 'GPSLatitude' -Because $source
            (Get-ChildItem $folder -Recurse -Filter *.jpg | Sort-Object Name | Get-FileHash).Hash | Should -Be $expected.Hash -Because $source
            $again = @($images | Set-MapillaryExif -Path $folder -PassThru)
            $again.Changed | Should -Be (@($false) * 6) -Because $source
        }
    }

    It 'says what restoring would change, and writes the time in the zone asked for by a Windows name' {
        $image = Get-MapillaryImage -User x | Select-Object -First 1
        $saved = $image | Save-MapillaryImage -Destination $TestDrive/zone
        $before = Get-FileHash -LiteralPath $saved.Path

        $image | Set-MapillaryExif -Path $saved.Path -TimeZone 'W. Europe Standard Time' -WhatIf
        (Get-FileHash -LiteralPath $saved.Path).Hash | Should -Be $before.Hash

        $restored = $image | Set-MapillaryExif -Path $saved.Path -TimeZone 'W. Europe Standard Time' -PassThru
        $offset = $berlin.GetUtcOffset($image.CapturedAt)
        $change = $restored.Changes | Where-Object Tag -EQ 'OffsetTimeOriginal'
        $change.Before | Should -Be '+00:00'
        $change.After | Should -Be ('+{0:hh\:mm}' -f $offset)
        (Get-Item -LiteralPath $saved.Path).LastWriteTimeUtc | Should -Be $image.CapturedAt.UtcDateTime
    }

    It 'takes both names of a zone where the system has no ICU, as Windows before 1903' {
        $image = Get-MapillaryImage -User x | Select-Object -First 1
        $saved = $image | Save-MapillaryImage -Destination $TestDrive/noicu
        $env:DOTNET_SYSTEM_GLOBALIZATION_INVARIANT = '1'
        try {
            $result = pwsh -NoProfile -NonInteractive -Command "Import-Module '$PSScriptRoot/../../Mapillary.psd1'; foreach (`$zone in 'W. Europe Standard Time', 'Europe/Berlin') {
                `$file = Get-MapillaryImage -Id $($image.Id) | Set-MapillaryExif -Path '$($saved.Path)' -TimeZone `$zone -PassThru
                `"`$(`$file.Changed) `$((`$file.Changes | Where-Object Tag -EQ OffsetTimeOriginal).After)`" }"
        }
        finally {
            $env:DOTNET_SYSTEM_GLOBALIZATION_INVARIANT = $null
        }

        $offset = $berlin.GetUtcOffset($image.CapturedAt)
        $result | Should -Be ('True +{0:hh\:mm}' -f $offset), 'False '
    }
}

Describe 'The archive' {
    It 'backs up a whole user, and a second time fetches nothing' {
        $first = Backup-MapillaryUser -User x -Destination $TestDrive/backup
        $before = @(Get-EmulatorRequest $emulator 'Cdn *').Count
        $second = Backup-MapillaryUser -User x -Destination $TestDrive/backup

        $first.Status | Should -Be 'Complete'
        $first.Ledger.Saved | Should -Be 60
        $second.Ledger.Present | Should -Be 60
        @(Get-EmulatorRequest $emulator 'Cdn *').Count | Should -Be $before
        Get-Content $TestDrive/backup/mapillary-x-original/.meta/mediatype/0 | Should -Be 'data'
    }

    It 'leaves the same tree as the console front end, byte for byte' {
        $cli = $env:MAPILLARY_CLI
        if (-not $cli) {
            $cli = Get-ChildItem -Path "$PSScriptRoot/../../src/Mapillary.Cli/bin/*/net8.0/mapillary.dll" |
                Sort-Object -Property LastWriteTime -Descending |
                Select-Object -First 1 -ExpandProperty FullName
        }

        Backup-MapillaryUser -User x -Destination $TestDrive/bycmdlet | Out-Null
        & dotnet $cli backup x --output $TestDrive/bycli 2>&1 | Out-Null
        $LASTEXITCODE | Should -Be 0

        $trees = foreach ($root in "$TestDrive/bycmdlet", "$TestDrive/bycli") {
            $files = Get-ChildItem $root -Recurse -File -Force | Where-Object Name -NotLike 'download.log.*'
            , ($files | ForEach-Object {
                    $file = $_
                    # What is packed is compared unpacked: the two processes may run on .NET versions whose zlib differ.
                    $content = switch -Wildcard ($_.Name) {
                        'collection.json' { (Get-Content $file.FullName) -notmatch '"updated"' -join "`n" }
                        '*.gz' { [IO.StreamReader]::new([IO.Compression.GZipStream]::new([IO.File]::OpenRead($file.FullName), [IO.Compression.CompressionMode]::Decompress)).ReadToEnd() }
                        default { (Get-FileHash $file.FullName).Hash }
                    }
                    '{0} {1}' -f [IO.Path]::GetRelativePath((Resolve-Path $root), $file.FullName), $content
                } | Sort-Object)
        }
        $trees[0].Count | Should -BeGreaterThan 10
        $trees[1] | Should -Be $trees[0]
    }

    It 'describes a collection in each form' {
        $tars = Get-MapillaryImage -User x | Save-MapillaryImage -Destination $TestDrive/describe | New-SequenceTar

        foreach ($format in 'Rip', 'Csv', 'Json') {
            $metadata = @($tars | Export-IaMetadata -Format $format)
            $metadata.Count | Should -Be 1
            $metadata[0].Images | Should -Be 60
        }

        $folder = "$TestDrive/describe/mapillary-x-original"
        Get-Content $folder/.meta/title/0 | Should -Not -BeNullOrEmpty
        @(Import-Csv $folder/ia-metadata.csv)[0].identifier | Should -Be 'mapillary-x-original'
        (Get-Content $folder/ia-metadata.json | ConvertFrom-Json).mediatype | Should -Be 'data'
    }

    It 'bundles a folder by day and keeps the sources when asked' {
        Get-MapillaryImage -User x | Save-MapillaryImage -Destination $TestDrive/days | Out-Null

        $tars = @(New-SequenceTar $TestDrive/days/mapillary-x-original -GroupBy Date -KeepSource)

        ($tars | Measure-Object Entries -Sum).Sum | Should -Be 60
        $tars.Group | Should -Match '^\d{4}-\d\d-\d\d$'
        (Get-ChildItem $TestDrive/days -Recurse -Filter *.jpg).Count | Should -Be 60
    }
}
