using System.Collections.Concurrent;
using System.Collections.ObjectModel;
using System.Globalization;
using System.Management.Automation;
using System.Reflection;
using Microsoft.PowerShell;

namespace Mapillary.PowerShell;

/// <summary>
/// Gives PowerShell the properties of this module's objects, with times and numbers whose text is the same in every culture: so
/// <c>Format-Table CapturedAt</c> and <c>Export-Csv</c> write ISO 8601 and decimal points. The values stay what they are.
/// </summary>
/// <remarks>
/// Named as the <c>TypeAdapter</c> of types in <c>Mapillary.Types.ps1xml</c>. Members added to a type there could do the same, but would be
/// serialized a second time, and hide the first after <c>Import-Clixml</c>.
/// </remarks>
public sealed class ShownProperties : PSPropertyAdapter
{
    private static readonly ConcurrentDictionary<Type, Dictionary<string, PropertyInfo>> Known = new();

    /// <inheritdoc/>
    public override Collection<PSAdaptedProperty> GetProperties(object baseObject) => [.. Of(baseObject).Values.Select(Adapted)];

    /// <inheritdoc/>
    public override PSAdaptedProperty? GetProperty(object baseObject, string propertyName) =>
        Of(baseObject).GetValueOrDefault(propertyName) is { } property ? Adapted(property) : null;

    /// <inheritdoc/>
    public override bool IsGettable(PSAdaptedProperty adaptedProperty) => true;

    /// <inheritdoc/>
    public override bool IsSettable(PSAdaptedProperty adaptedProperty) => Of(adaptedProperty).SetMethod is { IsPublic: true };

    /// <summary>The value, with such a text where it is a time or a number; for deserialized objects, which have no adapter.</summary>
    public static object? Shown(object? value) => value is DateTimeOffset or DateOnly or double ? new ShownValue(value) : value;

    /// <inheritdoc/>
    public override object? GetPropertyValue(PSAdaptedProperty adaptedProperty) => Shown(Of(adaptedProperty).GetValue(adaptedProperty.BaseObject));

    /// <inheritdoc/>
    public override void SetPropertyValue(PSAdaptedProperty adaptedProperty, object? value)
    {
        var property = Of(adaptedProperty);
        try
        {
            property.SetValue(adaptedProperty.BaseObject, LanguagePrimitives.ConvertTo(value, property.PropertyType, CultureInfo.InvariantCulture));
        }
        catch (TargetInvocationException e)
        {
            // Of what else is thrown, PowerShell says no more than that it could not be set.
            throw new SetValueException($"{property.Name}: {e.InnerException?.Message}", e.InnerException);
        }
    }

    /// <inheritdoc/>
    public override string GetPropertyTypeName(PSAdaptedProperty adaptedProperty) => ToStringCodeMethods.Type(new PSObject(Of(adaptedProperty).PropertyType));

    private static PSAdaptedProperty Adapted(PropertyInfo property) => new(property.Name, property);

    private static PropertyInfo Of(PSAdaptedProperty adapted) => (PropertyInfo)adapted.Tag;

    private static Dictionary<string, PropertyInfo> Of(object baseObject) => Known.GetOrAdd(
        baseObject.GetType(),
        type => type.GetProperties(BindingFlags.Public | BindingFlags.Instance).ToDictionary(p => p.Name, StringComparer.OrdinalIgnoreCase));

    /// <summary>A value whose text is the same in every culture.</summary>
    private sealed class ShownValue(object value) : PSObject(value)
    {
        public override string? ToString() => BaseObject switch
        {
            DateTimeOffset => ViewText.Utc(this),
            DateOnly day => day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
            var number => Convert.ToString(number, CultureInfo.InvariantCulture),
        };
    }
}
