namespace Mapillary.PowerShell;

/// <summary>What the cmdlets say of what a person can do: the Core gives it as data.</summary>
internal static class AdviceText
{
    public static string Of(Advice advice) => advice switch
    {
        Advice.CheckCollection => "Test-MapillaryCollection names what is missing or damaged.",
        Advice.RepairCollection => "Repair-MapillaryCollection makes the collection's own files again of what is there.",
        Advice.SpreadOverItems => "-MaximumItemSize spreads the collection over several items.",
        Advice.AllowLargerItems => "Choose a larger -MaximumItemSize.",
        Advice.InsistOnRemoval => "With -Force it is removed.",
        _ => throw new ArgumentOutOfRangeException(nameof(advice), advice, null),
    };
}
