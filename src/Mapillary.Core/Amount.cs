using System.Globalization;

namespace Mapillary;

/// <summary>How many of something, as people read it, the same in every culture.</summary>
public static class Amount
{
    /// <summary>The number with commas between thousands: <c>1,234</c>.</summary>
    /// <param name="number">How many.</param>
    public static string Of(long number) => number.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>The number and the thing: <c>1 image</c>, <c>1,234 images</c>.</summary>
    /// <param name="number">How many.</param>
    /// <param name="one">The thing, where there is one.</param>
    /// <param name="several">The thing, where there are none or several; with an s at its end where that is null.</param>
    public static string Of(long number, string one, string? several = null) => $"{Of(number)} {Word(number, one, several ?? $"{one}s")}";

    /// <summary>A word that goes by the number, such as is or are.</summary>
    /// <param name="number">How many.</param>
    /// <param name="one">The word where there is one.</param>
    /// <param name="several">The word where there are none or several.</param>
    public static string Word(long number, string one, string several) => number == 1 ? one : several;
}
