# Starts and stops the emulator for a suite, and points the module at it. Dot-sourced by the suites.

function Start-Emulator {
    [Diagnostics.CodeAnalysis.SuppressMessageAttribute('PSUseShouldProcessForStateChangingFunctions', '', Justification = 'A test fixture.')]
    [CmdletBinding()]
    [OutputType([pscustomobject])]
    param(
        [string[]] $ArgumentList = @('--user', 'x', '--images', '60', '--sequences', '3')
    )

    $assembly = $env:MAPILLARY_EMULATOR
    if (-not $assembly) {
        $assembly = Get-ChildItem -Path "$PSScriptRoot/../Mapillary.Emulator/bin/*/net8.0/Mapillary.Emulator.dll" |
            Sort-Object -Property LastWriteTime -Descending |
            Select-Object -First 1 -ExpandProperty FullName
    }

    $start = [System.Diagnostics.ProcessStartInfo]::new('dotnet')
    foreach ($argument in @($assembly, '--port', '0', '--exit-with-stdin', '--verbose') + $ArgumentList) {
        $start.ArgumentList.Add($argument)
    }

    $start.RedirectStandardInput = $true
    $start.RedirectStandardOutput = $true
    $start.RedirectStandardError = $true
    $process = [System.Diagnostics.Process]::Start($start)
    $requests = [System.Collections.Concurrent.ConcurrentQueue[string]]::new()
    $stream = $process.StandardError
    $reader = Start-ThreadJob -ScriptBlock {
        while ($null -ne ($line = ($using:stream).ReadLine())) { ($using:requests).Enqueue($line) }
    }

    $addresses = @{}
    foreach ($pair in $process.StandardOutput.ReadLine() -split ' ') {
        $name, $value = $pair -split '=', 2
        $addresses[$name] = $value
    }

    $env:MAPILLARY_GRAPH_API_ENDPOINT = $addresses['graph']
    $env:ARCHIVE_ORG_ENDPOINT = $addresses['archive']
    $env:ARCHIVE_ORG_S3_ENDPOINT = $addresses['s3']
    $env:MAPILLARY_TILES_ENDPOINT = $addresses['tiles']
    $env:MAPILLARY_TOKEN = $addresses['token']
    $env:IA_ACCESS_KEY = $addresses['accesskey']
    $env:IA_SECRET_KEY = $addresses['secretkey']
    [pscustomobject]@{ Process = $process; Requests = $requests; Reader = $reader; Token = $addresses['token'] }
}

function Stop-Emulator {
    [Diagnostics.CodeAnalysis.SuppressMessageAttribute('PSUseShouldProcessForStateChangingFunctions', '', Justification = 'A test fixture.')]
    [CmdletBinding()]
    param(
        [Parameter(Mandatory)]
        $Emulator
    )

    $Emulator.Process.StandardInput.Close()
    $Emulator.Process.WaitForExit()
    Remove-Job -Job $Emulator.Reader -Force
    # It ends with 3 when a token came to where none belongs.
    $Emulator.Process.ExitCode | Should -Be 0
}

# Takes a user's first images away ('withdraw x 10'), or brings them back ('restore x').
function Send-Emulator {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory)]
        $Emulator,

        [Parameter(Mandatory)]
        [string] $Command
    )

    $Emulator.Process.StandardInput.WriteLine($Command)
    $Emulator.Process.StandardOutput.ReadLine() | Should -Be 'done'
}

# The requests that a server has answered so far, such as 'Cdn 200 GET /...'.
function Get-EmulatorRequest {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory)]
        $Emulator,

        [Parameter(Mandatory)]
        [string] $Like
    )

    # An answer is noted just after it was sent. One more request, and what came before it is there too.
    $mark = "mark-$([guid]::NewGuid())"
    Invoke-WebRequest -Uri "$env:ARCHIVE_ORG_ENDPOINT/$mark" -SkipHttpErrorCheck -Verbose:$false | Out-Null
    while (-not ($Emulator.Requests.ToArray() -like "*$mark*")) { Start-Sleep -Milliseconds 5 }
    $Emulator.Requests.ToArray() | Where-Object { $_ -like $Like -and $_ -notlike '*/mark-*' }
}
