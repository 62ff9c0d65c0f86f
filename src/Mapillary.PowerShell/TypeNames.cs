using System.Management.Automation;
using Mapillary.Diagnosis;
using Mapillary.Graph;
using Mapillary.Planning;
using Mapillary.Saving;

namespace Mapillary.PowerShell;

/// <summary>
/// Makes the names of the module's types ones that scripts and views can use, such as <c>[Mapillary.Graph.MapillaryImage]</c>: by itself
/// PowerShell finds no type that is in a load context.
/// </summary>
public sealed class TypeNames : IModuleAssemblyInitializer
{
    /// <summary>Types that scripts also find by the name of another room: the one whose subject they are part of.</summary>
    private static readonly Dictionary<Type, string> OtherRooms = new()
    {
        [typeof(ImageDiagnosis)] = nameof(Imaging),
        [typeof(ImageFinding)] = nameof(Imaging),
        [typeof(FindingSeverity)] = nameof(Imaging),
        [typeof(RenditionState)] = nameof(Imaging),
        [typeof(PositionSource)] = nameof(Imaging),
        [typeof(DownloadPlan)] = nameof(Backup),
        [typeof(ByteEstimate)] = nameof(Backup),
        [typeof(LossKind)] = nameof(Backup),
        [typeof(MadeOtherwise)] = nameof(Backup),
    };

    /// <inheritdoc/>
    public void OnImport()
    {
        // As PowerShell's help tells it (about_Classes, "Exporting classes with type accelerators"). The table takes no two writers at once.
        var accelerators = typeof(PSObject).Assembly.GetType("System.Management.Automation.TypeAccelerators", throwOnError: true)!;
        var add = accelerators.GetMethod("Add")!.CreateDelegate<Action<string, Type>>();
        lock (accelerators)
        {
            foreach (var type in typeof(MapillaryImage).Assembly.GetExportedTypes().Concat([typeof(ViewText), typeof(ShownProperties)]).Where(t => !t.IsNested))
            {
                foreach (var name in NamesOf(type)) add(name, type);
            }
        }
    }

    /// <summary>
    /// A type's own name, and that of the outer room where it is in an inner one: <c>[Mapillary.Collections.CollectionCheck]</c>. Scripts need
    /// not follow how the Core is parted.
    /// </summary>
    private static IEnumerable<string> NamesOf(Type type)
    {
        yield return type.FullName!;
        if (type.Namespace!.Split('.') is [var product, var room, _]) yield return $"{product}.{room}.{type.Name}";
        if (OtherRooms.TryGetValue(type, out var other)) yield return $"{nameof(Mapillary)}.{other}.{type.Name}";
    }
}
