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
