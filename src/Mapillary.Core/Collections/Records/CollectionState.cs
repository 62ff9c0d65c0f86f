using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Mapillary.Collections.Files;
using Mapillary.Graph;
using Mapillary.Imaging.Forms;

namespace Mapillary.Collections.Records;

/// <summary>What a collection is and how far it has come: the content of <c>collection.json</c>.</summary>
public sealed record CollectionState
{
    /// <summary>The file's name in a collection.</summary>
    public const string FileName = "collection.json";

    /// <summary>The most bytes that it may have.</summary>
    private const int LargestFile = 1 << 20;

    /// <summary>The latest version that is read, and the one that is written.</summary>
    private const int KnownVersion = 1;

    /// <summary>The version of this form. A file of a later one is not read: what it says may mean something else there.</summary>
    public int Version { get; init; } = KnownVersion;

    /// <summary>The user whose images these are; of an area <c>area-&lt;name&gt;</c>.</summary>
    public required string User { get; init; }

    /// <summary>The name of the area whose images these are, whoever captured them; null for a user's collection.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? AreaName { get; init; }

    /// <summary>That area in words.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? AreaText { get; init; }

    /// <summary>That area; null for a user's collection.</summary>
    [JsonIgnore]
    internal ListedArea? OfArea => AreaName is null ? null : new ListedArea(AreaName, AreaText ?? AreaName);

    /// <summary>Whose images these are, in words.</summary>
    [JsonIgnore]
    internal string Owner => AreaName is null ? $"user '{User}'" : $"the area '{AreaName}'";

    /// <summary>The state of a collection that nothing but the name of is known yet.</summary>
    internal static CollectionState Of(CollectionName name) => new()
    {
        User = name.User,
        AreaName = name.Area?.Name,
        AreaText = name.Area?.Text,
        Quality = name.Quality.ToName(),
        Fields = name.Form.Fields(),
    };

    /// <summary>The user's number at Mapillary, which stays where the name changes; null where no record has told it.</summary>
    public string? CreatorId { get; init; }

    /// <summary>The rendition: 256, 1024, 2048 or original.</summary>
    public required string Quality { get; init; }

    /// <summary>The rendition, and what the pictures became where they were converted.</summary>
    [JsonIgnore]
    internal string QualityInWords => Form.IsConversion ? $"{Quality} {Form.InWords}" : Quality;

    /// <summary>What the pictures are, as <see cref="Fields"/> tell.</summary>
    [JsonIgnore]
    public PictureForm Form => PictureForm.Read(Fields);

    /// <summary>The fields that each form has of its own, and any that a later version may have added.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Fields { get; set; }

    /// <summary>The area the listing was limited to (<c>west,south,east,north</c>), or null.</summary>
    public string? BoundingBox { get; init; }

    /// <summary>That area; null for none.</summary>
    [JsonIgnore]
    public BoundingBox? Area => BoundingBox is null ? null : Graph.BoundingBox.Parse(BoundingBox);

    /// <summary>The shard of the user's images that the collection is (<c>3/16</c>), or null.</summary>
    public string? Shard { get; init; }

    /// <summary>That shard; null for none.</summary>
    [JsonIgnore]
    public Shard? Part => Shard is null ? null : Graph.Shard.Parse(Shard);

    /// <summary>
    /// Whether the last listing of all of the user's images, or of all in the shard or the area, was read to its end; null where none was
    /// begun, as for images that somebody chose, or where an earlier version did not say.
    /// </summary>
    public bool? ListedToEnd { get; init; }

    /// <summary>How many images the listing holds.</summary>
    public long Listed { get; init; }

    /// <summary>How many of them are here, as files or in tars.</summary>
    public long Images { get; init; }

    /// <summary>How many Mapillary does not have.</summary>
    public long Unavailable { get; init; }

    /// <summary>How many failed so far.</summary>
    public long Failed { get; init; }

    /// <summary>Whether the listing was read to its end and everything that Mapillary has is here.</summary>
    public bool Complete { get; init; }

    /// <summary>Where an interrupted listing of the user goes on; null where it has not begun, or was read to its end.</summary>
    public string? Cursor { get; init; }

    /// <summary>Why the last run ended before all was there; null where no stop rule ended it.</summary>
    public string? Stopped { get; init; }

    /// <summary>How much of what the user has is here.</summary>
    [JsonIgnore]
    public string Extent =>
        // What a pipeline saves is what came in; all of that is here once nothing of it is missing.
        Complete ? CollectionExtent.Complete
        : this is { Failed: 0, Cursor: null, Stopped: null, Images: > 0 } && Listed == Images + Unavailable ? CollectionExtent.Selection
        : CollectionExtent.Incomplete;

    /// <summary>When the last run ended, or saved this file last.</summary>
    public DateTimeOffset Updated { get; init; }

    /// <summary>What wrote it.</summary>
    public string Tool { get; init; } = Product.Name;

    /// <summary>Reads a collection's state; null when it has none, as those of other tools.</summary>
    /// <exception cref="CollectionException">The file is a link, or no plain file, or of a later version.</exception>
    /// <exception cref="InvalidDataException">The file is damaged.</exception>
    public static CollectionState? Read(string collectionPath)
    {
        var folder = new CollectionFolder(collectionPath);
        if (!folder.Has(FileName)) return null;
        try
        {
            using var file = folder.OpenRead(FileName);
            if (file.Length > LargestFile) throw new JsonException($"it has {ByteSize.Format(file.Length)}, where some hundred bytes are expected.");
            using var json = JsonDocument.Parse(file);
            RefuseLaterVersion(json.RootElement, folder.PathOf(FileName));
            var state = json.Deserialize(CollectionJson.Default.CollectionState);
            if (state is { User: null } or { Quality: null }) throw new JsonException("the user or the quality is null.");
            _ = state?.Area;
            _ = state?.Part;
            return state;
        }
        catch (Exception e) when (e is JsonException or FormatException)
        {
            throw new InvalidDataException($"{folder.PathOf(FileName)} is damaged: {e.Message} The next run that saves into the collection writes it again.", e)
                .With(Advice.RepairCollection);
        }
    }

    /// <summary>The version is looked at before the rest, which may have another form in a later one.</summary>
    private static void RefuseLaterVersion(JsonElement state, string path)
    {
        if (state.ValueKind != JsonValueKind.Object || !state.TryGetProperty("version", out var version)) return;
        var text = version.ToString();
        if (!long.TryParse(text.Split('.')[0], NumberStyles.None, CultureInfo.InvariantCulture, out var major) || major <= KnownVersion) return;
        var tool = state.TryGetProperty("tool", out var name) && name.ValueKind == JsonValueKind.String ? $", written by {name.GetString()}" : "";
        throw new CollectionException(CollectionFault.Mismatch, path, FormattableString.Invariant(
            $"'{path}' is of version {text}{tool}. This is {Product.Name}, which reads version {KnownVersion}. Update it to one that reads version {major}. Nothing was changed."));
    }

    internal void Write(string collectionPath) => WholeFile.Write(
        new CollectionFolder(collectionPath), FileName, stream => JsonSerializer.Serialize(new LineFeedStream(stream), this, CollectionJson.Default.CollectionState));
}

[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UseStringEnumConverter = true)]
[JsonSerializable(typeof(CollectionState))]
[JsonSerializable(typeof(string))]
internal sealed partial class CollectionJson : JsonSerializerContext;
