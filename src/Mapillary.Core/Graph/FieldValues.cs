namespace Mapillary.Graph;

/// <summary>What a record has for each field, while an image is made of it.</summary>
internal sealed class FieldValues
{
    private readonly object?[] _values = new object?[ImageFields.All.Count];

    /// <summary>Takes the value of a field; of several the last counts.</summary>
    public void Set(ImageField field, object? value) => _values[field.Index] = value;

    /// <summary>The value of a field; null where the record has none.</summary>
    public T? Get<T>(ImageField<T> field) => (T?)_values[field.Index];
}
