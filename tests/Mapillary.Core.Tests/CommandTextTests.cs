namespace Mapillary.Tests;

/// <summary>Words of commands that people paste, in real shells.</summary>
public sealed class CommandTextTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("mapillary-words-").FullName;

    [Fact]
    public void A_word_for_PowerShell_is_that_word_there_and_runs_nothing()
    {
        var words = HostileWords.InPowerShell(_folder, [.. HostileWords.All.Select(w => $"show {CommandText.ForPowerShell(w)}")]);

        Assert.Equal(HostileWords.All.Select(w => new[] { w }), words);
    }

    [Fact]
    public void A_word_for_a_POSIX_shell_is_that_word_there_and_runs_nothing()
    {
        var words = HostileWords.InBash(_folder, [.. HostileWords.All.Select(w => $"show {CommandText.ForPosixShell(w)}")]);

        // An argument is bytes of UTF-8, and ends at NUL.
        Assert.Equal(HostileWords.All.Select(w => new[] { string.Concat(w.EnumerateRunes()).Replace('\0', '\ufffd') }), words);
    }

    [Fact]
    public void A_word_for_one_shell_runs_nothing_in_the_other()
    {
        HostileWords.InBash(_folder, [.. HostileWords.All.Select(w => $"show {CommandText.ForPowerShell(w)}")]);
        HostileWords.InPowerShell(_folder, [.. HostileWords.All.Select(w => $"show {CommandText.ForPosixShell(w)}")]);
    }

    [Fact]
    public void A_word_is_shown_as_it_is()
    {
        Assert.All(HostileWords.All, w => Assert.Equal(CommandText.ForPowerShell(w), ShownText.Line(CommandText.ForPowerShell(w))));
        Assert.All(HostileWords.All, w => Assert.Equal(CommandText.ForPosixShell(w), ShownText.Line(CommandText.ForPosixShell(w))));
    }

    [Theory]
    [InlineData("anna", "anna", "anna")]
    [InlineData("/home/you/archive", "/home/you/archive", "/home/you/archive")]
    [InlineData("o'neil", "'o''neil'", "'o'\"'\"'neil'")]
    [InlineData("a\u2019b", "'a\u2019\u2019b'", "'a'\"\u2019\"'b'")]
    [InlineData("a\u001bb", "('a'+[char]0x1b+'b')", "'a'$'\\033''b'")]
    [InlineData("-rf", "'-rf'", "'-rf'")]
    [InlineData("", "''", "''")]
    public void A_word_is_written_no_longer_than_it_has_to(string word, string powerShell, string posix)
    {
        Assert.Equal(powerShell, CommandText.ForPowerShell(word));
        Assert.Equal(posix, CommandText.ForPosixShell(word));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
