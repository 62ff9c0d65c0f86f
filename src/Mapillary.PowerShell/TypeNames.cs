using System.Management.Automation;
using Mapillary.Graph;

namespace Mapillary.PowerShell;

/// <summary>
/// Makes the names of the module's types ones that scripts and views can use, such as <c>[Mapillary.Graph.MapillaryImage]</c>: by itself
/// PowerShell finds no type that is in a load context.
/// </summary>
public sealed class TypeNames : IModuleAssemblyInitializer
{
    /// <inheritdoc/>
    public void OnImport()
    {
        // As PowerShell's help tells it (about_Classes, "Exporting classes with type accelerators"). The table takes no two writers at once.
        var accelerators = typeof(PSObject).Assembly.GetType("System.Management.Automation.TypeAccelerators", throwOnError: true)!;
        var add = accelerators.GetMethod("Add")!.CreateDelegate<Action<string, Type>>();
        lock (accelerators)
        {
            foreach (var type in typeof(MapillaryImage).Assembly.GetExportedTypes().Concat([typeof(ViewText), typeof(ShownProperties)]).Where(t => !t.IsNested)) add(type.FullName!, type);
        }
    }
}
