using System.Text.Json;

namespace Mapillary.Services;

/// <summary>
/// Reads the JSON that services answer with, within bounds: a tree of millions of tiny values takes many times the memory of its text.
/// </summary>
internal static class JsonAnswer
{
    /// <summary>The deepest that values may stand in each other; no answer that is known goes beyond 8.</summary>
    public const int DeepestLevel = 64;

    /// <summary>The most values of an answer. The largest that are known, a search of 10,000 items, have some 200,000.</summary>
    private const int MostValues = 2_000_000;

    /// <summary>For a reader that is to get past values of any depth; it needs one bit for each level.</summary>
    public static JsonReaderOptions AnyDepth { get; } = new() { MaxDepth = int.MaxValue };

    /// <summary>Reads a whole answer.</summary>
    /// <exception cref="JsonException">It is cut or no JSON, or goes beyond the bounds.</exception>
    public static JsonDocument Parse(ReadOnlyMemory<byte> json)
    {
        var reader = new Utf8JsonReader(json.Span, AnyDepth);
        if (!reader.Read()) throw new JsonException("It is empty.");
        Check(reader);
        return JsonDocument.Parse(json);
    }

    /// <summary>Reads the value that a reader stands at, and leaves the reader at its end.</summary>
    /// <exception cref="JsonException">It is cut or no JSON, or goes beyond the bounds.</exception>
    public static JsonDocument ParseValue(ref Utf8JsonReader reader)
    {
        Check(reader);
        return JsonDocument.ParseValue(ref reader);
    }

    /// <summary>The text of a property; null where there is none, or one that is no text, such as half of a surrogate pair.</summary>
    public static string? Text(JsonElement parent, string name) =>
        parent.ValueKind == JsonValueKind.Object && parent.TryGetProperty(name, out var value) ? Text(value) : null;

    /// <summary>The texts of a property that is one, or an array of them, as archive.org has it.</summary>
    public static IReadOnlyList<string> Texts(JsonElement parent, string name)
    {
        if (!parent.TryGetProperty(name, out var value)) return [];
        return value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray().Select(Text).OfType<string>()] : Text(value) is { } text ? [text] : [];
    }

    /// <summary>The text that an element is; null where it is none.</summary>
    public static string? Text(JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.String) return null;
        try
        {
            return value.GetString();
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    /// <param name="reader">A copy of the one that is to read: it goes on from there.</param>
    private static void Check(Utf8JsonReader reader)
    {
        var level = reader.CurrentDepth;
        var values = 0;
        do
        {
            if (reader.CurrentDepth - level > DeepestLevel) throw new JsonException($"It is nested more than {DeepestLevel} levels deep.");
            if (++values > MostValues) throw new JsonException($"It has more than {MostValues} values.");
        }
        while (reader.Read() && reader.CurrentDepth > level);
    }
}
