using System.Globalization;

namespace Mapillary.Graph;

/// <summary>The number that an image id is. All of the API's are, and a number takes a fraction of a text's memory.</summary>
internal static class ImageNumber
{
    /// <summary>Reads the number; false for an id that is none. One with a leading zero is none either: it would be the number of another id.</summary>
    public static bool TryParse(string id, out ulong number) =>
        ulong.TryParse(id, NumberStyles.None, CultureInfo.InvariantCulture, out number) && id[0] != '0';
}
