using System.Globalization;
using Mapillary.Collections;

namespace Mapillary.Saving;

/// <summary>Images that ended without their picture, for one and the same reason.</summary>
/// <param name="Status">Unavailable or Failed.</param>
/// <param name="Reason">The reason.</param>
/// <param name="Count">How many.</param>
/// <param name="FirstId">The first one's id.</param>
public sealed record LossKind(string Status, string Reason, long Count, string FirstId)
{
    /// <summary>What to do about it.</summary>
    public string Advice => Status == SavedImageStatus.Unavailable
        ? "Mapillary does not have these; there is nothing to do, unless a smaller rendition is enough."
        : "Run the same command again: only these are fetched.";

    /// <summary>The kind as a line for people.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Count:N0} x {Reason} (such as image {FirstId}) {Advice}");
}

/// <summary>Adds up how images end; for one thread.</summary>
internal sealed class RunTally
{
    private readonly Dictionary<(string, string), LossKind> _losses = [];
    private readonly Dictionary<string, MadeOtherwise> _madeOtherwise = new(StringComparer.Ordinal);

    public Ledger Ledger { get; private set; } = Ledger.Empty;

    /// <summary>The bytes of what was saved.</summary>
    public long Bytes { get; private set; }

    /// <summary>The bytes of what was there.</summary>
    public long PresentBytes { get; private set; }

    /// <summary>How many of those that are here have a picture that is doubtful.</summary>
    public long Doubtful { get; private set; }

    /// <summary>The most frequent first.</summary>
    public IReadOnlyList<LossKind> Losses => [.. _losses.Values.OrderByDescending(l => l.Count).ThenBy(l => l.Reason, StringComparer.Ordinal)];

    /// <summary>Those that were there, and were made with other options, by their collections.</summary>
    public IReadOnlyList<MadeOtherwise> MadeOtherwise => [.. _madeOtherwise.Values.OrderBy(m => m.CollectionPath, StringComparer.Ordinal)];

    public void Add(SavedImage image)
    {
        Ledger = Ledger.With(image.Status);
        if (image.Status == SavedImageStatus.Saved) Bytes += image.Length;
        if (image.Status == SavedImageStatus.Present) PresentBytes += image.Length;
        if (image.Warning is not null) Doubtful++;
        if (image.Differs != MadeDifference.None)
        {
            var path = image.CollectionPath;
            var others = _madeOtherwise.GetValueOrDefault(path) ?? new MadeOtherwise { CollectionPath = path };
            _madeOtherwise[path] = others.With(image.Differs, image.TarPath is not null);
        }

        if (image.Error is not { } error) return;
        // The same words about two images are one kind.
        var prefix = $"Image {image.Id}: ";
        var key = (image.Status, error.StartsWith(prefix, StringComparison.Ordinal) ? error[prefix.Length..] : error);
        _losses[key] = _losses.TryGetValue(key, out var loss) ? loss with { Count = loss.Count + 1 } : new LossKind(key.Status, key.Item2, 1, image.Id);
    }
}

/// <summary>The summary at the end of a run, for people.</summary>
public static class RunSummary
{
    private const int MostLosses = 10;

    /// <summary>What a run came to, in a sentence.</summary>
    /// <param name="ledger">What became of the images.</param>
    public static string Outcome(Ledger ledger)
    {
        ArgumentNullException.ThrowIfNull(ledger);
        var here = ledger.Saved + ledger.Present;
        var all = Invariant($"{here:N0} of {ledger.Listed:N0} image{(ledger.Listed == 1 ? "" : "s")}");
        if (ledger.Listed == 0) return "No images came in; nothing was saved.";
        if (HasNothingNew(ledger))
        {
            return ledger.Unavailable > 0 ? $"Nothing new: {all} are here, and Mapillary does not have the rest."
                : ledger.Listed == 1 ? "Nothing new: the image is here."
                : Invariant($"Nothing new: all {here:N0} are here.");
        }

        var text = ledger.Present == 0 ? $"{all} saved" : Invariant($"{all} are here, {ledger.Saved:N0} of them new");
        if (ledger.Unavailable > 0) text += Invariant($"; {ledger.Unavailable:N0} unavailable");
        if (ledger.Failed > 0) text += Invariant($"; {ledger.Failed:N0} failed");
        return text + ".";
    }

    /// <summary>
    /// A line for each class of the ledger, with count and bytes; that there is nothing new comes first. No lines where there were no images.
    /// </summary>
    /// <param name="ledger">What became of the images.</param>
    /// <param name="bytes">The size in bytes of what was saved.</param>
    /// <param name="presentBytes">The size in bytes of what was there already.</param>
    public static IEnumerable<string> Counts(Ledger ledger, long bytes, long presentBytes)
    {
        ArgumentNullException.ThrowIfNull(ledger);
        if (ledger.Listed == 0) yield break;
        if (HasNothingNew(ledger)) yield return Outcome(ledger);
        foreach (var line in Classes(ledger, bytes, presentBytes)) yield return line;
    }

    /// <summary>A line for each class of the ledger, with count and bytes.</summary>
    /// <param name="ledger">What became of the images.</param>
    /// <param name="bytes">The size in bytes of what was saved.</param>
    /// <param name="presentBytes">The size in bytes of what was there already.</param>
    public static IEnumerable<string> Classes(Ledger ledger, long bytes, long presentBytes)
    {
        ArgumentNullException.ThrowIfNull(ledger);
        yield return Line("Saved", ledger.Saved, bytes);
        yield return Line("Present", ledger.Present, presentBytes);
        yield return Line("Unavailable", ledger.Unavailable, 0);
        yield return Line("Failed", ledger.Failed, 0);

        static string Line(string name, long count, long bytes) =>
            string.Create(CultureInfo.InvariantCulture, $"{name,-11} {count,12:N0}{(bytes > 0 ? $"  {ByteSize.Format(bytes),10}" : "")}");
    }

    /// <summary>A line for each kind of loss, with what to do about it, and one for what to type next.</summary>
    /// <param name="losses">Why images ended without their picture.</param>
    /// <param name="next">What to type next; null for nothing.</param>
    public static IEnumerable<string> Advice(IReadOnlyList<LossKind> losses, string? next)
    {
        ArgumentNullException.ThrowIfNull(losses);
        foreach (var loss in losses.Take(MostLosses))
            yield return string.Create(CultureInfo.InvariantCulture, $"{loss.Count:N0} × {loss.Reason} (such as image {loss.FirstId}) {loss.Advice}");
        if (losses.Count > MostLosses) yield return string.Create(CultureInfo.InvariantCulture, $"and {losses.Count - MostLosses} other reasons; failed.jsonl lists all images.");
        if (next is not null) yield return $"Next: {next}";
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private static bool HasNothingNew(Ledger ledger) => ledger is { Saved: 0, Failed: 0, Present: > 0 };
}
