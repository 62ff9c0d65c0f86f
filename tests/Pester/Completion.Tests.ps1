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
        @{ Text = 'Get-MapillaryImage -SequenceId '; Expected = '3NpXMDuHm9IZQ1vBW6q4T0', 'inATar', 'seqOfBen' }
        @{ Text = 'Get-MapillaryImage -User x -CameraType s'; Expected = @('spherical') }
        @{ Text = 'Save-MapillaryImage -TimeZone Europe/Berl'; Expected = @('Europe/Berlin') }
        @{ Text = 'Save-MapillaryImage -Quality '; Expected = '256', '1024', '2048', 'Original' }
        @{ Text = 'Export-IaMetadata -Format '; Expected = 'Csv', 'Json', 'Rip' }
        @{ Text = 'New-SequenceTar -GroupBy '; Expected = 'Date', 'Sequence' }
    ) {
        @(Get-Completion $text) | Sort-Object | Should -Be ($expected | Sort-Object)
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
