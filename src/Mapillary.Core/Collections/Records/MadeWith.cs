using Mapillary.Imaging;
using Mapillary.Imaging.Forms;

namespace Mapillary.Collections.Records;

/// <summary>
/// The options that an image's file was made with, as the manifest notes them. What is the same for all pictures of a collection (the
/// rendition, the quality of JPEG) is in <c>collection.json</c>, and the layout can be seen in the path.
/// </summary>
internal sealed record MadeWith
{
    private const string Utc = "UTC";

    /// <summary>The defaults.</summary>
    public static MadeWith Default { get; } = new();

    /// <summary>Whether metadata were restored; else they are as served, and position and time zone say nothing.</summary>
    public bool IsRestored { get; init; } = true;

    /// <summary>Which position was written.</summary>
    public PositionSource Position { get; init; }

    /// <summary>The zone of the local times, by its IANA name where it has one.</summary>
    public string TimeZone { get; init; } = Utc;

    /// <summary>The quality of a WebP; of another file it says nothing.</summary>
    public int WebpQuality { get; init; } = WebpForm.DefaultQuality;

    /// <summary>Whether the zone is the usual one, UTC.</summary>
    public bool IsUtc => TimeZone == Utc;

    /// <summary>What a run with these options makes.</summary>
    /// <param name="restore">How metadata are restored; null where they are not.</param>
    /// <param name="form">What the picture becomes.</param>
    public static MadeWith Of(RestoreOptions? restore, PictureForm form)
    {
        var made = form is WebpForm webp ? Default with { WebpQuality = webp.Quality } : Default;
        return restore is null ? made with { IsRestored = false } : made.RestoredBy(restore);
    }

    /// <summary>The same, after metadata were restored.</summary>
    public MadeWith RestoredBy(RestoreOptions restore) =>
        this with { IsRestored = true, Position = restore.Position, TimeZone = NameOf(restore.TimeZone) };

    /// <summary>In what a file differs from what a run would make.</summary>
    /// <param name="wanted">What the run would make.</param>
    /// <param name="form">The form that the run wants.</param>
    /// <param name="path">The file's path.</param>
    public MadeDifference From(MadeWith wanted, PictureForm form, string path)
    {
        var differs = MadeDifference.None;
        if (IsRestored != wanted.IsRestored)
        {
            differs |= MadeDifference.Metadata;
        }
        else if (IsRestored)
        {
            if (Position != wanted.Position) differs |= MadeDifference.Position;
            if (!TimeZone.Equals(wanted.TimeZone, StringComparison.OrdinalIgnoreCase)) differs |= MadeDifference.TimeZone;
        }

        // A picture that cannot become WebP stays a JPEG; one that ConvertTo-Webp made may lie among JPEG files.
        var isWebp = form is WebpForm && path.EndsWith(form.Extension, StringComparison.Ordinal);
        return isWebp && WebpQuality != wanted.WebpQuality ? differs | MadeDifference.WebpQuality : differs;
    }

    private static string NameOf(TimeZoneInfo? zone) => zone is null || zone.HasSameRules(TimeZoneInfo.Utc) ? Utc : TimeZones.IanaNameOf(zone);
}
