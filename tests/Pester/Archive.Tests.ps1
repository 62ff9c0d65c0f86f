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

Describe 'Test-IaCollection' {
    It 'tells who is archived in which form, from parameters and the pipeline alike' {
        $archived = Get-IaStats -Detailed | Where-Object { $_.Quality -eq 'original' -and -not $_.Webp } | Select-Object -First 2

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
