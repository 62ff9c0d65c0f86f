@{
    RootModule             = 'Mapillary.psm1'
    ModuleVersion          = '0.1.0'
    GUID                   = '5a9f0d3e-6c1b-4d57-9f5e-2d6a6f0c7b41'
    Author                 = 'The Mapillary for PowerShell authors'
    Copyright              = '(c) 2026 the Mapillary for PowerShell authors. MIT License.'
    Description            = 'Takes street photos out of Mapillary, complete and with their metadata, and makes of them an archive that is ready for the Internet Archive.'
    PowerShellVersion      = '7.4'
    CompatiblePSEditions   = @('Core')
    FunctionsToExport      = @()
    CmdletsToExport        = @(
        'Backup-MapillaryUser'
        'ConvertTo-Webp'
        'Export-IaMetadata'
        'Export-MapillaryMap'
        'Get-IaStats'
        'Get-MapillaryImage'
        'Get-MapillarySequence'
        'Measure-MapillaryDownload'
        'Merge-MapillaryCollection'
        'New-SequenceTar'
        'Publish-IaCollection'
        'Repair-MapillaryCollection'
        'Save-MapillaryImage'
        'Set-MapillaryExif'
        'Test-IaCollection'
        'Test-MapillaryCollection'
        'Test-MapillaryImage'
    )
    VariablesToExport      = @()
    AliasesToExport        = @()
    PrivateData            = @{
        PSData = @{
            Tags         = @('Mapillary', 'StreetLevel', 'Photos', 'EXIF', 'WebP', 'InternetArchive', 'Archive', 'GIS', 'PSEdition_Core', 'Windows', 'Linux', 'MacOS')
            LicenseUri   = 'https://opensource.org/license/mit'
            ReleaseNotes = 'See CHANGELOG.md in the folder of the module.'
        }
    }
}
