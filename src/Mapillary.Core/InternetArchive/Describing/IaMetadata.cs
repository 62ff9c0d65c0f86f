using System.Globalization;
using System.Text;
using Mapillary.Collections;
using Mapillary.Collections.Files;
using Mapillary.Collections.Places;
using Mapillary.Collections.Records;
using Mapillary.Graph;
using Mapillary.InternetArchive.Client;

namespace Mapillary.InternetArchive.Describing;

/// <summary>A metadata element of an item.</summary>
/// <param name="Name">Its name, such as <c>subject</c>.</param>
/// <param name="Values">Its values, at least one.</param>
public sealed record IaTag(string Name, IReadOnlyList<string> Values)
{
    /// <inheritdoc cref="IaTag" path="/param[@name='Values']"/>
    public IReadOnlyList<string> Values { get; } = ItemList.Of(Values);

    /// <inheritdoc/>
    public override string ToString() => $"{Name}: {Values}";
}

/// <summary>What the Internet Archive is told of a collection.</summary>
public sealed record IaMetadata
{
    /// <summary>How many of those who captured an area's images are named as creators: what is said of an item goes into the head of one request.</summary>
    private const int MostCreators = 50;

    /// <summary>The names of all elements, in their order; an item has those that it has values for.</summary>
    internal static IReadOnlyList<string> TagNames { get; } =
        ["title", "description", "subject", "creator", "date", "coverage", "licenseurl", "mediatype", "collection", "source", "scanner", ArchiveItem.ModuleTag];

    /// <summary>The item's identifier on archive.org: the name of the collection's folder.</summary>
    public required string Identifier { get; init; }

    /// <summary>The item's title.</summary>
    public required string Title { get; init; }

    /// <summary>What the item holds, in sentences.</summary>
    public required string Description { get; init; }

    /// <summary>The keywords.</summary>
    public IReadOnlyList<string> Subject { get; } = ItemList.Of(["mapillary", "street-view", "computer-vision", "geospatial", "photography"]);

    /// <summary>The user who captured the images; of an area, those who captured most of them.</summary>
    public required string Creator { get; init; }

    /// <summary>The same, one by one.</summary>
    internal IReadOnlyList<string> Creators { get; private init; } = [];

    /// <summary>All who captured the images.</summary>
    internal IReadOnlySet<string> Authors { get; private init; } = new HashSet<string>();

    /// <summary>Whose images these are, as it stands in a description.</summary>
    internal string Origin { get; private init; } = "";

    /// <summary>The day of the first capture (<c>yyyy-MM-dd</c>, UTC); null when no image has a time.</summary>
    public string? Date => FirstCapture is { } day ? Text(day) : null;

    /// <summary>The days of the first and last capture, <c>yyyy-MM-dd - yyyy-MM-dd</c>, UTC; null when no image has a time.</summary>
    public string? Coverage => FirstCapture is { } first && LastCapture is { } last ? $"{Text(first)} - {Text(last)}" : null;

    /// <summary>The licence of all images on Mapillary, CC BY-SA 4.0.</summary>
    public string LicenseUrl { get; } = "https://creativecommons.org/licenses/by-sa/4.0/";

    /// <summary>archive.org's media type.</summary>
    public string MediaType { get; } = "data";

    /// <summary>archive.org's collection of Mapillary images.</summary>
    public string Collection { get; } = "mapillary-images";

    /// <summary>The user's page on Mapillary; of an area Mapillary's own.</summary>
    public required string Source { get; init; }

    /// <summary>The programs that made the collection and its description.</summary>
    public required IReadOnlyList<string> Scanner { get; init => field = ItemList.Of(value); }

    /// <summary>The version of this module: the value of its searchable tag.</summary>
    public string ModuleVersion { get; } = Product.Version;

    /// <summary>How many images the collection holds, each counted once.</summary>
    public required long Images { get; init; }

    /// <summary>How much of what the user has the collection holds; null where it does not say, as those of other tools.</summary>
    public string? Extent { get; init; }

    /// <summary>What is to be said where the collection is not known to hold everything.</summary>
    internal string Reserved { get; private init; } = "";

    /// <summary>The rendition, in words.</summary>
    internal string Resolution { get; private init; } = "";

    /// <summary>The day of the first capture, in UTC; null when no image has a time.</summary>
    public DateOnly? FirstCapture { get; init; }

    /// <summary>The day of the last capture, in UTC; null when no image has a time.</summary>
    public DateOnly? LastCapture { get; init; }

    /// <summary>The collection's folder.</summary>
    public required string CollectionPath { get; init; }

    /// <summary>The elements in their order, those without a value left out. All formats are written from these.</summary>
    public IReadOnlyList<IaTag> Tags => ItemList.Of(TagNames.Select(name => new IaTag(name, ValuesOf(name))).Where(tag => tag.Values.Count > 0));

    /// <summary>
    /// Describes a collection of this module or of <c>mapillary-downloader</c>. Images are counted by the manifest, or, in the other
    /// tool's, by its listing and what it noted as downloaded.
    /// </summary>
    /// <param name="collectionPath">The collection's folder, <c>mapillary-&lt;user&gt;-&lt;quality&gt;[-webp]</c>.</param>
    /// <param name="log">Told what a person should know before the collection is uploaded.</param>
    /// <param name="cancellationToken">Stops the counting.</param>
    /// <exception cref="CollectionException">The folder is no collection, or its files are damaged.</exception>
    /// <exception cref="IOException">A file cannot be read.</exception>
    public static IaMetadata Describe(string collectionPath, IRunLog log, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(collectionPath);
        return Describe(Collections.Places.Collection.At(collectionPath), log, cancellationToken);
    }

    /// <summary>Describes a collection, of which somebody may have read some already.</summary>
    internal static IaMetadata Describe(Collection collection, IRunLog log, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(log);
        var path = collection.Path;
        if (!Directory.Exists(path)) throw NoCollection(path, "there is no such folder");
        if (NameOf(collection) is not { } name) throw NoCollection(path, "its name is none of a collection");
        if (collection.ListingPath is not { } listing) throw NoCollection(path, $"there is no {ImageRecords.FileName} in it");

        try
        {
            var state = collection.State;
            log.Say($"Counting the images of '{path}'.");
            var census = collection.Census(name.Quality, log, cancellationToken);
            if (state?.Extent == CollectionExtent.Selection)
                log.Say($"All {Amount.Of(state.Listed)} images that came into '{path}' are here. {(state.AreaName is null ? "Whether the user has more was not asked" : state.ListedToEnd == true ? "The listing of the area was read to its end" : "Whether the area has more is not known")}.");
            else if (state?.Extent == CollectionExtent.Incomplete)
                log.Warn($"The collection '{path}' is not complete: {WhatIsMissing(state, census.Images)}.");
            if (census.Images == 0) log.Warn($"The collection '{path}' holds no images.");

            // The folder's name lacks what was too long of a user's name; the state has it.
            var user = state?.User ?? name.User;
            var area = state?.OfArea;
            IReadOnlyList<string> creators = area is null ? [user] : [.. census.Authors.OrderByDescending(a => a.Value).ThenBy(a => a.Key, StringComparer.Ordinal).Take(MostCreators).Select(a => a.Key)];
            var origin = area is null ? $"from Mapillary user '{user}'" : $"from Mapillary of the area '{area.Name}' ({area.Text})";
            return new IaMetadata
            {
                Identifier = IdentifierOf(collection, name, log),
                Title = area is null ? $"Mapillary images by {user}" : $"Mapillary images of {area.Name}",
                Description = Describe(collection, origin, name, state, listing, census),
                Creator = string.Join(", ", creators),
                Creators = creators,
                Authors = (area is null ? [user] : census.Authors.Keys).ToHashSet(StringComparer.Ordinal),
                Origin = origin,
                Source = area is null ? $"https://www.mapillary.com/app/user/{Uri.EscapeDataString(user)}" : "https://www.mapillary.com/app/",
                Scanner = collection.IsOurs ? [Product.Name] : ["mapillary_downloader", Product.Name],
                Resolution = ResolutionOf(name.Quality),
                Images = census.Images,
                Extent = state?.Extent,
                Reserved = Reservation(state),
                FirstCapture = census.First,
                LastCapture = census.Last,
                CollectionPath = path,
            };
        }
        catch (InvalidDataException e)
        {
            throw new CollectionException(CollectionFault.Mismatch, path, $"'{path}' cannot be described: {e.Message}", e);
        }
    }

    /// <summary>The metadata of a part of the collection, where it is spread over several items.</summary>
    /// <param name="part">Which, from 1.</param>
    /// <param name="images">How many images it holds; null where that is not known.</param>
    internal IaMetadata ForPart(int part, long? images)
    {
        var count = images is null ? "Contains images" : $"Contains {Amount.Of(images.Value, "image")}";
        var rest = part == 1
            ? "The item holds Mapillary's own records of the images of all parts."
            : $"The item {Identifier} is the first part and holds Mapillary's own records of the images of all parts.";
        return this with
        {
            Identifier = IaIdentifier.OfPart(Identifier, part),
            Title = $"{Title}, part {part}",
            Description = $"Street-level imagery {Origin}, part {part} of a collection that is spread over several items. {count} in {Resolution} resolution.{Reserved} {rest}",
        };
    }

    /// <inheritdoc/>
    public override string ToString() => Identifier;

    private string[] ValuesOf(string tag) => tag switch
    {
        "title" => [Title],
        "description" => [Description],
        "subject" => [.. Subject],
        "creator" => [.. Creators],
        "date" => Date is { } date ? [date] : [],
        "coverage" => Coverage is { } coverage ? [coverage] : [],
        "licenseurl" => [LicenseUrl],
        "mediatype" => [MediaType],
        "collection" => [Collection],
        "source" => [Source],
        "scanner" => [.. Scanner],
        ArchiveItem.ModuleTag => [ModuleVersion],
        _ => throw new ArgumentOutOfRangeException(nameof(tag), tag, null),
    };

    private static CollectionException NoCollection(string path, string why) => new(
        CollectionFault.Mismatch, path,
        $"'{path}' is no collection: {why}. Expected is a folder named mapillary-<user>-<256|1024|2048|original>[-webp] that holds {ImageRecords.FileName} or {ImageRecords.FileName}.gz.");

    /// <summary>What a folder's name says. Only this module encodes the user's name in it; the other tool takes it as it is.</summary>
    private static CollectionName? NameOf(Collection collection) => CollectionName.TryParse(collection.Name, isEncoded: collection.IsOurs);

    private static string IdentifierOf(Collection collection, CollectionName name, IRunLog log)
    {
        var (path, identifier) = (collection.Path, IdentifierOf(collection, name));
        if (!IaIdentifier.IsValid(identifier))
        {
            throw new CollectionException(CollectionFault.Mismatch, path,
                $"The name of '{path}' cannot be an identifier on archive.org, which has 3 to 100 ASCII letters, digits, '_', '-' and '.', the first a letter or digit. Rename a copy of the folder before it is uploaded.");
        }

        if (FindTwin(path, identifier) is { } twin)
        {
            throw new CollectionException(CollectionFault.Mismatch, path,
                $"'{path}' and '{twin}' would be one item on archive.org, '{identifier}', or two whose names differ in case only. Move one of them out of this folder, and give it another name before it is uploaded, or leave it be if it is the same user's.");
        }

        if (identifier != collection.Name)
            log.Warn($"The name of '{path}' cannot be an identifier on archive.org; '{identifier}' is used. Before you use another uploader, which takes the folder's name, rename the folder to that.");
        return identifier;
    }

    private static string IdentifierOf(Collection collection, CollectionName name) =>
        collection.IsOurs && IaIdentifier.IsValid(collection.Name) ? collection.Name : name.ToString();

    /// <summary>
    /// Another collection beside this one whose identifier is the same. Names that differ in case only count as the same: nothing
    /// says whether archive.org tells them apart, and file systems that a copy lands on may not.
    /// </summary>
    private static string? FindTwin(string path, string identifier) => Directory.EnumerateDirectories(Path.GetDirectoryName(path)!, "mapillary-*", new EnumerationOptions())
        .FirstOrDefault(folder => folder != path
            && Collections.Places.Collection.At(folder) is var other
            && NameOf(other) is { } name
            && string.Equals(IdentifierOf(other, name), identifier, StringComparison.OrdinalIgnoreCase)
            && other.ListingPath is not null);

    private static string Describe(Collection collection, string origin, CollectionName name, CollectionState? state, string listing, CollectionCensus census)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"Street-level imagery {origin}. Contains {Amount.Of(census.Images, "image")} in ");
        text.Append(ResolutionOf(name.Quality)).Append(" resolution");
        if (census.First is { } first && census.Last is { } last)
            text.Append(first == last ? $" captured on {Text(first)}" : $" captured between {Text(first)} and {Text(last)}");
        text.Append('.');
        if (census.First is not null && census.Undated > 0) text.Append(CultureInfo.InvariantCulture, $" {Amount.Of(census.Undated, "of them bears", "of them bear")} no capture time.");
        if (census.Misdated > 0)
        {
            text.Append(CultureInfo.InvariantCulture,
                $" {Amount.Of(census.Misdated, "of them bears", "of them bear")} a capture time that cannot be right.");
        }

        if (state?.BoundingBox is { } box) text.Append(CultureInfo.InvariantCulture, $" Limited to the area {box} (west, south, east, north, in degrees).");
        if (state?.AreaName is not null && census.Authors.Count > 0)
        {
            text.Append(CultureInfo.InvariantCulture, $" They are by {Amount.Of(census.Authors.Count, "user")}");
            text.Append(census.Authors.Count > MostCreators ? $", of whom {MostCreators} are named as creators; the record of each image names its own." : "; the record of each image names its own.");
        }

        text.Append(Reservation(state));
        foreach (var sentence in collection.Places.Sentences()) text.Append(' ').Append(sentence);
        // The state has the quality; where there is none, the name has the rest.
        var form = state?.Form is { IsConversion: true } known ? known : name.Form;
        if (form.IsConversion) text.Append(' ').Append(form.Description);
        text.Append(CultureInfo.InvariantCulture, $" {Path.GetFileName(listing)} holds Mapillary's own record of each image, one a line.");
        return text.ToString();
    }

    /// <summary>What a description has to say where the collection is not known to hold everything.</summary>
    private static string Reservation(CollectionState? state) => state?.Extent switch
    {
        CollectionExtent.Selection when state is { AreaName: not null, ListedToEnd: true } => "",
        CollectionExtent.Selection when state?.AreaName is not null => " This is a selection, and may not be all images of the area.",
        CollectionExtent.Selection => " This is a selection, and may not be all of the user's images.",
        CollectionExtent.Incomplete => " The collection is not complete: images are missing.",
        _ => "",
    };

    /// <summary>Why a collection is not complete, in words.</summary>
    /// <param name="state">What the last run noted; one that was killed noted nothing.</param>
    /// <param name="here">How many images the manifest has.</param>
    private static string WhatIsMissing(CollectionState state, long here)
    {
        var text = $"of {Amount.Of(state.Listed, "image")} listed so far, {Amount.Of(here)} are here";
        if (state.Unavailable > 0) text += $", {Amount.Of(state.Unavailable)} are not on Mapillary any more";
        if (state.Failed > 0) text += $", {Amount.Of(state.Failed)} failed";
        return state.Stopped is null ? text : $"{text}; the last run stopped, because {state.Stopped}";
    }

    private static string ResolutionOf(ImageQuality quality) => quality == ImageQuality.Original ? "original" : $"{quality.ToName()}px";

    private static string Text(DateOnly day) => day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
}
