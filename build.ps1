#!/usr/bin/env pwsh
<#
.SYNOPSIS
    Builds, tests, shows or packages the module. Everything it does, dotnet does.
.EXAMPLE
    ./build.ps1 -Task Build
.EXAMPLE
    ./build.ps1 -Task Package
    Leaves the module in out/Mapillary/<version>, ready to be copied into a folder of $env:PSModulePath.
#>
[CmdletBinding()]
param(
    [ValidateSet('Build', 'Test', 'Demo', 'Package')]
    [string] $Task = 'Build',

    [ValidateSet('Debug', 'Release')]
    [string] $Configuration = 'Release'
)

$ErrorActionPreference = 'Stop'

function Assert-Success {
    if ($LASTEXITCODE -ne 0) {
        throw "dotnet ended with $LASTEXITCODE."
    }
}

Set-StrictMode -Version Latest
Push-Location $PSScriptRoot
try {
    switch ($Task) {
        'Build' { & dotnet build --configuration $Configuration }
        'Test' { & dotnet test --configuration $Configuration }
        'Demo' { & dotnet run --configuration $Configuration --project samples/Mapillary.Demo }
        'Package' { & dotnet build --configuration Release src/Mapillary.PowerShell }
    }

    Assert-Success

    if ($Task -eq 'Package') {
        $version = (Import-PowerShellDataFile -Path ./Mapillary.psd1).ModuleVersion
        $target = Join-Path -Path $PSScriptRoot -ChildPath "out/Mapillary/$version"
        if (Test-Path -LiteralPath $target) {
            Remove-Item -LiteralPath $target -Recurse -Force
        }

        $null = New-Item -ItemType Directory -Path "$target/bin"
        Copy-Item -Path ./Mapillary.psd1, ./Mapillary.psm1, ./LICENSE, ./README.md, ./CHANGELOG.md -Destination $target
        Copy-Item -Path ./en-US -Destination $target -Recurse
        foreach ($file in 'Mapillary.Core.dll', 'Mapillary.PowerShell.dll', 'Polly.Core.dll', 'Mapillary.Format.ps1xml', 'Mapillary.Types.ps1xml') {
            Copy-Item -LiteralPath "./bin/$file" -Destination "$target/bin"
        }

        # The same assemblies, compiled for the newest .NET: PowerShell then starts with them sooner. Others compile as they go.
        foreach ($runtime in 'win-x64', 'linux-x64') {
            & dotnet publish src/Mapillary.PowerShell --configuration Release --runtime $runtime --no-self-contained -p:NativeFramework=net10.0 -p:PublishReadyToRun=true --artifacts-path out/native
            Assert-Success
            $null = New-Item -ItemType Directory -Path "$target/bin/$runtime"
            foreach ($file in 'Mapillary.Core.dll', 'Mapillary.PowerShell.dll', 'Polly.Core.dll') {
                Copy-Item -LiteralPath "out/native/publish/Mapillary.PowerShell/release_$runtime/$file" -Destination "$target/bin/$runtime"
            }
        }

        Get-Item -LiteralPath $target
    }
}
finally {
    Pop-Location
}
