using System.Text.Json;
using System.Text.Json.Serialization;
using Mapillary.Imaging.Jpeg;
using Mapillary.Imaging.Metadata;
using Mapillary.Imaging.Webp;

namespace Mapillary.Imaging.Forms;

/// <summary>
/// What the pictures of a collection are: as they are served, or what they become. All that differs from form to form is asked of it. A new
/// one is a class of its own, a line in <see cref="Kinds"/>, and a parameter of the cmdlets and the command line.
/// </summary>
public abstract record PictureForm
{
    /// <summary>Pictures as they are served, in JPEG.</summary>
    public static PictureForm AsServed { get; } = new ServedForm();

    /// <summary>The extensions that files of pictures have, lower case, with their dots.</summary>
    public static IReadOnlyList<string> Extensions { get; } = [.. Kinds.Select(k => k.Extension).Append(".jpeg").Distinct()];

    /// <summary>The format of the files, as people write it.</summary>
    public abstract string Format { get; }

    /// <summary>The extension of the files, with its dot.</summary>
    public abstract string Extension { get; }

    /// <summary>What ends the name of a collection; empty where nothing tells it from that of the served pictures.</summary>
    public virtual string NameSuffix => "";

    /// <summary>Whether pictures are changed at all.</summary>
    public virtual bool IsConversion => true;

    /// <summary>What happens to the pictures, as in "original, as WebP"; empty where nothing does.</summary>
    public abstract string InWords { get; }

    /// <summary>What a description of the collection has to say, as a sentence; empty where it need say nothing.</summary>
    public abstract string Description { get; }

    /// <summary>How much of a served picture's bytes is left: at least, most likely and at most. Null where nobody knows.</summary>
    public abstract (double Least, double Likely, double Most)? ShareLeft { get; }

    /// <summary>One of each kind. The last is that of which a name or a file says nothing.</summary>
    private static IReadOnlyList<PictureForm> Kinds => [new WebpForm(), new JpegForm(JpegForm.BestQuality), AsServed];

    /// <summary>Whether this is the extension of a picture's file.</summary>
    public static bool IsPicture(string path) => Extensions.Contains(Path.GetExtension(path), StringComparer.OrdinalIgnoreCase);

    /// <summary>Why the file of a picture is not whole; null for one that is.</summary>
    internal static string? FindFault(byte[] picture)
    {
        if (!picture.AsSpan().StartsWith("RIFF"u8)) return JpegCheck.FindFault(picture);
        try
        {
            WebpContainer.Read(picture);
            return null;
        }
        catch (InvalidDataException e)
        {
            return e.Message;
        }
    }

    /// <summary>The form that the name of a collection tells, with the usual quality.</summary>
    public static PictureForm OfName(ReadOnlySpan<char> name)
    {
        foreach (var kind in Kinds)
        {
            if (kind.NameSuffix.Length > 0 && name.EndsWith(kind.NameSuffix, StringComparison.Ordinal)) return kind;
        }

        return AsServed;
    }

    /// <summary>The form that fields of <c>collection.json</c> tell.</summary>
    internal static PictureForm Read(IReadOnlyDictionary<string, JsonElement>? fields) =>
        fields is null ? AsServed : Kinds.Select(k => k.TryRead(fields)).First(f => f is not null)!;

    /// <summary>Whether the same collection can hold pictures of both forms.</summary>
    public virtual bool GoesWith(PictureForm other) => this == other;

    /// <summary>Makes ready to convert.</summary>
    /// <exception cref="EncoderMissingException">There is no encoder for this system.</exception>
    public virtual void RequireEncoder() => LibVips.RequireLibrary();

    /// <summary>Converts one picture.</summary>
    /// <param name="jpeg">The JPEG file in pieces, as <see cref="RestoredImage.Pieces"/> has them.</param>
    /// <param name="cancellationToken">Ends the encoder at once.</param>
    /// <exception cref="InvalidDataException">The JPEG cannot be read, or what the encoder made is not the same picture.</exception>
    /// <exception cref="NotSupportedException">It is of a kind that has to stay as it is; the message, a sentence, is the same for all of a kind.</exception>
    /// <exception cref="EncodingException">The picture is damaged.</exception>
    /// <exception cref="EncoderMissingException">There is no encoder for this system.</exception>
    public abstract Task<ConvertedImage> ConvertAsync(IReadOnlyList<ReadOnlyMemory<byte>> jpeg, CancellationToken cancellationToken);

    /// <inheritdoc/>
    public sealed override string ToString() => InWords.Length > 0 ? InWords : "as served";

    /// <summary>The fields by which <c>collection.json</c> tells this form.</summary>
    internal abstract Dictionary<string, JsonElement> Fields();

    /// <summary>The form that the fields tell; null where they tell none of this kind.</summary>
    private protected abstract PictureForm? TryRead(IReadOnlyDictionary<string, JsonElement> fields);

    private sealed record ServedForm : PictureForm
    {
        public override string Format => "JPEG";

        public override string Extension => ".jpg";

        public override bool IsConversion => false;

        public override string InWords => "";

        public override string Description => "";

        public override (double Least, double Likely, double Most)? ShareLeft => (1, 1, 1);

        public override void RequireEncoder()
        {
        }

        public override Task<ConvertedImage> ConvertAsync(IReadOnlyList<ReadOnlyMemory<byte>> jpeg, CancellationToken cancellationToken)
        {
            ArgumentNullException.ThrowIfNull(jpeg);
            var frame = JpegFrame.Read(jpeg[0].Span);
            return Task.FromResult(new ConvertedImage(jpeg, frame.Width, frame.Height));
        }

        internal override Dictionary<string, JsonElement> Fields() => [];

        private protected override PictureForm TryRead(IReadOnlyDictionary<string, JsonElement> fields) => this;
    }
}

/// <summary>A file made from a JPEG.</summary>
public sealed class ConvertedImage
{
    internal ConvertedImage(IReadOnlyList<ReadOnlyMemory<byte>> pieces, int width, int height)
    {
        Pieces = pieces;
        Length = pieces.Sum(p => (long)p.Length);
        Width = width;
        Height = height;
    }

    /// <summary>The bytes of the file, to be written one after the other.</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>> Pieces { get; }

    /// <summary>The length of the file in bytes.</summary>
    public long Length { get; }

    /// <summary>Width in pixels.</summary>
    public int Width { get; }

    /// <summary>Height in pixels.</summary>
    public int Height { get; }

    /// <summary>Whole things that the JPEG holds besides its picture and that the new file cannot hold, in words: "a video (2.1 MiB)".</summary>
    public IReadOnlyList<string> Parts { get; init; } = [];

    /// <summary>What else of the JPEG is not in the new file, in words.</summary>
    public IReadOnlyList<string> LeftOut { get; init; } = [];
}

/// <summary>A picture has more pixels than its new form, or this machine's memory, can hold.</summary>
public sealed class PictureTooLargeException : NotSupportedException
{
    /// <summary>Says what the limit is.</summary>
    public PictureTooLargeException(string message)
        : base(message)
    {
    }
}

/// <summary>The fields of the forms as JSON.</summary>
[JsonSerializable(typeof(bool))]
[JsonSerializable(typeof(int))]
internal sealed partial class FormJson : JsonSerializerContext;
