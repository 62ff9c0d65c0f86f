#requires -Module @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

BeforeAll {
    . $PSScriptRoot/Emulator.ps1
    Import-Module $PSScriptRoot/../../Mapillary.psd1 -Force
    $script:emulator = Start-Emulator -ArgumentList '--user', 'x', '--images', '60', '--sequences', '3'
}

AfterAll {
    Stop-Emulator $emulator
}

Describe 'Test-MapillaryCollection' {
    BeforeAll {
        $script:backup = Backup-MapillaryUser -User x -Destination $TestDrive/backup
        Get-MapillaryImage -User x | Select-Object -First 9 | Save-MapillaryImage -Destination $TestDrive/files | Out-Null
        $script:files = "$TestDrive/files/mapillary-x-original"
    }

    It 'finds what was written intact, from a path, a result and a folder alike' {
        $checks = @(Test-MapillaryCollection -Path "$TestDrive/back*/mapillary-*") + @($backup | Test-MapillaryCollection) + @(Get-Item $files | Test-MapillaryCollection)

        $checks.IsIntact | Should -Be @($true, $true, $true)
        $checks.Images | Should -Be @(60, 60, 9)
        $checks[0].Path | Should -Be $backup.CollectionPath
        Test-MapillaryCollection $files -Quiet | Should -BeTrue
    }

    It 'names what is missing, changed and unexpected' {
        Copy-Item -Recurse $files $TestDrive/damaged
        $pictures = @(Get-ChildItem $TestDrive/damaged -Recurse -Filter *.jpg | Sort-Object FullName)
        Remove-Item $pictures[0]
        [System.IO.File]::AppendAllText($pictures[1].FullName, 'x')
        Set-Content $TestDrive/damaged/notes.txt 'mine'

        $check = Test-MapillaryCollection $TestDrive/damaged

        $check.IsIntact | Should -BeFalse
        $check.Missing.ImageId | Should -Be $pictures[0].BaseName
        $check.Changed.ImageId | Should -Be $pictures[1].BaseName
        $check.Unexpected.Path | Should -Be 'notes.txt'
        ($check | Format-Table | Out-String) | Should -Match 'False\s+9\s+1\s+1\s+1'
        ($check | Out-String) | Should -Be ($check | Format-Table | Out-String)
        $list = $check | Format-List | Out-String -Width 400
        $list | Should -Match "Missing\s+: \S*$($pictures[0].BaseName).jpg: is not there"
        $list | Should -Match "Changed\s+: \S*$($pictures[1].BaseName).jpg: has $($pictures[1].Length + 1) bytes, not $($pictures[1].Length)"
        $list | Should -Match 'Unexpected\s+: notes.txt: is in no manifest'
        Test-MapillaryCollection $TestDrive/damaged -Quiet | Should -BeFalse
    }

    It 'reads tars, says what of them it read, and names what is wrong in one' {
        Copy-Item -Recurse $backup.CollectionPath $TestDrive/tars
        $tar = @(Get-ChildItem $TestDrive/tars -Filter *.tar)[0]
        $bytes = [System.IO.File]::ReadAllBytes($tar.FullName)
        $bytes[812] = $bytes[812] -bxor 1
        [System.IO.File]::WriteAllBytes($tar.FullName, $bytes)

        $check = Test-MapillaryCollection $TestDrive/tars -ThrottleLimit 1 -Verbose 4>$TestDrive/verbose.txt

        $check.Changed | Should -HaveCount 1
        $check.Changed[0].Path | Should -BeLike "$($tar.Name):*/$($check.Changed[0].ImageId).jpg"
        ($check.Missing.Count, $check.Unexpected.Count) | Should -Be 0, 0
        Get-Content $TestDrive/verbose.txt -Raw | Should -Match ([regex]::Escape($tar.Name))
    }

    It 'reads what was repacked by hand as <Extension>, and finds one changed byte in it' -ForEach @(
        @{ Extension = '.zip'; Pack = { param($folder, $name) Push-Location $folder; try { & zip -qr $name . } finally { Pop-Location } } }
        @{ Extension = '.tar.gz'; Pack = { param($folder, $name) & tar -C $folder -czf $name . } }
    ) {
        if (-not (Get-Command tar, zip -CommandType Application -ErrorAction Ignore | Where-Object Name -EQ ($Extension -eq '.zip' ? 'zip' : 'tar'))) {
            Set-ItResult -Skipped -Because "what packs $Extension is not installed"
        }

        $copy = "$TestDrive/repacked$Extension"
        Copy-Item -Recurse $backup.CollectionPath $copy
        $tar = @(Get-ChildItem $copy -Filter *.tar)[0]
        $unpacked = (New-Item -ItemType Directory "$TestDrive/unpacked$Extension").FullName
        & tar -C $unpacked -xf $tar.FullName
        Remove-Item $tar
        & $Pack $unpacked "$copy/$($tar.BaseName)$Extension"

        $check = Test-MapillaryCollection $copy
        $check.IsIntact | Should -BeTrue -Because ($check | Format-List | Out-String)
        $check.Images | Should -Be 60

        $picture = @(Get-ChildItem $unpacked -Recurse -Filter *.jpg)[0]
        $bytes = [System.IO.File]::ReadAllBytes($picture.FullName)
        $bytes[300] = $bytes[300] -bxor 1
        [System.IO.File]::WriteAllBytes($picture.FullName, $bytes)
        Remove-Item "$copy/$($tar.BaseName)$Extension"
        & $Pack $unpacked "$copy/$($tar.BaseName)$Extension"

        $check = Test-MapillaryCollection $copy
        $check.Changed.ImageId | Should -Be $picture.BaseName
        $check.Changed.Path | Should -BeLike "$($tar.BaseName)$Extension`:*/$($picture.Name)"
        ($check.Missing.Count, $check.Unexpected.Count) | Should -Be 0, 0
    }

    It 'reads a whole collection in one zip, beside a folder' {
        [System.IO.Compression.ZipFile]::CreateFromDirectory($backup.CollectionPath, "$TestDrive/whole.zip")

        $checks = @(Test-MapillaryCollection $TestDrive/whole.zip, $files)

        $checks.IsIntact | Should -Be @($true, $true)
        $checks.Images | Should -Be @(60, 9)
    }

    It 'ends a pipeline that saves, once a collection' {
        $checks = @(Get-MapillaryImage -User x | Select-Object -First 9 | Save-MapillaryImage -Destination $TestDrive/chain | Test-MapillaryCollection)
        $checks.IsIntact | Should -Be $true

        $checks = @(Get-MapillaryImage -User x | Select-Object -First 9 | Save-MapillaryImage -Destination $TestDrive/chain | New-SequenceTar | Test-MapillaryCollection)
        $checks.IsIntact | Should -Be $true
        $checks[0].Images | Should -Be 9
    }

    It 'refuses a collection that is being written and says by which process' {
        $lock = [System.IO.File]::Open("$files/.lock", 'Open', 'ReadWrite', 'None')
        Set-Content -Path "$files/.lock.owner" -Value 'process 4711 on archive'
        try {
            Test-MapillaryCollection $files -ErrorVariable failed -ErrorAction SilentlyContinue | Should -BeNullOrEmpty
        }
        finally {
            $lock.Dispose()
            Remove-Item "$files/.lock.owner" -Force
        }

        $failed[0].FullyQualifiedErrorId | Should -Be 'CollectionInUse,Mapillary.PowerShell.Commands.TestMapillaryCollectionCommand'
        $failed[0].Exception.Message | Should -Match 'being written by process 4711 on archive'
    }

    It 'stops at once when the pipeline wants no more, and lets the collection go' {
        @(Test-MapillaryCollection $backup.CollectionPath, $files | Select-Object -First 1).Path | Should -Be $backup.CollectionPath
        Test-MapillaryCollection $files -Quiet | Should -BeTrue
        [System.IO.File]::Open("$files/.lock", 'Open', 'ReadWrite', 'None').Dispose()
    }

    It 'names a file that is no folder, and a path that is not there, and goes on' {
        $file = @(Get-ChildItem $files -Recurse -Filter *.jpg)[0].FullName
        Test-MapillaryCollection $file, $TestDrive/nowhere, $files -Quiet -ErrorVariable failed -ErrorAction SilentlyContinue | Should -Be $true
        $failed.FullyQualifiedErrorId | Sort-Object | Should -Be @('CollectionMismatch,Mapillary.PowerShell.Commands.TestMapillaryCollectionCommand', 'PathNotFound,Mapillary.PowerShell.Commands.TestMapillaryCollectionCommand')
    }

    It 'says of a folder without a manifest that it is none, and goes on' {
        New-Item -ItemType Directory $TestDrive/none | Out-Null

        $check = Test-MapillaryCollection $TestDrive/none, $files -ErrorVariable failed -ErrorAction SilentlyContinue

        $check.IsIntact | Should -BeTrue
        $failed.FullyQualifiedErrorId | Should -Be 'CollectionMismatch,Mapillary.PowerShell.Commands.TestMapillaryCollectionCommand'
    }
}

Describe 'Stop rules' {
    It 'end Save-MapillaryImage after so many images, say why, and let the next run go on' {
        $first = @(Get-MapillaryImage -User x | Save-MapillaryImage -Destination $TestDrive/stop -MaximumImages 20 -WarningVariable warned -WarningAction SilentlyContinue)

        $first.Status | Should -Be (@('Saved') * 20)
        $warned | Should -Match 'Stopped, because 20 images were saved'
        (Get-Content $TestDrive/stop/mapillary-x-original/collection.json | ConvertFrom-Json).stopped | Should -Match '20 images were saved'

        $second = @(Get-MapillaryImage -User x | Save-MapillaryImage -Destination $TestDrive/stop)
        @($second | Where-Object Status -EQ 'Present').Count | Should -Be 20
        @($second | Where-Object Status -EQ 'Saved').Count | Should -Be 40
    }

    It 'end Backup-MapillaryUser with the reason in the result' {
        $result = Backup-MapillaryUser -User x -Destination $TestDrive/stopped -MinimumFreeSpace 8000PB -WarningAction SilentlyContinue

        $result.Status | Should -Be 'Stopped'
        $result.StopReason | Should -Match 'must stay free'
        (Backup-MapillaryUser -User x -Destination $TestDrive/stopped -MaximumSize 50GB -MaximumDuration 08:00:00).Status | Should -Be 'Complete'
    }

    It 'refuse what allows nothing' {
        { Backup-MapillaryUser -User x -MaximumImages 0 } | Should -Throw -ErrorId 'ParameterArgumentValidationError,*'
        { Backup-MapillaryUser -User x -MaximumDuration '-01:00:00' } | Should -Throw '*is not a duration*'
    }
}

Describe 'Repair-MapillaryCollection' {
    BeforeEach {
        $script:collection = (Backup-MapillaryUser -User x -Destination "$TestDrive/$([guid]::NewGuid())").CollectionPath
        Remove-Item $collection/manifest.jsonl.gz
        $script:token = $env:MAPILLARY_TOKEN
        # Nobody is asked.
        Remove-Item Env:MAPILLARY_TOKEN
    }

    AfterEach {
        $env:MAPILLARY_TOKEN = $token
    }

    It 'says with -WhatIf what is lost, and writes nothing' {
        $before = Get-ChildItem $collection -Force | ForEach-Object FullName

        Repair-MapillaryCollection $collection -WhatIf | Should -BeNullOrEmpty

        Get-ChildItem $collection -Force | ForEach-Object FullName | Should -Be $before
    }

    It 'makes it again, warns of what is not known any more, and the check finds all intact' {
        $check = Repair-MapillaryCollection $collection -OutVariable repaired -WarningVariable warned -WarningAction SilentlyContinue | Test-MapillaryCollection

        $repaired.Status | Should -Be Repaired
        $repaired.Images, $repaired.Records | Should -Be @(60, 60)
        $repaired.Faults.Path | Should -Be manifest.jsonl
        $warned | Should -Match 'With which options'
        $check.IsIntact | Should -BeTrue
        (Repair-MapillaryCollection $collection -WarningVariable again).Status | Should -Be Sound
        $again | Should -BeNullOrEmpty
    }

    It 'is what the check advises where the manifest is lost, and goes on with the next after one that it cannot repair' {
        Test-MapillaryCollection $collection -ErrorVariable failed -ErrorAction SilentlyContinue
        $failed[0].ErrorDetails.RecommendedAction | Should -Match '^Repair-MapillaryCollection '
        New-Item -ItemType Directory $TestDrive/nothing -Force | Out-Null

        $repaired = Repair-MapillaryCollection $TestDrive/nothing, $collection -ErrorVariable failed -ErrorAction SilentlyContinue -WarningAction SilentlyContinue

        $repaired.Path | Should -Be $collection
        $failed.FullyQualifiedErrorId | Should -Be 'CollectionMismatch,Mapillary.PowerShell.Commands.RepairMapillaryCollectionCommand'
    }
}
