using System.Globalization;
using System.Text.RegularExpressions;

namespace Mapillary.Graph;

/// <summary>Reads points in time as people write them, in the same way on every machine.</summary>
public static partial class Moment
{
    /// <summary>
    /// Reads a date that no two cultures read differently: one that begins with its year (ISO 8601, such as <c>2024-06-01</c> or
    /// <c>2024-06-01T12:00:00+02:00</c>), or one with the month's name in English. Without an offset it is UTC.
    /// </summary>
    /// <exception cref="FormatException">It is no such date; the text says how to write it.</exception>
    public static DateTimeOffset Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var date = text.Trim();
        // As the views of this software and many others end it.
        if (date.EndsWith(" UTC", StringComparison.OrdinalIgnoreCase)) date = date[..^4] + "Z";
        if ((YearFirst().IsMatch(date) || MonthNamed().IsMatch(date))
            && DateTimeOffset.TryParse(date, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var moment)) return moment;
        var why = NumbersOnly().IsMatch(date) ? "some read its day first, and some its month" : "it is no whole date";
        throw new FormatException(
            $"'{text}' is not a moment: {why}. Expected is a date with its year first, such as 2024-06-01 or 2024-06-01T12:00:00+02:00; without an offset it is UTC.");
    }

    [GeneratedRegex(@"^[0-9]{4}[-/.][0-9]{1,2}([-/.][0-9]{1,2})?(\D|\z)", RegexOptions.CultureInvariant)]
    private static partial Regex YearFirst();

    [GeneratedRegex(@"^(?=.*[0-9]{4}).*\b(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex MonthNamed();

    [GeneratedRegex(@"^[0-9]{1,2}[-/. ]+[0-9]{1,2}[-/. ]+[0-9]{2,4}\b", RegexOptions.CultureInvariant)]
    private static partial Regex NumbersOnly();
}
