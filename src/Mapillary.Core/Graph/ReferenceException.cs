namespace Mapillary.Graph;

/// <summary>
/// A text does not stand for what is expected. What it may stand for instead is given as data: each front end has its own words for how to
/// ask for that.
/// </summary>
public sealed class ReferenceException : FormatException
{
    /// <summary>Makes the error.</summary>
    /// <param name="message">What is wrong, with the text.</param>
    /// <param name="expected">What was expected.</param>
    /// <param name="found">What it looks like; null where that cannot be told.</param>
    /// <param name="value">The id or name that was found, without what was around it.</param>
    public ReferenceException(string message, ReferenceKind expected, ReferenceKind? found, string? value)
        : base(message) => (Expected, Found, Value) = (expected, found, value);

    /// <summary>What was expected.</summary>
    public ReferenceKind Expected { get; }

    /// <summary>What the text looks like instead; null where that cannot be told.</summary>
    public ReferenceKind? Found { get; }

    /// <summary>The id or name that was found, without an address around it; null where there is none.</summary>
    public string? Value { get; }
}
