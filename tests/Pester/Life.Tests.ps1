#requires -Module @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

BeforeAll {
    . "$PSScriptRoot/Emulator.ps1"
    $script:module = "$PSScriptRoot/../../Mapillary.psd1"
    Import-Module $module -Force
    $script:emulator = Start-Emulator -ArgumentList '--user', 'x', '--images', '120', '--sequences', '4', '--page-limit', '50', '--user', 'y', '--images', '60', '--latency-ms', '3'

    # Runs a command in a runspace of its own and stops it, as Ctrl+C does, when it has emitted its first object or said this in verbose.
    function script:Stop-AtFirstSign {
        [Diagnostics.CodeAnalysis.SuppressMessageAttribute('PSUseShouldProcessForStateChangingFunctions', '', Justification = 'A test fixture.')]
        param([string] $Command, [string] $Sign)

        $shell = [powershell]::Create()
        try {
            $null = $shell.AddScript("Import-Module '$module'; Set-Location '$TestDrive'; $Command")
            $output = [System.Management.Automation.PSDataCollection[psobject]]::new()
            $run = $shell.BeginInvoke([System.Management.Automation.PSDataCollection[psobject]]::new(), $output)
            while ($output.Count -eq 0 -and -not ($Sign -and "$($shell.Streams.Verbose)".Contains($Sign)) -and -not $run.IsCompleted) { Start-Sleep -Milliseconds 2 }
            $shell.Stop()
            $shell.InvocationStateInfo.State
        }
        finally {
            $shell.Dispose()
        }
    }

    # The files below a folder that this process holds open.
    function script:Get-OpenFile ([string] $Folder) {
        $path = (Resolve-Path $Folder).ProviderPath
        Get-ChildItem /proc/self/fd -ErrorAction SilentlyContinue | ForEach-Object { $_.LinkTarget } | Where-Object { $_ -and $_.StartsWith($path) }
    }
}

AfterAll {
    Stop-Emulator $emulator
}

Describe 'Ctrl+C' {
    It 'ends <name> at once: nothing half-done stays, nothing stays open, and the same command goes on' -ForEach @(
        @{ Name = 'Save-MapillaryImage'; Command = 'Get-MapillaryImage -User x | Save-MapillaryImage -Destination save -ThrottleLimit 2'; Folder = 'save' }
        @{ Name = 'Save-MapillaryImage -Webp'; Command = 'Get-MapillaryImage -User x | Save-MapillaryImage -Destination webp -Webp -Quality 256'; Folder = 'webp' }
        @{ Name = 'Backup-MapillaryUser'; Command = 'Backup-MapillaryUser x -Destination backup -IncludeArchived -Verbose'; Sign = 'Saved image'; Folder = 'backup' }
        @{ Name = 'New-SequenceTar'; Command = 'Get-MapillaryImage -User y | Save-MapillaryImage -Destination tar -Layout Sequence | Out-Null; New-SequenceTar tar/mapillary-y-original'; Folder = 'tar' }
        @{ Name = 'ConvertTo-Webp'; Command = 'Get-MapillaryImage -User y | Save-MapillaryImage -Destination convert -Quality 256 | Out-Null; Get-ChildItem convert -Recurse -Filter *.jpg | ConvertTo-Webp -ThrottleLimit 1'; Folder = 'convert' }
        @{ Name = 'Publish-IaCollection'; Command = '$null = Backup-MapillaryUser y -Destination publish -IncludeArchived -NoTar -Quality 1024; Publish-IaCollection publish/mapillary-y-1024 -ThrottleLimit 1 -Verbose'; Sign = 'Uploading'; Folder = 'publish' }
    ) {
        Stop-AtFirstSign $command $sign | Should -Be 'Stopped'

        Get-ChildItem $TestDrive/$folder -Recurse -Force -Filter *.part | Should -BeNullOrEmpty
        if ($IsLinux) { Get-OpenFile $TestDrive/$folder | Should -BeNullOrEmpty }
        Push-Location $TestDrive
        try {
            { & ([scriptblock]::Create($command)) 4>$null | Out-Null } | Should -Not -Throw
        }
        finally {
            Pop-Location
        }
    }

    It 'ends a listing that is waiting for an answer' {
        Stop-AtFirstSign 'Get-MapillaryImage -User x -Verbose' 'page 1' | Should -Be 'Stopped'
    }
}

Describe 'An error' {
    It 'ends the pipeline with -ErrorAction Stop, and leaves the collection free' {
        { '1' | Get-MapillaryImage -ErrorAction Stop | Save-MapillaryImage -Destination $TestDrive/stop } | Should -Throw -ErrorId 'ImageNotFound,*'
        if ($IsLinux -and (Test-Path $TestDrive/stop)) { Get-OpenFile $TestDrive/stop | Should -BeNullOrEmpty }
    }
}

Describe 'A line that may not be written' {
    It 'ends <command> while it waits for an answer, and nothing else is told' -ForEach @(
        @{ Command = 'Get-MapillaryImage' }, @{ Command = 'Get-MapillarySequence' }, @{ Command = 'Measure-MapillaryDownload' }
    ) {
        $VerbosePreference = 'Stop'
        { & $command -User x 4>$null } | Should -Throw -ErrorId 'ActionPreferenceStop,*'
    }
}

Describe 'More than one at a time' {
    It 'works in several runspaces at once, by ForEach-Object -Parallel' {
        $saved = 'x', 'y' | ForEach-Object -Parallel {
            Import-Module $using:module
            Get-MapillaryImage -User $_ | Save-MapillaryImage -Destination "$using:TestDrive/parallel" -Quality 256 -Webp
        } -ThrottleLimit 2

        @($saved | Where-Object Status -EQ Saved).Count | Should -Be 180
        @(Get-ChildItem $TestDrive/parallel -Directory).Name | Should -Be 'mapillary-x-256-webp', 'mapillary-y-256-webp'
        @(Get-ChildItem $TestDrive/parallel -Recurse -Filter *.webp).Count | Should -Be 180
    }

    It 'works in a thread job, and its objects serve the session' {
        $images = Start-ThreadJob { Import-Module $using:module; Get-MapillaryImage -User y | Select-Object -First 5 } | Receive-Job -Wait -AutoRemoveJob
        $webp = Start-ThreadJob { Import-Module $using:module; $using:images | Save-MapillaryImage -Destination $using:TestDrive/job -Quality 256 -Webp } | Receive-Job -Wait -AutoRemoveJob

        @($webp | Get-Item).Extension | Should -Be (@('.webp') * 5)
        @($images | Save-MapillaryImage -Destination $TestDrive/job -Quality 256).Status | Should -Be (@('Saved') * 5)
    }

    It 'takes objects that come from another process' {
        $images = Start-Job { Import-Module $using:module; Get-MapillaryImage -User y | Select-Object -First 5 } | Receive-Job -Wait -AutoRemoveJob

        $images[0].PSObject.TypeNames | Should -Contain 'Deserialized.Mapillary.Graph.MapillaryImage'
        @($images | Save-MapillaryImage -Destination $TestDrive/process -Quality 256).Status | Should -Be (@('Saved') * 5)
    }

    It 'tells the second of two that the collection is in use, and the first ends well' {
        $first = [powershell]::Create().AddScript("Import-Module '$module'; Get-MapillaryImage -User x | Save-MapillaryImage -Destination '$TestDrive/both' -ThrottleLimit 1")
        $output = [System.Management.Automation.PSDataCollection[psobject]]::new()
        $run = $first.BeginInvoke([System.Management.Automation.PSDataCollection[psobject]]::new(), $output)
        while ($output.Count -eq 0 -and -not $run.IsCompleted) { Start-Sleep -Milliseconds 2 }

        { Get-MapillaryImage -User x | Save-MapillaryImage -Destination $TestDrive/both } | Should -Throw -ErrorId 'CollectionInUse,*'

        $first.EndInvoke($run)
        $first.Dispose()
        @($output | Where-Object Status -EQ Saved).Count | Should -Be 120
    }
}

Describe 'Beside others' {
    It 'works where another module has brought another Polly' {
        $other = "$TestDrive/Other"
        $null = New-Item -ItemType Directory -Path $other
        $command = @"
            Add-Type -OutputAssembly '$other/Polly.Core.dll' -TypeDefinition 'namespace Polly { public class ResiliencePipeline { public static string Whose => "another"; } }'
            Import-Module '$other/Polly.Core.dll'
            Import-Module '$module'
            "`$([Polly.ResiliencePipeline]::Whose) `$(@(Get-MapillaryImage -User y | Save-MapillaryImage -Destination '$TestDrive/beside' -Quality 256).Count)"
"@
        pwsh -NoProfile -NonInteractive -Command $command | Should -Be 'another 60'
    }
}
