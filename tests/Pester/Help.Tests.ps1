#requires -Module @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

BeforeDiscovery {
    Import-Module "$PSScriptRoot/../../Mapillary.psd1" -Force
    $commands = Get-Command -Module Mapillary | ForEach-Object { @{ Command = $_.Name } }
    $script:topics = 'about_Mapillary', 'about_Mapillary_Errors', 'about_Mapillary_InternetArchive', 'about_Mapillary_ManyMachines', 'about_Mapillary_Metadata', 'about_Mapillary_Scheduling', 'about_Mapillary_Testing' |
        ForEach-Object { @{ Topic = $_ } }
    # All of them, or, when the tests run at hand, the first of each page.
    $script:examples = foreach ($command in $commands) {
        $page = Get-Content "$PSScriptRoot/../../docs/en-US/$($command.Command).md" -Raw
        $number = 0
        foreach ($match in [regex]::Matches($page, '(?s)### Example \d+: (?<title>[^\n]+)\n\n```powershell\n(?<code>.*?)\n```')) {
            $number++
            if ($number -gt 1 -and $env:MAPILLARY_THOROUGH -ne '1') { break }
            @{ Command = $command.Command; Number = $number; Title = $match.Groups['title'].Value; Code = $match.Groups['code'].Value }
        }
    }
}

BeforeAll {
    . "$PSScriptRoot/Emulator.ps1"
    Import-Module "$PSScriptRoot/../../Mapillary.psd1" -Force
    $script:common = [System.Management.Automation.PSCmdlet]::CommonParameters + [System.Management.Automation.PSCmdlet]::OptionalCommonParameters
}

Describe 'The help of <command>' -ForEach $commands {
    BeforeAll {
        $script:help = Get-Help $command -Full
        $script:page = Get-Content "$PSScriptRoot/../../docs/en-US/$command.md" -Raw
        $script:parameters = (Get-Command $command).Parameters.Values | Where-Object { $_.Attributes.DontShow -notcontains $true } | ForEach-Object Name | Where-Object { $_ -notin $common -or $_ -in 'WhatIf', 'Confirm' } | Sort-Object
    }

    It 'says what it does, what goes in and out, where to read on, and shows three examples' {
        $help.Synopsis | Should -Match '^[A-Z].+\.$'
        ($help.description | Out-String).Trim() | Should -Not -BeNullOrEmpty
        $help.returnValues | Should -Not -BeNullOrEmpty
        $help.relatedLinks | Should -Not -BeNullOrEmpty
        @($help.examples.example).Count | Should -BeGreaterOrEqual 3
    }

    It 'explains every parameter, and no other, on the page as in Get-Help' {
        @($help.parameters.parameter.name | Where-Object { $_ } | Sort-Object -Unique) | Should -Be $parameters
        foreach ($parameter in $help.parameters.parameter) {
            ($parameter.description | Out-String).Trim() | Should -Not -BeNullOrEmpty -Because "-$($parameter.name) is explained"
        }
    }

    It 'has the examples of its page, as they are typed' {
        $shown = Get-Help $command -Examples | Out-String -Width 1000
        foreach ($match in [regex]::Matches($page, '(?s)```powershell\n(.*?)\n```')) {
            foreach ($line in $match.Groups[1].Value -split '\n') { $shown | Should -Match ('(?m)^ *{0}\r?$' -f [regex]::Escape($line)) }
        }

        $shown | Should -Not -Match '```'
    }
}

Describe 'Get-Help -Parameter' {
    It 'shows <value> as the default of <command> -<parameter>' -ForEach @(
        @{ Command = 'Save-MapillaryImage'; Parameter = 'Quality'; Value = 'Original' }
        @{ Command = 'Save-MapillaryImage'; Parameter = 'ThrottleLimit'; Value = '64' }
        @{ Command = 'Save-MapillaryImage'; Parameter = 'Layout'; Value = 'Date' }
        @{ Command = 'Save-MapillaryImage'; Parameter = 'Destination'; Value = 'mapillary_data' }
        @{ Command = 'Save-MapillaryImage'; Parameter = 'TimeZone'; Value = 'UTC' }
        @{ Command = 'Backup-MapillaryUser'; Parameter = 'Token'; Value = '$env:MAPILLARY_TOKEN' }
        @{ Command = 'Publish-IaCollection'; Parameter = 'MaximumWait'; Value = '00:10:00' }
        @{ Command = 'ConvertTo-Webp'; Parameter = 'ThrottleLimit'; Value = 'the number of processors' }
    ) {
        Get-Help $command -Parameter $parameter | Out-String | Should -Match "(?m)^ +Default value +$([regex]::Escape($value))\r?`$"
    }
}

Describe 'The topic <topic>' -ForEach $topics {
    It 'is found, is told in a line, and fits 80 columns' {
        $text = Get-Help $topic

        $text | Should -Match "^TOPIC\r?\n    $topic\r?\n"
        (Get-Help "$topic*" | Where-Object Name -EQ $topic).Synopsis | Should -Match '^[A-Z]'
        # Code is as it is typed, and an address in one piece.
        $text -split '\r?\n' | Where-Object { $_.Length -gt 80 -and $_ -notmatch '^ {8}|^ *\S+$' } | Should -BeNullOrEmpty
        $text | Should -Not -Match '```|\]\([\w./]+\.md'
    }
}

Describe 'Examples' {
    BeforeAll {
        $script:emulator = Start-Emulator -ArgumentList '--user', 'anna', '--images', '24', '--sequences', '3', '--user', 'ben', '--images', '6', '--archived', '40'
        $script:cache = $env:XDG_CACHE_HOME
        $env:XDG_CACHE_HOME = "$TestDrive/cache"
        # What the examples' own words stand for.
        $script:access, $script:secret = $env:IA_ACCESS_KEY, $env:IA_SECRET_KEY
        $images = @(Get-MapillaryImage -User anna)
        $script:realId, $script:realSequence = $images[0].Id, $images[0].SequenceId
        $script:template = "$TestDrive/template"
        Backup-MapillaryUser anna -Destination $template/mapillary_data -IncludeArchived -NoTar | Out-Null
        $null = New-Item -ItemType Directory -Path "$template/photos", "$template/Downloads"
        [System.IO.Compression.ZipFile]::CreateFromDirectory("$template/mapillary_data/mapillary-anna-original", "$template/Downloads/mapillary-anna-original.zip")
        $images | Select-Object -First 4 | Save-MapillaryImage -Destination $TestDrive/loose -NoExif | ForEach-Object { Copy-Item $_.Path $template/photos }
        # Of three sequences there are some in each of two shards, and in all but the last of four.
        foreach ($shard in '1/2', '2/2', '1/4', '2/4', '3/4') {
            Get-MapillaryImage -User anna -Shard $shard | Save-MapillaryImage -Destination "$TestDrive/shards/$($shard.Replace('/', 'of'))" | Out-Null
        }
        Set-Content $template/users.txt '# mine', 'anna', '', 'ben'
        Set-Content $template/ids.txt ($images | Select-Object -First 3).Id
        Set-Content $template/sequences.txt $realSequence
        $west, $east = $images.Longitude | Measure-Object -Minimum -Maximum | ForEach-Object { $_.Minimum - 0.001; $_.Maximum + 0.001 }
        $south, $north = $images.Latitude | Measure-Object -Minimum -Maximum | ForEach-Object { $_.Minimum - 0.001; $_.Maximum + 0.001 }
        $polygon = @{ type = 'Polygon'; coordinates = @(, @(@($west, $south), @($east, $south), @($east, $north), @($west, $north), @($west, $south))) }
        Set-Content $template/lund.geojson, $template/village.geojson ($polygon | ConvertTo-Json -Depth 9)
    }

    AfterAll {
        $env:XDG_CACHE_HOME = $cache
        Stop-Emulator $emulator
    }

    It '<command>, example <number>: <title>' -ForEach $script:examples {
        $place = "$TestDrive/$([guid]::NewGuid())"
        Copy-Item $template $place -Recurse
        if ($code -match '\*of\d') { Copy-Item $TestDrive/shards/* $place -Recurse }
        Push-Location $place
        try {
            $ready = $code.Replace('1933525276802129', $realId).Replace('3NpXMDuHm9IZQ1vBW6q4T0', $realSequence)
            $Error.Clear()
            $result = & ([scriptblock]::Create("`$ErrorActionPreference = 'Stop'; `$access = '$access'; `$secret = '$secret'; $ready")) 3>$null 6>$null
            "$Error" | Should -BeNullOrEmpty
            # What only shows, changes nothing; what asks for what is wrong, finds nothing here.
            if ($code -notmatch '-WhatIf|Failed|IsFine|Missing|Unknown|panoramas\.gpx|Export-Csv|Convert|Set-MapillaryExif|Test-IaCollection -User \$_|IsPanorama|LengthKm|-Shard') { $result | Should -Not -BeNullOrEmpty }
        }
        finally {
            Pop-Location
            [System.IO.Directory]::Delete($place, $true)
        }
    }
}
