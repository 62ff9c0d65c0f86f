using Mapillary.Collections;

namespace Mapillary.Cli;

/// <summary>What the console says of what a person can do: the Core gives it as data.</summary>
internal static class AdviceText
{
    /// <summary>What to do about a failure; null where the text says it, or no command here does.</summary>
    public static string? Of(Exception failure) =>
        failure.AdviceOf() == Advice.RepairCollection ? RepairOf((failure as CollectionException)?.Path) : null;

    private static string RepairOf(string? path) =>
        $"to make the collection's own files again of what is there: mapillary repair {(path is null ? "FOLDER" : CommandText.ForShell(path))}";
}
