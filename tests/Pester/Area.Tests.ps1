BeforeAll {
    . "$PSScriptRoot/Emulator.ps1"
    Import-Module "$PSScriptRoot/../../Mapillary.psd1" -Force
    $script:cache = $env:XDG_CACHE_HOME
    $env:XDG_CACHE_HOME = "$TestDrive/cache"
    $script:emulator = Start-Emulator -ArgumentList '--user', 'anna', '--images', '80', '--sequences', '8', '--latency-ms', '150'
    $all = @(Get-MapillaryImage -User anna)
    $script:box = @(
        ($all.Longitude | Measure-Object -Minimum).Minimum - 0.001
        ($all.Latitude | Measure-Object -Minimum).Minimum - 0.001
        ($all.Longitude | Measure-Object -Maximum).Maximum + 0.001
        ($all.Latitude | Measure-Object -Maximum).Maximum + 0.001
    )
    $script:ids = $all.Id | Sort-Object

    function Get-TileRequest {
        Get-EmulatorRequest $emulator -Like 'Tiles *' | ForEach-Object { ($_ -split '[ ?]')[3] }
    }
}

AfterAll {
    $env:XDG_CACHE_HOME = $cache
    Stop-Emulator $emulator
}

# Where the cache is on Windows, a test cannot choose.
Describe 'A listing of an area that was killed' -Skip:$IsWindows {
    It 'goes on with the tiles that are left, and forgets them when it was whole' {
        $tiles = (Measure-MapillaryDownload -BoundingBox $box).Tiles
        $tiles | Should -BeGreaterThan 15
        $line = "Import-Module '$PSScriptRoot/../../Mapillary.psd1'; `$null = Get-MapillaryImage -BoundingBox $($box -join ',')"
        $process = Start-Process (Get-Process -Id $PID).Path -ArgumentList '-NoProfile', '-Command', $line -PassThru
        while (@(Get-ChildItem "$TestDrive/cache" -Recurse -Filter *.mvt -ErrorAction Ignore).Count -lt 5) {
            $process.HasExited | Should -BeFalse
            Start-Sleep -Milliseconds 20
        }

        $process.Kill($true)
        $process.WaitForExit()
        $asked = @(Get-TileRequest)
        $asked.Count | Should -BeLessThan $tiles
        $plan = Measure-MapillaryDownload -BoundingBox $box
        # One may have been on its way.
        $plan.Kept | Should -BeGreaterOrEqual ($asked.Count - 2)

        $found = (Get-MapillaryImage -BoundingBox $box).Id | Sort-Object

        $found | Should -Be $ids
        $goneOn = @(Get-TileRequest)[$asked.Count..1000]
        $goneOn.Count | Should -Be ($tiles - $plan.Kept)
        @($asked + $goneOn | Sort-Object -Unique).Count | Should -Be $tiles
        (Measure-MapillaryDownload -BoundingBox $box).Kept | Should -Be 0
    }
}
