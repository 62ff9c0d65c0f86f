BeforeDiscovery {
    Import-Module "$PSScriptRoot/../../Mapillary.psd1" -Force

    # What cmdlets say that they write, and what is in it: the types of this module behind properties and lists.
    $seen = [System.Collections.Generic.HashSet[type]]::new()
    $open = [System.Collections.Generic.Queue[type]]::new()
    $declared = @(Get-Command -Module Mapillary).OutputType.Type | Where-Object FullName -Like 'Mapillary.*'
    foreach ($type in $declared) { $open.Enqueue($type) }
    while ($open.Count -gt 0) {
        $type = $open.Dequeue()
        foreach ($argument in $type.GetGenericArguments()) { $open.Enqueue($argument) }
        if ($type.FullName -like 'Mapillary.*' -and -not $type.IsEnum -and $seen.Add($type)) {
            foreach ($property in $type.GetProperties()) { $open.Enqueue($property.PropertyType) }
        }
    }

    $script:declaredCases = $declared | Sort-Object FullName -Unique | ForEach-Object { @{ Name = $_.Name; Type = $_ } }
    $script:typeCases = $seen | Sort-Object FullName | ForEach-Object { @{ Name = $_.Name; Type = $_ } }
    $script:statusCases = @(
        @{ Name = 'SavedImage'; Type = [Mapillary.Collections.SavedImage]; Property = 'Status'; Values = [Mapillary.Collections.SavedImageStatus]::All }
        @{ Name = 'BackupResult'; Type = [Mapillary.Backup.BackupResult]; Property = 'Status'; Values = [Mapillary.Backup.BackupStatus]::All }
        @{ Name = 'UploadResult'; Type = [Mapillary.InternetArchive.Uploading.UploadResult]; Property = 'Status'; Values = [Mapillary.InternetArchive.Uploading.PublishedFileState]::All }
        @{ Name = 'PublishedFile'; Type = [Mapillary.InternetArchive.Uploading.PublishedFile]; Property = 'State'; Values = [Mapillary.InternetArchive.Uploading.PublishedFileState]::All }
    )
}

BeforeAll {
    . "$PSScriptRoot/Emulator.ps1"
    Import-Module "$PSScriptRoot/../../Mapillary.psd1" -Force
    $script:rendering = $PSStyle.OutputRendering
    $script:culture = [cultureinfo]::CurrentCulture
    $PSStyle.OutputRendering = 'PlainText'
    $script:cache = $env:XDG_CACHE_HOME
    $env:XDG_CACHE_HOME = "$TestDrive/cache"
    $script:emulator = Start-Emulator -ArgumentList '--user', 'anna', '--images', '30', '--sequences', '3', '--archived', '5', '--fault', 'cdn.NotFound404:0.2:always'
    Push-Location $TestDrive

    # One record whose values are known, and one that is nothing but an id.
    $record = '{"id":"338309085284814","sequence":"KN_D2XB5bCCMTjCcmU6QiA","captured_at":1709544607120,"computed_geometry":{"type":"Point","coordinates":[-82.5,3.0000004]},' +
    '"camera_type":"spherical","is_pano":true,"altitude":0,"compass_angle":359.96,"width":5760,"height":2880,"make":"GoPro","model":"Max","creator":{"username":"anna","id":"1"},"thumb_original_url":"https://x.fbcdn.net/1"}'
    Set-Content known.jsonl $record, '{"id":"1"}'
    $script:known = @(Get-MapillaryImage -Path known.jsonl)

    $images = @(Get-MapillaryImage -User anna)
    $null = $images[-3..-1] | Save-MapillaryImage -NoExif -Destination ./bare -ErrorAction Ignore
    $collection = 'archive/mapillary-anna-original'
    $script:samples = [ordered]@{
        MapillaryImage     = $known
        MapillarySequence  = @(Get-MapillarySequence -User anna)
        SavedImage         = @($images | Save-MapillaryImage -Destination ./saved -ErrorAction Ignore)
        RestoredFile       = @(Get-ChildItem ./bare -Recurse -Filter *.jpg | Set-MapillaryExif -PassThru)
        SequenceTar        = @(New-SequenceTar ./saved/mapillary-anna-original)
        BackupResult       = @('anna', 'nobody' | Backup-MapillaryUser -Destination ./archive -WarningAction Ignore)
        CollectionCheck    = @(Test-MapillaryCollection $collection)
        RepairResult       = @(Repair-MapillaryCollection $collection)
        MapFile            = @(Export-MapillaryMap $collection)
        IaMetadata         = @(Export-IaMetadata $collection)
        IaStatistics       = @(Get-IaStats)
        IaCollectionInfo   = @(Get-IaStats -Detailed)
        UploadResult       = @(Publish-IaCollection $collection)
        DownloadPlan       = @(Measure-MapillaryDownload -User anna -Destination ./plan -WarningAction Ignore)
        AreaPlan           = @(Measure-MapillaryDownload -Near 55.70,13.19 -Radius 300)
        ImageDiagnosis     = @(Test-MapillaryImage -Id 1, $images[0].Id -WarningAction Ignore)
    }
    $samples.PublishedFile = @($samples.UploadResult.Files)
    $samples.Ledger = @($samples.BackupResult.Ledger)
    $samples.LossKind = @($samples.BackupResult.Losses)
    $samples.RenditionState = @($samples.ImageDiagnosis.Renditions)
    $samples.ConvertedFile = @(Get-ChildItem ./bare -Recurse -Filter *.jpg | ConvertTo-Webp)

    # The text, without the lines and blanks at its ends.
    function Get-Text {
        param([object[]] $InputObject, [int] $Width = 80)
        ($InputObject | Out-String -Width $Width).Trim("`r", "`n") -replace '[ \t]+(?=\r?\n|$)'
    }
}

AfterAll {
    Pop-Location
    $PSStyle.OutputRendering = $rendering
    [cultureinfo]::CurrentCulture = $culture
    $env:XDG_CACHE_HOME = $cache
    Stop-Emulator $emulator
}

Describe 'The view of <name>, which a cmdlet writes' -ForEach $declaredCases {
    It 'is a table and something longer' {
        $controls = (Get-FormatData -TypeName $type.FullName).FormatViewDefinition.Control | ForEach-Object { $_.GetType().Name }
        $controls | Should -Contain 'TableControl'
        $controls | Where-Object { $_ -in 'ListControl', 'CustomControl' } | Should -Not -BeNullOrEmpty
    }
}

Describe 'The table of <name>' -ForEach $typeCases {
    It 'is there, and its headings stand in one line of 80 characters' {
        (Get-FormatData -TypeName $type.FullName).FormatViewDefinition.Control | ForEach-Object { $_.GetType().Name } | Should -Contain 'TableControl'
        $object = [System.Runtime.CompilerServices.RuntimeHelpers]::GetUninitializedObject($type)
        foreach ($width in 79, 80, 120) {
            $lines = @(($object | Format-Table -GroupBy { '' } | Out-String -Width $width) -split '\r?\n' | Where-Object { $_.Trim() -and $_ -notlike ' *: *' })
            $lines[0].Length | Should -BeLessOrEqual $width
            $lines[1] | Should -Match '^[- ]+$' -Because "the headings '$($lines[0])' are not cut"
        }
    }

    It 'says nothing of values that are not there, and does not fail' {
        $object = [System.Runtime.CompilerServices.RuntimeHelpers]::GetUninitializedObject($type)
        { $object | Out-String; $object | Format-Table | Out-String; $object | Format-List | Out-String } | Should -Not -Throw

        $members = [ordered]@{ PSTypeName = $type.FullName }
        foreach ($property in $type.GetProperties().Name) { $members[$property] = $null }
        $empty = [pscustomobject]$members
        & {
            Set-StrictMode -Version Latest
            $empty | Format-Table -DisplayError | Out-String -Width 200 | Should -Not -Match '#ERR'
            $empty | Format-List -DisplayError | Out-String -Width 200 | Should -Not -Match '#ERR'
        }
    }
}

Describe 'What is shown' {
    It 'is of real objects' {
        foreach ($name in $samples.Keys) {
            $samples[$name].Count | Should -BeGreaterThan 0 -Because $name
            $samples[$name][0].GetType().Name | Should -Be $name
        }
    }

    It 'of images: time with its zone, position to a tenth of a metre' {
        $text = Get-Text $known
        $text | Should -Be (@(
                'Id                CapturedAt                 Latitude   Longitude CameraType'
                '--                ----------                 --------   --------- ----------'
                '338309085284814   2024-03-04T09:30:07.120Z   3.000000  -82.500000 spherical'
                '1') -join [System.Environment]::NewLine)
        (Get-Text $known 120) -split '\r?\n' | Select-Object -Index 2 | Should -BeLike '* spherical      KN_D2XB5bCCMTjCcmU6QiA  anna'
    }

    It 'of an image in a list: what matters first' {
        $lines = (Get-Text ($known[0] | Format-List)) -split '\r?\n'
        $lines[0..6] -replace '\s+:', ':' | Should -Be 'Id: 338309085284814', 'CapturedAt: 2024-03-04T09:30:07.120Z', 'Latitude: 3.000000', 'Longitude: -82.500000', 'Altitude: 0.0 m', 'CompassAngle: 360.0 degrees', 'CameraType: spherical'
        $lines -match '^Renditions' | Should -BeLike '*: original'
    }

    It 'of sequences: by date' {
        $lines = (Get-Text $samples.MapillarySequence) -split '\r?\n'
        $lines[0] | Should -Match '^ +Date: \d{4}-\d\d-\d\d$'
        $lines[2] | Should -Match '^Id +Images First +Last +LengthKm CameraType$'
        $lines[4] | Should -Match '^[\w-]{22} +\d+ \d\d:\d\d:\d\d +\d\d:\d\d:\d\d +\d+\.\d{3} \w+$'
    }

    It 'of saved images: the collection once, files below it' {
        $lines = (Get-Text $samples.SavedImage 120) -split '\r?\n'
        $lines[0] | Should -Be "   CollectionPath: $((Get-Item ./saved/mapillary-anna-original).FullName)"
        $lines[2] | Should -Be 'Status      Id                    Length TarPath          Path'
        @($lines -match '^Saved       \d+ +\d+\.\d KiB {18}\d{4}-\d\d-\d\d/[^/]+/\d+\.jpg$').Count | Should -Be @($samples.SavedImage | Where-Object Status -EQ Saved).Count
        @($lines -match '^Unavailable \d+$').Count | Should -Be @($samples.SavedImage | Where-Object Status -EQ Unavailable).Count
        $lines -match '^Unavailable' | Should -Not -BeNullOrEmpty
    }

    It 'of a saved image in a list: the error only where there is one' {
        $failed = $samples.SavedImage | Where-Object Error | Select-Object -First 1
        Get-Text ($failed | Format-List) | Should -Match '(?m)^Status +: Unavailable\r?\nError +: Image'
        Get-Text ($samples.SavedImage | Where-Object Path | Select-Object -First 1 | Format-List) | Should -Not -Match 'Error'
    }

    It 'of a backup: the classes of the ledger, and all of it in the list' {
        $ledger = $samples.BackupResult[0].Ledger
        (Get-Text $samples.BackupResult[0]) -split '\r?\n' | Select-Object -Last 1 | Should -Match "^anna +Complete +$($ledger.Saved) +0 +$($ledger.Unavailable) +0 +\d+\.\d MiB$"
        $list = Get-Text ($samples.BackupResult[0] | Format-List) 200
        $list | Should -Match "Ledger +: listed $($ledger.Listed) = saved"
        $list | Should -Match "Losses +: $($ledger.Unavailable) x .*HTTP 404.*Mapillary does not have these"
        $list | Should -Match 'Bytes +: \d+\.\d MiB \([\d,]+ bytes\)'
        $list | Should -Not -Match 'StopReason'
    }

    It 'of an upload and its files: states, and what is wrong' {
        Get-Text $samples.UploadResult | Should -Match '(?m)^Verified +\d+ +\d+ +\d+\.\d \w+ +\d+\.\d \w+ mapillary-anna-original$'
        Get-Text $samples.PublishedFile | Should -Match '(?m)^Verified  True +\d+\.\d KiB metadata\.jsonl\.gz$'
        $broken = [pscustomobject]@{ PSTypeName = 'Mapillary.InternetArchive.Uploading.UploadResult'; Status = 'Failed'; Failed = @([pscustomobject]@{ Name = 'a.tar'; Error = 'slow down' }) }
        Get-Text ($broken | Format-List) | Should -Match '(?m)^Failed +: a\.tar: slow down$'
    }

    It 'of files: their folder once, then names' {
        $lines = (Get-Text $samples.MapFile 200) -split '\r?\n'
        $lines[0] | Should -Be "   Directory: $((Get-Item ./archive/mapillary-anna-original).FullName)"
        $lines[4] | Should -Match '^Html +\d+ +\d+ +\d+\.\d KiB map\.html$'
    }

    It 'of a collection that was checked: its name, and whether it is intact' {
        Get-Text $samples.CollectionCheck | Should -Match '(?m)^True +\d+ +0 +0 +0 +0 mapillary-anna-original$'
    }

    It 'of a collection that was to be repaired: its name, and whether anything was' {
        Get-Text $samples.RepairResult | Should -Match '(?m)^Sound +\d+ +\d+ +0 +0 mapillary-anna-original$'
    }
}

Describe 'Colours' {
    AfterEach {
        $PSStyle.OutputRendering = 'PlainText'
    }

    It 'are there for every <property> of <name>' -ForEach $statusCases {
        $PSStyle.OutputRendering = 'Ansi'
        foreach ($value in $values) {
            [pscustomobject]@{ PSTypeName = $type.FullName; $property = $value } | Format-Table | Out-String | Should -Match "`e\[\d+m$value`e\[0m"
        }
    }

    It 'tell good from bad' {
        $PSStyle.OutputRendering = 'Ansi'
        $text = $samples.SavedImage | Out-String
        $text | Should -Match "`e\[32mSaved`e\[0m"
        $text | Should -Match "`e\[33mUnavailable`e\[0m"
        $samples.CollectionCheck | Out-String | Should -Match "`e\[32mTrue`e\[0m"
        $samples.ImageDiagnosis[0] | Out-String | Should -Match "`e\[31m.*`e\[0m"
    }

    It 'do not move what stands beside them' {
        foreach ($name in $samples.Keys) {
            foreach ($width in 80, 120) {
                $PSStyle.OutputRendering = 'PlainText'
                $plain = $samples[$name] | Out-String -Width $width
                $PSStyle.OutputRendering = 'Ansi'
                $samples[$name] | Out-String -Width $width | ForEach-Object { $_ -replace "`e\[[0-9;]*m" } | Should -Be $plain -Because $name
            }
        }
    }

    It 'are not there in <_>' -ForEach 'PlainText', 'Host' {
        $PSStyle.OutputRendering = $_
        foreach ($name in $samples.Keys) {
            $samples[$name] | Out-String | Should -Not -Match "`e" -Because $name
        }

        $samples.SavedImage | Out-File saved.txt
        $samples.SavedImage > redirected.txt
        Get-Content saved.txt, redirected.txt -Raw | Should -Not -Match "`e"
    }

    It 'are not there where NO_COLOR is set' {
        $samples.SavedImage | Export-Clixml saved.xml
        $before = $env:NO_COLOR
        $env:NO_COLOR = '1'
        try {
            $text = & ((Get-Command pwsh -CommandType Application)[0].Source) -NoProfile -NonInteractive -Command "Import-Module '$PSScriptRoot/../../Mapillary.psd1'; Import-Clixml '$PWD/saved.xml'" | Out-String
        }
        finally {
            $env:NO_COLOR = $before
        }

        $text | Should -Match 'Saved +\d+'
        $text | Should -Not -Match "`e"
    }
}

Describe 'Elsewhere' {
    AfterEach {
        [cultureinfo]::CurrentCulture = $culture
    }

    It 'reads the same in German' {
        foreach ($name in $samples.Keys) {
            # Where lines of a list break is up to the language.
            $text = ($samples[$name] | Out-String -Width 120) -replace '\s+'
            [cultureinfo]::CurrentCulture = 'de-DE'
            (1.5).ToString() | Should -Be '1,5'
            ($samples[$name] | Out-String -Width 120) -replace '\s+' | Should -Be $text -Because $name
            [cultureinfo]::CurrentCulture = $culture
        }
    }

    It 'reads the same after a journey through XML' {
        foreach ($name in $samples.Keys) {
            $samples[$name] | Export-Clixml objects.xml -Depth 3
            $back = Import-Clixml objects.xml
            @($back)[0].PSTypeNames[0] | Should -BeLike 'Deserialized.Mapillary.*'
            $back | Out-String -Width 120 | Should -Be ($samples[$name] | Out-String -Width 120) -Because $name
        }
    }

    It 'reads the same in lists after a journey through XML' {
        foreach ($name in 'MapillaryImage', 'MapillarySequence', 'SavedImage', 'BackupResult', 'CollectionCheck', 'RepairResult', 'UploadResult', 'IaCollectionInfo', 'SequenceTar', 'RestoredFile', 'MapFile') {
            $samples[$name] | Export-Clixml objects.xml
            Import-Clixml objects.xml | Format-List | Out-String | Should -Be ($samples[$name] | Format-List | Out-String) -Because $name
        }
    }

    It 'says the time to the second where it comes back as a text, as it does from a job' {
        $known[0] | Export-Clixml objects.xml -Depth 1
        Get-Text (Import-Clixml objects.xml) | Should -Match '(?m)^338309085284814   2024-03-04T09:30:07(\.000)?Z +3\.000000  -82\.500000 spherical$'
    }

    It 'is shown in another runspace, and after the module was removed and imported again' {
        $expected = $known | Out-String
        $shell = [powershell]::Create()
        try {
            $shell.AddScript('param($module, $path) Import-Module $module; Get-MapillaryImage -Path $path | Out-String').AddArgument("$PSScriptRoot/../../Mapillary.psd1").AddArgument("$PWD/known.jsonl").Invoke() | Should -Be $expected
        }
        finally {
            $shell.Dispose()
        }

        Remove-Module Mapillary
        Import-Module "$PSScriptRoot/../../Mapillary.psd1"
        $known | Out-String | Should -Be $expected
    }

    It 'leaves numbers and times underneath' {
        $known[0].CapturedAt | Should -BeOfType DateTimeOffset
        $known[0].Latitude | Should -BeOfType double
        $known[0].Latitude | Should -Be 3.0000004
        $samples.SavedImage[0].Length | Should -BeOfType long
        $samples.BackupResult[0].Bytes | Should -BeOfType long
        $samples.BackupResult[0].Duration | Should -BeOfType timespan
        $lengths = [long[]]@($samples.PublishedFile.Length)
        [array]::Sort($lengths)
        ($samples.PublishedFile | Sort-Object Length).Length | Should -Be $lengths
    }
}
