using System.Globalization;
using System.Text;
using Mapillary.Graph;

namespace Mapillary.Maps;

/// <summary>
/// Writes a table (RFC 4180, UTF-8): a row an image, in the order of the other forms. The columns bear the names of an image's properties,
/// and are those of the property set <c>Flat</c> in PowerShell. Numbers have a point in every culture, times are ISO 8601 in UTC.
/// </summary>
internal static class CsvMap
{
    /// <summary>Without a byte order mark, as <c>Export-Csv</c> writes: readers would take it for a part of the first column's name.</summary>
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false);

    private static readonly (string Name, Func<MapSequence, MapPhoto, string?> Value)[] Columns =
    [
        (nameof(MapillaryImage.Id), (_, photo) => Text(photo.Id)),
        (nameof(MapillaryImage.SequenceId), (sequence, _) => Text(sequence.Id)),
        (nameof(MapillaryImage.CapturedAt), (_, photo) => GeoJsonMap.Time(photo.CapturedAt)),
        (nameof(MapillaryImage.Latitude), (_, photo) => Number(photo.Latitude, "0.#######")),
        (nameof(MapillaryImage.Longitude), (_, photo) => Number(photo.Longitude, "0.#######")),
        (nameof(MapillaryImage.Altitude), (_, photo) => Number(photo.Altitude, "0.###")),
        (nameof(MapillaryImage.Direction), (_, photo) => Number(photo.Direction, "0.######")),
        (nameof(MapillaryImage.CameraType), (_, photo) => Text(photo.Camera.Type)),
        (nameof(MapillaryImage.IsPanorama), (_, photo) => photo.Camera.IsPanorama.ToString()),
        (nameof(MapillaryImage.Make), (_, photo) => Text(photo.Camera.Make)),
        (nameof(MapillaryImage.Model), (_, photo) => Text(photo.Camera.Model)),
        (nameof(MapillaryImage.Creator), (_, photo) => Text(photo.Creator)),
        (nameof(MapillaryImage.Url), (_, photo) => photo.Url),
    ];

    public static void Write(Stream stream, IReadOnlyList<MapSequence> sequences, CancellationToken cancellationToken)
    {
        using var writer = new StreamWriter(stream, Utf8, 1 << 16, leaveOpen: true);
        CsvRow.Write(writer, Columns.Select(c => c.Name));
        foreach (var sequence in sequences)
        {
            cancellationToken.ThrowIfCancellationRequested();
            foreach (var photo in sequence.Photos) CsvRow.Write(writer, Columns.Select(c => c.Value(sequence, photo)));
        }
    }

    private static string? Number(double? number, string format) => number?.ToString(format, CultureInfo.InvariantCulture);

    /// <summary>
    /// A text, after an apostrophe where a spreadsheet would take it for a formula (https://owasp.org/www-community/attacks/CSV_Injection):
    /// names of users and cameras are whatever somebody wrote. Ids may begin with a hyphen, and are no formula that could do anything.
    /// </summary>
    private static string? Text(string? text) =>
        text is ['=' or '+' or '-' or '@' or '\t' or '\r' or '\n', ..] && !text.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_') ? $"'{text}" : text;
}
