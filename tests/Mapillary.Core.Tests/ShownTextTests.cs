namespace Mapillary.Tests;

/// <summary>What is shown of a text from outside.</summary>
public class ShownTextTests
{
    [Theory]
    [InlineData("plain text, größer, 日本語, 👩‍👩‍👧‍👦, e\u0301, می‌خواهم")]
    [InlineData("")]
    [InlineData(null)]
    public void Ordinary_text_of_any_language_stays_the_same(string? text)
    {
        Assert.Equal(text, ShownText.Line(text));
        Assert.Equal(text, ShownText.Lines(text));
    }

    [Theory]
    [InlineData("a\u001b[2Jb", "a\ufffd[2Jb")]
    [InlineData("a\u001b]0;title\u0007b", "a\ufffd]0;title\ufffdb")]
    [InlineData("a\u009b31mb", "a\ufffd31mb")]
    [InlineData("a\u202egnp.exe", "a\ufffdgnp.exe")]
    [InlineData("one\r\ntwo\nthree\rfour\u2028five\u2029six\u0085seven\teight", "one two three four five six seven eight")]
    [InlineData("a\U000e0041b", "a\ufffdb")]
    [InlineData("a\0b\bc\u007fd\ufeffe\u200bf", "a\ufffdb\ufffdc\ufffdd\ufffde\ufffdf")]
    public void A_line_steers_no_terminal_and_stays_one_line(string text, string shown) => Assert.Equal(shown, ShownText.Line(text));

    [Fact]
    public void No_control_no_bidirectional_control_and_no_line_separator_is_left_of_all_characters()
    {
        var all = new string([.. Enumerable.Range(0, 0x10000).Select(c => (char)c).Where(c => !char.IsSurrogate(c))]);

        var left = ShownText.Line(all);

        Assert.DoesNotContain(left, char.IsControl);
        Assert.DoesNotContain(left, c => c is '\u061c' or '\u200e' or '\u200f' or (>= '\u2028' and <= '\u202e') or (>= '\u2066' and <= '\u2069') or '\ufeff');
        // What is written with: letters, marks, numbers, punctuation, symbols, blanks.
        Assert.Empty(all.Where(c => char.IsLetterOrDigit(c) || char.IsPunctuation(c) || char.IsSymbol(c) || c is ' ' or '\u200c' or '\u200d').Except(left));
    }

    // As a fact: no attribute can hold half a pair.
    [Fact]
    public void Half_a_surrogate_pair_is_no_character() => Assert.Equal("\ufffda\ufffd", ShownText.Line("\ud800a\udc00"));

    [Fact]
    public void Lines_of_our_own_stay_lines() =>
        Assert.Equal($"one{Environment.NewLine}two\ufffd{Environment.NewLine}three four", ShownText.Lines("one\ntwo\u001b\r\nthree\u2028four"));
}
