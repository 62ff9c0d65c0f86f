namespace Mapillary.Diagnosis;

/// <summary>Something that was found about an image.</summary>
/// <param name="Severity">How much it matters: one of <see cref="FindingSeverity"/>.</param>
/// <param name="Text">What it is.</param>
/// <param name="Advice">What to do about it; null where nothing is to be done.</param>
public sealed record ImageFinding(string Severity, string Text, string? Advice = null)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Severity}: {Text}{(Advice is null ? "" : $" {Advice}")}";
}
