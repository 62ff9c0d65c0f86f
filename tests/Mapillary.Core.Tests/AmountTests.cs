using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace Mapillary.Tests;

/// <summary>How many there are of something is said in one way everywhere, whatever the culture of the machine.</summary>
public partial class AmountTests
{
    [Theory]
    [InlineData(0, "0 images")]
    [InlineData(1, "1 image")]
    [InlineData(2, "2 images")]
    [InlineData(1_234_567, "1,234,567 images")]
    public void A_thing_goes_by_its_number_in_every_culture(long number, string expected)
    {
        var before = CultureInfo.CurrentCulture;
        try
        {
            foreach (var culture in new[] { "en-US", "de-DE", "fr-FR", "hi-IN" })
            {
                CultureInfo.CurrentCulture = CultureInfo.GetCultureInfo(culture);
                Assert.Equal(expected, Amount.Of(number, "image"));
                Assert.Equal(expected.Split(' ')[0], Amount.Of(number));
            }
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    [Fact]
    public void Things_whose_plural_is_no_mere_s_are_given_both_words()
    {
        Assert.Equal("1 image was", Amount.Of(1, "image was", "images were"));
        Assert.Equal("2 images were", Amount.Of(2, "image was", "images were"));
        Assert.Equal("are", Amount.Word(0, "is", "are"));
    }

    [Fact]
    public void No_other_code_words_numbers_of_things()
    {
        var sources = Path.GetFullPath(Path.Combine(ThisFolder(), "..", "..", "src"));
        var found = Directory.EnumerateFiles(sources, "*.cs", SearchOption.AllDirectories)
            .Where(file => !file.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal))
            .SelectMany(file => Wording().Matches(File.ReadAllText(file)).Select(match => $"{Path.GetFileName(file)}: {match.Value}"));

        Assert.Equal(["Amount.cs: \"N0\""], found);
    }

    /// <summary>A number with separators, or a plural that hangs on one.</summary>
    [GeneratedRegex("""(:N0\b|"N0"|\?\s*""\s*:\s*"s"|\?\s*"s"\s*:\s*""|\?\s*"is"\s*:\s*"are")""")]
    private static partial Regex Wording();

    private static string ThisFolder([CallerFilePath] string file = "") => Path.GetDirectoryName(file)!;
}
