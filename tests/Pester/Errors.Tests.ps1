BeforeAll {
    . "$PSScriptRoot/Emulator.ps1"
    Import-Module "$PSScriptRoot/../../Mapillary.psd1" -Force
    $script:emulator = Start-Emulator
}

AfterAll {
    Stop-Emulator $emulator
}

Describe 'Errors that a user meets' {
    It 'says without a token where to get one, before anything is written' {
        $token = $env:MAPILLARY_TOKEN
        $env:MAPILLARY_TOKEN = $null
        try {
            { Get-MapillaryImage -User x | Save-MapillaryImage -Destination $TestDrive/none } |
                Should -Throw -ErrorId 'TokenMissing,Mapillary.PowerShell.Commands.GetMapillaryImageCommand' -ExpectedMessage '*https://www.mapillary.com/dashboard/developers*'
            [regex]::Matches(($Error[0] | Out-String), 'dashboard/developers').Count | Should -Be 1
            { Backup-MapillaryUser x -Destination $TestDrive/none } |
                Should -Throw -ErrorId 'TokenMissing,Mapillary.PowerShell.Commands.BackupMapillaryUserCommand'
        }
        finally {
            $env:MAPILLARY_TOKEN = $token
        }

        Test-Path $TestDrive/none | Should -BeFalse
    }

    It 'puts the token into no transcript, no verbose line, no error and no file' {
        $key = ($env:MAPILLARY_TOKEN -split '\|')[-1]
        $transcript = "$TestDrive/transcript.txt"
        Start-Transcript -Path $transcript | Out-Null
        try {
            $said = @(Get-MapillaryImage -User x -Verbose 4>&1 | ForEach-Object { if ($_ -is [System.Management.Automation.VerboseRecord]) { $_.Message } else { $_ | Save-MapillaryImage -Destination $TestDrive/secret -Verbose 4>&1 } } | Out-String)
            Get-MapillaryImage -Id 1 -ErrorVariable failed -ErrorAction SilentlyContinue
            $failed | Format-List * -Force | Out-String | Out-Host
        }
        finally {
            Stop-Transcript | Out-Null
        }

        $said | Should -Match 'Asking Mapillary'
        $said | Should -Not -Match $key
        Get-Content $transcript -Raw | Should -Not -Match $key
        Get-ChildItem $TestDrive/secret -Recurse -File -Force | Select-String -Pattern $key -SimpleMatch | Should -BeNullOrEmpty
    }

    It 'refuses a wrong token without showing it' {
        $problem = $null
        try { Get-MapillaryImage -User x -Token 'MLY|1|fedcba9876543210fedcba9876543210' | Save-MapillaryImage -Destination $TestDrive/wrong }
        catch { $problem = $_ }

        $problem.FullyQualifiedErrorId | Should -Be 'TokenRefused,Mapillary.PowerShell.Commands.GetMapillaryImageCommand'
        $problem.CategoryInfo.Category | Should -Be 'AuthenticationError'
        ($problem | Format-List * -Force | Out-String) | Should -Not -Match 'fedcba9876543210'
        Test-Path $TestDrive/wrong | Should -BeFalse
    }

    It 'takes a token as a secure string' {
        $token = [System.Net.NetworkCredential]::new('', $emulator.Token).SecurePassword
        @(Get-MapillaryImage -User x -Token $token | Select-Object -First 1).Count | Should -Be 1
    }

    It 'warns of an unknown user by name and makes no collection' {
        $saved = Get-MapillaryImage -User nobody -WarningVariable warnings -WarningAction SilentlyContinue | Save-MapillaryImage -Destination $TestDrive/unknown

        $saved | Should -BeNullOrEmpty
        $warnings | Should -Match 'nobody'
        Test-Path $TestDrive/unknown | Should -BeFalse
    }

    It 'takes a bounding box as numbers too' {
        @(Get-MapillaryImage -User x -BoundingBox -180, -90, 180, 90).Count | Should -Be 60
    }

    It 'says which destination cannot be written, before anything is fetched' {
        Set-Content -Path $TestDrive/file -Value 'in the way'
        $before = @(Get-EmulatorRequest $emulator 'Cdn *').Count

        { Get-MapillaryImage -User x | Save-MapillaryImage -Destination $TestDrive/file } |
            Should -Throw -ErrorId 'DestinationNotWritable,Mapillary.PowerShell.Commands.SaveMapillaryImageCommand' -ExpectedMessage '*file*'
        @(Get-EmulatorRequest $emulator 'Cdn *').Count | Should -Be $before
    }

    It 'tells of a path that is not there and goes on' {
        ConvertTo-Webp -Path $TestDrive/nothing.jpg -ErrorVariable problems -ErrorAction SilentlyContinue
        $problems[0].FullyQualifiedErrorId | Should -BeLike 'PathNotFound*'
        $problems[0].TargetObject | Should -BeLike '*nothing.jpg'
    }

    It 'refuses to describe what is no collection' {
        New-Item -ItemType Directory -Path $TestDrive/holiday | Out-Null
        Export-IaMetadata $TestDrive/holiday -ErrorVariable problems -ErrorAction SilentlyContinue
        $problems[0].FullyQualifiedErrorId | Should -BeLike 'CollectionMismatch*'
    }

    It 'shows no token in verbose' {
        $verbose = Get-MapillaryImage -User x -Verbose 4>&1 | Where-Object { $_ -is [System.Management.Automation.VerboseRecord] } | Out-String
        $verbose | Should -Match 'page 1'
        $verbose | Should -Not -Match ([regex]::Escape($emulator.Token))
    }
}
