using System.Security;
using TimeZoneConverter;

namespace Mapillary;

/// <summary>
/// Time zones by either name that people know: IANA's, such as Europe/Berlin, and Windows', such as W. Europe Standard Time. .NET finds
/// those of the other kind by ICU, which Windows before 1903 and some containers do not have; where it finds none, the table of the
/// Unicode CLDR (windowsZones) does.
/// </summary>
public static class TimeZones
{
    /// <summary>The names of both kinds, in the order of the alphabet.</summary>
    public static IEnumerable<string> Names =>
        TZConvert.KnownIanaTimeZoneNames.Concat(TZConvert.KnownWindowsTimeZoneIds).Distinct(StringComparer.OrdinalIgnoreCase).Order(StringComparer.OrdinalIgnoreCase);

    /// <summary>Finds a zone by its name of either kind; null where there is none of this name.</summary>
    public static TimeZoneInfo? Find(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (FindInSystem(name) is { } zone) return zone;
        var other = TZConvert.TryIanaToWindows(name, out var windows) ? windows : TZConvert.TryWindowsToIana(name, out var iana) ? iana : null;
        if (other is null || FindInSystem(other) is not { } same) return null;
        try
        {
            // By the name that was asked for: it is what a collection notes.
            return TimeZoneInfo.CreateCustomTimeZone(name, same.BaseUtcOffset, same.DisplayName, same.StandardName, same.DaylightName, same.GetAdjustmentRules());
        }
        catch (InvalidTimeZoneException)
        {
            // .NET makes no zone of some that it has itself.
            return same;
        }
    }

    /// <summary>The IANA name of a zone, the same one on every system; its own name, where it has none.</summary>
    public static string IanaNameOf(TimeZoneInfo zone)
    {
        ArgumentNullException.ThrowIfNull(zone);
        // The table first: ICU has older names for some, such as Asia/Calcutta for Asia/Kolkata.
        return TZConvert.TryWindowsToIana(zone.Id, out var name) || (!zone.HasIanaId && TimeZoneInfo.TryConvertWindowsIdToIanaId(zone.Id, out name)) ? name : zone.Id;
    }

    private static TimeZoneInfo? FindInSystem(string name)
    {
        try
        {
            return TimeZoneInfo.FindSystemTimeZoneById(name);
        }
        catch (Exception e) when (e is TimeZoneNotFoundException or InvalidTimeZoneException or SecurityException)
        {
            return null;
        }
    }
}
