using System.Text.Json;

namespace Mapillary.Graph;

/// <summary>Reads the value that a reader stands at, and leaves the reader at its end.</summary>
/// <returns>No value where it is of another type than it should be, or beyond its bounds.</returns>
internal delegate T FieldReader<out T>(ref Utf8JsonReader reader);

/// <summary>Writes a property, if there is a value to write.</summary>
internal delegate void FieldWriter<in T>(Utf8JsonWriter json, string name, T value);

/// <summary>How the value of a field stands in JSON.</summary>
/// <param name="Read">Reads the value out of a record of the API.</param>
/// <param name="Write">Writes the field of a record of the API.</param>
internal sealed record FieldShape<T>(FieldReader<T> Read, FieldWriter<T> Write)
{
    /// <summary>Reads the value out of the comment of a picture's EXIF block, where objects are flat.</summary>
    public FieldReader<T> ReadInComment { get; init; } = Read;

    /// <summary>Writes the field of the comment of a picture's EXIF block.</summary>
    public FieldWriter<T> WriteInComment { get; init; } = Write;

    /// <summary>Whether there is a value.</summary>
    public Func<T, bool> HasValue { get; init; } = static value => value is not null;
}
