BeforeAll {
    . "$PSScriptRoot/Emulator.ps1"
    Import-Module "$PSScriptRoot/../../Mapillary.psd1" -Force
    $script:emulator = Start-Emulator -ArgumentList '--user', 'x', '--images', '400', '--sequences', '8', '--page-limit', '100', '--latency-ms', '5'
}

AfterAll {
    Stop-Emulator $emulator
}

Describe 'Ways out of the pipeline' {
    It 'asks for no further page when the first images are enough' {
        $before = @(Get-EmulatorRequest $emulator 'Graph *').Count

        $images = @(Get-MapillaryImage -User x | Select-Object -First 3)

        $images.Count | Should -Be 3
        @(Get-EmulatorRequest $emulator 'Graph *').Count | Should -Be ($before + 1)
    }

    It 'asks for all pages otherwise' {
        @(Get-MapillaryImage -User x).Count | Should -Be 400
        @(Get-MapillaryImage -User x -MaxPages 2).Count | Should -Be 200
    }

    It 'stops fetching when a command downstream has enough, and leaves no part of a file' {
        $before = @(Get-EmulatorRequest $emulator 'Cdn *').Count

        $saved = @(Get-MapillaryImage -User x | Save-MapillaryImage -Destination $TestDrive/first -ThrottleLimit 4 | Select-Object -First 3)

        $saved.Count | Should -Be 3
        $fetched = @(Get-EmulatorRequest $emulator 'Cdn *').Count - $before
        $fetched | Should -BeLessThan 100
        Get-ChildItem $TestDrive/first -Recurse -Filter *.part | Should -BeNullOrEmpty
        # The lock is free and the collection goes on.
        @(Get-MapillaryImage -User x | Save-MapillaryImage -Destination $TestDrive/first).Count | Should -Be 400
    }

    It 'stops on a throw downstream' {
        { Get-MapillaryImage -User x | Save-MapillaryImage -Destination $TestDrive/throw | ForEach-Object { throw 'enough' } } | Should -Throw 'enough'
        Get-ChildItem $TestDrive/throw -Recurse -Filter *.part | Should -BeNullOrEmpty
        @(Get-MapillaryImage -User x | Select-Object -First 10 | Save-MapillaryImage -Destination $TestDrive/throw).Count | Should -Be 10
    }

    It 'stops at Ctrl+C, lets go of the collection and goes on where it was' {
        $shell = [powershell]::Create()
        try {
            $null = $shell.AddScript({
                    param($module, $destination)
                    Import-Module $module
                    Get-MapillaryImage -User x | Save-MapillaryImage -Destination $destination -ThrottleLimit 2
                }).AddArgument("$PSScriptRoot/../../Mapillary.psd1").AddArgument("$TestDrive/stop")
            $output = [System.Management.Automation.PSDataCollection[psobject]]::new()
            $run = $shell.BeginInvoke([System.Management.Automation.PSDataCollection[psobject]]::new(), $output)
            while ($output.Count -eq 0 -and -not $run.IsCompleted) { Start-Sleep -Milliseconds 10 }
            $shell.Stop()
        }
        finally {
            $shell.Dispose()
        }

        $output.Count | Should -BeGreaterThan 0
        $output.Count | Should -BeLessThan 400
        Get-ChildItem $TestDrive/stop -Recurse -Filter *.part | Should -BeNullOrEmpty
        $rest = @(Get-MapillaryImage -User x | Save-MapillaryImage -Destination $TestDrive/stop)
        $rest.Count | Should -Be 400
        @($rest | Where-Object Status -EQ Present).Count | Should -BeGreaterOrEqual $output.Count
    }

    It 'writes nothing with -WhatIf' {
        Get-MapillaryImage -User x | Select-Object -First 2 | Save-MapillaryImage -Destination $TestDrive/whatif -WhatIf | Should -BeNullOrEmpty
        Backup-MapillaryUser x -Destination $TestDrive/whatif -WhatIf | Should -BeNullOrEmpty
        Test-Path $TestDrive/whatif | Should -BeFalse
    }

    It 'is imported twice without complaint, and objects of the first import serve the second' {
        $images = @(Get-MapillaryImage -User x | Select-Object -First 2)
        Import-Module "$PSScriptRoot/../../Mapillary.psd1" -Force
        @($images | Save-MapillaryImage -Destination $TestDrive/reimport).Status | Should -Be 'Saved', 'Saved'
    }
}

Describe 'The module' {
    It 'has a valid manifest' {
        $pages = Get-ChildItem "$PSScriptRoot/../../docs/en-US/*-*.md"
        (Test-ModuleManifest "$PSScriptRoot/../../Mapillary.psd1").ExportedCmdlets.Keys | Sort-Object | Should -Be ($pages.BaseName | Sort-Object)
    }

    It 'shows <type> in a view of its own' -ForEach @(
        @{ Type = 'images'; Make = { Get-MapillaryImage -User x | Select-Object -First 1 }; Columns = 'CapturedAt\s+Latitude\s+Longitude' }
        @{ Type = 'saved images'; Make = { Get-MapillaryImage -User x | Select-Object -First 1 | Save-MapillaryImage -Destination $TestDrive/view }; Columns = 'Status\s+Id\s+Length' }
        @{ Type = 'tars'; Make = { New-SequenceTar $TestDrive/view/mapillary-x-original }; Columns = 'Group\s+Entries\s+Length' }
    ) {
        $text = & $make | Out-String -Width 200
        $text | Should -Match $columns
        $text | Should -Match '\d+\.\d+'
    }

    It 'counts what is archived' {
        $statistics = Get-IaStats -Refresh
        $statistics.Collections | Should -Be 0
        @(Get-IaStats -Detailed).Count | Should -Be 0
    }
}
