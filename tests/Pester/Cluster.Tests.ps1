#requires -Module @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

BeforeAll {
    . "$PSScriptRoot/Emulator.ps1"
    $script:module = (Resolve-Path "$PSScriptRoot/../../Mapillary.psd1").ProviderPath
    $script:samples = (Resolve-Path "$PSScriptRoot/../../samples/cluster").ProviderPath
    Import-Module $module -Force

    $script:world = '--user', 'anna', '--images', '24', '--sequences', '8', '--user', 'solo', '--images', '3', '--sequences', '1'
    $script:emulator = Start-Emulator -ArgumentList $world

    # Runs the sample as a scheduler does: in a process of its own.
    function script:Invoke-ShardProcess([hashtable] $Argument, [string] $WithModule = $module) {
        $words = foreach ($name in $Argument.Keys) { "-$name"; "$($Argument[$name])" }
        $output = pwsh -NoProfile -NonInteractive -File $samples/Save-Shard.ps1 -Module $WithModule -MinimumFreeSpace 1 @words 2>&1
        [pscustomobject]@{ ExitCode = $LASTEXITCODE; Output = $output -join "`n" }
    }

    # The same in a session of its own within this process, which costs a tenth. One test for each exit code has a process.
    function script:Invoke-Shard([hashtable] $Argument) {
        $shell = [powershell]::Create()
        # The script sets it for its process.
        $rendering = $PSStyle.OutputRendering
        try {
            # What is called by & is ended by its exit, which leaves the code, and whoever called it is not.
            $null = $shell.AddScript('param($Path, $Argument) & $Path @Argument *>&1; "exit $LASTEXITCODE"')
            $output = $shell.AddArgument("$samples/Save-Shard.ps1").AddArgument(@{ Module = $module; MinimumFreeSpace = 1 } + $Argument).Invoke()
            [pscustomobject]@{ ExitCode = [int] ($output[-1] -replace '^exit '); Output = $output[0..($output.Count - 2)] -join "`n" }
        }
        finally {
            $shell.Dispose()
            $PSStyle.OutputRendering = $rendering
        }
    }

    # Runs it against an emulator with faults.
    function script:Invoke-FaultyShard([string[]] $Fault, [hashtable] $Argument, [switch] $AsProcess) {
        $names = 'MAPILLARY_GRAPH_API_ENDPOINT', 'ARCHIVE_ORG_ENDPOINT', 'ARCHIVE_ORG_S3_ENDPOINT', 'MAPILLARY_TOKEN', 'IA_ACCESS_KEY', 'IA_SECRET_KEY'
        $kept = $names | ForEach-Object { [System.Environment]::GetEnvironmentVariable($_) }
        $faulty = Start-Emulator -ArgumentList ($world + $Fault)
        try {
            if ($AsProcess) { Invoke-ShardProcess $Argument } else { Invoke-Shard $Argument }
        }
        finally {
            Stop-Emulator $faulty
            for ($i = 0; $i -lt $names.Count; $i++) { [System.Environment]::SetEnvironmentVariable($names[$i], $kept[$i]) }
        }
    }

    function script:Get-Picture([string] $Path) { @(Get-ChildItem $Path -Recurse -Filter *.jpg -File -ErrorAction Ignore) }
}

AfterAll {
    Stop-Emulator $emulator
}

Describe 'samples/cluster/Save-Shard.ps1' {
    It 'ends with 0 when all is there, and again when all was there already' {
        $run = Invoke-ShardProcess @{ User = 'anna'; Shard = '1/2'; Destination = "$TestDrive/fine" }
        $run.ExitCode | Should -Be 0 -Because $run.Output
        $run.Output | Should -Match 'All images are there or gone: listed (\d+), saved \1,'
        $pictures = Get-Picture $TestDrive/fine/1of2
        $pictures.Count | Should -BeGreaterThan 0
        # Colours and progress have no place in a log.
        $run.Output | Should -Not -Match "`e"

        $again = Invoke-Shard @{ User = 'anna'; Index = '0'; Count = '2'; Destination = "$TestDrive/fine" }
        $again.ExitCode | Should -Be 0 -Because $again.Output
        $again.Output | Should -Match "present $($pictures.Count),"
    }

    It 'ends with 0 for a shard in which nothing is, and says so' {
        # One sequence cannot be in both.
        $runs = foreach ($number in 1, 2) { Invoke-Shard @{ User = 'solo'; Shard = "$number/2"; Destination = "$TestDrive/sparse" } }
        $runs.ExitCode | Should -Be 0, 0 -Because ($runs.Output -join "`n")
        @($runs | Where-Object Output -Match 'listed 3, saved 3').Count | Should -Be 1
        @($runs | Where-Object Output -Match 'No image of this user is in this shard; it leaves no collection').Count | Should -Be 1
        (Get-Picture $TestDrive/sparse).Count | Should -Be 3
    }

    It 'ends with 0 when an image is gone, and names it' {
        $run = Invoke-FaultyShard ('--fault', 'NotFound404:0.3:always') @{ User = 'anna'; Shard = '1/1'; Destination = "$TestDrive/gone" }
        $run.ExitCode | Should -Be 0 -Because $run.Output
        $run.Output | Should -Match 'Unavailable: Image \d+'
        $run.Output | Should -Match 'unavailable [1-9]'
    }

    It 'ends with 2 when an image fails, and names it' {
        $run = Invoke-FaultyShard ('--fault', 'BadRequest400:0.3:always') @{ User = 'anna'; Shard = '1/1'; Destination = "$TestDrive/failed" } -AsProcess
        $run.ExitCode | Should -Be 2 -Because $run.Output
        $run.Output | Should -Match 'Failed: Image \d+'
        $run.Output | Should -Match '\d+ images are left: listed 24, .*failed [1-9]'
    }

    It 'ends with 3 where the token is <why>' -ForEach @(
        @{ Why = 'refused'; Token = 'MLY|1|0123456789abcdef0123456789abcdef'; Run = 'Invoke-ShardProcess' }
        @{ Why = 'missing'; Token = ''; Run = 'Invoke-Shard' }
    ) {
        $env:MAPILLARY_TOKEN = $token
        try {
            $run = & $run @{ User = 'anna'; Shard = '1/2'; Destination = "$TestDrive/token" }
        }
        finally {
            $env:MAPILLARY_TOKEN = $emulator.Token
        }

        $run.ExitCode | Should -Be 3 -Because $run.Output
        $run.Output | Should -Match 'The token: .+'
        if ($token) { $run.Output | Should -Not -Match ([regex]::Escape($token)) }
        Get-Picture $TestDrive/token | Should -BeNullOrEmpty
    }

    It 'ends with 1 where there is no module' {
        $run = Invoke-ShardProcess @{ User = 'anna'; Shard = '1/2'; Destination = "$TestDrive/none" } -WithModule 'NoSuchModule'
        $run.ExitCode | Should -Be 1 -Because $run.Output
        $run.Output | Should -Match 'Nothing could be done: .*NoSuchModule'
    }

    It 'ends with 1 where the folder cannot be written' {
        Set-Content $TestDrive/file 'This is no folder.'
        $run = Invoke-Shard @{ User = 'anna'; Shard = '1/2'; Destination = "$TestDrive/file" }
        $run.ExitCode | Should -Be 1 -Because $run.Output
        $run.Output | Should -Match 'Nothing could be done: .*cannot be written'
    }

    It 'ends with 1 where the user does not exist, and where the shard does not' {
        $run = Invoke-Shard @{ User = 'annna'; Shard = '1/2'; Destination = "$TestDrive/wrong" }
        $run.ExitCode | Should -Be 1 -Because $run.Output
        $run.Output | Should -Match 'Check the spelling'

        $run = Invoke-Shard @{ User = 'anna'; Index = '2'; Count = '2'; Destination = "$TestDrive/wrong" }
        $run.ExitCode | Should -Be 1 -Because $run.Output
        $run.Output | Should -Match 'there is no shard 3 of 2'
    }

    It 'ends with 2 where the listing breaks at page 3; the collection says it, and the next run goes on' {
        $broken = '--page-limit', '5', '--fault', 'graph.LoginWanted400:1:always:3'
        $run = Invoke-FaultyShard $broken @{ User = 'anna'; Shard = '1/1'; Destination = "$TestDrive/broken" }
        $run.ExitCode | Should -Be 2 -Because $run.Output
        $run.Output | Should -Match 'Not all could be done: .+'
        $check = Test-MapillaryCollection $TestDrive/broken/1of1/mapillary-anna-original -WarningVariable warned -WarningAction SilentlyContinue
        $warned | Should -Match 'was not read to its end'
        $check.IsIntact, $check.ListedToEnd, $check.Shard | Should -Be $true, $false, '1/1'

        (Invoke-Shard @{ User = 'anna'; Shard = '1/1'; Destination = "$TestDrive/broken" }).ExitCode | Should -Be 0
        (Test-MapillaryCollection $TestDrive/broken/1of1/mapillary-anna-original).ListedToEnd | Should -BeTrue
    }

    It 'ends with 2 when its time is over with images left' {
        $run = Invoke-Shard @{ User = 'anna'; Shard = '1/1'; Destination = "$TestDrive/late"; MaximumDuration = '00:00:00.001' }
        $run.ExitCode | Should -Be 2 -Because $run.Output
        $run.Output | Should -Match '\d+ images are left: listed 24'
    }

    It 'ends with 1 where the folder holds another shard' {
        $null = New-Item -ItemType Directory $TestDrive/moved
        Copy-Item $TestDrive/fine/1of2 $TestDrive/moved/2of2 -Recurse

        $run = Invoke-Shard @{ User = 'anna'; Shard = '2/2'; Destination = "$TestDrive/moved" }

        $run.ExitCode | Should -Be 1 -Because $run.Output
        $run.Output | Should -Match 'holds shard 1/2 of the images of user ''anna'', and these images are shard 2/2'
    }
}
