using System.Collections;
using System.Globalization;
using System.Management.Automation;

namespace Mapillary.PowerShell;

/// <summary>
/// What the views (<c>Mapillary.Format.ps1xml</c>) say of values: in the invariant culture, times in UTC, statuses in colour. The
/// values come from objects of this session or from deserialized ones, so that a member may be missing or null; nothing is then said.
/// What comes from outside is shown as <see cref="ShownText"/> has it, a value a line; the objects keep what they hold.
/// </summary>
/// <remarks>
/// The escape sequences of colours are always there. PowerShell does not count them as width, and takes them out where
/// <c>$PSStyle.OutputRendering</c>, <c>NO_COLOR</c> or a redirection to a file wants plain text.
/// </remarks>
public static class ViewText
{
    // SGR parameters of ECMA-48; the three colours are those of $PSStyle.Foreground.
    private const string Red = "31";
    private const string Green = "32";
    private const string Yellow = "33";
    private const string Dim = "2";

    /// <summary>A value in words, as it may be shown.</summary>
    public static string? Text(PSObject? value) => ShownText.Line(value?.ToString());

    /// <summary>A text of several lines, as it may be shown.</summary>
    public static string? Block(PSObject? text) => ShownText.Lines(text?.ToString());

    /// <summary>Several values, with something between them.</summary>
    public static string? Joined(PSObject? items, string separator) => items is null ? null : string.Join(separator, Each(items));

    /// <summary>A status, a severity or the answer to "is it well?" in its colour.</summary>
    public static string? Status(PSObject? status)
    {
        // Of a deserialized enumeration only the text tells the name.
        var text = Text(status);
        var colour = text switch
        {
            "Saved" or "Complete" or "Verified" or "Sound" or "True" => Green,
            "Present" or "Empty" or "Archived" or "Planned" => Dim,
            "Unavailable" or "Stopped" or "Incomplete" or "Sent" or "Queued" or "Warning" or "Repaired" => Yellow,
            "Failed" or "Error" or "False" => Red,
            _ => null,
        };
        return colour is null ? text : Coloured(text, colour);
    }

    /// <summary>A sentence, green where all is well, else red.</summary>
    public static string? Verdict(string? sentence, bool? isFine) => string.IsNullOrEmpty(sentence) ? null : Coloured(ShownText.Line(sentence), isFine == true ? Green : Red);

    /// <summary>A size in bytes, in the unit that suits it.</summary>
    public static string? Size(long? bytes) => bytes is >= 0 and var size ? ByteSize.Format(size) : null;

    /// <summary>The same, with the bytes themselves.</summary>
    public static string? SizeAndBytes(long? bytes) => bytes is >= 1024 and var size
        ? $"{ByteSize.Format(size)} ({Amount.Of(size, "byte")})"
        : Size(bytes);

    /// <summary>A part of a whole, 0 to 1, in percent.</summary>
    public static string? Percent(double? part) => part is { } p ? string.Create(CultureInfo.InvariantCulture, $"{100 * p:0} %") : null;

    /// <summary>A latitude or longitude in degrees, to a tenth of a metre.</summary>
    public static string? Degrees(double? degrees) => Number(degrees, "0.000000");

    /// <summary>A position: latitude and longitude.</summary>
    public static string? Position(double? latitude, double? longitude) => latitude is null || longitude is null ? null : $"{Degrees(latitude)}, {Degrees(longitude)}";

    /// <summary>A number and its unit.</summary>
    public static string? Measure(double? value, string format, string unit) => value is null ? null : Number(value, format) + unit;

    /// <summary>A point in time, in UTC.</summary>
    /// <param name="time">A <see cref="DateTimeOffset"/>, or what is left of one after deserialization: its parts, or a text to the second.</param>
    /// <param name="format">How to write it.</param>
    public static string? Utc(PSObject? time, string format)
    {
        ArgumentNullException.ThrowIfNull(format);
        if (time?.BaseObject is string text)
        {
            // PowerShell serializes in the invariant culture what lies too deep, and that tells no milliseconds.
            return DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, out var parsed)
                ? parsed.UtcDateTime.ToString(format.Replace(".fff", "", StringComparison.Ordinal), CultureInfo.InvariantCulture)
                : ShownText.Line(text);
        }

        var utc = time?.BaseObject is DateTimeOffset whole ? whole.UtcDateTime : time?.Properties["UtcDateTime"]?.Value as DateTime?;
        return utc?.ToString(format, CultureInfo.InvariantCulture);
    }

    /// <summary>A point in time as ISO 8601 in UTC, to the millisecond.</summary>
    public static string? Utc(PSObject? time) => Utc(time, "yyyy-MM-dd'T'HH:mm:ss.fff'Z'");

    /// <summary>The same to the minute.</summary>
    public static string? UtcMinute(PSObject? time) => Utc(time, "yyyy-MM-dd'T'HH:mm'Z'");

    /// <summary>How long something took.</summary>
    public static string? Duration(TimeSpan? duration) => duration?.ToString(duration.Value.Days > 0 ? @"d\.hh\:mm\:ss" : duration.Value.TotalMinutes >= 1 ? @"hh\:mm\:ss" : @"s\.f' s'", CultureInfo.InvariantCulture);

    /// <summary>A list, one a line.</summary>
    public static string? Lines(PSObject? items) => Joined(items, Environment.NewLine);

    /// <summary>The path of a file below a folder.</summary>
    public static string? Below(string? folder, string? path) => ShownText.Line(
        folder is { Length: > 0 } && path is not null && path.Length > folder.Length + 1 && path.StartsWith(folder, StringComparison.Ordinal) && path[folder.Length] is '/' or '\\'
            ? path[(folder.Length + 1)..]
            : path);

    private static IEnumerable<string?> Each(PSObject items) => items.BaseObject is IEnumerable list and not string
        ? list.Cast<object?>().Select(item => ShownText.Line(item?.ToString()))
        : [Text(items)];

    private static string Coloured(string? text, string colour) => $"\e[{colour}m{text}\e[0m";

    private static string? Number(double? value, string format) => value?.ToString(format, CultureInfo.InvariantCulture);
}
