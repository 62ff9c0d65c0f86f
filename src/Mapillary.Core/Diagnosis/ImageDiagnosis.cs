using System.Globalization;
using Mapillary.Graph;

namespace Mapillary.Diagnosis;

/// <summary>How much a finding matters. They are texts and no enumeration, because PowerShell's <c>ConvertTo-Json</c> writes a number for a value of one.</summary>
public static class FindingSeverity
{
    /// <summary>Good to know; nothing is lost by it.</summary>
    public const string Information = nameof(Information);

    /// <summary>The picture can be downloaded, but something about it is missing or wrong.</summary>
    public const string Warning = nameof(Warning);

    /// <summary>The image, or a rendition of it, cannot be downloaded now.</summary>
    public const string Error = nameof(Error);

    /// <summary>For sorting: the graver, the less.</summary>
    internal static int RankOf(string severity) => severity switch { Error => 0, Warning => 1, _ => 2 };
}

/// <summary>Something that was found about an image.</summary>
/// <param name="Severity">How much it matters: one of <see cref="FindingSeverity"/>.</param>
/// <param name="Text">What it is.</param>
/// <param name="Advice">What to do about it; null where nothing is to be done.</param>
public sealed record ImageFinding(string Severity, string Text, string? Advice = null)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Severity}: {Text}{(Advice is null ? "" : $" {Advice}")}";
}

/// <summary>What is known of a rendition of an image.</summary>
public sealed record RenditionState
{
    /// <summary>The rendition: 256, 1024, 2048 or original.</summary>
    public required string Quality { get; init; }

    /// <summary>Whether the record has an address of it.</summary>
    public required bool IsOffered { get; init; }

    /// <summary>Until when that address lives, in UTC; null where it does not say.</summary>
    public DateTimeOffset? Expires { get; init; }

    /// <summary>Whether the image server was asked for it.</summary>
    public bool WasAsked { get; init; }

    /// <summary>The HTTP status of its answer; null where there was none.</summary>
    public int? Status { get; init; }

    /// <summary>The size in bytes of its answer.</summary>
    public long? Length { get; init; }

    /// <summary>The picture's width in pixels.</summary>
    public int? Width { get; init; }

    /// <summary>The picture's height in pixels.</summary>
    public int? Height { get; init; }

    /// <summary>What metadata it carries as served: EXIF, GPS (in the EXIF), XMP, ICC.</summary>
    public IReadOnlyList<string> Metadata { get; init => field = ItemList.Of(value); } = ItemList<string>.Empty;

    /// <summary>Why the picture is not complete; null where it is, or was not asked for.</summary>
    public string? Fault { get; init; }

    /// <summary>Whether the picture was had whole.</summary>
    public bool IsWhole => WasAsked && Fault is null;

    /// <summary>How it is, in words: whole, what is wrong with it, not asked for or not offered.</summary>
    public string State => Fault ?? (IsWhole ? "whole" : IsOffered ? "not asked for" : "not offered");

    /// <summary>The state as a line for people.</summary>
    public override string ToString()
    {
        var until = Expires is { } time ? string.Create(CultureInfo.InvariantCulture, $", address good until {time.UtcDateTime:yyyy-MM-dd HH:mm} UTC") : "";
        return $"{Quality}: {(IsOffered ? WasAsked ? InWords() : "offered, not asked for" : "not offered")}{until}";
    }

    private string InWords()
    {
        var answer = string.Create(CultureInfo.InvariantCulture, $"{(Status is { } status ? $"HTTP {status}" : "no answer")}{(Length is { } length ? $", {ByteSize.Format(length)}" : "")}");
        return Fault is null
            ? $"{answer}, whole, {Width} x {Height} pixels, {(Metadata.Count == 0 ? "no metadata" : string.Join(" + ", Metadata))}"
            : $"{answer}, {Fault}";
    }
}

/// <summary>What is wrong with an image, and what to do about it.</summary>
public sealed record ImageDiagnosis
{
    /// <summary>The image id.</summary>
    public required string Id { get; init; }

    /// <summary>Whether nothing was found that matters: no warning and no error.</summary>
    public bool IsFine => Findings.All(f => f.Severity == FindingSeverity.Information);

    /// <summary>The diagnosis in a sentence.</summary>
    public string Verdict
    {
        get
        {
            if (IsFine) return "Nothing is wrong with it.";
            var gravest = Findings[0];
            var others = Findings.Count(f => f.Severity != FindingSeverity.Information) - 1;
            return others == 0 ? gravest.Text : string.Create(CultureInfo.InvariantCulture, $"{gravest.Text} ({others} more finding{(others == 1 ? "" : "s")}.)");
        }
    }

    /// <summary>Whether Mapillary has the record; null where that is not known.</summary>
    public bool? HasRecord { get; init; }

    /// <summary>What Mapillary, or the way to it, said in place of the record; null where nothing was in its place.</summary>
    public string? RecordProblem { get; init; }

    /// <summary>The record that was looked at: Mapillary's, else the one that was given; null where there is none.</summary>
    public MapillaryImage? Image { get; init; }

    /// <summary>When the image was captured, as that record has it.</summary>
    public DateTimeOffset? CapturedAt => Image?.CapturedAt;

    /// <summary>Latitude in degrees, WGS-84, as that record has it.</summary>
    public double? Latitude => Image?.Latitude;

    /// <summary>Longitude in degrees, WGS-84, as that record has it.</summary>
    public double? Longitude => Image?.Longitude;

    /// <summary>The fields that the record lacks, by the API's names; addresses of renditions are not among them.</summary>
    public IReadOnlyList<string> MissingFields { get; init => field = ItemList.Of(value); } = ItemList<string>.Empty;

    /// <summary>The renditions, from the smallest to the full size.</summary>
    public IReadOnlyList<RenditionState> Renditions { get; init => field = ItemList.Of(value); } = ItemList<RenditionState>.Empty;

    /// <summary>Until when all addresses live, in UTC; null where that is not known.</summary>
    public DateTimeOffset? Expires => Renditions.Min(r => r.Expires);

    /// <summary>What was found, the gravest first.</summary>
    public IReadOnlyList<ImageFinding> Findings { get; init => field = ItemList.Of(value.OrderBy(f => FindingSeverity.RankOf(f.Severity))); } = ItemList<ImageFinding>.Empty;

    /// <inheritdoc/>
    public override string ToString() => $"{Id}: {Verdict}";
}
