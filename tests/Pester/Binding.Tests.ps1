#requires -Module @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

BeforeAll {
    . "$PSScriptRoot/Emulator.ps1"
    Import-Module "$PSScriptRoot/../../Mapillary.psd1" -Force
    $script:emulator = Start-Emulator -ArgumentList '--user', 'x', '--images', '24', '--sequences', '4'
    $script:images = @(Get-MapillaryImage -User x)
    $script:token = $env:MAPILLARY_TOKEN
    Push-Location $TestDrive
}

AfterAll {
    Pop-Location
    Stop-Emulator $emulator
}

Describe 'What comes down the pipeline' {
    It 'is asked for by the id that it has: <name>' -ForEach @(
        @{ Name = 'images'; Make = { $images[0, 1] } }
        @{ Name = 'saved images'; Make = { $images[0, 1] | Save-MapillaryImage -Destination ids -Quality 256 } }
        @{ Name = 'rows of a table'; Make = { $images[0, 1] | Select-Object Id, Make | ConvertTo-Csv | ConvertFrom-Csv } }
        @{ Name = 'hashtables'; Make = { @{ Id = $images[0].Id }, @{ Id = $images[1].Id } } }
        @{ Name = 'numbers'; Make = { [long]$images[0].Id, [long]$images[1].Id } }
        @{ Name = 'lines of a list'; Make = { '# two', $images[0].Id, '', " $($images[1].Id) " } }
    ) {
        @(& $make | Get-MapillaryImage).Id | Sort-Object | Should -Be ($images[0, 1].Id | Sort-Object)
        @(& $make | Test-MapillaryImage -Quality 256).Id | Sort-Object | Should -Be ($images[0, 1].Id | Sort-Object)
    }

    It 'is a sequence, whose id is none of an image' {
        @(Get-MapillarySequence -User x | Select-Object -First 1 | Get-MapillaryImage).Count | Should -Be 6
    }

    It 'is a user' {
        @([pscustomobject]@{ User = 'x' } | Get-MapillaryImage).Count | Should -Be 24
        ([pscustomobject]@{ User = 'x' } | Measure-MapillaryDownload -Rate 1MB).Images | Should -Be 24
    }

    It 'is files and collections of earlier runs, and no token is needed' {
        $images | Save-MapillaryImage -Destination offline -Quality 256 | Out-Null
        $env:MAPILLARY_TOKEN = $null
        try {
            @(Get-ChildItem offline -Recurse -Filter metadata.jsonl | Get-MapillaryImage).Count | Should -Be 24
            @(Get-ChildItem offline | Get-MapillaryImage -After 2100-01-01).Count | Should -Be 0
            @(Get-ChildItem offline | Get-MapillarySequence).Count | Should -Be 4
            @(Get-Item offline/* | Get-MapillaryImage | Set-MapillaryExif -Path offline -PassThru).Count | Should -Be 24
            { $images[0].Id | Get-MapillaryImage } | Should -Throw -ErrorId 'TokenMissing,*'
        }
        finally {
            $env:MAPILLARY_TOKEN = $token
        }
    }

    It 'is saved images of a job, which are bundled' {
        $module = "$PSScriptRoot/../../Mapillary.psd1"
        $saved = Start-Job { Import-Module $using:module; Get-MapillaryImage -User x | Save-MapillaryImage -Destination $using:TestDrive/job -Layout Sequence } | Receive-Job -Wait -AutoRemoveJob

        (($saved | New-SequenceTar).Entries | Measure-Object -Sum).Sum | Should -Be 24
    }

    It 'is refused when it is none of these: <name>' -ForEach @(
        @{ Name = 'an object without an id'; Command = { [pscustomobject]@{ Name = 'x' } | Get-MapillaryImage }; Id = 'NotAnImageId,*' }
        @{ Name = 'a text that is no id'; Command = { '../x?y=1' | Get-MapillaryImage }; Id = 'NotAnImageId,*' }
        @{ Name = 'a file that is no id'; Command = { Get-Item $PSHOME | Test-MapillaryImage }; Id = 'NotAnImageId,*' }
        @{ Name = 'an object that is no image'; Command = { [pscustomobject]@{ Id = '5' } | Save-MapillaryImage -Destination none }; Id = 'ParameterArgumentTransformationError,*' }
        @{ Name = 'a text that is no image'; Command = { 'x' | Save-MapillaryImage -Destination none }; Id = 'ParameterArgumentTransformationError,*' }
        @{ Name = 'an object that is no saved image'; Command = { [pscustomobject]@{ Path = '5' } | New-SequenceTar }; Id = 'PathNotFound,*' }
        @{ Name = 'images without files'; Command = { $images | Set-MapillaryExif }; Id = 'PathMissing,*' }
    ) {
        $problem = { & $command -ErrorAction Stop 2>&1 | ForEach-Object { throw $_ } }
        $problem | Should -Throw -ErrorId $id
    }
}

Describe 'A path' {
    It 'leads into the file system, or nothing is written: <destination>' -ForEach @(
        @{ Destination = 'Env:/x' }, @{ Destination = 'Variable:x' }, @{ Destination = 'Env:' }
    ) {
        $before = [System.IO.Directory]::GetFileSystemEntries([Environment]::CurrentDirectory)
        { $images[0] | Save-MapillaryImage -Destination $destination } | Should -Throw -ErrorId 'NotInFileSystem,*' -ExpectedMessage "*'$destination'*"
        { $images | Export-MapillaryMap -Destination "$destination.html" } | Should -Throw -ErrorId 'NotInFileSystem,*'
        Get-MapillaryImage -LiteralPath $destination -ErrorVariable problems -ErrorAction SilentlyContinue | Should -BeNullOrEmpty
        $problems.FullyQualifiedErrorId | Should -BeLike 'NotInFileSystem,*'
        [System.IO.Directory]::GetFileSystemEntries([Environment]::CurrentDirectory) | Should -Be $before
    }

    It 'is not guessed where the current location is no folder' {
        Push-Location Env:
        try {
            { $images[0] | Save-MapillaryImage } | Should -Throw -ErrorId 'NotInFileSystem,*'
        }
        finally {
            Pop-Location
        }
    }

    It 'on a drive of its own is followed' {
        $null = New-Item -ItemType Directory -Path drive
        $null = New-PSDrive -Name Photos -PSProvider FileSystem -Root "$TestDrive/drive"
        ($images[0] | Save-MapillaryImage -Destination Photos:/a/).Path | Should -BeLike "*drive?a?mapillary-x-original*"
        @(Get-ChildItem Photos:/a | Test-MapillaryCollection -Quiet; Test-MapillaryCollection Photos:/a/* -Quiet) | Should -Be $true, $true
    }

    It 'with brackets, blanks and other letters is taken to the letter: <folder>' -ForEach @(
        @{ Folder = 'a [1] b' }, @{ Folder = "Z$([char]0xfc)rich" }, @{ Folder = "Zu$([char]0x308)rich" }
    ) {
        $images[0, 1] | Save-MapillaryImage -Destination $folder | Out-Null
        $listing = "$folder/mapillary-x-original/metadata.jsonl"
        @(Get-MapillaryImage -LiteralPath $listing).Count | Should -Be 2
        @(Get-MapillarySequence -LiteralPath "$folder/mapillary-x-original").Images | Should -Be 2
        @(Set-MapillaryExif -LiteralPath $folder -MetadataPath $listing -PassThru).Count | Should -Be 2
        Test-MapillaryCollection -LiteralPath "$folder/mapillary-x-original" -Quiet | Should -BeTrue
    }

    It 'that leads nowhere keeps no other from being read' {
        $images | Save-MapillaryImage -Destination some -Quality 256 | Out-Null
        Set-Content bad.jsonl.gz 'never compressed'
        $found = Get-MapillaryImage -Path 'nodrive:/x', 'nothere', '.', 'bad.jsonl.gz', 'some/*' -ErrorVariable problems -ErrorAction SilentlyContinue

        $found.Count | Should -Be 24
        $problems.FullyQualifiedErrorId -replace ',.*' | Should -Be 'DriveNotFound', 'PathNotFound', 'CollectionMismatch', 'InvalidData'
        $problems.TargetObject | ForEach-Object { Split-Path "$_" -Leaf } | Should -Be 'nodrive', 'nothere', (Split-Path $TestDrive -Leaf), 'bad.jsonl.gz'
        "$($problems[3])" | Should -Match 'bad\.jsonl\.gz'
    }

    It 'of a listing that is not there is told once' {
        $images[0] | Save-MapillaryImage -Destination once | Out-Null
        { Set-MapillaryExif once -MetadataPath nothere } | Should -Throw -ErrorId 'PathNotFound,*'
        { Set-MapillaryExif once -MetadataPath . } | Should -Throw -ErrorId 'CollectionMismatch,*'
    }

    It 'of what is no picture is passed over, and nothing is asked' {
        Set-Content notes.txt 'x'
        Set-MapillaryExif notes.txt -ErrorVariable problems -ErrorAction SilentlyContinue
        $problems.FullyQualifiedErrorId | Should -BeLike 'NotAPicture,*'
    }

    It 'of a folder above collections is not bundled over their heads' {
        $images | Save-MapillaryImage -Destination above -Quality 256 | Out-Null
        { New-SequenceTar above -ErrorAction Stop } | Should -Throw -ErrorId 'CollectionMismatch,*'
        Test-MapillaryCollection above/mapillary-x-256 -Quiet | Should -BeTrue
        @('above/mapillary-x-256' | New-SequenceTar).Count | Should -Be 4
    }
}

Describe 'The names of types' {
    It 'can be used in scripts' {
        function script:Get-Day ([Mapillary.Graph.MapillaryImage] $Image) { $Image.CapturedAt.UtcDateTime.Date }
        Get-Day $images[0] | Should -BeOfType [datetime]
        $saved = $images[0] | Save-MapillaryImage -Destination names -Quality 256
        $saved.Status -eq [Mapillary.Collections.SavedImageStatus]::Saved | Should -BeTrue
    }
}
