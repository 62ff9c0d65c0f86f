using System.Collections;
using System.Globalization;
using System.Management.Automation;
using System.Net;
using Mapillary.Collections;
using Mapillary.Graph;

namespace Mapillary.PowerShell;

/// <summary>Takes a bounding box as text or as four numbers, so that both 'w,s,e,n' and w,s,e,n can be typed.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class BoundingBoxTransformationAttribute : ArgumentTransformationAttribute
{
    /// <inheritdoc/>
    public override object? Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        var value = Unwrapped.From(inputData);
        if (value is null or BoundingBox) return value;
        return Unwrapped.Parsed(() => BoundingBox.Parse(Unwrapped.Joined(value)));
    }
}

/// <summary>Takes a place as text or as two numbers, so that both 'latitude,longitude' and latitude,longitude can be typed.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class PointTransformationAttribute : ArgumentTransformationAttribute
{
    /// <inheritdoc/>
    public override object? Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        var value = Unwrapped.From(inputData);
        return value is null or GeoPoint ? value : Unwrapped.Parsed(() => GeoCircle.ParseCenter(Unwrapped.Joined(value)));
    }
}

/// <summary>Takes a shard as text: its number and how many there are, such as 3/16.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class ShardTransformationAttribute : ArgumentTransformationAttribute
{
    /// <inheritdoc/>
    public override object? Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        var value = Unwrapped.From(inputData);
        return value is null or Shard ? value : Unwrapped.Parsed(() => Shard.Parse(Convert.ToString(value, CultureInfo.InvariantCulture)!));
    }
}

/// <summary>Takes a moment as a date, or as text that no two cultures read differently; without an offset it is UTC, never the machine's own zone.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class MomentTransformationAttribute : ArgumentTransformationAttribute
{
    /// <inheritdoc/>
    public override object? Transform(EngineIntrinsics engineIntrinsics, object inputData) => Unwrapped.From(inputData) switch
    {
        null => null,
        DateTimeOffset moment => moment,
        DateTime { Kind: DateTimeKind.Unspecified } date => new DateTimeOffset(date, TimeSpan.Zero),
        DateTime date => new DateTimeOffset(date),
        var value => Unwrapped.Parsed(() => Moment.Parse(Convert.ToString(value, CultureInfo.InvariantCulture)!)),
    };
}

/// <summary>Takes a time zone by its IANA or Windows name.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class TimeZoneTransformationAttribute : ArgumentTransformationAttribute
{
    /// <inheritdoc/>
    public override object? Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        var value = Unwrapped.From(inputData);
        if (value is null or TimeZoneInfo) return value;
        var name = Convert.ToString(value, CultureInfo.InvariantCulture)!;
        return TimeZones.Find(name) ?? throw new ArgumentTransformationMetadataException(
            $"'{ShownText.Line(name)}' is not a time zone. Use a name such as Europe/Berlin or 'W. Europe Standard Time'; the Tab key offers them.");
    }
}

/// <summary>Lets only spans of time pass in which something can be done.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class ValidatePositiveTimeAttribute : ValidateArgumentsAttribute
{
    /// <inheritdoc/>
    protected override void Validate(object arguments, EngineIntrinsics engineIntrinsics)
    {
        // A number in a variable comes as one of ticks, of ten million a second.
        if (arguments is TimeSpan time && time < TimeSpan.FromMilliseconds(1))
            throw new ValidationMetadataException($"'{time}' is not a duration. Use hours:minutes:seconds, such as 08:00:00.");
    }
}

/// <summary>Lets only names pass in which there is something to read.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class ValidateNotBlankAttribute : ValidateEnumeratedArgumentsAttribute
{
    /// <inheritdoc/>
    protected override void ValidateElement(object element)
    {
        if (string.IsNullOrWhiteSpace(element as string)) throw new ValidationMetadataException("It is blank, and a name is expected.");
    }
}

/// <summary>Lets only camera types pass that there are.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class ValidateCameraTypeAttribute : ValidateEnumeratedArgumentsAttribute
{
    /// <inheritdoc/>
    protected override void ValidateElement(object element)
    {
        try
        {
            CameraTypes.Parse($"{element}");
        }
        catch (FormatException e)
        {
            throw new ValidationMetadataException(ShownText.Line(e.Message), e);
        }
    }
}

/// <summary>Lets only ids of organizations pass.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class ValidateOrganizationIdAttribute : ValidateArgumentsAttribute
{
    /// <inheritdoc/>
    protected override void Validate(object arguments, EngineIntrinsics engineIntrinsics)
    {
        var text = $"{arguments}";
        if (text.Length == 0 || !text.All(char.IsAsciiDigit))
            throw new ValidationMetadataException($"'{ShownText.Line(text)}' is not the id of an organization, which is a number such as 1805883732926354.");
    }
}

/// <summary>Takes an access token as a secure string, or as a plain one.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class SecretTransformationAttribute : ArgumentTransformationAttribute
{
    /// <inheritdoc/>
    public override object? Transform(EngineIntrinsics engineIntrinsics, object inputData) =>
        Unwrapped.From(inputData) is string plain ? new NetworkCredential("", plain).SecurePassword : inputData;
}

/// <summary>
/// Takes images as this module makes them, and as they come back from a file or another machine (<c>Import-Clixml</c>, remoting),
/// where only their values are left: the API's own record among them.
/// </summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class ImageTransformationAttribute : ArgumentTransformationAttribute
{
    /// <summary>
    /// Says of an id or another text how to get images. Not where another parameter takes texts from the pipeline: an error here would end
    /// PowerShell's search for it.
    /// </summary>
    public bool ExplainsText { get; set; }

    /// <inheritdoc/>
    public override object? Transform(EngineIntrinsics engineIntrinsics, object inputData) =>
        inputData is IList list ? list.Cast<object?>().Select(One).ToArray() : One(inputData);

    private object? One(object? item)
    {
        if (Unwrapped.From(item) is MapillaryImage { Id: null or "" })
            throw new ArgumentTransformationMetadataException("The image has no id. Give it one: [Mapillary.Graph.MapillaryImage]@{ Id = '1' }.");
        if (Unwrapped.From(item) is null or MapillaryImage) return Unwrapped.From(item);
        if (PSObject.AsPSObject(item).Properties[nameof(MapillaryImage.Json)]?.Value is string json) return Unwrapped.Parsed(() => MapillaryImage.Parse(json));
        var text = $"{item}";
        if (ExplainsText && text.Length > 0)
        {
            throw new ArgumentTransformationMetadataException(text.All(char.IsAsciiDigit)
                ? $"'{text}' is an image id, not an image. Get the image first: Get-MapillaryImage -Id {text} | Save-MapillaryImage."
                : $"'{ShownText.Line(text)}' is not an image. Get images first, such as: Get-MapillaryImage -User anna | Save-MapillaryImage.");
        }

        // No image becomes of a text, while PowerShell would make one, without a record, of the properties of anything.
        return text;
    }
}

/// <summary>Takes saved images as this module makes them, and as they come back from a job.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class SavedImageTransformationAttribute : ArgumentTransformationAttribute
{
    /// <inheritdoc/>
    public override object? Transform(EngineIntrinsics engineIntrinsics, object inputData) =>
        inputData is IList list ? list.Cast<object?>().Select(One).ToArray() : One(inputData);

    private static object? One(object? item)
    {
        if (Unwrapped.From(item) is SavedImage { Id: null or "" } or SavedImage { CollectionPath: null or "" })
            throw new ArgumentTransformationMetadataException("The saved image has no Id or no CollectionPath. Give it both.");
        if (Unwrapped.From(item) is null or SavedImage) return Unwrapped.From(item);
        return Of(nameof(SavedImage.CollectionPath)) is { } collection && Of(nameof(SavedImage.Id)) is { } id && Of(nameof(SavedImage.Status)) is { } status && SavedImageStatus.All.Contains(status, StringComparer.OrdinalIgnoreCase)
            ? new SavedImage { Id = id, Status = status, CollectionPath = collection, Path = Of(nameof(SavedImage.Path)), TarPath = Of(nameof(SavedImage.TarPath)) }
            : $"{item}";

        string? Of(string name) => PSObject.AsPSObject(item).Properties[name]?.Value?.ToString();
    }
}

/// <summary>Takes ids as text, and the ids of what has one: rows of a table, images, saved images. That of a sequence is none of an image.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class ImageIdTransformationAttribute : ArgumentTransformationAttribute
{
    /// <inheritdoc/>
    public override object? Transform(EngineIntrinsics engineIntrinsics, object inputData) =>
        Unwrapped.From(inputData) is IList list ? list.Cast<object?>().Select(One).ToArray() : One(inputData);

    private static object? One(object? item)
    {
        var value = Unwrapped.From(item);
        if (value is null or string || value.GetType().IsPrimitive) return value;
        var id = Of("Id");
        // What is left as it is, other parameters are tried with.
        return id is null || id.Equals(Of("SequenceId")) ? item : id;

        object? Of(string name) => value is IDictionary table ? table[name] : PSObject.AsPSObject(item).Properties[name]?.Value;
    }
}

/// <summary>What PowerShell has wrapped, without the wrapping.</summary>
internal static class Unwrapped
{
    public static object? From(object? value) => value is PSObject wrapped && wrapped.BaseObject is not PSCustomObject ? wrapped.BaseObject : value;

    /// <summary>Numbers with commas between them, of a list or a text.</summary>
    public static string Joined(object value) => value is IEnumerable list and not string
        ? string.Join(',', list.Cast<object?>().Select(n => Convert.ToString(From(n), CultureInfo.InvariantCulture)))
        : Convert.ToString(value, CultureInfo.InvariantCulture)!;

    /// <summary>A format error as an error of binding, whose text a person sees.</summary>
    public static T Parsed<T>(Func<T> parse)
    {
        try
        {
            return parse();
        }
        catch (FormatException e)
        {
            throw new ArgumentTransformationMetadataException(ShownText.Line(e.Message), e);
        }
    }
}
