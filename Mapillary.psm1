# The module's assemblies live in a load context of their own, so that another module may bring another version of the same
# library. A second import in the same session finds the first one's context again: its objects and these are then the same types.
$folder = Join-Path -Path $PSScriptRoot -ChildPath 'bin'
$main = Join-Path -Path $folder -ChildPath 'Mapillary.PowerShell.dll'
if (-not (Test-Path -LiteralPath $main)) {
    throw "The module is not built: '$main' is missing. Run: dotnet build"
}

$context = [System.Runtime.Loader.AssemblyLoadContext]::All |
    Where-Object { $_.Name -eq "Mapillary ($folder)" } |
    Select-Object -First 1
if (-not $context) {
    $context = [System.Runtime.Loader.AssemblyLoadContext]::new("Mapillary ($folder)", $false)
    foreach ($assembly in 'Polly.Core.dll', 'Mapillary.Core.dll', 'Mapillary.PowerShell.dll') {
        $null = $context.LoadFromAssemblyPath((Join-Path -Path $folder -ChildPath $assembly))
    }
}

$module = $context.Assemblies | Where-Object { $_.GetName().Name -eq 'Mapillary.PowerShell' }
$inner = Import-Module -Assembly $module -PassThru

# Left loaded, it would be taken from a cache at the next import, and its cmdlets would not be handed on.
$ExecutionContext.SessionState.Module.OnRemove = { Remove-Module -ModuleInfo $inner -Force }.GetNewClosure()
