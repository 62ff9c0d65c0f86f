using System.Buffers;
using System.Text;
using System.Text.Json;
using Mapillary.Graph;
using Mapillary.Imaging.Exif;
using Mapillary.Imaging.Jpeg;
using Mapillary.Imaging.Webp;
using Mapillary.Services;

namespace Mapillary.Imaging.Metadata;

/// <summary>
/// The comment of an EXIF block, in which restoring keeps the API's record: a JSON object in ASCII, under the API's own names, without the
/// signed addresses and without what has a tag of its own. <see cref="ImageFields"/> says which fields it has.
/// </summary>
internal static class RecordComment
{
    /// <summary>The record of an image, as the text of a comment.</summary>
    public static string TextOf(MapillaryImage image)
    {
        var buffer = new ArrayBufferWriter<byte>(1024);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            foreach (var field in ImageFields.InComment) field.Write(json, image, isComment: true);
            json.WriteEndObject();
        }

        return Encoding.ASCII.GetString(buffer.WrittenSpan);
    }

    /// <summary>The image id that restoring wrote into a picture; null where there is none.</summary>
    /// <param name="picture">A JPEG or WebP file.</param>
    /// <exception cref="InvalidDataException">It is a WebP that is cut or broken.</exception>
    public static string? FindId(ReadOnlyMemory<byte> picture) => FindFirst(picture, static (_, json) => IdOf(json));

    /// <summary>
    /// The record that restoring wrote into a picture: what the comment has, with the maker, the model and the user's name, which stand in
    /// tags of their own. Null where there is none. Addresses are not in it.
    /// </summary>
    /// <param name="picture">A JPEG or WebP file.</param>
    /// <exception cref="InvalidDataException">It is a WebP that is cut or broken.</exception>
    public static MapillaryImage? FindRecord(ReadOnlyMemory<byte> picture) => FindFirst(picture, ReadRecord);

    /// <summary>What the first of a picture's EXIF blocks that has it says.</summary>
    private static T? FindFirst<T>(ReadOnlyMemory<byte> picture, Func<ExifBlock, ReadOnlyMemory<byte>, T?> read)
        where T : class
    {
        var blocks = picture.Span.StartsWith("RIFF"u8)
            ? WebpContainer.Read(picture).ExifBlocks
            : JpegAnatomy.ReadHeader(picture.Span).ExifBlocks(picture);
        return blocks.Select(tiff => ExifBlock.Parse(tiff) is { } block ? Read(block, read) : null).FirstOrDefault(found => found is not null);
    }

    private static T? Read<T>(ExifBlock block, Func<ExifBlock, ReadOnlyMemory<byte>, T?> read)
        where T : class
    {
        var comment = block.ValueOf(ExifDirectory.Exif, ExifTag.UserComment);
        // In a JPEG none can be longer.
        if (comment.Length > ExifBlock.LongestInJpeg || !UserComment.IsAscii(comment.Span)) return null;
        try
        {
            return read(block, UserComment.TextIn(comment));
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            // Someone else's comment.
            return null;
        }
    }

    private static MapillaryImage? ReadRecord(ExifBlock block, ReadOnlyMemory<byte> json)
    {
        if (IdOf(json) is null) return null;
        var image = ImageRecordReader.ReadImage(json.Span, isComment: true);
        if (image.RecordFault is not null) return null;
        image = image with { Make = TextIn(ExifTag.Make), Model = TextIn(ExifTag.Model), Creator = TextIn(ExifTag.Artist) };
        return image with { Json = ImageRecordWriter.Write(image) };

        string? TextIn(ushort tag) =>
            ImageMetadata.Clean(Encoding.UTF8.GetString(block.ValueOf(ExifDirectory.Image, tag).Span.TrimEnd((byte)0)));
    }

    /// <summary>The id of a record; null where it has none, or one that is no text.</summary>
    private static string? IdOf(ReadOnlyMemory<byte> json)
    {
        using var record = JsonDocument.Parse(json);
        return record.RootElement.ValueKind == JsonValueKind.Object ? JsonAnswer.Text(record.RootElement, "id") : null;
    }
}
