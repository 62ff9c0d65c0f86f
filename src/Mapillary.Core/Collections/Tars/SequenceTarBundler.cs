using Mapillary.Collections.Files;
using Mapillary.Collections.Places;
using Mapillary.Collections.Records;
using Mapillary.Imaging.Forms;

namespace Mapillary.Collections.Tars;

/// <summary>Bundles the pictures of a folder into tars, one a sequence or one a day.</summary>
public static class SequenceTarBundler
{
    /// <summary>How many collections an error names.</summary>
    private const int MostNamed = 3;

    /// <summary>
    /// Bundles pictures. Entries are named by their path in the folder, so that unpacking there restores the layout. A tar that is
    /// there is never touched: further ones are numbered. Sources go only after the tar was read back and compared. A picture that is not
    /// what the manifest says is in no tar; it counts as an image that is not there.
    /// </summary>
    /// <param name="folder">A collection, or any folder whose pictures lie in folders named by their sequence.</param>
    /// <param name="pictures">The files to bundle, by their whole paths; null for all pictures of the folder that are in no tar yet.</param>
    /// <param name="grouping">What goes into one tar.</param>
    /// <param name="keepSource">Whether the files stay.</param>
    /// <param name="log">Told each tar, and each picture that belongs to no sequence.</param>
    /// <param name="cancellationToken">Stops between two files; the tar begun is dropped, its sources stay.</param>
    /// <returns>The tars, each as soon as it is there.</returns>
    /// <exception cref="CollectionException">The collection is in use, or the folder is none and holds one.</exception>
    /// <exception cref="IOException">A tar cannot be written, or does not read back as written.</exception>
    public static IEnumerable<SequenceTar> Bundle(
        string folder, IEnumerable<string>? pictures, TarGrouping grouping, bool keepSource, IRunLog log, CancellationToken cancellationToken)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(log);
        folder = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        using var taken = CollectionLock.Take(folder, log);
        if (Collection.At(folder).ManifestPath is not { } manifestPath)
        {
            foreach (var tar in Bundle(folder, pictures, manifest: null, grouping, keepSource, log, cancellationToken)) yield return tar;
            yield break;
        }

        using var manifest = Manifest.Open(folder, log);
        foreach (var tar in Bundle(folder, pictures, manifest, grouping, keepSource, log, cancellationToken)) yield return tar;
        NoteIncomplete(folder, manifest);
        if (manifestPath.EndsWith(".gz", StringComparison.Ordinal)) manifest.Compress();
    }

    /// <summary>Refuses a folder that is no collection: the pictures in it are somebody's own, and would be removed once they are in tars.</summary>
    /// <param name="folder">The folder.</param>
    /// <exception cref="CollectionException">It is none; the text names the collections in it.</exception>
    public static void RequireCollection(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        folder = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        if (Collection.At(folder).IsThere) return;
        var inside = new CollectionFolder(folder).Folders().Select(name => Path.Combine(folder, name))
            .Where(path => Collection.At(path).IsThere).Order(StringComparer.Ordinal).Select(path => $"'{path}'").ToList();
        throw new CollectionException(CollectionFault.Mismatch, folder, inside.Count > 0
            ? $"'{folder}' is no collection. Name one of those in it: {string.Join(", ", inside.Take(MostNamed))}{(inside.Count > MostNamed ? " or another" : "")}."
            : $"'{folder}' is no collection and was not touched: it has neither the name of one, mapillary-<user>-<quality>, nor the files, such as {ImageRecords.FileName}.");
    }

    internal static IEnumerable<SequenceTar> Bundle(
        string folder, IEnumerable<string>? pictures, Manifest? manifest, TarGrouping grouping, bool keepSource, IRunLog log, CancellationToken cancellationToken)
    {
        var groups = (pictures ?? PicturesOf(folder))
            .Select(p => Path.GetRelativePath(folder, p).Replace(Path.DirectorySeparatorChar, '/'))
            .Distinct(StringComparer.Ordinal)
            .Where(p => !keepSource || !IsInTar(folder, manifest, p))
            .GroupBy(p => GroupOf(folder, p, grouping, log), StringComparer.Ordinal)
            .Where(g => g.Key is not null)
            .OrderBy(g => g.Key, StringComparer.Ordinal);

        foreach (var group in groups)
        {
            var names = group.ToHashSet(StringComparer.Ordinal);
            TakeUp(folder, group.Key!, names, manifest, keepSource, log, cancellationToken);
            if (names.Count == 0) continue;
            var path = TarFile.FreePath(folder, group.Key!);
            log.Say($"Writing {Amount.Of(names.Count, "image")} to {path}.");
            var (tar, offsets, differing) = TarFile.Write(path, folder, names, manifest is null ? null : name => manifest.FindByPath(name)?.Sha256, cancellationToken);
            foreach (var name in differing)
            {
                if (IsInTar(folder, manifest, name)) DropLeftOver(folder, name, log, cancellationToken);
                else NoteDamage(folder, name, manifest!, log);
            }

            if (tar is null) continue;
            manifest?.Append(tar);
            Finish(folder, path, offsets, manifest, keepSource, log);
            yield return new SequenceTar { Path = path, Group = group.Key!, Entries = offsets.Count, Length = tar.Bytes, CollectionPath = folder };
        }
    }

    /// <summary>
    /// Ends what a run began that died between a tar and the removal of its sources: those that an existing tar holds byte for byte are
    /// bundled already, and are taken out of the names.
    /// </summary>
    private static void TakeUp(string folder, string group, HashSet<string> names, Manifest? manifest, bool keepSource, IRunLog log, CancellationToken cancellationToken)
    {
        foreach (var path in TarFile.Existing(folder, group))
        {
            // The first name of a tar that had just got its own.
            new CollectionFolder(folder).Delete(Path.GetFileName(path) + WholeFile.PartSuffix);
            var same = TarFile.FindSame(path, folder, names, cancellationToken);
            // Those are found again when they are to go into a tar.
            foreach (var name in same.Keys.Where(name => manifest?.FindByPath(name) is { } entry && TarFile.Differs(folder, name, entry.Sha256)).ToList()) same.Remove(name);
            if (same.Count == 0) continue;
            log.Say($"{path} holds {Amount.Of(same.Count, "image that is", "images that are")} also beside it.");
            if (manifest?.HasTar(Path.GetFileName(path)) == false) manifest.Append(TarFile.Measure(path));
            Finish(folder, path, same, manifest, keepSource, log);
            names.ExceptWith(same.Keys);
        }
    }

    /// <summary>Notes which tar the pictures are in, and where in it, and only then, and only where they are not to stay, removes them.</summary>
    private static void Finish(string folder, string tar, IReadOnlyDictionary<string, long> offsets, Manifest? manifest, bool keepSource, IRunLog log)
    {
        if (manifest is not null)
        {
            foreach (var (name, offset) in offsets)
            {
                if (manifest.FindByPath(name) is { } entry) manifest.Append(entry.InTar(Path.GetFileName(tar), offset));
            }

            manifest.Flush();
        }

        if (!keepSource) RemoveSources(folder, offsets.Keys.ToList(), log);
    }

    /// <summary>
    /// Removes what a power cut left of the source of a tar that has it, where that is no picture any more. One that is another picture stays.
    /// </summary>
    private static void DropLeftOver(string folder, string name, IRunLog log, CancellationToken cancellationToken)
    {
        var collection = new CollectionFolder(folder);
        var isPicture = true;
        try
        {
            isPicture = PictureForm.FindFault(collection.ReadPictureAsync(name, cancellationToken).GetAwaiter().GetResult()) is null;
        }
        catch (InvalidDataException)
        {
            // Longer than a picture can be.
        }

        if (isPicture)
        {
            log.Warn($"'{collection.PathOf(name)}' is not what was saved, and the image is in a tar. It stays; move it away where it is not yours.");
            return;
        }

        log.Say($"'{collection.PathOf(name)}' is damaged, and the image is in a tar: it was removed.");
        RemoveSources(folder, [name], log);
    }

    /// <summary>
    /// What a power cut left of a file may have its length and be nothing but zeros; a disk may have lost some of it. It counts as an
    /// image that is not there, and stays until another file takes its place.
    /// </summary>
    internal static void NoteDamage(string folder, string name, Manifest manifest, IRunLog log)
    {
        var entry = manifest.FindByPath(name)!;
        if (!entry.IsDamaged) manifest.Append(entry with { IsDamaged = true });
        log.Warn($"Image {entry.Id}: '{Path.GetFullPath(Path.Combine(folder, name))}' is not what was saved: its SHA-256 is not the one in the manifest. "
            + "A power cut or the disk damaged it, or another program changed it. It goes into no tar and stays until the image is fetched again.");
    }

    private static void NoteIncomplete(string folder, Manifest manifest)
    {
        if (manifest.HasDamaged && CollectionState.Read(folder) is { Complete: true } state)
            (state with { Complete = false, Images = manifest.Count, Updated = DateTimeOffset.UtcNow }).Write(folder);
    }

    private static IEnumerable<string> PicturesOf(string folder)
    {
        var known = new Dictionary<string, bool>(StringComparer.Ordinal);
        foreach (var picture in new CollectionFolder(folder).Files(skip: FileAttributes.Hidden).Select(f => f.FullName))
        {
            if (!PictureForm.IsPicture(picture) || Path.GetDirectoryName(picture) == folder) continue;
            // Its manifest would go on naming pictures that are gone.
            if (CollectionFiles.FindCollection(picture, known) is { } collection && collection != folder)
                throw new CollectionException(CollectionFault.Mismatch, folder, $"'{folder}' holds the collection '{collection}': name that one.");
            yield return picture;
        }
    }

    private static string? GroupOf(string folder, string name, TarGrouping grouping, IRunLog log)
    {
        var parts = name.Split('/');
        if (parts.Length < 2 || parts.Contains(".."))
        {
            log.Warn($"'{name}' is in no folder of '{folder}' and was left there.");
            return null;
        }

        if (grouping == TarGrouping.Sequence)
        {
            // Other tools lay images of no sequence into the day's folder, and name folders as they come; a tar's name must not be taken for an option.
            if (parts.Length == 2 && ImagePlaces.DateOf(parts[0]) is not null) return ImagePlaces.UnknownSequence;
            return parts[^2].StartsWith('-') ? SafeName.ForId(parts[^2]) : parts[^2];
        }

        return ImagePlaces.DateOf(parts[0])
            ?? TimePlaces.DayOf(parts[0], Path.GetFileNameWithoutExtension(name))
            ?? ImagePlaces.DateName(new DateTimeOffset(File.GetLastWriteTimeUtc(Path.Combine(folder, name)), TimeSpan.Zero));
    }

    private static bool IsInTar(string folder, Manifest? manifest, string name) =>
        manifest is not null && manifest.FindByPath(name) is { Tar: { } tar } && new CollectionFolder(folder).FindLength(Path.GetFileName(tar)) is not null;

    private static void RemoveSources(string folder, IReadOnlyCollection<string> names, IRunLog log)
    {
        var collection = new CollectionFolder(folder);
        foreach (var name in names)
        {
            try
            {
                collection.Delete(name);
            }
            catch (FileHeldException e)
            {
                log.Warn($"{e.Message} It is in the tar; the next bundling removes it here.");
            }
        }

        collection.DeleteEmptyFolders(names);
    }
}
