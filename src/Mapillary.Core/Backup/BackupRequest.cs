using Mapillary.Graph;

namespace Mapillary.Backup;

/// <summary>
/// What was asked for in a run for one user. It prints itself as the command that asks for the same again, with everything that is not a
/// default; only the access token is not in it.
/// </summary>
/// <param name="User">The user.</param>
/// <param name="Options">What to do.</param>
public sealed record BackupRequest(string User, BackupOptions Options)
{
    /// <summary>The command for PowerShell.</summary>
    public string ForPowerShell() =>
        string.Join(' ', CommandOption.Of(Options).Select(o => o.ForPowerShell()).Prepend($"Backup-MapillaryUser {CommandText.ForPowerShell(User)}"));

    /// <summary>The command for the console, in the shell that people of this system most likely are in.</summary>
    /// <exception cref="NotSupportedException">The console has no such option.</exception>
    public string ForConsole()
    {
        var words = CommandOption.Of(Options).Select(o => o.ForConsole()).Prepend("mapillary backup");
        // A user whose name begins with a dash is none of the options.
        if (User.StartsWith('-')) words = words.Append("--");
        return string.Join(' ', words.Append(CommandText.ForShell(User)));
    }

    /// <summary>The same, where the collection that is there is not of the area that was asked for: for the area that it is of.</summary>
    /// <param name="recorded">The area that the collection is limited to; null for none.</param>
    public BackupRequest ForArea(BoundingBox? recorded) => With(recorded, allAreas: false);

    /// <summary>The same for the whole account, whatever area the collection that is there is limited to.</summary>
    public BackupRequest ForAllAreas() => With(area: null, allAreas: true);

    private BackupRequest With(BoundingBox? area, bool allAreas) =>
        this with { Options = Options with { Filter = Options.Filter with { BoundingBox = area }, AllAreas = allAreas } };
}
