namespace Mapillary;

/// <summary>
/// What a person can do about something that the Core tells. The Core knows neither cmdlets nor options: each front end says it in the words
/// of its own commands.
/// </summary>
public enum Advice
{
    /// <summary>Read the collection back: that names what is missing or damaged.</summary>
    CheckCollection,

    /// <summary>Make the collection's own files again of what is there, without asking Mapillary.</summary>
    RepairCollection,

    /// <summary>Spread the collection over several items, by limiting the size of one.</summary>
    SpreadOverItems,

    /// <summary>Allow larger items.</summary>
    AllowLargerItems,

    /// <summary>Insist, and what was kept is removed.</summary>
    InsistOnRemoval,
}

/// <summary>What to do about an error whose type is .NET's, and has no place of its own for it.</summary>
public static class ExceptionAdvice
{
    private const string Key = "Mapillary.Advice";

    /// <summary>The advice that an exception carries; null for none.</summary>
    public static Advice? AdviceOf(this Exception exception)
    {
        ArgumentNullException.ThrowIfNull(exception);
        return exception.Data[Key] as Advice?;
    }

    internal static T With<T>(this T exception, Advice advice)
        where T : Exception
    {
        exception.Data[Key] = advice;
        return exception;
    }
}
