using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using Mapillary.Services;

namespace Mapillary.Graph;

/// <summary>
/// Reads the API's image records by the table of their fields (<see cref="ImageFields"/>). A field that is absent, null or of another type
/// than documented is skipped, never the record.
/// </summary>
internal static class ImageRecordReader
{
    /// <summary>The largest record in bytes; one has some 5,000.</summary>
    private const int LargestRecord = 1024 * 1024;

    /// <summary>The most fields and values of a record, those within fields included.</summary>
    private const int MostValues = 10_000;

    /// <summary>Reads one record.</summary>
    /// <param name="utf8">A JSON object.</param>
    /// <param name="isComment">Whether it is the comment of a picture's EXIF block, where objects are flat.</param>
    /// <exception cref="FormatException">It is no JSON object, or has no id.</exception>
    public static MapillaryImage ReadImage(ReadOnlySpan<byte> utf8, bool isComment = false)
    {
        try
        {
            var reader = new Utf8JsonReader(utf8, JsonAnswer.AnyDepth);
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
                throw new FormatException("The record is not a JSON object.");
            return ReadImage(ref reader, utf8, isComment);
        }
        catch (JsonException e)
        {
            throw new FormatException($"The record is not valid JSON: {e.Message}", e);
        }
    }

    /// <summary>
    /// Reads the record at whose opening brace the reader stands, and leaves the reader at its closing brace. Of one that goes beyond all
    /// bounds it reads the id alone, so that it can be named.
    /// </summary>
    public static MapillaryImage ReadImage(ref Utf8JsonReader reader, ReadOnlySpan<byte> utf8, bool isComment = false)
    {
        var start = (int)reader.TokenStartIndex;
        var fault = FindFault(reader, out var end);
        if (!Utf8.IsValid(utf8[start..end]))
        {
            // Read as it will be kept, or it would not be the same when it is read back.
            reader.Skip();
            return ReadImage(Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(utf8[start..end])), isComment);
        }

        if (fault is not null)
        {
            var id = ReadId(ref reader) ?? throw new FormatException("The record has no id.");
            return new MapillaryImage { Id = id, Json = $$"""{"id":"{{JsonEncodedText.Encode(id)}}"}""", RecordFault = fault };
        }

        var values = new FieldValues();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var field = FindField(ref reader, isComment);
            reader.Read();
            if (field is null) reader.Skip();
            else values.Set(field, field.Read(ref reader, isComment));
        }

        var json = Encoding.UTF8.GetString(utf8[start..(int)reader.BytesConsumed]);
        return values.Get(ImageFields.Id) is null ? throw new FormatException("The record has no id.") : new MapillaryImage(values, json);
    }

    /// <summary>The field whose name the reader stands at; null for one that is not in the table.</summary>
    private static ImageField? FindField(ref Utf8JsonReader reader, bool isComment)
    {
        if (!reader.ValueIsEscaped) return ImageFields.Find(reader.ValueSpan, isComment);
        return FieldShapes.Decoded(ref reader) is { } name ? ImageFields.Find(Encoding.UTF8.GetBytes(name), isComment) : null;
    }

    /// <summary>What is wrong with the size of a record, in words for a person; null where nothing is.</summary>
    /// <param name="reader">A copy of the one that is to read it: it goes on from there.</param>
    /// <param name="end">Where the record ends.</param>
    private static string? FindFault(Utf8JsonReader reader, out int end)
    {
        var (start, level, values, isDeep) = (reader.TokenStartIndex, reader.CurrentDepth, 0, false);
        while (reader.Read() && reader.CurrentDepth > level)
        {
            values++;
            isDeep |= reader.CurrentDepth - level > JsonAnswer.DeepestLevel / 2;
        }

        end = (int)reader.BytesConsumed;
        return end - start > LargestRecord ? $"is larger than {LargestRecord / 1024} KiB"
            : isDeep ? $"is nested more than {JsonAnswer.DeepestLevel / 2} levels deep"
            : values > MostValues ? $"has more than {MostValues} values"
            : null;
    }

    /// <summary>Reads the id of a record, and skips all else.</summary>
    private static string? ReadId(ref Utf8JsonReader reader)
    {
        string? id = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isId = reader.ValueSpan.SequenceEqual("id"u8);
            reader.Read();
            if (isId) id = FieldShapes.ReadText(ref reader);
            else reader.Skip();
        }

        return id;
    }
}
