#requires -Module @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

BeforeAll {
    . "$PSScriptRoot/Emulator.ps1"
    $script:root = Convert-Path "$PSScriptRoot/../.."
    $script:folder = Convert-Path $TestDrive
    $script:pwsh = (Get-Command pwsh -CommandType Application)[0].Source
    $script:version = (Import-PowerShellDataFile $root/Mapillary.psd1).ModuleVersion

    # Why something that a build needs cannot be had here, out of what dotnet said; anything else that ended it is a failure.
    function script:Get-Lack ([string[]] $Output) {
        $said = @($Output -match 'NU1101|NU1102|NU1301|NETSDK1094')
        if (-not $said) { throw ($Output -join "`n") }
        "what it is built with cannot be had: $($said[0].Trim())"
    }

    $output = & $pwsh -NoProfile -NonInteractive -File "$root/build.ps1" -Task Package -OutputPath "$folder/out" -ProjectUri https://example.org/mapillary 2>&1 | ForEach-Object { "$_" }
    $script:lack = if ($LASTEXITCODE) { Get-Lack $output }
    $script:module = "$folder/out/Mapillary/$version"
    $script:package = "$folder/out/Mapillary.$version.nupkg"
    $script:shipped = @(
        'CHANGELOG.md'
        'LICENSE'
        'Mapillary.psd1'
        'Mapillary.psm1'
        'THIRD-PARTY-NOTICES.md'
        'bin/Mapillary.Core.dll'
        'bin/Mapillary.Format.ps1xml'
        'bin/Mapillary.PowerShell.dll'
        'bin/Mapillary.Types.ps1xml'
        'bin/Mapillary.Types.psd1'
        'bin/NetVips.dll'
        'bin/Polly.Core.dll'
        'bin/SharpCompress.dll'
        'bin/TimeZoneConverter.dll'
        'bin/linux-x64/Mapillary.Core.dll'
        'bin/linux-x64/Mapillary.PowerShell.dll'
        'bin/linux-x64/NetVips.dll'
        'bin/linux-x64/Polly.Core.dll'
        'bin/linux-x64/SharpCompress.dll'
        'bin/linux-x64/TimeZoneConverter.dll'
        'bin/runtimes/linux-arm64/native/libvips.so.42'
        'bin/runtimes/linux-musl-arm64/native/libvips.so.42'
        'bin/runtimes/linux-musl-x64/native/libvips.so.42'
        'bin/runtimes/linux-x64/native/libvips.so.42'
        'bin/runtimes/osx-arm64/native/libvips.42.dylib'
        'bin/runtimes/osx-x64/native/libvips.42.dylib'
        'bin/runtimes/win-arm64/native/libvips-42.dll'
        'bin/runtimes/win-x64/native/libvips-42.dll'
        'bin/win-x64/Mapillary.Core.dll'
        'bin/win-x64/Mapillary.PowerShell.dll'
        'bin/win-x64/NetVips.dll'
        'bin/win-x64/Polly.Core.dll'
        'bin/win-x64/SharpCompress.dll'
        'bin/win-x64/TimeZoneConverter.dll'
        'en-US/Mapillary.PowerShell.dll-Help.xml'
        'en-US/about_Mapillary.help.txt'
        'en-US/about_Mapillary_Errors.help.txt'
        'en-US/about_Mapillary_InternetArchive.help.txt'
        'en-US/about_Mapillary_ManyMachines.help.txt'
        'en-US/about_Mapillary_Metadata.help.txt'
        'en-US/about_Mapillary_Scheduling.help.txt'
        'en-US/about_Mapillary_Testing.help.txt'
        'licenses/GPL-3.0.txt'
        'licenses/LGPL-3.0.txt'
        'samples/Backup.ps1'
        'samples/BackupTask.xml'
        'samples/cluster/kubernetes.yaml'
        'samples/cluster/remoting.ps1'
        'samples/cluster/Save-Shard.ps1'
        'samples/cluster/slurm.sh'
        'samples/Testing/Save-NewPanorama.Tests.ps1'
        'samples/Testing/Save-NewPanorama.ps1'
        'samples/Testing/listing.jsonl'
    )

    # The files below a folder, as the package names them.
    function script:Get-RelativeFile ([string] $Path) {
        Get-ChildItem -LiteralPath $Path -Recurse -File -Force | ForEach-Object { [System.IO.Path]::GetRelativePath($Path, $_.FullName).Replace('\', '/') }
    }

    # Runs commands in a PowerShell of its own, whose user has nothing installed, and returns the lines that they emit.
    function script:Invoke-Session ([string] $Command) {
        $start = [System.Diagnostics.ProcessStartInfo]::new($pwsh)
        $start.WorkingDirectory = $folder
        foreach ($argument in '-NoProfile', '-NonInteractive', '-Command', "`$ErrorActionPreference = 'Stop'`n$Command") { $start.ArgumentList.Add($argument) }
        foreach ($variable in 'PSModulePath', 'XDG_DATA_HOME', 'XDG_CONFIG_HOME', 'XDG_CACHE_HOME') { $null = $start.Environment.Remove($variable) }
        $start.Environment['HOME'] = "$folder/home"
        $start.Environment['NO_COLOR'] = '1'
        $start.RedirectStandardOutput = $true
        $start.RedirectStandardError = $true
        $process = [System.Diagnostics.Process]::Start($start)
        $problem = $process.StandardError.ReadToEndAsync()
        $said = $process.StandardOutput.ReadToEnd()
        $process.WaitForExit()
        if ($process.ExitCode -or $problem.Result) { throw "$said$($problem.Result)" }
        $said.Trim() -split '\r?\n'
    }

    $script:emulator = Start-Emulator
}

AfterAll {
    Stop-Emulator $emulator
}

Describe 'The package' {
    BeforeEach {
        if ($lack) { Set-ItResult -Skipped -Because $lack }
    }

    It 'holds what the module needs, and nothing else' {
        Get-RelativeFile $module | Sort-Object -CaseSensitive | Should -Be ($shipped | Sort-Object -CaseSensitive)

        $archive = [System.IO.Compression.ZipFile]::OpenRead($package)
        $names = $archive.Entries.FullName
        $archive.Dispose()
        # The others are those of any package, which an installation leaves out.
        $names | Where-Object { $_ -notin '_rels/.rels', '[Content_Types].xml', 'Mapillary.nuspec' -and $_ -notlike 'package/services/metadata/core-properties/*.psmdcp' } |
            Sort-Object -CaseSensitive | Should -Be ($shipped | Sort-Object -CaseSensitive)
    }

    It 'says nothing of the machine that made it' {
        $names = [System.Text.Encoding]::UTF8.GetBytes($root), [System.Text.Encoding]::UTF8.GetBytes($folder) | ForEach-Object { [System.Text.Encoding]::Latin1.GetString($_) }
        $telling = foreach ($file in Get-ChildItem $module -Recurse -File) {
            $content = [System.IO.File]::ReadAllText($file.FullName, [System.Text.Encoding]::Latin1)
            if ($names | Where-Object { $content.Contains($_) }) { $file.Name }
        }

        $telling | Should -BeNullOrEmpty
    }

    It 'points to no file that it lacks' {
        $sources = @('README.md', 'SECURITY.md') + 'docs/', 'src/', 'tests/', 'tools/', 'samples/', 'bench/'
        $named = foreach ($file in Get-ChildItem $module/en-US, $module/samples, $module/CHANGELOG.md -Recurse -File) {
            $text = [System.IO.File]::ReadAllText($file.FullName) -replace 'https://[^\s<]+'
            # Paths of the sources, and files as only sources are named.
            [regex]::Matches($text, "(?<![\w./])($($sources -join '|'))[\w./-]*|[\w.-]+\.(md|ps1|psm1|psd1|cs|csproj)\b") | ForEach-Object { $_.Value.TrimEnd('.') }
        }

        $named | Should -Contain 'samples/Backup.ps1'
        $leaves = $shipped | Split-Path -Leaf
        # What the page on testing takes from a clone of the sources, as it says; and scripts of the reader's own.
        $lacking = $named | Sort-Object -Unique | Where-Object { $_ -notin $shipped -and $_ -notin $leaves -and $_ -notin 'tests/Mapillary.Emulator', 'x.ps1', 'Token.ps1' }
        $lacking | Where-Object { -not ($shipped -like "$_/*") } | Should -BeNullOrEmpty
    }

    It 'is the same to the byte from another folder, at another time' {
        $other = "$folder/other place/sources"
        $null = New-Item -ItemType Directory -Path $other
        Get-ChildItem -LiteralPath $root -File -Force | Where-Object Name -NE '.git' | Copy-Item -Destination $other
        Copy-Item -LiteralPath "$root/docs", "$root/licenses" -Destination $other -Recurse
        foreach ($file in Get-ChildItem -LiteralPath "$root/src", "$root/samples", "$root/tools" -Recurse -File | Where-Object FullName -NotMatch '[\\/](bin|obj)[\\/]') {
            $copy = Join-Path $other ([System.IO.Path]::GetRelativePath($root, $file.FullName))
            $null = New-Item -ItemType Directory -Force -Path (Split-Path $copy)
            Copy-Item -LiteralPath $file.FullName -Destination $copy
            (Get-Item -LiteralPath $copy).LastWriteTimeUtc = '2001-02-03T04:05:06Z'
        }

        $output = & $pwsh -NoProfile -NonInteractive -File $other/build.ps1 -Task Package -ProjectUri https://example.org/mapillary 2>&1 | ForEach-Object { "$_" }
        if ($LASTEXITCODE) { throw ($output -join "`n") }
        $again = "$other/out/Mapillary/$version"

        foreach ($file in $shipped) {
            (Get-FileHash -LiteralPath "$again/$file").Hash | Should -Be (Get-FileHash -LiteralPath "$module/$file").Hash -Because $file
        }

        (Get-FileHash -LiteralPath "$other/out/Mapillary.$version.nupkg").Hash | Should -Be (Get-FileHash -LiteralPath $package).Hash
    }

    It 'has a manifest that PowerShell finds no fault with, in the folder of its version' {
        $manifest = Test-ModuleManifest $module/Mapillary.psd1 -ErrorVariable faults -WarningVariable warnings

        $faults | Should -BeNullOrEmpty
        $warnings | Should -BeNullOrEmpty
        "$($manifest.Version)" | Should -Be (Split-Path $module -Leaf)
        $manifest.ExportedCmdlets.Count | Should -BeGreaterThan 10
    }

    It 'is described as its manifest says' {
        $archive = [System.IO.Compression.ZipFile]::OpenRead($package)
        $reader = [System.IO.StreamReader]::new($archive.GetEntry('Mapillary.nuspec').Open())
        $metadata = ([xml]$reader.ReadToEnd()).package.metadata
        $archive.Dispose()

        $manifest = Import-PowerShellDataFile $root/Mapillary.psd1
        $metadata.id | Should -BeExactly 'Mapillary'
        $metadata.version | Should -Be $version
        $metadata.authors | Should -Be $manifest.Author
        $metadata.description | Should -Be $manifest.Description
        $metadata.copyright | Should -Be $manifest.Copyright
        $metadata.projectUrl | Should -Be 'https://example.org/mapillary'
        $metadata.licenseUrl | Should -Be $manifest.PrivateData.PSData.LicenseUri
        $metadata.releaseNotes | Should -Be $manifest.PrivateData.PSData.ReleaseNotes
        -split $metadata.tags | Should -Be (@('PSModule') + $manifest.PrivateData.PSData.Tags)
    }

    It 'opens the help of a cmdlet where the project is, at the tag of this version' {
        if (-not $IsLinux) { Set-ItResult -Skipped -Because 'only on Linux can what opens a page be replaced for one session' }

        # In place of a browser.
        $null = New-Item -ItemType Directory -Path $folder/browser
        Set-Content $folder/browser/xdg-open "#!/bin/sh`nprintf '%s' `"`$1`" > '$folder/browser/opened.part' && mv '$folder/browser/opened.part' '$folder/browser/opened'"
        chmod +x $folder/browser/xdg-open

        Invoke-Session @"
            `$env:PATH = "$folder/browser:`$env:PATH"
            Import-Module '$module/Mapillary.psd1'
            Get-Help Save-MapillaryImage -Online
            for (`$i = 0; `$i -lt 300 -and -not (Test-Path '$folder/browser/opened'); `$i++) { Start-Sleep -Milliseconds 100 }
            Get-Content '$folder/browser/opened'
            (Get-Module Mapillary).ProjectUri.OriginalString
"@ | Should -Be "https://example.org/mapillary/blob/v$version/docs/en-US/Save-MapillaryImage.md", 'https://example.org/mapillary'
        "$root/docs/en-US/Save-MapillaryImage.md" | Should -Exist
    }

    It 'is the same to runspaces that import it at the same moment' {
        Invoke-Session @"
            `$start = [System.Threading.Barrier]::new(8)
            `$counts = 1..8 | ForEach-Object -ThrottleLimit 8 -Parallel {
                (`$using:start).SignalAndWait()
                Import-Module '$module/Mapillary.psd1'
                @(Get-MapillaryImage -User x).Count
            }
            `$counts -join ' '
            @([System.Runtime.Loader.AssemblyLoadContext]::All | Where-Object Name -Like 'Mapillary *').Count
"@ | Should -Be '60 60 60 60 60 60 60 60', '1'
    }
}

Describe 'An installed package' {
    BeforeAll {
        $script:whyNot = $lack
        # Where the three systems keep what is the user's; PSResourceGet takes the current folder where it is missing.
        $null = New-Item -ItemType Directory -Path $folder/home/.local/share, "$folder/home/Library/Application Support", $folder/repository
        if ($IsWindows) { $script:whyNot = 'on Windows Install-PSResource has no other place than the Documents of whoever runs this' }
        elseif (-not $lack -and (Invoke-Session '(Get-Command Install-PSResource -ErrorAction Ignore).Name') -ne 'Install-PSResource') { $script:whyNot = 'Microsoft.PowerShell.PSResourceGet is not installed' }
        if ($whyNot) { return }

        Copy-Item $package $folder/repository
        $script:installed = Invoke-Session @"
            Register-PSResourceRepository -Name Local -Uri '$folder/repository' -Trusted
            (Find-PSResource Mapillary -Repository Local | ForEach-Object { `$_.Name, `$_.Version, `$_.Author, `$_.LicenseUri }) -join '|'
            Install-PSResource Mapillary -Repository Local
            (Get-InstalledPSResource Mapillary | ForEach-Object { `$_.Name, `$_.Version, `$_.Repository }) -join '|'
"@
    }

    BeforeEach {
        if ($whyNot) { Set-ItResult -Skipped -Because $whyNot }
    }

    It 'was found by Find-PSResource and taken by Install-PSResource, whole' {
        $installed[0] | Should -BeExactly "Mapillary|$version|The Mapillary for PowerShell authors|https://opensource.org/license/mit"
        $installed[1] | Should -BeExactly "Mapillary|$version|Local"
        # That one file is PSResourceGet's own note of where it has it from.
        Get-RelativeFile "$folder/home/.local/share/powershell/Modules/Mapillary/$version" | Sort-Object -CaseSensitive |
            Should -Be ($shipped + 'PSGetModuleInfo.xml' | Sort-Object -CaseSensitive)
    }

    It 'loads by the name of a command, twice, saves photos, and has help' {
        $lines = Invoke-Session @"
            (Get-MapillaryImage -User x | Select-Object -First 3 | Save-MapillaryImage -Webp -Destination installed).Status -join ' '
            (Get-Command Save-MapillaryImage).Module.ModuleBase
            (Get-Command Save-MapillaryImage).DLL
            Import-Module Mapillary -Force
            @(Get-MapillaryImage -User x | Select-Object -First 4 | Save-MapillaryImage -Webp -Destination installed | Get-Item).Count
            (Get-Help Save-MapillaryImage).Synopsis
            @((Get-Help Save-MapillaryImage -Examples).examples.example).Count -ge 3
            (Get-Help about_Mapillary) -match 'Mapillary' -as [bool]
"@
        $base = "$folder/home/.local/share/powershell/Modules/Mapillary/$version"
        $compiled = $PSVersionTable.PSVersion -ge '7.6' -and [System.Runtime.InteropServices.RuntimeInformation]::RuntimeIdentifier -eq 'linux-x64'
        $lines | Should -Be @(
            'Saved Saved Saved'
            $base
            $(if ($compiled) { "$base/bin/linux-x64/Mapillary.PowerShell.dll" } else { "$base/bin/Mapillary.PowerShell.dll" })
            '4'
            'Downloads images in parallel, and restores their metadata.'
            'True'
            'True'
        )
        @(Get-ChildItem $folder/installed -Recurse -Filter *.webp).Count | Should -Be 4
    }

    It 'tells a session that has the same version from elsewhere to start anew, instead of mixing the two' {
        $lines = Invoke-Session @"
            Import-Module Mapillary
            try { Import-Module '$module/Mapillary.psd1' } catch { `$_.Exception.Message }
            @(Get-MapillaryImage -User x | Select-Object -First 2).Count
"@
        $lines[0] | Should -BeLike "This session has the same version of the module from '*home*'. Import it from '$module' in a new session."
        $lines[1] | Should -Be 2
    }

    It 'is updated under running sessions: they go on with the old one, -Force brings them the new one, and a new session has it' {
        # The next version, in a repository as a release puts it there.
        $output = dotnet publish $root/src/Mapillary.PowerShell --configuration Release -p:VersionPrefix=99.0.0 -p:RunAnalyzers=false --artifacts-path $folder/out/build/any --output $folder/next/assemblies 2>&1
        $LASTEXITCODE | Should -Be 0 -Because "$output"
        Copy-Item $module $folder/next/Mapillary -Recurse
        Remove-Item $folder/next/Mapillary/bin/*-x64 -Recurse
        Copy-Item $folder/next/assemblies/Mapillary.*.dll $folder/next/Mapillary/bin -Force
        $manifest = Get-Content $folder/next/Mapillary/Mapillary.psd1 -Raw
        Set-Content $folder/next/Mapillary/Mapillary.psd1 ($manifest -replace "(?m)^(\s*ModuleVersion\s*=).*", "`$1 '99.0.0'")

        $lines = Invoke-Session @"
            Import-Module Mapillary
            `$images = Get-MapillaryImage -User x
            (`$images | Select-Object -First 2 | Save-MapillaryImage -Destination updated -Webp).Status -join ' '

            & '$pwsh' -NoProfile -NonInteractive -Command {
                Import-Module Mapillary
                Publish-PSResource -Path '$folder/next/Mapillary' -Repository Local
                Update-PSResource Mapillary -Repository Local
                'another: ' + @(Get-MapillaryImage -User x).Count + ' by ' + (Get-Module Mapillary).Version
            }

            (`$images | Select-Object -First 3 | Save-MapillaryImage -Destination updated -Webp).Status -join ' '
            (Get-Command Save-MapillaryImage).Version.ToString()

            Import-Module Mapillary -Force
            (Get-Module Mapillary).Version -join ' '
            (Get-Command Save-MapillaryImage).DLL
            (`$images | Select-Object -First 4 | Save-MapillaryImage -Destination updated -Webp).Status -join ' '
            `$saved = Get-MapillaryImage -User x | Select-Object -First 5 | Save-MapillaryImage -Destination updated -Webp
            `$saved.Status -join ' '
            @(`$saved | Get-Item).Count
            (`$saved | Out-String).Trim() -replace '(?s):.*'

            Remove-Module Mapillary
            @(Get-Module | Where-Object Name -Like 'Mapillary*').Count
            (Get-MapillaryImage -User x | Select-Object -First 6 | Save-MapillaryImage -Destination updated -Webp).Status -join ' '
"@
        $lines | Should -Be @(
            'Saved Saved'
            "another: 60 by $version"
            'Present Present Saved'
            $version
            '99.0.0'
            "$folder/home/.local/share/powershell/Modules/Mapillary/99.0.0/bin/Mapillary.PowerShell.dll"
            'Present Present Present Saved'
            'Present Present Present Present Saved'
            '5'
            'CollectionPath'
            '0'
            'Present Present Present Present Present Saved'
        )
        Invoke-Session 'Import-Module Mapillary; (Get-Module Mapillary).Version.ToString(); @(Get-MapillaryImage -User x).Count' | Should -Be '99.0.0', '60'
    }
}

Describe 'The scripts' {
    It 'give PSScriptAnalyzer nothing to say' {
        if (-not (Get-Module PSScriptAnalyzer -ListAvailable)) { Set-ItResult -Skipped -Because 'PSScriptAnalyzer is not installed' }

        $scripts = Get-ChildItem $root -Recurse -Include *.ps1, *.psm1, *.psd1 | Where-Object { [System.IO.Path]::GetRelativePath($root, $_.FullName) -notmatch '(^|[\\/])(bin|obj|out)[\\/]' }
        $scripts.Name | Should -Contain 'build.ps1'
        $scripts | ForEach-Object { Invoke-ScriptAnalyzer -Path $_.FullName } | ForEach-Object { "$($_.ScriptName):$($_.Line): $($_.RuleName): $($_.Message)" } | Should -BeNullOrEmpty
    }
}
