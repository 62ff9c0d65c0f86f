using System.Globalization;
using System.Text;
using Mapillary.Collections;

namespace Mapillary.Backup;

/// <summary>Images that ended without their picture, for one and the same reason.</summary>
/// <param name="Status">Unavailable or Failed.</param>
/// <param name="Reason">The reason.</param>
/// <param name="Count">How many.</param>
/// <param name="FirstId">The first one's id.</param>
public sealed record LossKind(SavedImageStatus Status, string Reason, long Count, string FirstId)
{
    /// <summary>What to do about it.</summary>
    public string Advice => Status == SavedImageStatus.Unavailable
        ? "Mapillary does not have these; there is nothing to do, unless a smaller rendition will do."
        : "Run the same command again: only these are fetched. Test-MapillaryImage tells more about one of them.";
}

/// <summary>Adds up how images end; for one thread.</summary>
internal sealed class RunTally
{
    private readonly Dictionary<(SavedImageStatus, string), LossKind> _losses = [];

    public Ledger Ledger { get; private set; } = Ledger.Empty;

    /// <summary>The bytes of what was saved.</summary>
    public long Bytes { get; private set; }

    /// <summary>The bytes of what was there.</summary>
    public long PresentBytes { get; private set; }

    /// <summary>The most frequent first.</summary>
    public IReadOnlyList<LossKind> Losses => [.. _losses.Values.OrderByDescending(l => l.Count).ThenBy(l => l.Reason, StringComparer.Ordinal)];

    public void Add(SavedImage image)
    {
        Ledger = Ledger.With(image.Status);
        if (image.Status == SavedImageStatus.Saved) Bytes += image.Length;
        if (image.Status == SavedImageStatus.Present) PresentBytes += image.Length;
        if (image.Error is not { } error) return;
        // The same words about two images are one kind.
        var prefix = $"Image {image.Id}: ";
        var key = (image.Status, error.StartsWith(prefix, StringComparison.Ordinal) ? error[prefix.Length..] : error);
        _losses[key] = _losses.TryGetValue(key, out var loss) ? loss with { Count = loss.Count + 1 } : new LossKind(key.Status, key.Item2, 1, image.Id);
    }
}

/// <summary>The summary at the end of a user's backup, for people.</summary>
public static class RunSummary
{
    private const int MostLosses = 10;

    /// <summary>The lines: one a class of the ledger, with counts and bytes; what was lost and what to do; and what to type next.</summary>
    /// <param name="result">What became of the backup.</param>
    /// <param name="next">What to type next; null for nothing.</param>
    public static IReadOnlyList<string> Lines(BackupResult result, string? next)
    {
        ArgumentNullException.ThrowIfNull(result);
        var lines = new List<string>();
        var ledger = result.Ledger;
        if (ledger.Listed > 0)
        {
            if (ledger == new Ledger(0, ledger.Present, ledger.Unavailable, 0)) lines.Add("Nothing is new on Mapillary: all there is, is here.");
            Line("Saved", ledger.Saved, result.Bytes);
            Line("Present", ledger.Present, result.PresentBytes);
            Line("Unavailable", ledger.Unavailable, null);
            Line("Failed", ledger.Failed, null);
            foreach (var loss in result.Losses.Take(MostLosses))
                lines.Add(string.Create(CultureInfo.InvariantCulture, $"{loss.Count:N0} × {loss.Reason} (such as image {loss.FirstId}) {loss.Advice}"));
            if (result.Losses.Count > MostLosses) lines.Add(string.Create(CultureInfo.InvariantCulture, $"and {result.Losses.Count - MostLosses} further kinds; failed.jsonl names all."));
        }

        if (next is not null) lines.Add($"Next: {next}");
        return lines;

        void Line(string name, long count, long? bytes) =>
            lines.Add(new StringBuilder().Append(CultureInfo.InvariantCulture, $"{name,-11} {count,12:N0}").Append(bytes is > 0 and var size ? $"  {ByteSize.Format(size),10}" : "").ToString());
    }
}
