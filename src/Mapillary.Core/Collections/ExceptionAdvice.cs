namespace Mapillary.Collections;

/// <summary>What to do about an error: a <see cref="CollectionException"/> has a place of its own for it, those of .NET carry it with them.</summary>
public static class ExceptionAdvice
{
    private const string Key = "Mapillary.Advice";

    /// <summary>The advice that an exception carries; null for none.</summary>
    public static Advice? AdviceOf(this Exception exception)
    {
        ArgumentNullException.ThrowIfNull(exception);
        return (exception as CollectionException)?.Advice ?? exception.Data[Key] as Advice?;
    }

    internal static InvalidDataException With(this InvalidDataException exception, Advice advice)
    {
        exception.Data[Key] = advice;
        return exception;
    }
}
