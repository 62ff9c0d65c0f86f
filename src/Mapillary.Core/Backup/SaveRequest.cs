using Mapillary.Collections;

namespace Mapillary.Backup;

/// <summary>
/// What was asked for in a pipeline that saved images. It prints itself as the command that saves what a collection lacks, in the same way.
/// </summary>
/// <param name="CollectionPath">The collection's folder; the images are those of its listing.</param>
/// <param name="Options">How they are saved.</param>
public sealed record SaveRequest(string CollectionPath, SaveOptions Options)
{
    /// <summary>The command for PowerShell.</summary>
    public string ForPowerShell()
    {
        var words = CommandOption.Of(Options).Select(o => o.ForPowerShell());
        if (Options.Force) words = words.Append("-Force");
        return string.Join(' ', words.Prepend($"Get-MapillaryImage -LiteralPath {CommandText.ForPowerShell(CollectionPath)} | Save-MapillaryImage"));
    }
}
