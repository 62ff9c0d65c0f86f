using System.Collections.ObjectModel;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Mapillary;

/// <summary>
/// A list as objects for people hold it: PowerShell indexes it, <c>ConvertTo-Json</c> writes an array, and its text, which is what
/// <c>Export-Csv</c> writes, names the items. What the compiler makes of <c>[...]</c> for a read-only list does neither.
/// </summary>
/// <param name="items">The items; nobody changes them any more.</param>
internal sealed class ItemList<T>(IList<T> items) : ReadOnlyCollection<T>(items)
{
    /// <summary>The one without items.</summary>
    public static new ItemList<T> Empty { get; } = new([]);

    /// <summary>The items, in the invariant culture.</summary>
    public override string ToString() => string.Join("; ", this.Select(i => Convert.ToString(i, CultureInfo.InvariantCulture)));
}

/// <summary>Makes such lists.</summary>
internal static class ItemList
{
    /// <summary>A list of these items; null for null.</summary>
    [return: NotNullIfNotNull(nameof(items))]
    public static ItemList<T>? Of<T>(IEnumerable<T>? items) =>
        items is null ? null : items as ItemList<T> ?? new ItemList<T>(items as T[] ?? items.ToArray());
}
