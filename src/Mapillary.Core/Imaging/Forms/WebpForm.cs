using System.Text.Json;
using Mapillary.Imaging.Jpeg;
using Mapillary.Imaging.Metadata;
using Mapillary.Imaging.Webp;

namespace Mapillary.Imaging.Forms;

/// <summary>WebP, with the same EXIF, XMP and colour profile as the JPEG.</summary>
public sealed record WebpForm : PictureForm
{
    /// <summary>The longest side in pixels a WebP can have (RFC 6386, section 9.1: 14 bits).</summary>
    public const int LongestSide = 16383;

    /// <summary>The quality where nobody names another; cwebp's own too.</summary>
    public const int DefaultQuality = 75;

    /// <summary>The effort where nobody names another; cwebp's own too.</summary>
    public const int DefaultEffort = 4;

    private const string Field = "webp";

    /// <summary>A form of a quality.</summary>
    /// <param name="quality">0 (smallest) to 100 (best).</param>
    /// <param name="effort">0 (fastest) to 6 (smallest).</param>
    public WebpForm(int quality = DefaultQuality, int effort = DefaultEffort)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(quality);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(quality, 100);
        ArgumentOutOfRangeException.ThrowIfNegative(effort);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(effort, 6);
        (Quality, Effort) = (quality, effort);
    }

    /// <summary>0 (smallest) to 100 (best).</summary>
    public int Quality { get; }

    /// <summary>0 (fastest) to 6 (smallest).</summary>
    public int Effort { get; }

    /// <inheritdoc/>
    public override string Format => "WebP";

    /// <inheritdoc/>
    public override string Extension => ".webp";

    /// <inheritdoc/>
    public override string NameSuffix => "-webp";

    /// <inheritdoc/>
    public override string InWords => "as WebP";

    /// <inheritdoc/>
    public override string Description => "Images were converted to WebP.";

    /// <summary>
    /// mapillary-downloader's README says that about 70 % are saved; of street photos that were tried with cwebp -q 75, from 29 % to 54 %
    /// were left. Rough, and depends on the camera.
    /// </summary>
    public override (double Least, double Likely, double Most)? ShareLeft => (0.29, 0.35, 0.54);

    /// <summary>Pictures of any quality do.</summary>
    public override bool GoesWith(PictureForm other) => other is WebpForm;

    /// <summary>Whether a WebP can hold a picture of this size.</summary>
    internal static bool CanHold(int width, int height) => width is > 0 and <= LongestSide && height is > 0 and <= LongestSide;

    /// <inheritdoc/>
    public override async Task<ConvertedImage> ConvertAsync(IReadOnlyList<ReadOnlyMemory<byte>> jpeg, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(jpeg);
        using var joined = jpeg.Count == 1 ? null : PooledBytes.Join(jpeg);
        var whole = joined is null ? jpeg[0] : joined.Memory;
        var anatomy = JpegAnatomy.Read(whole.Span);
        var (width, height) = (anatomy.Frame.Width, anatomy.Frame.Height);
        if (!CanHold(width, height)) throw new PictureTooLargeException(FormattableString.Invariant($"a WebP cannot hold a side of more than {LongestSide:N0} pixels."));
        var metadata = JpegMetadata.Read(whole.Span, anatomy);

        var container = WebpContainer.Read(await LibVips.EncodeWebpAsync(whole, Quality, Effort, cancellationToken));
        if ((container.Width, container.Height) != (width, height))
            throw new InvalidDataException($"The encoder made {container.Width} × {container.Height} of {width} × {height} pixels.");
        // The profile of print's colours is not one of what they became.
        var profile = anatomy.Frame.Components == 4 ? default : metadata.IccProfile;
        return new ConvertedImage(container.With(profile, metadata.Exif, metadata.Xmp), width, height) { Parts = metadata.Parts, LeftOut = metadata.LeftOut };
    }

    internal override Dictionary<string, JsonElement> Fields() => new() { [Field] = JsonSerializer.SerializeToElement(true, FormJson.Default.Boolean) };

    private protected override PictureForm? TryRead(IReadOnlyDictionary<string, JsonElement> fields) =>
        fields.TryGetValue(Field, out var field) && field.ValueKind == JsonValueKind.True ? new WebpForm() : null;
}
