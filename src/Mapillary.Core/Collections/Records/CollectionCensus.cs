namespace Mapillary.Collections.Records;

/// <summary>Which images a collection really holds, counted once each, and when they were captured.</summary>
/// <param name="Images">How many.</param>
/// <param name="Undated">How many of them have no capture time.</param>
/// <param name="Misdated">How many of them have one that cannot be right.</param>
/// <param name="First">The earliest day of capture, in UTC; null when none has a time.</param>
/// <param name="Last">The latest one.</param>
internal sealed record CollectionCensus(int Images, int Undated, int Misdated, DateOnly? First, DateOnly? Last)
{
    /// <summary>Who captured them, and how many.</summary>
    public IReadOnlyDictionary<string, int> Authors { get; init; } = new Dictionary<string, int>();
}
