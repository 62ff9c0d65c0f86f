using System.Globalization;
using Mapillary.Collections;

namespace Mapillary.Saving;

/// <summary>
/// Images of a collection that were there already and were made with other options than those of the run. They stay as they are. Where
/// nobody noted how an image was made, as earlier versions did not, only its layout is known.
/// </summary>
public sealed record MadeOtherwise
{
    /// <summary>The collection's folder.</summary>
    public required string CollectionPath { get; init; }

    /// <summary>How many images these are.</summary>
    public long Images { get; init; }

    /// <summary>How many have restored metadata where the run leaves them as served, or the other way round.</summary>
    public long Metadata { get; init; }

    /// <summary>How many have the other of the two positions.</summary>
    public long Position { get; init; }

    /// <summary>How many have their times in another zone.</summary>
    public long TimeZone { get; init; }

    /// <summary>How many are WebP of another quality.</summary>
    public long WebpQuality { get; init; }

    /// <summary>How many lie in folders of another layout.</summary>
    public long Layout { get; init; }

    /// <summary>How many of those with other metadata, another position or time zone are in tars; the others are files.</summary>
    public long InTars { get; init; }

    /// <summary>How many files have other metadata, another position or time zone, which can be restored where they are.</summary>
    public long Restorable { get; init; }

    /// <inheritdoc/>
    public override string ToString()
    {
        var what = new (string Name, long Count)[]
        {
            ("metadata", Metadata), ("position", Position), ("time zone", TimeZone), ("WebP quality", WebpQuality), ("layout", Layout),
        };
        var differs = string.Join(", ", what.Where(w => w.Count > 0).Select(w => Invariant($"{w.Name} ({w.Count:N0})")));
        return Invariant($"{Images:N0} of the images here were made in another way and stay as they are. What differs: {differs}.");

        static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
    }

    /// <summary>The same with an image more.</summary>
    internal MadeOtherwise With(MadeDifference difference, bool isInTar)
    {
        const MadeDifference inMetadata = MadeDifference.Metadata | MadeDifference.Position | MadeDifference.TimeZone;
        return this with
        {
            Images = Images + 1,
            Metadata = Metadata + One(MadeDifference.Metadata),
            Position = Position + One(MadeDifference.Position),
            TimeZone = TimeZone + One(MadeDifference.TimeZone),
            WebpQuality = WebpQuality + One(MadeDifference.WebpQuality),
            Layout = Layout + One(MadeDifference.Layout),
            InTars = InTars + (isInTar ? One(inMetadata) : 0),
            Restorable = Restorable + (isInTar ? 0 : One(inMetadata)),
        };

        int One(MadeDifference kind) => (difference & kind) == 0 ? 0 : 1;
    }
}
