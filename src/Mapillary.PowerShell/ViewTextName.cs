using System.Management.Automation;

namespace Mapillary.PowerShell;

/// <summary>
/// Makes the name of <see cref="ViewText"/> one that the views can use: by itself PowerShell finds no type that is in a load context.
/// </summary>
public sealed class ViewTextName : IModuleAssemblyInitializer
{
    /// <inheritdoc/>
    public void OnImport()
    {
        // As PowerShell's help tells it (about_Classes, "Exporting classes with type accelerators"). The table takes no two writers at once.
        var accelerators = typeof(PSObject).Assembly.GetType("System.Management.Automation.TypeAccelerators", throwOnError: true)!;
        lock (accelerators) accelerators.GetMethod("Add")!.Invoke(null, [typeof(ViewText).FullName, typeof(ViewText)]);
    }
}
