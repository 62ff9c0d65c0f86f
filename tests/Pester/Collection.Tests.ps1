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
        Test-MapillaryCollection $TestDrive/damaged -Quiet | Should -BeFalse
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
        $result.StopReason | Should -Match 'are to stay free'
        (Backup-MapillaryUser -User x -Destination $TestDrive/stopped -MaximumSize 50GB -MaximumDuration 08:00:00).Status | Should -Be 'Complete'
    }

    It 'refuse what allows nothing' {
        { Backup-MapillaryUser -User x -MaximumImages 0 } | Should -Throw -ErrorId 'ParameterArgumentValidationError,*'
        { Backup-MapillaryUser -User x -MaximumDuration '-01:00:00' } | Should -Throw '*is not a time to take*'
    }
}
