using System.Globalization;
using Mapillary.Graph;

namespace Mapillary.Diagnosis;

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
            return others == 0 ? gravest.Text : $"{gravest.Text} ({Amount.Of(others, "more finding")}.)";
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
