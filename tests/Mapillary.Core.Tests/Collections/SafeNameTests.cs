using Mapillary.Collections;

namespace Mapillary.Tests.Collections;

public class SafeNameTests
{
    public static TheoryData<string> HostileNames() =>
    [
        "../../x", "..", ".", "CON", "con", "nul.txt", "LPT1", "-rf", "--49xbCtIcKmxBbYALHRWA", @"a/b\c:d", "a b", "trailing.", " lead", "a\0b", "line\nbreak",
        "ünïcödé!", "日本", "😀", "_x0041_", "_x0041/", "_x005f_x0041_", "a_b", "_", ".hidden", "name.tar", "%2e%2e", "~", "$HOME", "*?", "\"quoted\"",
    ];

    [Theory]
    [MemberData(nameof(HostileNames))]
    public void A_name_comes_back_and_is_harmless_as_a_file(string name)
    {
        foreach (var safe in new[] { SafeName.ForUser(name), SafeName.ForId(name) })
        {
            Assert.Equal(name, SafeName.Decode(safe));
            Assert.Matches("^[A-Za-z0-9_][A-Za-z0-9_.-]*$", safe);
            Assert.DoesNotMatch("(?i)^(con|prn|aux|nul|com[0-9]|lpt[0-9])([.]|$)", safe);
            Assert.False(safe.EndsWith('.'));
        }
    }

    [Theory]
    [InlineData("3bVlGmkTzsEOeK1BHvXuLq")]
    [InlineData("LwrHXqFRN_pszCopTKHF_Q")]
    [InlineData("user-name_1")]
    public void An_ordinary_name_stays_as_it_is(string name)
    {
        Assert.Equal(name, SafeName.ForUser(name));
        Assert.Equal(name, SafeName.ForId(name));
    }

    [Fact]
    public void Any_two_names_stay_two_and_come_back()
    {
        var random = new Random(7);
        const string Alphabet = "aAxX_0415f-./\\ é";
        var seen = new Dictionary<string, string>();
        for (var i = 0; i < 20_000; i++)
        {
            var name = string.Concat(Enumerable.Range(0, random.Next(1, 12)).Select(_ => Alphabet[random.Next(Alphabet.Length)]));
            var safe = SafeName.ForId(name);
            Assert.Equal(name, SafeName.Decode(safe));
            Assert.Equal(name, seen.GetValueOrDefault(safe, name));
            seen[safe] = name;
            var lower = SafeName.ForCaseTwin(safe);
            Assert.Equal(name, SafeName.Decode(lower));
            Assert.Equal(lower.ToLowerInvariant(), lower);
        }
    }

    [Fact]
    public void A_name_of_300_characters_is_shortened_and_stays_its_own()
    {
        var (one, other) = (new string('a', 300), new string('a', 299) + "b");

        Assert.InRange(SafeName.ForUser(one).Length, 1, 100);
        Assert.NotEqual(SafeName.ForUser(one), SafeName.ForUser(other));
    }

    [Fact]
    public void Nobody_can_choose_a_name_that_passes_for_a_shortened_one()
    {
        var shortened = SafeName.ForUser(new string('a', 300));

        Assert.NotEqual(shortened, SafeName.ForUser(shortened));
        Assert.InRange(SafeName.ForUser(shortened).Length, 1, 76);
    }
}
