#requires -Module @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }, Mapillary

BeforeAll {
    $script:saveNewPanorama = "$PSScriptRoot/Save-NewPanorama.ps1"
}

Describe 'Save-NewPanorama' {
    BeforeAll {
        # What Mapillary would list. -ParameterFilter sees what the script asked for.
        Mock Get-MapillaryImage {
            [Mapillary.Graph.MapillaryImage]@{ Id = '1'; IsPanorama = $true; Latitude = 55.7; Longitude = 13.2; CapturedAt = '2024-06-01T12:00:00Z' }
            [Mapillary.Graph.MapillaryImage]@{ Id = '2'; IsPanorama = $false; Latitude = 55.7; Longitude = 13.2; CapturedAt = '2024-06-01T12:00:02Z' }
            [Mapillary.Graph.MapillaryImage]@{ Id = '3'; IsPanorama = $true; Latitude = 55.7; Longitude = 13.2; CapturedAt = '2024-06-01T12:00:04Z' }
        }

        # What became of an image. A mock runs once for each image of the pipeline.
        Mock Save-MapillaryImage {
            foreach ($image in $InputObject) {
                [Mapillary.Collections.SavedImage]@{
                    Id = $image.Id
                    Status = if ($image.Id -eq '3') { 'Failed' } else { 'Saved' }
                    CollectionPath = "$Destination/mapillary-anna-original"
                }
            }
        }
    }

    It 'saves the panoramas and nothing else' {
        $result = & $saveNewPanorama -User anna -After 2024-06-01 -WarningAction SilentlyContinue

        $result.Saved | Should -Be 1
        Should -Invoke Save-MapillaryImage -Times 2 -Exactly
        Should -Invoke Save-MapillaryImage -Times 0 -Exactly -ParameterFilter { $InputObject.Id -eq '2' }
    }

    It 'asks for what was captured since the day that it is given' {
        $null = & $saveNewPanorama -User anna -After 2024-06-01 -WarningAction SilentlyContinue

        Should -Invoke Get-MapillaryImage -Times 1 -Exactly -ParameterFilter { $User -eq 'anna' -and $After.ToString('yyyy-MM-dd') -eq '2024-06-01' }
    }

    It 'names what failed' {
        $result = & $saveNewPanorama -User anna -After 2024-06-01 -WarningVariable warnings -WarningAction SilentlyContinue

        $result.Failed | Should -Be '3'
        $warnings | Should -BeLike '*panoramas failed: 3'
    }
}

Describe 'Save-NewPanorama with a listing of real records' {
    BeforeAll {
        # The real cmdlet, on a file: no network and no token. First, because Mock replaces it under all its names.
        $script:listed = Get-MapillaryImage -Path "$PSScriptRoot/listing.jsonl"
        Mock Get-MapillaryImage { $listed }
        Mock Save-MapillaryImage {
            $InputObject | ForEach-Object { [Mapillary.Collections.SavedImage]@{ Id = $_.Id; Status = 'Saved'; CollectionPath = $Destination } }
        }
    }

    It 'saves the panoramas' {
        (& $saveNewPanorama -User anna -After 2024-06-01).Saved | Should -Be 2
        Should -Invoke Save-MapillaryImage -Times 1 -Exactly -ParameterFilter { $InputObject.Id -eq '1933525276802131' }
    }
}
