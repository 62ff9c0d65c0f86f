using System.Text.Json;
using Mapillary.Services;

namespace Mapillary.Graph;

/// <summary>Reads the polygons of a GeoJSON file (RFC 7946): a Polygon, a MultiPolygon, or what holds such. Several count together.</summary>
/// <remarks>
/// One question is asked of a polygon: is this point in it. That takes a page of code, while NetTopologySuite with its GeoJSON reader would bring
/// three assemblies and a second JSON reader into the module.
/// </remarks>
public static class GeoJsonArea
{
    /// <summary>The most bytes of a file; a country's border in full detail has some.</summary>
    private const long LargestFile = 32 << 20;

    /// <summary>Reads a file.</summary>
    /// <param name="path">The file, of the user's own choice. Its name is that of the area.</param>
    /// <exception cref="InvalidDataException">It is no GeoJSON, or holds something else than polygons; the text says what.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static GeoPolygon Read(string path)
    {
        try
        {
            using var file = File.OpenRead(path);
            if (file.Length > LargestFile)
                throw new FormatException($"it has {ByteSize.Format(file.Length)}, and at most {ByteSize.Format(LargestFile)} are read. Simplify it");
            using var json = JsonDocument.Parse(file);
            var polygons = new List<List<List<GeoPoint>>>();
            Add(json.RootElement, polygons);
            if (polygons.Count == 0) throw new FormatException("it holds no polygon");
            return new GeoPolygon(Path.GetFileNameWithoutExtension(path), polygons);
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"'{path}' is no GeoJSON: {e.Message}", e);
        }
        catch (FormatException e)
        {
            throw new InvalidDataException(
                $"'{path}' is no area: {e.Message}. Expected is GeoJSON with a Polygon or a MultiPolygon, in degrees, longitude first.", e);
        }
    }

    private static void Add(JsonElement item, List<List<List<GeoPoint>>> polygons)
    {
        switch (JsonAnswer.Text(item, "type"))
        {
            case "FeatureCollection": AddEach("features"); break;
            case "GeometryCollection": AddEach("geometries"); break;
            case "Feature":
                if (item.TryGetProperty("geometry", out var geometry) && geometry.ValueKind == JsonValueKind.Object) Add(geometry, polygons);
                else throw new FormatException("a feature in it has no geometry");
                break;
            case "Polygon": polygons.Add(PolygonOf(ListOf(item, "coordinates"))); break;
            case "MultiPolygon": polygons.AddRange(ListOf(item, "coordinates").EnumerateArray().Select(PolygonOf)); break;
            case { } other: throw new FormatException($"it holds a {other}, which has no area");
            default: throw new FormatException("it holds something without a type");
        }

        void AddEach(string name)
        {
            foreach (var part in ListOf(item, name).EnumerateArray()) Add(part, polygons);
        }
    }

    private static List<List<GeoPoint>> PolygonOf(JsonElement rings) =>
        [.. List(rings).EnumerateArray().Select(r => List(r).EnumerateArray().Select(PointOf).ToList())];

    private static GeoPoint PointOf(JsonElement position)
    {
        if (List(position).GetArrayLength() < 2 || position[0].ValueKind != JsonValueKind.Number || position[1].ValueKind != JsonValueKind.Number)
            throw new FormatException($"{position.GetRawText()} is no position");
        var (longitude, latitude) = (position[0].GetDouble(), position[1].GetDouble());
        // Across the antimeridian some programs go on counting.
        if (longitude is < -360 or > 360) throw new FormatException($"{position.GetRawText()} has a longitude that is none");
        if (latitude is < -90 or > 90) throw new FormatException($"{position.GetRawText()} has a latitude outside -90 to 90");
        return new GeoPoint(latitude, longitude);
    }

    private static JsonElement ListOf(JsonElement item, string name) =>
        item.TryGetProperty(name, out var list) ? List(list) : throw new FormatException($"a {JsonAnswer.Text(item, "type")} in it has no {name}");

    private static JsonElement List(JsonElement list) => list.ValueKind == JsonValueKind.Array ? list : throw new FormatException("something in it is no list");
}
