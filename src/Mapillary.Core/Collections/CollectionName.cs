using Mapillary.Graph;
using Mapillary.Imaging.Forms;

namespace Mapillary.Collections;

/// <summary>What a collection's folder is called: <c>mapillary-&lt;user&gt;-&lt;quality&gt;[-webp]</c>.</summary>
/// <param name="User">The user name, as Mapillary has it.</param>
/// <param name="Quality">The rendition.</param>
/// <param name="Form">What the pictures are. The name tells no more of it than its suffix.</param>
public sealed record CollectionName(string User, ImageQuality Quality, PictureForm Form)
{
    /// <summary>The folder, beside finished collections, in which a backup makes them.</summary>
    internal const string StagingFolder = ".staging";

    private const string Prefix = "mapillary-";

    private const string AreaPrefix = "area-";

    /// <summary>The area whose images these are, whoever captured them; null for a user's. In the folder's name it stands in the user's place.</summary>
    internal ListedArea? Area { get; private init; }

    /// <summary>The collection of an area: <c>mapillary-area-&lt;name&gt;-&lt;quality&gt;[-webp]</c>.</summary>
    internal static CollectionName OfArea(ListedArea area, ImageQuality quality, PictureForm form) => new(AreaPrefix + area.Name, quality, form) { Area = area };

    /// <summary>Reads a folder's name, or an item's identifier on archive.org; null when it is none of a collection.</summary>
    /// <param name="name">The name.</param>
    /// <param name="isEncoded">Whether the user's name is encoded in it; <c>mapillary-downloader</c> takes it as it is.</param>
    public static CollectionName? TryParse(string name, bool isEncoded = true)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (!name.StartsWith(Prefix, StringComparison.Ordinal)) return null;
        var rest = name.AsSpan(Prefix.Length);
        var form = PictureForm.OfName(rest);
        rest = rest[..^form.NameSuffix.Length];
        var dash = rest.LastIndexOf('-');
        if (dash <= 0) return null;
        var quality = rest[(dash + 1)..].ToString();
        var user = rest[..dash].ToString();
        return ImageQualityNames.All.Contains(quality)
            ? new CollectionName(isEncoded ? SafeName.Decode(user) : user, ImageQualityNames.Parse(quality), form)
            : null;
    }

    /// <summary>
    /// The folder of this collection in another folder. Where one is there already whose name differs in case only, it is another
    /// user's, and this one's letters are told apart by codes; but a collection that was begun without them keeps its name.
    /// </summary>
    /// <param name="folder">The folder that holds collections.</param>
    /// <param name="workshop">Where those of that folder are while they are made; null where they are made in it.</param>
    public string PathIn(string folder, string? workshop = null)
    {
        var name = ToString();
        var there = new[] { folder, workshop }.Where(Directory.Exists).SelectMany(f => Directory.EnumerateDirectories(f!, Prefix + "*")).Select(Path.GetFileName).ToList();
        var hasTwin = !there.Contains(name) && there.Contains(name, StringComparer.OrdinalIgnoreCase);
        return Path.Combine(folder, hasTwin ? NameOf(SafeName.ForCaseTwin(SafeName.ForUser(User))) : name);
    }

    /// <summary>The folder's name.</summary>
    public override string ToString() => NameOf(SafeName.ForUser(User));

    private string NameOf(string user) => $"{Prefix}{user}-{Quality.ToName()}{Form.NameSuffix}";
}
