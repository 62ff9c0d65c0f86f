#requires -Module @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

BeforeAll {
    Import-Module "$PSScriptRoot/../../Mapillary.psd1" -Force
    $null = New-Item -ItemType Directory -Path "$TestDrive/mapillary_data/mapillary-anna-original/2024-01-15/3NpXMDuHm9IZQ1vBW6q4T0", "$TestDrive/mapillary-ben-256-webp/seqOfBen", "$TestDrive/mapillary-J_x00fc_rgen-1024", "$TestDrive/other"
    $null = New-Item -ItemType File -Path "$TestDrive/mapillary-ben-256-webp/inATar.2.tar"
    Push-Location $TestDrive

    function script:Get-Completion ([string] $Text) {
        (TabExpansion2 -inputScript $Text -cursorColumn $Text.Length).CompletionMatches.CompletionText
    }
}

AfterAll {
    Pop-Location
}

Describe 'Tab completion' {
    It 'offers <expected> for <text>' -ForEach @(
        @{ Text = 'Get-MapillaryImage -User '; Expected = 'anna', 'ben', "'J$([char]0xfc)rgen'" }
        @{ Text = 'Backup-MapillaryUser -User b'; Expected = @('ben') }
        @{ Text = 'Get-MapillaryImage -SequenceId '; Expected = "'3NpXMDuHm9IZQ1vBW6q4T0'", 'inATar', 'seqOfBen' }
        @{ Text = 'Get-MapillaryImage -User x -CameraType s'; Expected = @('spherical') }
        @{ Text = 'Measure-MapillaryDownload -User x -CameraType f'; Expected = @('fisheye') }
        @{ Text = 'Get-MapillaryImage "a'; Expected = @('anna') }
        @{ Text = 'Get-MapillaryImage anna, b'; Expected = @('ben') }
        @{ Text = 'Test-MapillaryImage -Quality 256, 1'; Expected = @('1024') }
        @{ Text = 'Save-MapillaryImage -TimeZone Europe/Berl'; Expected = @('Europe/Berlin') }
        @{ Text = 'Save-MapillaryImage -TimeZone W.'; Expected = "'W. Australia Standard Time'", "'W. Central Africa Standard Time'", "'W. Europe Standard Time'", "'W. Mongolia Standard Time'" }
        @{ Text = 'Save-MapillaryImage -Quality '; Expected = '256', '1024', '2048', 'Original' }
        @{ Text = 'Export-IaMetadata -Format '; Expected = 'Csv', 'Json', 'Rip' }
        @{ Text = 'New-SequenceTar -GroupBy '; Expected = 'Date', 'Sequence' }
    ) {
        @(Get-Completion $text) | Sort-Object | Should -Be ($expected | Sort-Object)
    }

    It 'quotes what PowerShell would take for something else' {
        $null = New-Item -ItemType Directory -Path "$TestDrive/quotes/mapillary-a_x0020_b-256", "$TestDrive/quotes/mapillary-o_x0027_neil-256", "$TestDrive/quotes/mapillary-x_x0024_y-256", "$TestDrive/quotes/mapillary-x_x0024_y-256/--option"
        Push-Location "$TestDrive/quotes"
        try {
            @(Get-Completion 'Get-MapillaryImage -User ') | Should -Be "'a b'", "'o''neil'", "'x`$y'"
            @(Get-Completion 'Get-MapillaryImage -SequenceId ') | Should -Be "'--option'"
        }
        finally {
            Pop-Location
        }
    }

    It 'knows the folder also where the current location is none' {
        Push-Location Env:
        try {
            @(Get-Completion 'Get-MapillaryImage -User a') | Should -Be 'anna'
        }
        finally {
            Pop-Location
        }
    }

    It 'offers nothing, and no error, where nothing is' {
        Push-Location "$TestDrive/other"
        try {
            $Error.Clear()
            @(Get-Completion 'Get-IaStats -Refresh:'; (TabExpansion2 -inputScript 'Get-MapillaryImage -User ' -cursorColumn 25).CompletionMatches) | Where-Object { "$_" -match 'anna|ben' } | Should -BeNullOrEmpty
        }
        finally {
            Pop-Location
        }
    }
}
