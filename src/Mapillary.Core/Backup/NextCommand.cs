using Mapillary.Collections;
using Mapillary.Collections.Files;
using Mapillary.Collections.Places;
using Mapillary.Collections.Records;
using Mapillary.Collections.Tars;
using Mapillary.Graph;
using Mapillary.Imaging;
using Mapillary.Saving;

namespace Mapillary.Backup;

/// <summary>What to type next about a collection, in PowerShell.</summary>
public static class NextCommand
{
    /// <summary>What checks images that somebody chose against the whole account, or against the area that the collection is limited to.</summary>
    /// <param name="collection">The collection, at the end of a run.</param>
    /// <param name="save">How its images were saved.</param>
    /// <returns>The command; null where nobody knows whose images they are.</returns>
    public static string? ToCheck(CollectionWriter collection, SaveOptions save)
    {
        ArgumentNullException.ThrowIfNull(collection);
        return collection.State is { User: not ImageSaver.UnknownUser, AreaName: null } state
            ? RequestOf(state, save, Collection.At(collection.Path).Places.Grouping ?? new BackupOptions().Tar).ForPowerShell()
            : null;
    }

    /// <summary>What fetches the images that a collection lacks.</summary>
    /// <param name="collectionPath">Its folder.</param>
    /// <param name="save">How its images were saved; where that is null, as much of it as the collection tells is in the command.</param>
    /// <returns>The command; null where the collection does not say what it is.</returns>
    /// <exception cref="CollectionException">What it says of itself is a link.</exception>
    /// <exception cref="InvalidDataException">What it says of itself is damaged.</exception>
    public static string? ToComplete(string collectionPath, SaveOptions? save = null)
    {
        var collection = Collection.At(collectionPath);
        if (collection.State is not { } state) return null;
        var folder = Path.GetDirectoryName(collection.Path) ?? collection.Path;
        // A backup begins there, and moves what is complete. What else was chosen must not become the whole account.
        var isBegun = Path.GetFileName(folder) == CollectionName.StagingFolder;
        var places = collection.Places;
        save ??= new SaveOptions
        {
            Destination = (isBegun ? Path.GetDirectoryName(folder) : null) ?? folder,
            Quality = ImageQualityNames.Parse(state.Quality),
            Form = state.Form,
            Layout = places.Layout ?? default,
        };
        if (state.AreaName is not null || (!isBegun && !state.Complete)) return new SaveRequest(collection.Path, save).ForPowerShell();
        // Before a backup is complete there are no tars, whatever it was to bundle.
        var usual = state.Complete ? null : new BackupOptions().Tar;
        return RequestOf(state, save, places.Grouping ?? usual).ForPowerShell();
    }

    /// <summary>What restores the metadata of the files of a collection in another way.</summary>
    /// <param name="collectionPath">Its folder.</param>
    /// <param name="restore">How.</param>
    public static string ToRestore(string collectionPath, RestoreOptions restore)
    {
        ArgumentNullException.ThrowIfNull(restore);
        var path = CommandText.ForPowerShell(collectionPath);
        return string.Join(' ', CommandOption.Of(restore).Select(o => o.ForPowerShell()).Prepend($"Set-MapillaryExif -LiteralPath {path} -MetadataPath {path}"));
    }

    /// <summary>What shows what an upload of a collection to archive.org would do.</summary>
    /// <param name="collectionPath">Its folder; to the letter, because it may be named as a wildcard.</param>
    public static string ToPublish(string collectionPath) => $"Publish-IaCollection -LiteralPath {CommandText.ForPowerShell(collectionPath)} -WhatIf";

    private static BackupRequest RequestOf(CollectionState state, SaveOptions save, TarGrouping? tar) =>
        new(state.User, new BackupOptions { Save = save, Filter = new ImageFilter { BoundingBox = state.Area }, Tar = tar });
}
