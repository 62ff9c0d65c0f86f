@{
    ModuleVersion     = '1.0'
    TypesToProcess    = @('Mapillary.Types.ps1xml')
    FormatsToProcess  = @('Mapillary.Format.ps1xml')
    FunctionsToExport = @()
    CmdletsToExport   = @()
    VariablesToExport = @()
    AliasesToExport   = @()
}
