using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Mapillary.Graph;

/// <summary>Writes the record of an image that was made by hand; <see cref="ImageRecordReader"/> reads the same image from it.</summary>
internal static class ImageRecordWriter
{
    // Names stay readable; the record is never part of a page.
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>One JSON object, in one line. What the image does not have is left out.</summary>
    public static string Write(MapillaryImage image)
    {
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes, Options))
        {
            json.WriteStartObject();
            foreach (var field in ImageFields.All) field.Write(json, image, isComment: false);
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(bytes.ToArray());
    }
}
