namespace Mapillary;

/// <summary>What is kept for a later run, and is no loss where it is gone.</summary>
internal static class UserCache
{
    /// <summary>
    /// Our folder in the user's cache folder: below <c>%LOCALAPPDATA%</c> on Windows, else below <c>XDG_CACHE_HOME</c> or
    /// <c>~/.cache</c> (https://specifications.freedesktop.org/basedir-spec/latest/).
    /// </summary>
    public static string Folder => Path.Combine(Base, "mapillary-powershell");

    private static string Base
    {
        get
        {
            if (OperatingSystem.IsWindows()) return Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData);
            // The specification has relative paths ignored.
            return Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { } folder && Path.IsPathRooted(folder)
                ? folder
                : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache");
        }
    }
}
