#requires -Module @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

BeforeAll {
    . $PSScriptRoot/Emulator.ps1
    Import-Module $PSScriptRoot/../../Mapillary.psd1 -Force
    $script:emulator = Start-Emulator -ArgumentList '--user', 'x', '--images', '60', '--sequences', '3'
    $script:images = @(Get-MapillaryImage -User x)
    $script:saved = @($images | Save-MapillaryImage -Destination $TestDrive/data)
    $script:collection = (Resolve-Path $TestDrive/data/mapillary-x-original).ProviderPath
}

AfterAll {
    Stop-Emulator $emulator
}

Describe 'Export-MapillaryMap' {
    It 'puts a page into the collection that <from> name, once, with its pictures' -ForEach @(
        @{ From = 'a path'; Make = { Export-MapillaryMap -Path "$TestDrive/data/mapillary-*" } }
        @{ From = 'a literal path'; Make = { Export-MapillaryMap -LiteralPath $collection } }
        @{ From = 'strings'; Make = { $collection | Export-MapillaryMap } }
        @{ From = 'folders'; Make = { Get-Item $collection | Export-MapillaryMap } }
        @{ From = 'listings'; Make = { Get-Item $collection/metadata.jsonl | Export-MapillaryMap } }
        @{ From = 'saved images'; Make = { $saved | Export-MapillaryMap } }
    ) {
        Remove-Item $collection/map.html -ErrorAction Ignore

        $map = & $make

        $map | Should -HaveCount 1
        $map.Path | Should -Be (Join-Path $collection map.html)
        $map.Images, $map.Sequences, $map.Pictures, $map.WithoutPosition | Should -Be 60, 3, 60, 0
        $map.Length | Should -Be (Get-Item $map.Path).Length
        ($map | Get-Item).Name | Should -Be 'map.html'
        Test-MapillaryCollection $collection -Quiet | Should -BeTrue
    }

    It 'takes images from the pipeline, from disk too, and puts the map where one is' {
        $images | Export-Clixml $TestDrive/images.xml
        Push-Location (New-Item -ItemType Directory $TestDrive/here)
        try {
            $map = Get-MapillaryImage -User x | Export-MapillaryMap
            $again = Import-Clixml $TestDrive/images.xml | Export-MapillaryMap -Destination again.html
        }
        finally {
            Pop-Location
        }

        $map.Path | Should -Be (Join-Path (Resolve-Path $TestDrive/here).ProviderPath map.html)
        $map.Images, $map.Sequences, $map.Pictures | Should -Be 60, 3, 0
        (Get-FileHash $again.Path).Hash | Should -Be (Get-FileHash $map.Path).Hash
    }

    It 'writes GeoJSON and GPX by the extension of -Destination, or as -Format says' {
        $geojson = $images | Export-MapillaryMap -Destination $TestDrive/forms/x.geojson
        $gpx = Export-MapillaryMap $collection -Destination $TestDrive/forms/x.gpx
        $named = Export-MapillaryMap $collection -Destination $TestDrive/forms -Format Gpx

        $features = (Get-Content -Raw $geojson.Path | ConvertFrom-Json).features
        @($features | Where-Object { $_.geometry.type -eq 'LineString' }).Count | Should -Be 3
        $points = @($features | Where-Object { $_.geometry.type -eq 'Point' })
        ($points.properties.id | Sort-Object) -join ' ' | Should -Be (($images.Id | Sort-Object) -join ' ')
        $one = $points | Where-Object { $_.properties.id -eq $images[0].Id }
        $one.geometry.coordinates[1] | Should -BeGreaterThan ($images[0].Latitude - 1e-7)
        $one.geometry.coordinates[1] | Should -BeLessThan ($images[0].Latitude + 1e-7)
        @(([xml](Get-Content -Raw $gpx.Path)).gpx.trk.trkseg.trkpt).Count | Should -Be 60
        $named.Format | Should -Be 'Gpx'
        (Get-FileHash $named.Path).Hash | Should -Be (Get-FileHash $gpx.Path).Hash
        Split-Path -Leaf $named.Path | Should -Be 'map.gpx'
    }

    It 'takes the position that -Geometry asks for' {
        $image = $images | Where-Object { $_.Geometry -and $_.ComputedGeometry } | Select-Object -First 1
        foreach ($source in 'Original', 'Computed') {
            $map = $image | Export-MapillaryMap -Destination "$TestDrive/geometry/$source.gpx" -Geometry $source
            $expected = if ($source -eq 'Original') { $image.Geometry } else { $image.ComputedGeometry }
            $written = [double]([xml](Get-Content -Raw $map.Path)).gpx.trk.trkseg.trkpt.lat
            [math]::Abs($written - $expected.Latitude) | Should -BeLessThan 1e-7
        }
    }

    It 'makes one map of several collections with -Destination, and one of each without' {
        Copy-Item -Recurse $collection $TestDrive/several/mapillary-x-1024 -Force
        New-Item -ItemType Directory $TestDrive/several/mapillary-y-1024 | Out-Null
        '{"id":"7","sequence":"q","geometry":{"type":"Point","coordinates":[1,2]}}' | Set-Content $TestDrive/several/mapillary-y-1024/metadata.jsonl

        (Export-MapillaryMap $TestDrive/several/* -Destination $TestDrive/one.html).Images | Should -Be 61
        (Export-MapillaryMap $TestDrive/several/*).Images | Should -Be 60, 1
    }

    It 'replaces a file, but not with -NoClobber, and a read-only one with -Force alone' {
        $file = "$TestDrive/clobber.html"
        Set-Content $file 'mine'

        $images | Export-MapillaryMap -Destination $file -NoClobber -ErrorVariable there -ErrorAction SilentlyContinue | Should -BeNullOrEmpty
        Get-Content $file | Should -Be 'mine'
        Set-ItemProperty -Path $file -Name IsReadOnly -Value $true
        $images | Export-MapillaryMap -Destination $file -ErrorVariable readonly -ErrorAction SilentlyContinue | Should -BeNullOrEmpty
        Get-Content $file | Should -Be 'mine'
        ($images | Export-MapillaryMap -Destination $file -Force).Images | Should -Be 60

        $there[0].FullyQualifiedErrorId | Should -BeLike 'FileExists,*'
        $readonly[0].FullyQualifiedErrorId | Should -BeLike 'FileReadOnly,*'
        Get-Content $file -TotalCount 1 | Should -Be '<!DOCTYPE html>'
    }

    It 'writes nothing with -WhatIf' {
        $images | Export-MapillaryMap -Destination $TestDrive/whatif/map.html -WhatIf | Should -BeNullOrEmpty
        Test-Path $TestDrive/whatif | Should -BeFalse
    }

    It 'says which images have no position, and writes no map of nothing' {
        '{"id":"1"}', '{"id":"2","geometry":{"type":"Point","coordinates":[1,2]}}' | Set-Content $TestDrive/metadata.jsonl
        $map = Export-MapillaryMap $TestDrive/metadata.jsonl -WarningVariable said -WarningAction SilentlyContinue
        $map.Images, $map.WithoutPosition | Should -Be 1, 1
        $said | Should -BeLike '1 of 2 images have no position*'

        '{"id":"1"}' | Set-Content $TestDrive/metadata.jsonl
        Export-MapillaryMap $TestDrive/metadata.jsonl -Destination $TestDrive/none.html -WarningVariable said -WarningAction SilentlyContinue | Should -BeNullOrEmpty
        $said[-1] | Should -BeLike '*was not written*'
        Test-Path $TestDrive/none.html | Should -BeFalse
    }

    It 'names what is no collection, and a file whose form it does not know' {
        New-Item -ItemType Directory $TestDrive/empty | Out-Null
        Export-MapillaryMap $TestDrive/empty, $TestDrive/nowhere -WarningAction SilentlyContinue -ErrorVariable problems -ErrorAction SilentlyContinue | Should -BeNullOrEmpty
        $problems.FullyQualifiedErrorId | Should -Contain 'CollectionMismatch,Mapillary.PowerShell.Commands.ExportMapillaryMapCommand'
        $problems.FullyQualifiedErrorId | Should -Contain 'PathNotFound,Mapillary.PowerShell.Commands.ExportMapillaryMapCommand'

        { $images | Export-MapillaryMap -Destination $TestDrive/map.kml } |
            Should -Throw -ErrorId 'MapFormatUnknown,Mapillary.PowerShell.Commands.ExportMapillaryMapCommand' -ExpectedMessage '*map.kml*'
    }

    It 'shows a map in a view of its own' {
        $text = Export-MapillaryMap $collection | Out-String -Width 200
        $text | Should -Match 'Format\s+Images\s+Sequences\s+Length\s+Name'
        $text | Should -Match 'Html\s+60\s+3\s+\d+\.\d+ KiB\s+map.html'
    }
}
