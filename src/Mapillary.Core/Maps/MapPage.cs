using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Mapillary.Graph;

namespace Mapillary.Maps;

/// <summary>
/// Writes the page: one file with its style, its script and its data. Positions, times and other numbers stand in columns a sequence,
/// each as the difference to the one before, which makes some 45 bytes an image.
/// </summary>
internal static class MapPage
{
    /// <summary>Positions in the page are in millionths of a degree: 11 cm.</summary>
    private const double PositionUnits = 1e6;

    private static readonly string Page = Resource("map.html");
    private static readonly string Style = Resource("map.css");
    private static readonly string Script = Resource("map.js")
        .Replace("{before the id}", PhotoPage.BeforeId, StringComparison.Ordinal)
        .Replace("{behind the id}", PhotoPage.BehindId, StringComparison.Ordinal);

    /// <returns>How many images have a picture that the page can show.</returns>
    public static int Write(Stream stream, string path, IReadOnlyList<MapSequence> sequences, int withoutPosition, CancellationToken cancellationToken)
    {
        var places = new PictureAddresses(Path.GetDirectoryName(path)!);
        foreach (var part in Page.Split("<!--", StringSplitOptions.None).SelectMany(p => p.Split("-->")))
        {
            switch (part)
            {
                case "policy": Text(Policy()); break;
                case "title": Text(HtmlEncoder.Default.Encode(Title(sequences))); break;
                case "style": Text(Style); break;
                case "script": Text(Script); break;
                case "data": WriteData(stream, sequences, withoutPosition, places, cancellationToken); break;
                default: Text(part); break;
            }
        }

        return places.Count;

        void Text(string text) => stream.Write(Encoding.UTF8.GetBytes(text));
    }

    /// <summary>Nothing from anywhere, no script and style but the page's own, and pictures from where the page is.</summary>
    private static string Policy() =>
        $"default-src 'none'; script-src '{Hash(Script)}'; style-src '{Hash(Style)}'; img-src 'self' file:; base-uri 'none'; form-action 'none'";

    private static string Hash(string text) => $"sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(text)))}";

    private static string Title(IReadOnlyList<MapSequence> sequences)
    {
        var creators = sequences.SelectMany(s => s.Photos).Select(p => p.Creator).Where(c => c is not null).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).ToList();
        return creators.Count switch
        {
            0 => "Photos on Mapillary",
            <= 3 => $"Photos by {string.Join(", ", creators)}",
            _ => $"Photos by {Amount.Of(creators.Count, "user")}",
        };
    }

    /// <summary>The JSON escapes everything that means something in HTML, so that no name ends the script it stands in.</summary>
    private static void WriteData(Stream stream, IReadOnlyList<MapSequence> sequences, int withoutPosition, PictureAddresses places, CancellationToken cancellationToken)
    {
        using var json = new Utf8JsonWriter(stream);
        var cameras = new Numbering<MapCamera>();
        var users = new Numbering<string>();
        json.WriteStartObject();
        json.WriteNumber("withoutPosition", withoutPosition);
        // A single wrong clock would stretch the time line over decades.
        if (sequences.Min(s => s.First) is { } first && sequences.Max(s => s.Last) is { } last)
        {
            json.WriteStartArray("span");
            json.WriteNumberValue(first.ToUnixTimeMilliseconds());
            json.WriteNumberValue(last.ToUnixTimeMilliseconds());
            json.WriteEndArray();
        }

        json.WriteStartArray("sequences");
        foreach (var sequence in sequences)
        {
            cancellationToken.ThrowIfCancellationRequested();
            WriteSequence(json, sequence, cameras, users, places);
            json.Flush();
        }

        json.WriteEndArray();
        json.WriteStartArray("cameras");
        foreach (var camera in cameras.All)
        {
            json.WriteStartArray();
            json.WriteStringValue(camera.Name);
            json.WriteStringValue(camera.Type);
            json.WriteNumberValue(camera.IsPanorama ? 1 : 0);
            json.WriteEndArray();
        }

        json.WriteEndArray();
        json.WriteStartArray("users");
        foreach (var user in users.All) json.WriteStringValue(user);
        json.WriteEndArray();
        json.WriteStartArray("places");
        foreach (var (before, after) in places.All)
        {
            json.WriteStartArray();
            json.WriteStringValue(before);
            if (after is not null) json.WriteStringValue(after);
            json.WriteEndArray();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteSequence(Utf8JsonWriter json, MapSequence sequence, Numbering<MapCamera> cameras, Numbering<string> users, PictureAddresses places)
    {
        json.WriteStartObject();
        json.WriteString("id", sequence.Id);
        json.WriteStartArray("ids");
        foreach (var photo in sequence.Photos) json.WriteStringValue(photo.Id);
        json.WriteEndArray();
        WriteColumn(json, "x", sequence, p => (long)Math.Round(p.Longitude * PositionUnits));
        WriteColumn(json, "y", sequence, p => (long)Math.Round(p.Latitude * PositionUnits));
        WriteColumn(json, "time", sequence, p => p.CapturedAt?.ToUnixTimeMilliseconds());
        WriteColumn(json, "altitude", sequence, p => p.Altitude is { } altitude and > -1e6 and < 1e6 ? (long)Math.Round(altitude * 10) : null);
        WriteColumn(json, "direction", sequence, p => p.Direction is { } direction ? (long)Math.Round(direction) : null);
        WriteColumn(json, "camera", sequence, p => cameras.Of(p.Camera));
        WriteColumn(json, "user", sequence, p => p.Creator is null ? null : users.Of(p.Creator));
        WriteColumn(json, "place", sequence, p => places.Of(p));
        json.WriteEndObject();
    }

    /// <summary>The difference of each value to the last known one, null where there is none; no column where there is none at all.</summary>
    private static void WriteColumn(Utf8JsonWriter json, string name, MapSequence sequence, Func<MapPhoto, long?> valueOf)
    {
        var values = sequence.Photos.ConvertAll(p => valueOf(p));
        if (values.TrueForAll(v => v is null)) return;
        json.WriteStartArray(name);
        var last = 0L;
        foreach (var value in values)
        {
            if (value is { } known)
            {
                json.WriteNumberValue(known - last);
                last = known;
            }
            else
            {
                json.WriteNullValue();
            }
        }

        json.WriteEndArray();
    }

    /// <summary>Line ends as HTML readers see them, or the hashes in the policy would be of another text.</summary>
    private static string Resource(string name)
    {
        using var stream = typeof(MapPage).Assembly.GetManifestResourceStream(name)!;
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return reader.ReadToEnd().ReplaceLineEndings("\n");
    }

    private sealed class Numbering<T>
        where T : notnull
    {
        private readonly Dictionary<T, int> _numbers = [];

        public List<T> All { get; } = [];

        public int Of(T one)
        {
            if (_numbers.TryGetValue(one, out var number)) return number;
            All.Add(one);
            return _numbers[one] = All.Count - 1;
        }
    }

    /// <summary>The addresses of pictures as seen from the page: what stands before and behind the image's id, or a whole address.</summary>
    private sealed class PictureAddresses(string pageFolder)
    {
        private readonly Numbering<(string Before, string? After)> _addresses = new();
        private readonly Dictionary<PicturePlace, int?> _known = [];

        public int Count { get; private set; }

        public IEnumerable<(string Before, string? After)> All => _addresses.All;

        public long? Of(MapPhoto photo)
        {
            if (photo.Picture is not { } place) return null;
            if (!_known.TryGetValue(place, out var number)) _known[place] = number = AddressOf(place);
            if (number is not null) Count++;
            return number;
        }

        private int? AddressOf(PicturePlace place)
        {
            var folder = Path.GetRelativePath(pageFolder, place.Folder);
            // On another drive.
            if (Path.IsPathRooted(folder)) return null;
            var before = string.Concat(folder.Split(Path.DirectorySeparatorChar).Select(name => name == "." ? "" : Uri.EscapeDataString(name) + "/"));
            return place.Name is null
                ? _addresses.Of((before, Uri.EscapeDataString(place.Extension)))
                : _addresses.Of((before + Uri.EscapeDataString(place.Name), null));
        }
    }
}
