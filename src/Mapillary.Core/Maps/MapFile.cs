using Mapillary.Collections.Records;

namespace Mapillary.Maps;

/// <summary>The forms of a map.</summary>
public enum MapFormat
{
    /// <summary>A page to look at, which needs no network.</summary>
    Html,

    /// <summary>GeoJSON (RFC 7946), for GIS programs.</summary>
    GeoJson,

    /// <summary>GPX 1.1, for what reads tracks.</summary>
    Gpx,

    /// <summary>A table, a row an image, for GIS programs and whatever else reads tables.</summary>
    Csv,
}

/// <summary>The names that maps have.</summary>
public static class MapFormatNames
{
    /// <summary>The form that a file's name asks for by its extension; null when that is none of a map.</summary>
    public static MapFormat? Of(string path) => Path.GetExtension(path).ToLowerInvariant() switch
    {
        ".html" or ".htm" => MapFormat.Html,
        ".geojson" or ".json" => MapFormat.GeoJson,
        ".gpx" => MapFormat.Gpx,
        ".csv" => MapFormat.Csv,
        _ => null,
    };

    /// <summary>What a map is called where nobody gives it a name; in a collection it then counts as one of its own files.</summary>
    public static string ToFileName(this MapFormat format) => format switch
    {
        MapFormat.Html => CollectionFiles.MapPage,
        MapFormat.GeoJson => CollectionFiles.MapGeoJson,
        MapFormat.Gpx => CollectionFiles.MapGpx,
        MapFormat.Csv => CollectionFiles.MapCsv,
        _ => throw new ArgumentOutOfRangeException(nameof(format), format, null),
    };
}

/// <summary>A map that was written.</summary>
public sealed record MapFile
{
    /// <summary>The file.</summary>
    public required string Path { get; init; }

    /// <summary>Its own name.</summary>
    public string Name => System.IO.Path.GetFileName(Path);

    /// <summary>The folder that it lies in.</summary>
    public string? Directory => System.IO.Path.GetDirectoryName(Path);

    /// <summary>Its form: the name of a <see cref="MapFormat"/>.</summary>
    public required string Format { get; init; }

    /// <summary>Its size in bytes.</summary>
    public required long Length { get; init; }

    /// <summary>How many images are on it.</summary>
    public required int Images { get; init; }

    /// <summary>How many of them are panoramas.</summary>
    public required int Panoramas { get; init; }

    /// <summary>How many of them the page can show, because their picture is a file. Always 0 in the other forms.</summary>
    public required int Pictures { get; init; }

    /// <summary>How many sequences they belong to.</summary>
    public required int Sequences { get; init; }

    /// <summary>How many images are not on it, because nobody knows where they were captured.</summary>
    public required int WithoutPosition { get; init; }

    /// <summary>The earliest capture time; null when no image has one.</summary>
    public required DateTimeOffset? First { get; init; }

    /// <summary>The latest one.</summary>
    public required DateTimeOffset? Last { get; init; }

    /// <inheritdoc/>
    public override string ToString() => Path;
}
