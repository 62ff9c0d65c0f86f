#requires -Module @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

BeforeAll {
    . "$PSScriptRoot/Emulator.ps1"
    $script:module = "$PSScriptRoot/../../Mapillary.psd1"
    Import-Module $module -Force
    $script:emulator = Start-Emulator -ArgumentList '--user', 'anna', '--images', '60', '--sequences', '12'
}

AfterAll {
    Stop-Emulator $emulator
}

BeforeDiscovery {
    # An sshd insists on being called by its whole path, and is not on the path of everybody.
    $script:sshd = @((Get-Command sshd -CommandType Application -ErrorAction Ignore | Select-Object -First 1).Source; '/usr/sbin/sshd') | Where-Object { $_ -and (Test-Path $_) } | Select-Object -First 1
    $script:whyNot = if ($IsWindows) { 'the server is set up as on Linux and macOS' }
    elseif (-not $sshd) { 'sshd is not installed' }
    elseif (-not (Get-Command ssh, ssh-keygen -CommandType Application -ErrorAction Ignore)) { 'ssh is not installed' }
}

Describe 'A list in a file' {
    It 'is filtered by time and saved by another process' {
        $images = @(Get-MapillaryImage -User anna | Select-Object -First 7)
        $images | Export-Clixml $TestDrive/list.xml
        $middle = @($images | Sort-Object CapturedAt)[3].CapturedAt

        $counts = pwsh -NoProfile -NonInteractive -Command @"
            Import-Module '$module'
            `$images = Import-Clixml '$TestDrive/list.xml'
            `$images[0].CapturedAt.ToString('o')
            @(`$images | Where-Object CapturedAt -GT '$($middle.ToString('o'))' | Save-MapillaryImage -Destination '$TestDrive/file' -Quality 256 | Where-Object Status -EQ Saved).Count
            @(Save-MapillaryImage -InputObject `$images -Destination '$TestDrive/file' -Quality 256 | Where-Object Status -EQ Present).Count
"@

        $counts | Should -Be $images[0].CapturedAt.ToString('o'), '3', '3'
    }
}

Describe 'PowerShell remoting over SSH' -ForEach @(@{ Sshd = $sshd; WhyNot = $whyNot }) {
    BeforeAll {
        if ($whyNot) { return }

        # The other machines are this one, thrice. They have the module installed, and know where the emulator is.
        $script:place = "$TestDrive/ssh"
        $null = New-Item -ItemType Directory -Path $place, "$place/modules", "$place/bin"
        $null = New-Item -ItemType SymbolicLink -Path "$place/modules/Mapillary" -Target (Resolve-Path "$PSScriptRoot/../..").ProviderPath
        foreach ($key in 'host', 'user') { ssh-keygen -q -t ed25519 -N '' -f "$place/$key" }
        Copy-Item "$place/user.pub" "$place/authorized"
        chmod 600 "$place/authorized"
        # Wanted when it is root who starts it.
        if ((id -u) -eq 0) { $null = New-Item -ItemType Directory -Path /run/sshd -Force }

        $listener = [System.Net.Sockets.TcpListener]::new([System.Net.IPAddress]::Loopback, 0)
        $listener.Start()
        $port = $listener.LocalEndpoint.Port
        $listener.Stop()
        Set-Content "$place/sshd_config" @"
Port $port
ListenAddress 127.0.0.1
HostKey $place/host
AuthorizedKeysFile $place/authorized
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin prohibit-password
PidFile none
SetEnv PSModulePath=$place/modules MAPILLARY_GRAPH_API_ENDPOINT=$env:MAPILLARY_GRAPH_API_ENDPOINT LANG=en_US.UTF-8 NO_COLOR=1
Subsystem powershell $((Get-Process -Id $PID).Path) -sshs -NoLogo
"@
        Set-Content "$place/ssh_config" @"
Host photo1 photo2 photo3
    HostName 127.0.0.1
    Port $port
    IdentityFile $place/user
    IdentitiesOnly yes
    BatchMode yes
    StrictHostKeyChecking no
    UserKnownHostsFile $place/known
    LogLevel ERROR
"@
        # Remoting calls ssh by its name, and ssh reads the configuration of the account, whatever $HOME says.
        Set-Content "$place/bin/ssh" "#!/bin/sh", "exec '$((Get-Command ssh -CommandType Application)[0].Source)' -F '$place/ssh_config' `"`$@`""
        chmod +x "$place/bin/ssh"
        $script:path = $env:PATH
        $env:PATH = "$place/bin:$path"

        $start = [System.Diagnostics.ProcessStartInfo]::new($sshd)
        foreach ($argument in '-D', '-e', '-f', "$place/sshd_config") { $start.ArgumentList.Add($argument) }
        $start.RedirectStandardError = $true
        $script:server = [System.Diagnostics.Process]::Start($start)
        $said = while ($null -ne ($line = $server.StandardError.ReadLine())) {
            $line
            if ($line -match 'Server listening') { break }
        }
        # What it says further must not fill the pipe.
        $script:rest = $server.StandardError.ReadToEndAsync()
        if ("$said" -notmatch 'Server listening') { $script:refused = "sshd does not start here: $said" }
        else {
            ssh photo1 exit
            if ($LASTEXITCODE -ne 0) { $script:refused = 'this account may not log in by SSH' }
        }
    }

    AfterAll {
        if ($whyNot) { return }

        Get-PSSession | Remove-PSSession
        $env:PATH = $path
        $server.Kill()
        $server.WaitForExit()
    }

    BeforeEach {
        if ($whyNot ?? $refused) { Set-ItResult -Skipped -Because ($whyNot ?? $refused) }
    }

    It 'takes the images that another machine has listed' {
        $session = New-PSSession -HostName photo1
        $images = Invoke-Command -Session $session { Get-MapillaryImage -User anna -Token $using:env:MAPILLARY_TOKEN }

        $images[0].PSObject.TypeNames | Should -Contain 'Deserialized.Mapillary.Graph.MapillaryImage'
        $images[0].PSComputerName | Should -Be 'photo1'
        $saved = @($images | Save-MapillaryImage -Destination $TestDrive/here)
        $saved.Count | Should -Be 60
        $saved.Status | Sort-Object -Unique | Should -Be 'Saved'
        @($images | Export-MapillaryMap -Destination $TestDrive/here/map.geojson).Images | Should -Be 60
    }

    It 'spreads an account over three machines by samples/cluster/remoting.ps1' {
        $ended = @(& "$PSScriptRoot/../../samples/cluster/remoting.ps1" -User anna -HostName photo1, photo2, photo3 -Destination "$TestDrive/archive" -ArgumentList '-MinimumFreeSpace', '1')

        $LASTEXITCODE | Should -Be 0 -Because ($ended.Log -join "`n")
        $ended.Shard | Should -Be '1/3', '2/3', '3/3'
        $ended.ExitCode | Should -Be 0, 0, 0
        $ended.PSComputerName | Should -Be 'photo1', 'photo2', 'photo3'
        @(Get-ChildItem $TestDrive/archive -Recurse -Filter *.jpg -File).Count | Should -Be 60
        @(Test-MapillaryCollection "$TestDrive/archive/*/mapillary-anna-original" | Where-Object { $_.IsIntact -and $_.ListedToEnd }).Shard | Should -Be '1/3', '2/3', '3/3'
    }

    It 'says of a refused token what Save-Shard.ps1 says' {
        $token = $env:MAPILLARY_TOKEN
        $env:MAPILLARY_TOKEN = 'MLY|1|0123456789abcdef0123456789abcdef'
        try {
            $ended = @(& "$PSScriptRoot/../../samples/cluster/remoting.ps1" -User anna -HostName photo1 -Destination "$TestDrive/refused")
        }
        finally {
            $env:MAPILLARY_TOKEN = $token
        }

        $LASTEXITCODE, $ended.ExitCode | Should -Be 3, 3 -Because ($ended.Log -join "`n")
    }
}
