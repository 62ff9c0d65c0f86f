using System.Text.Json;

namespace Mapillary.Graph;

/// <summary>A field of the API's image records: its name, and all that is done with it. <see cref="ImageFields"/> has them all.</summary>
internal abstract class ImageField
{
    private protected ImageField(string name, int index)
    {
        Name = name;
        Index = index;
        CommentName = name;
    }

    /// <summary>The API's name of the field.</summary>
    public string Name { get; }

    /// <summary>Its place in the table.</summary>
    public int Index { get; }

    /// <summary>
    /// Whether a record can do without it where the API finds all fields too much: nothing of it goes into the picture but for the comment.
    /// </summary>
    public bool IsSpare { get; init; }

    /// <summary>Its place among the fields that a diagnosis names where a record lacks them, from 1 on; null where it does not name it.</summary>
    public int? DiagnosisPlace { get; init; }

    /// <summary>
    /// Its place in the comment of a picture's EXIF block, from 1 on; null where it is not written there. Places do not change: with
    /// another order, every file that was restored before would be written anew.
    /// </summary>
    public int? CommentPlace { get; init; }

    /// <summary>Its name in that comment.</summary>
    public string CommentName { get; init; }

    /// <summary>Whether an image has a value for it.</summary>
    public abstract bool IsIn(MapillaryImage image);

    /// <summary>Reads the value that the reader stands at; null where it is none.</summary>
    /// <param name="reader">Left at the end of the value.</param>
    /// <param name="isComment">Whether it stands in the comment of a picture.</param>
    public abstract object? Read(ref Utf8JsonReader reader, bool isComment);

    /// <summary>Writes the property, if the image has a value.</summary>
    /// <param name="json">Stands in an object.</param>
    /// <param name="image">The image.</param>
    /// <param name="isComment">Whether it is written into the comment of a picture.</param>
    public abstract void Write(Utf8JsonWriter json, MapillaryImage image, bool isComment);

    /// <inheritdoc/>
    public override string ToString() => Name;
}

/// <summary>A field whose values have a type.</summary>
/// <param name="name">The API's name of the field.</param>
/// <param name="index">Its place in the table.</param>
/// <param name="shape">How its value stands in JSON.</param>
/// <param name="valueOf">The value of an image.</param>
internal sealed class ImageField<T>(string name, int index, FieldShape<T> shape, Func<MapillaryImage, T> valueOf) : ImageField(name, index)
{
    /// <inheritdoc/>
    public override bool IsIn(MapillaryImage image) => shape.HasValue(valueOf(image));

    /// <inheritdoc/>
    public override object? Read(ref Utf8JsonReader reader, bool isComment) =>
        isComment ? shape.ReadInComment(ref reader) : shape.Read(ref reader);

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter json, MapillaryImage image, bool isComment)
    {
        if (isComment) shape.WriteInComment(json, CommentName, valueOf(image));
        else shape.Write(json, Name, valueOf(image));
    }
}
