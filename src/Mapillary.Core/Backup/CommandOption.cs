using System.Globalization;
using Mapillary.Collections;
using Mapillary.Graph;
using Mapillary.Imaging;
using Mapillary.Imaging.Forms;
using Mapillary.Saving;

namespace Mapillary.Backup;

/// <summary>An option of a command, as it is typed. An option that stands at its default is none.</summary>
/// <param name="Parameter">The parameter of the cmdlets.</param>
/// <param name="ConsoleOption">The option of the console; null where the console has none.</param>
/// <param name="Value">Its value, with nothing in it that a shell reads in its own way; null for a switch.</param>
internal sealed record CommandOption(string Parameter, string? ConsoleOption, string? Value = null)
{
    /// <summary>The value where it may hold anything, and stands in quotes where it has to.</summary>
    public string? Text { get; init; }

    /// <summary>The option for PowerShell.</summary>
    public string ForPowerShell() => Joined(Parameter, Text is null ? Value : CommandText.ForPowerShell(Text));

    /// <summary>The option for the console.</summary>
    /// <exception cref="NotSupportedException">The console has no such option.</exception>
    public string ForConsole() => ConsoleOption is null
        ? throw new NotSupportedException($"'mapillary backup' has no option for {Parameter}.")
        : Joined(ConsoleOption, Text is null ? Value : CommandText.ForShell(Text));

    /// <summary>How images are saved.</summary>
    public static IEnumerable<CommandOption> Of(SaveOptions save)
    {
        if (save.Destination != SaveOptions.DefaultDestination) yield return new("-Destination", "--output") { Text = save.Destination };
        if (save.Quality != ImageQuality.Original) yield return new("-Quality", "--quality", save.Quality.ToName());
        switch (save.Form)
        {
            case WebpForm webp:
                yield return new("-Webp", "--webp");
                if (webp.Quality != WebpForm.DefaultQuality) yield return new("-WebpQuality", null, Number(webp.Quality));
                break;
            case JpegForm jpeg:
                yield return new("-JpegQuality", null, Number(jpeg.Quality));
                break;
        }

        if (save.Layout != default) yield return new("-Layout", null, save.Layout.ToString());
        if (save.ThrottleLimit is not SaveOptions.DefaultThrottleLimit and var limit) yield return new("-ThrottleLimit", "--workers", Number(limit));
        if (save.Restore is null) yield return new("-NoExif", "--no-exif");
        else foreach (var option in Of(save.Restore)) yield return option;

        var rules = save.Budget?.Rules ?? StopRules.None;
        if (rules.MaximumImages is { } images) yield return new("-MaximumImages", "--maximum-images", Number(images));
        if (rules.MaximumSize is { } size) yield return new("-MaximumSize", "--maximum-size", ByteSize.Exact(size));
        if (rules.MaximumDuration is { } time) yield return new("-MaximumDuration", "--maximum-duration", FormattableString.Invariant($"{time:c}"));
        if (rules.MinimumFreeSpace is { } space) yield return new("-MinimumFreeSpace", "--minimum-free-space", ByteSize.Exact(space));
    }

    /// <summary>How metadata are restored.</summary>
    public static IEnumerable<CommandOption> Of(RestoreOptions restore)
    {
        if (restore.Position != default) yield return new("-Geometry", null, restore.Position.ToString());
        if (restore.TimeZone is { } zone) yield return new("-TimeZone", null) { Text = zone.Id };
    }

    /// <summary>What a backup is to do.</summary>
    public static IEnumerable<CommandOption> Of(BackupOptions options)
    {
        foreach (var option in Of(options.Save)) yield return option;
        if (options.Filter.BoundingBox is { } area) yield return new("-BoundingBox", "--bbox") { Text = area.ToString() };
        if (options.AllAreas) yield return new("-AllAreas", "--all-areas");
        if (options.ListingParallelism != 1) yield return new("-ListingParallelism", null, Number(options.ListingParallelism));
        if (options.Tar is not { } grouping) yield return new("-NoTar", "--no-tar");
        else if (grouping != TarGrouping.Date) yield return new("-GroupBy", "--group-by", grouping.ToString());
        if (!options.SkipArchived) yield return new("-IncludeArchived", "--include-archived");
        if (options.GoOnWhenUntold) yield return new("-Force", null);
    }

    private static string Joined(string option, string? value) => value is null ? option : $"{option} {value}";

    private static string Number(long number) => number.ToString(CultureInfo.InvariantCulture);
}
