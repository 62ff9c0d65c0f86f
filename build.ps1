#!/usr/bin/env pwsh

<#
.SYNOPSIS
    Builds, tests, shows or packages the module. Everything it does, dotnet does.
.EXAMPLE
    ./build.ps1 -Task Build
.EXAMPLE
    ./build.ps1 -Task Package
    Leaves the module in out/Mapillary/<version>, ready to be copied into a folder of $env:PSModulePath, and the same as
    out/Mapillary.<version>.nupkg, for Install-PSResource. The same sources and the same SDK make the same bytes, wherever they lie.
.EXAMPLE
    ./build.ps1 -Task Program
    Leaves mapillary, for machines without PowerShell and without .NET, in out/mapillary-<system>, for the system that this runs on. It needs the
    compiler that .NET links native programs with: https://aka.ms/nativeaot-prerequisites.
.EXAMPLE
    ./build.ps1 -Task Lock
    Writes all lock files anew, after a package or its version was changed.
#>
[CmdletBinding()]
param(
    [ValidateSet('Build', 'Test', 'Demo', 'Package', 'Program', 'Lock')]
    [string] $Task = 'Build',

    [ValidateSet('Debug', 'Release')]
    [string] $Configuration = 'Release',

    # Where a package goes.
    [string] $OutputPath = (Join-Path -Path $PSScriptRoot -ChildPath 'out'),

    # Where a package comes from, such as https://github.com/<owner>/<name>: Get-Help -Online then opens the page of the version's tag there.
    [ValidatePattern('^https://')]
    [string] $ProjectUri
)

$ErrorActionPreference = 'Stop'

function Assert-Success {
    if ($LASTEXITCODE -ne 0) {
        throw "dotnet ended with $LASTEXITCODE."
    }
}

function Build-Package ([string] $OutputPath, [string] $ProjectUri) {
    $manifest = Import-PowerShellDataFile -Path ./Mapillary.psd1
    $data = $manifest.PrivateData.PSData
    $version = if ($data['Prerelease']) { "$($manifest.ModuleVersion)-$($data['Prerelease'])" } else { $manifest.ModuleVersion }
    $module = Join-Path -Path $OutputPath -ChildPath "Mapillary/$($manifest.ModuleVersion)"
    if (Test-Path -LiteralPath $module) {
        Remove-Item -LiteralPath $module -Recurse -Force
    }

    $null = New-Item -ItemType Directory -Path "$module/bin"
    Copy-Item -Path ./Mapillary.psd1, ./Mapillary.psm1, ./LICENSE, ./THIRD-PARTY-NOTICES.md, ./CHANGELOG.md -Destination $module
    Copy-Item -Path ./licenses -Destination $module -Recurse
    Copy-Item -Path ./src/Mapillary.PowerShell/*.ps1xml, ./src/Mapillary.PowerShell/*.psd1 -Destination "$module/bin"
    $null = New-Item -ItemType Directory -Path "$module/samples"
    Copy-Item -Path ./samples/*.ps1, ./samples/*.xml, ./samples/cluster, ./samples/Testing -Destination "$module/samples" -Recurse

    if ($ProjectUri) {
        $data.ProjectUri = $ProjectUri
        $text = (Get-Content -LiteralPath "$module/Mapillary.psd1" -Raw) -replace '(?m)^( +)(?=LicenseUri)', "`$1ProjectUri   = '$ProjectUri'`n`$1"
        Set-Content -LiteralPath "$module/Mapillary.psd1" -Value $text -NoNewline
    }

    # No folder of this machine is in it: none as debugging information, and always the same names for those of the sources and of
    # what is generated, which the names of generated types are made of. The analyzers have their say in every other build.
    $build = "$OutputPath/build"
    & dotnet publish src/Mapillary.PowerShell --configuration Release -p:DebugType=none -p:RunAnalyzers=false "-p:PathMap=$OutputPath=/_/out%2C$PSScriptRoot=/_" -p:RestoreLockedMode=true -p:LibVipsSystem=all "-p:ProjectUri=$ProjectUri" --artifacts-path $build --output "$build/module" | Out-Host
    Assert-Success
    foreach ($file in 'Mapillary.Core.dll', 'Mapillary.PowerShell.dll', 'Polly.Core.dll', 'SharpCompress.dll', 'NetVips.dll', 'TimeZoneConverter.dll') {
        Copy-Item -LiteralPath "$build/module/$file" -Destination "$module/bin"
    }

    # The same, compiled ahead for the newest .NET on some systems, where PowerShell then starts with it sooner.
    foreach ($system in 'win-x64', 'linux-x64') {
        & dotnet build tools/Mapillary.CompiledModule --configuration Release -p:RuntimeIdentifier=$system "-p:ModuleBin=$module/bin" --artifacts-path "$build/$system" | Out-Host
        Assert-Success
    }

    # libvips, for each system that there is one for; compiled code looks for it here too. And the help.
    Copy-Item -LiteralPath "$build/module/runtimes" -Destination "$module/bin" -Recurse
    Copy-Item -LiteralPath "$build/module/en-US" -Destination $module -Recurse

    # By dotnet and not by Compress-PSResource, which PowerShell 7.4 does not have.
    $nuspec = Join-Path -Path $OutputPath -ChildPath 'Mapillary.nuspec'
    $fields = [ordered]@{
        id           = 'Mapillary'
        version      = $version
        authors      = $manifest.Author
        copyright    = $manifest.Copyright
        description  = $manifest.Description
        licenseUrl   = $data.LicenseUri
        projectUrl   = $data['ProjectUri']
        releaseNotes = $data.ReleaseNotes
        tags         = "PSModule $($data.Tags)"
    }
    $elements = $fields.GetEnumerator() | Where-Object Value | ForEach-Object { "<$($_.Key)>$([System.Security.SecurityElement]::Escape($_.Value))</$($_.Key)>" }
    Set-Content -LiteralPath $nuspec -Value "<package><metadata>$elements</metadata><files><file src=""Mapillary/$($manifest.ModuleVersion)/**"" /></files></package>"
    # Said of packages for projects: that assemblies belong in lib and scripts in tools, and that a licence is better named than linked to.
    & dotnet pack $nuspec --output $OutputPath '-p:NoWarn=NU5100;NU5110;NU5111;NU5125' | Out-Host
    Assert-Success

    $package = "$OutputPath/Mapillary.$version.nupkg"
    ConvertTo-StablePackage -Path $package
    Get-Item -LiteralPath $module, $package
}

# The same bytes whenever and wherever it is made: the entries in one order and of one time, and no name that was drawn by lot.
function ConvertTo-StablePackage ([string] $Path) {
    $entries = [System.Collections.Generic.SortedDictionary[string, byte[]]]::new([System.StringComparer]::Ordinal)
    $archive = [System.IO.Compression.ZipFile]::OpenRead($Path)
    try {
        foreach ($entry in $archive.Entries) {
            $content = [System.IO.MemoryStream]::new()
            $stream = $entry.Open()
            $stream.CopyTo($content)
            $stream.Dispose()
            $entries[($entry.FullName -replace '[^/]+(?=\.psmdcp$)', 'properties')] = $content.ToArray()
        }
    }
    finally {
        $archive.Dispose()
    }

    $number = 0
    $relations = [xml][System.Text.Encoding]::UTF8.GetString($entries['_rels/.rels']).TrimStart([char]0xfeff)
    foreach ($relation in $relations.Relationships.Relationship | Sort-Object -Property Type) {
        $relation.Target = $relation.Target -replace '[^/]+(?=\.psmdcp$)', 'properties'
        $relation.Id = "R$((++$number))"
    }

    $entries['_rels/.rels'] = [System.Text.Encoding]::UTF8.GetBytes($relations.OuterXml)
    $file = [System.IO.File]::Create($Path)
    $archive = [System.IO.Compression.ZipArchive]::new($file, [System.IO.Compression.ZipArchiveMode]::Create)
    try {
        foreach ($name in $entries.Keys) {
            $entry = $archive.CreateEntry($name, [System.IO.Compression.CompressionLevel]::Optimal)
            # The first that a zip can tell.
            $entry.LastWriteTime = [System.DateTimeOffset]::new(1980, 1, 1, 0, 0, 0, [timespan]::Zero)
            $stream = $entry.Open()
            $stream.Write($entries[$name], 0, $entries[$name].Length)
            $stream.Dispose()
        }
    }
    finally {
        $archive.Dispose()
        $file.Dispose()
    }
}

Set-StrictMode -Version Latest
$OutputPath = $PSCmdlet.GetUnresolvedProviderPathFromPSPath($OutputPath)
Push-Location $PSScriptRoot
try {
    switch ($Task) {
        'Build' { & dotnet build --configuration $Configuration }
        'Test' { & dotnet test --configuration $Configuration }
        'Demo' { & dotnet run --configuration $Configuration --project samples/Mapillary.Demo }
        'Lock' { & dotnet restore -p:RestoreForceEvaluate=true }
        'Program' {
            $system = & dotnet msbuild src/Mapillary.Cli -getProperty:NETCoreSdkPortableRuntimeIdentifier
            Assert-Success
            $folder = Join-Path -Path $OutputPath -ChildPath "mapillary-$system"
            # Elsewhere than what is built to be tried, and without a word of analyzers, which have theirs in every other build.
            & dotnet publish src/Mapillary.Cli -p:PublishAot=true -p:RunAnalyzers=false --artifacts-path (Join-Path -Path $OutputPath -ChildPath 'build/program') --output $folder
            Assert-Success
            Copy-Item -Path ./LICENSE, ./THIRD-PARTY-NOTICES.md -Destination $folder
            Copy-Item -Path ./licenses -Destination $folder -Recurse -Force
        }
        'Package' { Build-Package -OutputPath $OutputPath -ProjectUri $ProjectUri }
    }

    Assert-Success
}
finally {
    Pop-Location
}
