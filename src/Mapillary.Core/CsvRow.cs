namespace Mapillary;

/// <summary>Rows of a table as RFC 4180 has them: fields between commas, in quotes where they need some, and CRLF.</summary>
internal static class CsvRow
{
    public static void Write(TextWriter writer, IEnumerable<string?> fields)
    {
        writer.Write(string.Join(',', fields.Select(Quoted)));
        writer.Write("\r\n");
    }

    private static string? Quoted(string? field) =>
        field.AsSpan().IndexOfAny("\",\r\n") < 0 ? field : $"\"{field!.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}
