using Mapillary.Saving;

namespace Mapillary.Backup;

/// <summary>
/// What was asked for in a pipeline that saved images. It prints itself as the command that saves what a collection lacks, in the same way.
/// </summary>
/// <param name="CollectionPath">The collection's folder; the images are those of its listing.</param>
/// <param name="Options">How they are saved.</param>
public sealed record SaveRequest(string CollectionPath, SaveOptions Options)
{
    /// <summary>What fetches the images of a collection again, in the way of a run that found others there.</summary>
    /// <param name="collectionPath">The collection's folder.</param>
    /// <param name="save">How the run saves images.</param>
    public static SaveRequest ToFetchAgain(string collectionPath, SaveOptions save)
    {
        ArgumentNullException.ThrowIfNull(save);
        return new(collectionPath, save with { Destination = Path.GetDirectoryName(collectionPath) ?? collectionPath, Force = true });
    }

    /// <summary>The command for PowerShell.</summary>
    public string ForPowerShell()
    {
        var words = CommandOption.Of(Options).Select(o => o.ForPowerShell());
        if (Options.Force) words = words.Append("-Force");
        return string.Join(' ', words.Prepend($"Get-MapillaryImage -LiteralPath {CommandText.ForPowerShell(CollectionPath)} | Save-MapillaryImage"));
    }
}
