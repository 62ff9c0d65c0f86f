#requires -Module @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

BeforeDiscovery {
    Import-Module "$PSScriptRoot/../../Mapillary.psd1" -Force

    # The types behind what cmdlets say that they write.
    $seen = [System.Collections.Generic.HashSet[type]]::new()
    $open = [System.Collections.Generic.Queue[type]]::new()
    foreach ($type in @(Get-Command -Module Mapillary).OutputType.Type | Where-Object FullName -Like 'Mapillary.*') { $open.Enqueue($type) }
    while ($open.Count -gt 0) {
        $type = $open.Dequeue()
        foreach ($argument in $type.GetGenericArguments()) { $open.Enqueue($argument) }
        if ($type.FullName -like 'Mapillary.*' -and -not $type.IsEnum -and $seen.Add($type)) {
            foreach ($property in $type.GetProperties()) { $open.Enqueue($property.PropertyType) }
        }
    }

    $script:typeCases = $seen | Sort-Object FullName | ForEach-Object { @{ Name = $_.Name; Type = $_ } }
}

BeforeAll {
    . "$PSScriptRoot/Emulator.ps1"
    Import-Module "$PSScriptRoot/../../Mapillary.psd1" -Force
    $script:rendering = $PSStyle.OutputRendering
    # As on a terminal: nothing is taken out on the way.
    $PSStyle.OutputRendering = 'Ansi'
    $script:folder = Convert-Path $TestDrive
    $script:hostile = "x`e[2J`e]0;title`a$([char]0x9b)31m$([char]0x202e)gnp`r`nForged: line$([char]0x2028)end"

    # What would steer a terminal, once our own colours are taken out.
    function script:Get-Control ([string] $Text) {
        [regex]::Matches(($Text -replace "`e\[[0-9;]*m"), '[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]') | ForEach-Object { '{0:x4}' -f [int]$_.Value[0] }
    }

    # Names that try to run something where they are completed or pasted: each quote with each way to begin a command.
    $quotes = "'", '"', '`', [char]0x2018, [char]0x2019, [char]0x201a, [char]0x201b, [char]0x201c, [char]0x201d, [char]0x201e, "''", "'$([char]0x2019)"
    $separators = ';', '|', '&', ')', "`n", "`r", '$(', [char]3, [char]0x2028, '#'
    $script:names = @(
        foreach ($quote in $quotes) {
            foreach ($separator in $separators) { "x$quote${separator}New-Item pwned$separator$quote" }
        }

        '$(New-Item pwned)', '@(New-Item pwned)', '{New-Item pwned}', '`', '-Force', "$([char]0x2013)Force", '--%', '1e3', '$x', "x`e[2J", "x`0y", 'a b'
    )

    # The words that a command was given in a real bash; null where bash takes it for no command. What it ran besides leaves a file in the folder.
    function script:Invoke-Bash ([string] $Command, [string] $Name) {
        $null = New-Item -ItemType Directory -Force -Path "$folder/bash"
        [System.IO.File]::WriteAllText("$folder/bash/script", "$Name() { printf '%s\n' `"`$@`"; }`nNew-Item() { touch pwned; }`neval `"`$1`"")
        Push-Location "$folder/bash"
        try { & bash --norc ./script $Command 2>$null } finally { Pop-Location }
        Get-ChildItem -LiteralPath "$folder/bash" -Exclude script | Should -BeNullOrEmpty
    }

    $script:emulator = Start-Emulator -ArgumentList '--user', 'x', '--images', '12', '--sequences', '2'
}

AfterAll {
    $PSStyle.OutputRendering = $rendering
    Stop-Emulator $emulator
}

Describe 'The completion of a name out of a collection' {
    It 'is that name again, and runs nothing, whatever a collection.json says' {
        $number = 0
        foreach ($name in $names) {
            $null = New-Item -ItemType Directory -Path "$folder/complete/mapillary-u$((++$number))-256"
            @{ version = 1; user = $name; quality = '256' } | ConvertTo-Json | Set-Content "$folder/complete/mapillary-u$number-256/collection.json"
        }

        function Get-Word ([string[]] $User) { $User }
        Push-Location "$folder/complete"
        try {
            $found = (TabExpansion2 -inputScript 'Get-MapillaryImage -User ' -cursorColumn 25).CompletionMatches
            $words = foreach ($match in $found) {
                Get-Control ($match.CompletionText + $match.ListItemText + $match.ToolTip) | Should -BeNullOrEmpty
                . ([scriptblock]::Create("Get-Word -User $($match.CompletionText)"))
            }

            Get-ChildItem -Recurse -Filter pwned | Should -BeNullOrEmpty
        }
        finally {
            Pop-Location
        }

        $words | Sort-Object -CaseSensitive -Culture '' | Should -BeExactly ($names | Sort-Object -CaseSensitive -Culture '')
    }
}

Describe 'The command to go on with' -Skip:$IsWindows {
    # As escapes: what a test is given stands in the results, which take no control characters.
    It 'goes on in a folder of any name, and runs nothing else, in PowerShell and in bash: <text>' -ForEach @(
        @{ Text = "a'; New-Item pwned; '" }
        @{ Text = 'b\u2019; New-Item pwned; \u2018' }
        @{ Text = 'c\$\(New-Item pwned\)`New-Item pwned`\[x\]' }
        @{ Text = 'd\x03\nNew-Item pwned\n\e[2J' }
    ) {
        $place = [System.IO.Path]::Combine($folder, 'next', [regex]::Unescape($text))
        $first = @(Backup-MapillaryUser x -Destination $place -Quality 256 -IncludeArchived -MaximumImages 7 -WarningVariable warnings -WarningAction SilentlyContinue)
        $go = "$(@($warnings) -match ' Next: ')" -replace '^x: Next: '
        Push-Location "$folder/next"
        try {
            Get-Control "$warnings" | Should -BeNullOrEmpty
            $second = @(. ([scriptblock]::Create("$go -InformationVariable said")))
            $publish = "$($said -match ' Next: ')" -replace '^x: Next: '
            $upload = . ([scriptblock]::Create($publish)) *>&1
            Get-ChildItem -Recurse -Filter pwned | Should -BeNullOrEmpty
        }
        finally {
            Pop-Location
        }

        $first[0].Status | Should -Be 'Stopped'
        $second[0].Status | Should -Be 'Complete'
        $second[0].Ledger.Present | Should -Be 7
        $second[0].CollectionPath | Should -BeExactly ([System.IO.Path]::Combine($place, 'mapillary-x-256'))
        $publish | Should -BeLike 'Publish-IaCollection -LiteralPath * -WhatIf'
        @($upload | Where-Object { $_ -is [System.Management.Automation.ErrorRecord] }) | Should -BeNullOrEmpty
        $null = Invoke-Bash $go 'Backup-MapillaryUser'
        $null = Invoke-Bash $publish 'Publish-IaCollection'
    }
}

Describe 'What is shown of <name>' -ForEach $typeCases {
    It 'steers no terminal and has no line that its values made' {
        function Get-Shown ([string] $Value) {
            $members = [ordered]@{}
            foreach ($property in $type.GetProperties()) {
                $isList = $property.PropertyType -ne [string] -and $property.PropertyType.IsAssignableTo([System.Collections.IEnumerable])
                $members[$property.Name] = $isList ? @($Value, $Value) : $property.PropertyType.IsValueType ? $null : $Value
            }

            $object = [pscustomobject]$members
            $object.PSTypeNames.Insert(0, "Deserialized.$($type.FullName)")
            $object | Add-Member -MemberType ScriptMethod -Name ToString -Force -Value { "x`e[2J" }
            $object | Out-String -Width 400
            $object | Format-Table | Out-String -Width 400
            # Where there is no list of ours, it is one of PowerShell's own.
            if ($hasList) { $object | Format-List | Out-String -Width 400 }
        }

        $hasList = (Get-FormatData -TypeName $type.FullName).FormatViewDefinition.Control.GetType().Name -contains 'ListControl'

        $shown = Get-Shown $hostile
        Get-Control $shown | Should -BeNullOrEmpty
        # As many lines as a harmless value of the same length has.
        $harmless = $hostile -replace "`r`n|$([char]0x2028)", ' ' -replace '[^ -~]', 'x'
        @($shown -split '\r?\n').Count | Should -Be @((Get-Shown $harmless) -split '\r?\n').Count
    }
}

Describe 'What the streams say of names' {
    It 'in a warning, a verbose line and an error is one line that steers no terminal; the objects keep what they hold' {
        $records = @(Get-MapillaryImage -User $hostile -Verbose *>&1)
        $records += @(Get-MapillaryImage -SequenceId $hostile -Verbose *>&1)
        $records += @(Test-MapillaryCollection -LiteralPath "$folder/$hostile" *>&1)

        @($records | Where-Object { $_ -is [System.Management.Automation.WarningRecord] }).Count | Should -BeGreaterThan 1
        $lines = $records | Where-Object { $_ -is [System.Management.Automation.WarningRecord] -or $_ -is [System.Management.Automation.VerboseRecord] } | ForEach-Object Message
        foreach ($line in $lines) {
            Get-Control $line | Should -BeNullOrEmpty
            $line | Should -Not -Match '\n'
        }

        $problem = @($records | Where-Object { $_ -is [System.Management.Automation.ErrorRecord] })[0]
        Get-Control ($problem | Out-String -Width 1000) | Should -BeNullOrEmpty
        "$problem" | Should -Not -Match '\n'
        foreach ($view in 'NormalView', 'CategoryView') {
            Get-Control (& { $ErrorView = $view; $problem | Out-String -Width 1000 }) | Should -BeNullOrEmpty -Because $view
        }

        $problem.TargetObject | Should -BeExactly "$folder/$hostile"
        $problem.Exception.Message | Should -BeLike '*Forged*'
    }

    It 'in a plan and in the lines of progress too' {
        $shell = [powershell]::Create()
        try {
            $null = $shell.AddScript('param($module, $user, $folder) Import-Module $module; Backup-MapillaryUser x -Destination "$folder/$user" -Quality 256 -WhatIf; Test-MapillaryCollection -Path $folder/none -ErrorAction Ignore; Get-MapillaryImage -User x | Save-MapillaryImage -Destination "$folder/$user" -Quality 256; Backup-MapillaryUser x -Destination "$folder/$user" -Quality 256 -IncludeArchived').
            AddArgument("$PSScriptRoot/../../Mapillary.psd1").AddArgument($hostile).AddArgument($folder).Invoke()
            $said = @($shell.Streams.Progress | ForEach-Object { $_.Activity; $_.StatusDescription; $_.CurrentOperation }) + @($shell.Streams.Warning.Message) + @($shell.Streams.Information | ForEach-Object { "$_" })
        }
        finally {
            $shell.Dispose()
        }

        $said.Count | Should -BeGreaterThan 3
        foreach ($line in $said) { Get-Control $line | Should -BeNullOrEmpty }
    }

    It 'in what -WhatIf tells' {
        $command = "`$ErrorActionPreference = 'Stop'; Import-Module '$PSScriptRoot/../../Mapillary.psd1'; `$place = [regex]::Unescape('$([regex]::Escape("$folder/$hostile"))')
            Backup-MapillaryUser x -Destination `$place -Quality 256 -WhatIf; Get-MapillaryImage -User x | Save-MapillaryImage -Destination `$place -Quality 256 -WhatIf"
        $said = (& pwsh -NoProfile -NonInteractive -Command $command) -join "`n"

        [regex]::Matches($said, 'What if: ').Count | Should -Be 2 -Because $said
        Get-Control $said | Should -BeNullOrEmpty
        $said | Should -Not -Match '(?m)^Forged'
    }

    It 'in an error of a parameter' {
        $problem = $null
        try { Get-MapillaryImage -Id $hostile -ErrorAction Stop } catch { $problem = $_ }

        "$problem" | Should -BeLike '*is no image id*'
        Get-Control "$problem" | Should -BeNullOrEmpty
    }
}
