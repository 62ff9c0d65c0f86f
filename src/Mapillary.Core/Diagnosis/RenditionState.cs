using System.Globalization;

namespace Mapillary.Diagnosis;

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

    /// <summary>Whether the whole picture was received.</summary>
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
