#requires -Module @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

# Collections that somebody else made, in front of the cmdlets themselves. Every file of a collection with every command: PlantedFileTests.

BeforeDiscovery {
    $script:commands = @(
        @{ Name = 'Publish-IaCollection -WhatIf'; Command = { Publish-IaCollection $args[0] -Force -WhatIf } }
        @{ Name = 'New-SequenceTar'; Command = { New-SequenceTar $args[0] } }
        @{ Name = 'Export-IaMetadata'; Command = { Export-IaMetadata $args[0] } }
        @{ Name = 'Test-MapillaryCollection'; Command = { Test-MapillaryCollection $args[0] } }
        @{ Name = 'Export-MapillaryMap'; Command = { Export-MapillaryMap $args[0] } }
        @{ Name = 'Save-MapillaryImage'; Command = { Get-MapillaryImage x | Save-MapillaryImage (Split-Path $args[0]) -Quality 256 } }
        @{ Name = 'Set-MapillaryExif'; Command = { Get-MapillaryImage x | Set-MapillaryExif $args[0] } }
    )
}

BeforeAll {
    . "$PSScriptRoot/Emulator.ps1"
    Import-Module "$PSScriptRoot/../../Mapillary.psd1" -Force
    $script:emulator = Start-Emulator -ArgumentList '--user', 'x', '--images', '4', '--sequences', '1'
    Get-MapillaryImage x | Save-MapillaryImage "$TestDrive/made" -Quality 256 -NoExif | Out-Null

    # A collection of somebody else's, with a link or a pipe in the place of one of its files.
    function New-HostileCollection {
        [Diagnostics.CodeAnalysis.SuppressMessageAttribute('PSUseShouldProcessForStateChangingFunctions', '', Justification = 'A test fixture.')]
        [CmdletBinding()]
        [OutputType([string])]
        param([string] $File, [string] $LinkTarget)

        $folder = "$TestDrive/$([guid]::NewGuid())"
        Copy-Item "$TestDrive/made" $folder -Recurse
        $collection = "$folder/mapillary-x-256"
        Remove-Item "$collection/$File" -Force -ErrorAction Ignore
        if ($LinkTarget) { [IO.File]::CreateSymbolicLink("$collection/$File", $LinkTarget) | Out-Null }
        else { mkfifo "$collection/$File" }
        $collection
    }

    # A command in a thread of its own, which is given up when it does not end.
    function Invoke-Within {
        [CmdletBinding()]
        param([scriptblock] $Command, [string] $Collection)

        $job = Start-ThreadJob -ArgumentList "$PSScriptRoot/../../Mapillary.psd1", "$Command", $Collection -ScriptBlock {
            param($Module, $Command, $Collection)
            Import-Module $Module
            & ([scriptblock]::Create($Command)) $Collection
        }
        Wait-Job $job -Timeout 120 | Should -Not -BeNullOrEmpty -Because "'$Command' has to end"
        Receive-Job $job -ErrorVariable errors -ErrorAction SilentlyContinue | Out-Null
        Remove-Job $job
        $errors
    }
}

AfterAll {
    Stop-Emulator $emulator
}

Describe 'A collection with a link in it' -Skip:$IsWindows {
    It '<Name> does not write into what manifest.jsonl leads to' -ForEach $commands {
        $collection = New-HostileCollection manifest.jsonl '../../victim'
        Set-Content "$TestDrive/victim" 'export PATH=$HOME/bin:$PATH' -NoNewline

        $errors = Invoke-Within $Command $collection

        Get-Content "$TestDrive/victim" -Raw | Should -BeExactly 'export PATH=$HOME/bin:$PATH'
        "$errors" | Should -BeLike "*manifest.jsonl' is a link to '../../victim'*put what it leads to in its place*"
        $errors[0].FullyQualifiedErrorId | Should -BeLike 'CollectionMismatch*'
    }

    It 'does not rewrite a picture behind a link, and rewrites the others' {
        $collection = New-HostileCollection manifest.jsonl '../../victim'
        Remove-Item "$collection/manifest.jsonl"
        Copy-Item "$TestDrive/made/mapillary-x-256/manifest.jsonl" $collection
        $picture = Get-ChildItem $collection -Recurse -Filter *.jpg | Select-Object -First 1
        Move-Item $picture.FullName "$TestDrive/mine.jpg" -Force
        [IO.File]::CreateSymbolicLink($picture.FullName, "$TestDrive/mine.jpg") | Out-Null
        $before = (Get-FileHash "$TestDrive/mine.jpg").Hash

        $images = Get-MapillaryImage x
        $changed = $images | Set-MapillaryExif $collection -PassThru
        $images | Set-MapillaryExif $picture.FullName -ErrorVariable errors -ErrorAction SilentlyContinue

        (Get-FileHash "$TestDrive/mine.jpg").Hash | Should -Be $before
        $changed.Count | Should -Be 3
        "$errors" | Should -BeLike "*$($picture.Name)' is a link*"
    }
}

Describe 'A collection with a pipe in it' -Skip:$IsWindows {
    It '<Name> does not wait for the pipe in the place of manifest.jsonl' -ForEach $commands {
        "$(Invoke-Within $Command (New-HostileCollection manifest.jsonl))" | Should -BeLike "*manifest.jsonl'*pipe*Remove it*"
    }

    It '<Name> does not wait for the pipe in the place of collection.json' -ForEach ($commands | Where-Object Name -In 'Publish-IaCollection -WhatIf', 'Export-IaMetadata', 'Save-MapillaryImage') {
        "$(Invoke-Within $Command (New-HostileCollection collection.json))" | Should -BeLike "*collection.json'*pipe*Remove it*"
    }

    It '<Name> does not wait for the pipe in the place of the lock' -ForEach ($commands | Where-Object Name -NotIn 'Export-IaMetadata', 'Export-MapillaryMap') {
        "$(Invoke-Within $Command (New-HostileCollection .lock))" | Should -BeLike "*.lock'*pipe*Remove it*"
    }
}
