namespace Mapillary;

/// <summary>Values that are one of a few names.</summary>
internal static class Choice
{
    /// <summary>The name as the list has it, whatever the case of the value.</summary>
    /// <exception cref="ArgumentException">The value is none of the names.</exception>
    public static string Of(string? value, IReadOnlyList<string> names) =>
        names.FirstOrDefault(n => n.Equals(value, StringComparison.OrdinalIgnoreCase))
        ?? throw new ArgumentException($"'{ShownText.Line(value)}' is none of {string.Join(", ", names)}.", nameof(value));
}
