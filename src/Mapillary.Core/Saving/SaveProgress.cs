using System.Globalization;
using Mapillary.Collections;
using Mapillary.Services;

namespace Mapillary.Saving;

/// <summary>How far a run that saves images is, for a person to look at.</summary>
/// <param name="Ledger">What became of the images so far.</param>
/// <param name="Bytes">The size in bytes of what was saved so far.</param>
/// <param name="Stages">How far each stage is.</param>
public sealed record SaveProgress(Ledger Ledger, long Bytes, SaveStages Stages)
{
    /// <summary>Bytes a second from the image servers in the last minute; 0 where that cannot be told.</summary>
    public double Rate { get; init; }

    /// <summary>How long what is to come will take, by the last minute, in words; null where that is not known.</summary>
    public string? TimeLeft { get; init; }

    /// <summary>How many images there are in all; null where that is not known yet.</summary>
    public long? Total { get; init; }

    /// <summary>How many of a hundred images have ended; null while it is not known how many there are.</summary>
    public int? PercentComplete => Total is > 0 and var total ? (int)Math.Min(100, Ledger.Listed * 100 / total) : null;

    /// <summary>All of it in one line, the most telling first.</summary>
    public string Overall
    {
        get
        {
            var parts = new List<string> { Total is { } total ? Invariant($"{Ledger.Listed:N0} of {total:N0} images") : Invariant($"{Ledger.Listed:N0} images") };
            if (TimeLeft is not null) parts.Add($"{TimeLeft} left");
            if (Ledger.Failed > 0) parts.Add(Invariant($"{Ledger.Failed:N0} failed"));
            if (Ledger.Unavailable > 0) parts.Add(Invariant($"{Ledger.Unavailable:N0} unavailable"));
            if (Ledger.Present > 0) parts.Add(Invariant($"{Ledger.Present:N0} were there"));
            if (Bytes > 0) parts.Add($"{ByteSize.Format(Bytes)} saved");
            return string.Join(", ", parts);
        }
    }

    /// <summary>A line for each stage: what it is, and how far.</summary>
    public IReadOnlyList<(string Name, string Status)> Lines
    {
        get
        {
            var lines = new List<(string, string)>
            {
                ("Listed", Invariant($"{Stages.Listed:N0} images{(Stages.IsListingRead ? "" : " so far")}")),
                ("Downloaded", Invariant($"{Stages.Downloaded:N0} images, {ByteSize.Format(Stages.DownloadedBytes)}{(Rate > 0 ? $", {ByteSize.Format((long)Rate)}/s" : "")}, up to {Stages.Connections} at once")),
            };
            if (Stages.Encoded is { } encoded) lines.Add(("Encoded", Invariant($"{encoded:N0} images")));
            if (InWords(Stages.RequestsWaiting, Stages.HeldBackFor) is { } waiting) lines.Add(("Waiting", waiting));
            return lines;
        }
    }

    /// <summary>What requests to Mapillary wait for, in words; null where they do not.</summary>
    /// <param name="waits">The waits.</param>
    public static string? InWords(RetryWaits waits)
    {
        ArgumentNullException.ThrowIfNull(waits);
        return InWords(waits.Requests, waits.HeldBackFor);
    }

    /// <inheritdoc/>
    public override string ToString() =>
        // Where a line is cut, that it waits is what must be seen.
        string.Join("; ", Lines.OrderByDescending(l => l.Name == "Waiting").Select(l => $"{l.Name.ToLowerInvariant()} {l.Status}").Prepend(Overall));

    private static string? InWords(int requests, TimeSpan heldBackFor) =>
        heldBackFor > TimeSpan.Zero ? $"Mapillary asks for fewer requests: all wait for {RunRate.InWords(TimeSpan.FromSeconds(Math.Ceiling(heldBackFor.TotalSeconds)))}"
        : requests > 0 ? Invariant($"{requests:N0} request{(requests == 1 ? "" : "s")} to be tried again")
        : null;

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
