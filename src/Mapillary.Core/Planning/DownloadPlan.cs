using System.Globalization;
using System.Text;
using Mapillary.Graph;
using Mapillary.Imaging.Forms;
using Mapillary.Saving;

namespace Mapillary.Planning;

/// <summary>A number of bytes that is known, or estimated.</summary>
/// <param name="Bytes">The size in bytes; where it is estimated, the likeliest.</param>
/// <param name="Low">The lower end of the range; null where too little was sampled to tell one.</param>
/// <param name="High">The upper end of the range; null where too little was sampled to tell one.</param>
/// <param name="IsExact">Whether it is known, and no estimate.</param>
public sealed record ByteEstimate(long Bytes, long? Low, long? High, bool IsExact)
{
    /// <summary>The upper end of the range, else the likeliest size: what one has to be prepared for.</summary>
    public long Most => High ?? Bytes;

    /// <inheritdoc/>
    public override string ToString() => IsExact
        ? ByteSize.Format(Bytes)
        : $"about {ByteSize.Format(Bytes)}{(Low is { } low && High is { } high ? $" ({ByteSize.Format(low)} to {ByteSize.Format(high)})" : "")}";
}

/// <summary>
/// What a download would be: counted where it can be counted, and estimated, and marked as such, where not. Made by a
/// <see cref="DownloadPlanner"/>.
/// </summary>
public sealed record DownloadPlan
{
    /// <summary>The user; null where the images are of several, or of nobody known.</summary>
    public string? User { get; init; }

    /// <summary>The rendition: 256, 1024, 2048 or original.</summary>
    public required string Quality { get; init; }

    /// <summary>What the pictures are to become, in words.</summary>
    public string Form => Becomes.ToString();

    /// <summary>What the pictures are to become.</summary>
    internal PictureForm Becomes { get; init; } = PictureForm.AsServed;

    /// <summary>When the run is to end before all is there, in words; null where it is not. The plan is for all of it.</summary>
    public string? EndsSooner { get; init; }

    /// <summary>Whether the collection is on archive.org already, and the user skipped for that. Nothing else was then looked at.</summary>
    public bool IsArchived { get; init; }

    /// <summary>How many images were listed; exact.</summary>
    public long Images { get; init; }

    /// <summary>In how many sequences; exact.</summary>
    public long Sequences { get; init; }

    /// <summary>On how many days in UTC; exact. Images without a capture time count as one day more.</summary>
    public long Days { get; init; }

    /// <summary>The first capture time in UTC; null where no image has one.</summary>
    public DateTimeOffset? First { get; init; }

    /// <summary>The last capture time in UTC; null where no image has one.</summary>
    public DateTimeOffset? Last { get; init; }

    /// <summary>How many of the images the collection at the destination has; as its manifest says, the files were not looked at.</summary>
    public long Present { get; init; }

    /// <summary>Of how many others Mapillary has no such rendition; exact for records that come from Mapillary itself.</summary>
    public long Unavailable { get; init; }

    /// <summary>How many are to be fetched.</summary>
    public long ToFetch => Images - Present - Unavailable;

    /// <summary>Of how many images the size was asked and told; of one that turned out to have no such rendition it is none.</summary>
    public int Sampled { get; init; }

    /// <summary>
    /// How many bytes are to be fetched, from the sampled sizes: their mean, and 2 standard errors around it, within which 95 of 100 such
    /// estimates are right. Null where no size was available.
    /// </summary>
    public ByteEstimate? BytesToFetch { get; init; }

    /// <summary>How many bytes the disk then has more, with records, restored metadata and what the pictures are to become. Null as before.</summary>
    public ByteEstimate? BytesOnDisk { get; init; }

    /// <summary>The rate in bytes a second that the time is reckoned by; null where there is none.</summary>
    public long? Rate { get; init; }

    /// <summary>Whether that rate was given, and not seen while sampling.</summary>
    public bool IsRateGiven { get; init; }

    /// <summary>How long the transfers take at that rate; an estimate. Encoding WebP may take longer.</summary>
    public TimeSpan? Duration { get; init; }

    /// <summary>The folder in which collections are made.</summary>
    public required string Destination { get; init; }

    /// <summary>How many bytes are free on its disk; null where that cannot be told.</summary>
    public long? FreeSpace { get; init; }

    /// <summary>How many bytes have to be free: the upper end of what the disk then has more, and the largest tar while its sources are still there.</summary>
    public long? RoomNeeded { get; init; }

    /// <summary>Whether there is room; null where that cannot be told.</summary>
    public bool? Fits => RoomNeeded is { } needed && FreeSpace is { } free ? needed <= free : null;

    /// <summary>How many files the collections have on archive.org, tars among them: as many as there are days or sequences.</summary>
    public long ArchiveFiles { get; init; }

    /// <summary>
    /// In how many items of archive.org they go, with 100 GB and 10,000 files as the most of one
    /// (https://archive.org/developers/items.html). An estimate; null where no size was available.
    /// </summary>
    public long? ArchiveItems { get; init; }

    /// <summary>The plan in words, a line for each thing, as it may be shown.</summary>
    public string ToText()
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{(User is null ? "Images of several users" : $"User '{ShownText.Line(User)}'")}, {(Quality == ImageQuality.Original.ToName() ? Quality : $"{Quality} pixels wide")}{(Becomes.IsConversion ? ", " + Becomes.InWords : "")}");
        if (IsArchived) return text.Append(": on archive.org already, so it will be skipped").ToString();
        if (Images == 0) return text.Append(": no images").ToString();
        Line("Images", Invariant($"{Images:N0} in {Plural(Sequences, "sequence")} on {Plural(Days, "day")}{Span()}"));
        if (Present > 0 || Unavailable > 0) Line("To fetch", ToDo());
        if (ToFetch == 0) return text.ToString();
        Line("Download", BytesToFetch is { } bytes
            ? $"{bytes}{(bytes.IsExact ? "" : Invariant($", by {Plural(Sampled, "size")}{(bytes.High is null ? "; too few for a range" : ", +- 2 standard errors")}"))}"
            : "not known: no size was available");
        if (BytesOnDisk is not null) Line("On disk", $"{BytesOnDisk}{(Becomes.ShareLeft is null ? $" as served, less when {Becomes.InWords}" : "")}");
        if (Duration is { } duration) Line("Time", $"about {RunRate.InWords(TimeSpan.FromSeconds(Math.Ceiling(duration.TotalSeconds)))} at {ByteSize.Format(Rate!.Value)} a second, {(IsRateGiven ? "as given" : "as seen while sampling")}");
        if (FreeSpace is { } free)
        {
            Line("Room", $"{ByteSize.Format(free)} free at '{ShownText.Line(Destination)}'{(RoomNeeded is { } needed ? $", up to {ByteSize.Format(needed)} needed: it {(Fits == true ? "fits" : "does NOT fit")}" : "")}");
        }

        if (EndsSooner is not null) Line("This run", $"ends earlier, {EndsSooner}; the next run continues");
        Line("archive.org", $"{(ArchiveItems is { } items ? $"about {Plural(items, "item")} of " : "")}{Plural(ArchiveFiles, "file")}");
        return text.ToString();

        void Line(string name, string value) => text.AppendLine().Append(CultureInfo.InvariantCulture, $"  {name,-13}{value}");
    }

    /// <inheritdoc/>
    public override string ToString() => ToText();

    private string Span() => First is { } first && Last is { } last ? Invariant($", captured {first.UtcDateTime:yyyy-MM-dd} to {last.UtcDateTime:yyyy-MM-dd}") : "";

    private string ToDo()
    {
        var others = new List<string>();
        if (Present > 0) others.Add(Invariant($"{Present:N0} are there already"));
        if (Unavailable > 0) others.Add(Invariant($"of {Unavailable:N0} Mapillary has no such rendition"));
        return Invariant($"{(ToFetch == 0 ? "nothing" : Invariant($"{ToFetch:N0}"))}; {string.Join(", ", others)}");
    }

    private static string Plural(long count, string name) => Invariant($"{count:N0} {name}{(count == 1 ? "" : "s")}");

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);
}
