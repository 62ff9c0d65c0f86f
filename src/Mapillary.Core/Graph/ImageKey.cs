using System.Globalization;

namespace Mapillary.Graph;

/// <summary>
/// An image id as it is kept in memory where there may be a million: every id of the API is a number, and any other text is kept as it is.
/// </summary>
/// <param name="Number">The number; 0 where the id is none.</param>
/// <param name="Other">The id that is no number; else null.</param>
internal readonly record struct ImageKey(ulong Number, string? Other)
{
    /// <summary>The key of an id. A leading zero would make two ids one number.</summary>
    public static ImageKey Of(string id) =>
        ulong.TryParse(id, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && id[0] != '0' ? new(number, null) : new(0, id);

    /// <summary>The id.</summary>
    public override string ToString() => Other ?? Number.ToString(CultureInfo.InvariantCulture);
}
