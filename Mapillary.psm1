# The module's assemblies live in a load context of their own, so that another module may bring another version of the same
# library. A second import in the same session finds the first one's context again: its objects and these are then the same types.
# Only the language and .NET are used here: each cmdlet would load the module that it comes from, and make the import slower.
$folder = [System.IO.Path]::Combine($PSScriptRoot, 'bin')
# In the order in which they need each other.
$assemblies = 'Polly.Core.dll', 'SharpCompress.dll', 'NetVips.dll', 'TimeZoneConverter.dll', 'Mapillary.Core.dll', 'Mapillary.PowerShell.dll'
foreach ($file in $assemblies + @('Mapillary.Types.psd1', 'Mapillary.Types.ps1xml', 'Mapillary.Format.ps1xml')) {
    $path = [System.IO.Path]::Combine($folder, $file)
    if (-not [System.IO.File]::Exists($path)) {
        throw "The module is not built: '$path' is missing. Run 'dotnet build -c Release' in '$PSScriptRoot', then import it again."
    }
}

# Code that was compiled ahead, where there is some for this system and this .NET.
$native = [System.IO.Path]::Combine($folder, [System.Runtime.InteropServices.RuntimeInformation]::RuntimeIdentifier)
if ([System.Environment]::Version.Major -eq 10 -and [System.IO.Directory]::Exists($native)) {
    $folder = $native
}

$version = [System.Reflection.AssemblyName]::GetAssemblyName([System.IO.Path]::Combine($folder, 'Mapillary.PowerShell.dll')).Version
$context = $null
$isUpdate = $false
# Runspaces that import at the same time have to find the same one.
$gate = [string]::Intern("Mapillary $version")
[System.Threading.Monitor]::Enter($gate)
try {
    foreach ($other in [System.Runtime.Loader.AssemblyLoadContext]::All) {
        if ($other.Name -eq $gate) {
            $context = $other
        }
        elseif ($other.Name -and $other.Name.StartsWith('Mapillary ')) {
            $isUpdate = $true
        }
    }

    if (-not $context) {
        $context = [System.Runtime.Loader.AssemblyLoadContext]::new($gate, $false)
        foreach ($assembly in $assemblies) {
            $null = $context.LoadFromAssemblyPath([System.IO.Path]::Combine($folder, $assembly))
        }
    }
}
finally {
    [System.Threading.Monitor]::Exit($gate)
}

# PowerShell keeps what it knows of a cmdlet by its type's name and version, and would take one build's for the other's.
foreach ($assembly in $context.Assemblies) {
    if ([System.IO.Path]::GetDirectoryName($assembly.Location) -ne $folder) {
        throw "This session has the same version of the module from '$($assembly.Location)'. Import it from '$PSScriptRoot' in a new session."
    }
}

# Another version, when this one was installed beside it meanwhile: the two would give the same type the same member, an error.
# So one goes before the other comes, and types and views are not the manifest's, which would be read before this runs.
if ($isUpdate) {
    foreach ($other in Get-Module -Name Mapillary) {
        if ($other.ModuleBase -ne $PSScriptRoot) {
            Remove-Module -ModuleInfo $other -Force
        }
    }
}

# The assembly first: the types name a class in it.
$inner = @(
    foreach ($assembly in $context.Assemblies) {
        if ($assembly.GetName().Name -eq 'Mapillary.PowerShell') {
            Import-Module -Assembly $assembly -PassThru
        }
    }

    Import-Module -Name ([System.IO.Path]::Combine($PSScriptRoot, 'bin', 'Mapillary.Types.psd1')) -PassThru
)

# Left loaded, they would be taken from a cache at the next import, and the cmdlets would not be handed on.
$ExecutionContext.SessionState.Module.OnRemove = { Remove-Module -ModuleInfo $inner -Force }.GetNewClosure()
