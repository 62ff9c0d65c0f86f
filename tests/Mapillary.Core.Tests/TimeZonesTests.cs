namespace Mapillary.Tests;

public class TimeZonesTests
{
    [Theory]
    [InlineData("Europe/Berlin", "Europe/Berlin", 60, 120)]
    [InlineData("W. Europe Standard Time", "Europe/Berlin", 60, 120)]
    [InlineData("Asia/Kolkata", "Asia/Kolkata", 330, 330)]
    [InlineData("India Standard Time", "Asia/Kolkata", 330, 330)]
    [InlineData("Pacific Standard Time", "America/Los_Angeles", -480, -420)]
    public void A_zone_is_found_by_either_name_and_noted_by_that_of_IANA(string name, string iana, int minutesInWinter, int minutesInSummer)
    {
        var zone = TimeZones.Find(name)!;

        Assert.Equal(name, zone.Id);
        Assert.Equal(iana, TimeZones.IanaNameOf(zone));
        Assert.Equal(TimeSpan.FromMinutes(minutesInWinter), zone.GetUtcOffset(new DateTimeOffset(2024, 1, 15, 0, 0, 0, TimeSpan.Zero)));
        Assert.Equal(TimeSpan.FromMinutes(minutesInSummer), zone.GetUtcOffset(new DateTimeOffset(2024, 7, 15, 0, 0, 0, TimeSpan.Zero)));
    }

    [Fact]
    public void What_is_no_zone_is_none() => Assert.All(["Europe/Berlinn", "", "../zone", "W. Europe Standard"], name => Assert.Null(TimeZones.Find(name)));

    [Fact]
    public void Names_of_both_kinds_are_offered_on_every_system_and_all_of_those_of_Windows_are_found()
    {
        var names = TimeZones.Names.ToList();

        Assert.Superset(new HashSet<string> { "Europe/Berlin", "America/New_York", "Asia/Tokyo", "UTC", "W. Europe Standard Time", "Tokyo Standard Time" }, names.ToHashSet());
        // A Windows that was not updated lacks the latest.
        if (OperatingSystem.IsWindows()) return;
        Assert.DoesNotContain(names, name => name.EndsWith(" Standard Time", StringComparison.Ordinal) && TimeZones.Find(name) is null);
    }
}
