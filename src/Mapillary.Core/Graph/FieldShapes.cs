using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Mapillary.Graph;

/// <summary>
/// How values stand in the API's records. Reading is tolerant where the API is loose: a value may be absent, null or of another type than
/// documented, a number may come as text or with an exponent; what cannot be read is no value, and never costs the record.
/// </summary>
internal static class FieldShapes
{
    /// <summary>The longest id, name or address in bytes as they are sent; signed addresses have some 500.</summary>
    public const int LongestText = 4096;

    // Seen in the wild: 4294967281 for 15 m below sea level. No place on Earth is higher than this.
    private const double HighestPlausibleAltitude = int.MaxValue;
    private const double UnsignedNumbers = 4294967296.0;

    // Focal length and two distortions of most cameras; the other models have up to twelve coefficients.
    private const int MostCoefficients = 16;
    private const int MostDimensions = 3;

    /// <summary>A text. A number's own digits are one too; an empty one counts as absent.</summary>
    public static FieldShape<string?> Text { get; } = new(ReadText, WriteText);

    /// <summary>A finite number.</summary>
    public static FieldShape<double?> Number { get; } = new(ReadNumber, WriteNumber);

    /// <summary>Metres, which the API may have wrapped to an unsigned number of 32 bits where they are negative.</summary>
    public static FieldShape<double?> Altitude { get; } = new(ReadAltitude, WriteNumber);

    /// <summary>A whole number of 32 bits.</summary>
    public static FieldShape<int?> WholeNumber { get; } =
        new(ReadWholeNumber, static (json, name, value) => WriteNumber(json, name, value));

    /// <summary>A point in time, in milliseconds since 1970.</summary>
    public static FieldShape<DateTimeOffset?> Time { get; } = new(ReadTime, WriteTime);

    /// <summary>True or false.</summary>
    public static FieldShape<bool?> Truth { get; } = new(ReadTruth, WriteTruth);

    /// <summary>A GeoJSON point; its coordinates are longitude, then latitude (RFC 7946, section 3.1.1).</summary>
    public static FieldShape<GeoPoint?> Point { get; } = new(ReadPoint, WritePoint);

    /// <summary>Up to three numbers.</summary>
    public static FieldShape<IReadOnlyList<double>?> Vector { get; } =
        new(static (ref reader) => ItemList.Of(ReadNumbers(ref reader, MostDimensions)), WriteNumbers);

    /// <summary>The coefficients of a camera's model.</summary>
    public static FieldShape<IReadOnlyList<double>?> Coefficients { get; } =
        new(static (ref reader) => ItemList.Of(ReadNumbers(ref reader, MostCoefficients)), WriteNumbers);

    /// <summary>A number that is kept as its own digits, because it has more of them than a double. In a comment it is a text.</summary>
    public static FieldShape<string?> Digits { get; } = new(ReadText, WriteDigits) { WriteInComment = WriteText };

    /// <summary>The id of an object that has more to it. In a comment it is the id alone.</summary>
    public static FieldShape<string?> ObjectId { get; } =
        new(static (ref reader) => ReadUser(ref reader).Id, static (json, name, id) => WriteObject(json, name, ("id", id)))
        {
            ReadInComment = ReadString,
            WriteInComment = WriteText,
        };

    /// <summary>A user, with name and id. In a comment it is the id alone: the name stands in a tag of its own.</summary>
    public static FieldShape<RecordUser?> User { get; } =
        new(static (ref reader) => ReadUser(ref reader), WriteUser)
        {
            ReadInComment = static (ref reader) => new RecordUser(null, ReadString(ref reader)),
            WriteInComment = static (json, name, user) => WriteText(json, name, user?.Id),
            HasValue = static user => user?.Name is not null,
        };

    /// <summary>A text; null for one that is none, such as half of a surrogate pair. The record itself keeps it to the letter.</summary>
    public static string? Decoded(ref Utf8JsonReader reader)
    {
        if (reader.ValueSpan.Length > LongestText) return null;
        try
        {
            return reader.GetString();
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>A string, or a number's own digits; an empty string counts as absent.</summary>
    public static string? ReadText(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.Number) return ReadString(ref reader);
        return reader.ValueSpan.Length <= LongestText ? Encoding.ASCII.GetString(reader.ValueSpan) : null;
    }

    private static string? ReadString(ref Utf8JsonReader reader)
    {
        if (reader.TokenType == JsonTokenType.String) return Decoded(ref reader) is { Length: > 0 } text ? text : null;
        reader.Skip();
        return null;
    }

    private static double? ReadNumber(ref Utf8JsonReader reader)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.Number when reader.TryGetDouble(out var number) && double.IsFinite(number): return number;
            case JsonTokenType.String when TryParse(Decoded(ref reader), out var number): return number;
            default: reader.Skip(); return null;
        }
    }

    private static bool TryParse(string? text, out double number) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out number) && double.IsFinite(number);

    private static double? ReadAltitude(ref Utf8JsonReader reader)
    {
        var number = ReadNumber(ref reader);
        return number is > HighestPlausibleAltitude and <= uint.MaxValue ? number - UnsignedNumbers : number;
    }

    private static int? ReadWholeNumber(ref Utf8JsonReader reader) =>
        ReadNumber(ref reader) is >= int.MinValue and <= int.MaxValue and var number ? (int)number : null;

    private static DateTimeOffset? ReadTime(ref Utf8JsonReader reader) =>
        ReadNumber(ref reader) is >= -62135596800000 and <= 253402300799999 and var milliseconds
            ? DateTimeOffset.FromUnixTimeMilliseconds((long)milliseconds)
            : null;

    private static bool? ReadTruth(ref Utf8JsonReader reader)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.True: return true;
            case JsonTokenType.False: return false;
            default: reader.Skip(); return null;
        }
    }

    /// <summary>Numbers; null where there are none, others among them, or more than there can be.</summary>
    private static double[]? ReadNumbers(ref Utf8JsonReader reader, int most)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            reader.Skip();
            return null;
        }

        var numbers = new List<double>(3);
        var whole = true;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (ReadNumber(ref reader) is { } number && numbers.Count < most) numbers.Add(number);
            else whole = false;
        }

        return whole && numbers.Count > 0 ? [.. numbers] : null;
    }

    private static GeoPoint? ReadPoint(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reader.Skip();
            return null;
        }

        double[]? coordinates = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isWanted = IsNamed(ref reader, "coordinates"u8);
            reader.Read();
            if (isWanted) coordinates = ReadNumbers(ref reader, MostDimensions);
            else reader.Skip();
        }

        return coordinates is [var longitude, var latitude, ..] && new GeoPoint(latitude, longitude) is { Exists: true } point
            ? point
            : null;
    }

    private static RecordUser ReadUser(ref Utf8JsonReader reader)
    {
        string? name = null, id = null;
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reader.Skip();
            return new RecordUser(name, id);
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var (isName, isId) = (IsNamed(ref reader, "username"u8), IsNamed(ref reader, "id"u8));
            reader.Read();
            if (isName) name = ReadText(ref reader);
            else if (isId) id = ReadText(ref reader);
            else reader.Skip();
        }

        return new RecordUser(name, id);
    }

    /// <summary>Whether the property that the reader stands at has this name, also where it is written with escapes.</summary>
    private static bool IsNamed(ref Utf8JsonReader reader, ReadOnlySpan<byte> name) =>
        reader.ValueIsEscaped ? Decoded(ref reader) == Encoding.UTF8.GetString(name) : reader.ValueSpan.SequenceEqual(name);

    private static void WriteText(Utf8JsonWriter json, string name, string? value)
    {
        if (!string.IsNullOrEmpty(value)) json.WriteString(name, value);
    }

    // JSON knows no infinity.
    private static void WriteNumber(Utf8JsonWriter json, string name, double? value)
    {
        if (value is { } number && double.IsFinite(number)) json.WriteNumber(name, number);
    }

    private static void WriteTime(Utf8JsonWriter json, string name, DateTimeOffset? value)
    {
        if (value is { } time) json.WriteNumber(name, time.ToUnixTimeMilliseconds());
    }

    private static void WriteTruth(Utf8JsonWriter json, string name, bool? value)
    {
        if (value is { } truth) json.WriteBoolean(name, truth);
    }

    private static void WriteNumbers(Utf8JsonWriter json, string name, IReadOnlyList<double>? values)
    {
        if (values is not { Count: > 0 } || !values.All(double.IsFinite)) return;
        json.WriteStartArray(name);
        foreach (var value in values) json.WriteNumberValue(value);
        json.WriteEndArray();
    }

    private static void WritePoint(Utf8JsonWriter json, string name, GeoPoint? value)
    {
        if (value is not { Exists: true } point) return;
        json.WriteStartObject(name);
        json.WriteString("type", "Point");
        WriteNumbers(json, "coordinates", [point.Longitude, point.Latitude]);
        json.WriteEndObject();
    }

    private static void WriteDigits(Utf8JsonWriter json, string name, string? value)
    {
        if (!IsJsonNumber(value))
        {
            WriteText(json, name, value);
            return;
        }

        json.WritePropertyName(name);
        json.WriteRawValue(value);
    }

    private static void WriteUser(Utf8JsonWriter json, string name, RecordUser? user) =>
        WriteObject(json, name, ("username", user?.Name), ("id", user?.Id));

    private static void WriteObject(Utf8JsonWriter json, string name, params ReadOnlySpan<(string Name, string? Value)> texts)
    {
        var isEmpty = true;
        foreach (var (_, value) in texts) isEmpty &= string.IsNullOrEmpty(value);
        if (isEmpty) return;
        json.WriteStartObject(name);
        foreach (var (key, value) in texts) WriteText(json, key, value);
        json.WriteEndObject();
    }

    private static bool IsJsonNumber([NotNullWhen(true)] string? text)
    {
        if (string.IsNullOrEmpty(text) || !(text[0] == '-' || char.IsAsciiDigit(text[0]))) return false;
        try
        {
            using var json = JsonDocument.Parse(text);
            return json.RootElement.ValueKind == JsonValueKind.Number;
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
