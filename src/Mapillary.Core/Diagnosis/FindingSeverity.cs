namespace Mapillary.Diagnosis;

/// <summary>How much a finding matters. They are texts and no enumeration, because PowerShell's <c>ConvertTo-Json</c> writes a number for a value of one.</summary>
public static class FindingSeverity
{
    /// <summary>Good to know; nothing is lost by it.</summary>
    public const string Information = nameof(Information);

    /// <summary>The picture can be downloaded, but something about it is missing or wrong.</summary>
    public const string Warning = nameof(Warning);

    /// <summary>The image, or a rendition of it, cannot be downloaded now.</summary>
    public const string Error = nameof(Error);

    /// <summary>For sorting: the graver, the less.</summary>
    internal static int RankOf(string severity) => severity switch { Error => 0, Warning => 1, _ => 2 };
}
