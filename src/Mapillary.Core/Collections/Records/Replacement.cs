using System.Security.Cryptography;
using Mapillary.Collections.Files;
using Mapillary.Imaging.Forms;

namespace Mapillary.Collections.Records;

/// <summary>
/// How a file takes the place of another one of the same image. A line in the manifest says so beforehand, with both files; when the new
/// file is there, the old one goes, and a second line says that it is done. A run that dies between the two lines is ended by the next
/// one that opens the manifest: by what the files hold it sees which of them counts.
/// </summary>
internal static class Replacement
{
    /// <summary>To be called before the file is written.</summary>
    /// <returns>The entry to go on with.</returns>
    public static ManifestEntry Begin(Manifest manifest, ManifestEntry entry)
    {
        // A first file needs none of this: without a line it does not count.
        if (manifest.Find(entry.Id) is not { } old) return entry;
        entry = old.ReplacedBy(entry);
        manifest.Append(entry);
        return entry;
    }

    /// <summary>To be called when the file is in its place.</summary>
    /// <returns>The entry, as the manifest now has it.</returns>
    public static ManifestEntry End(Manifest manifest, CollectionFolder folder, ManifestEntry entry, IRunLog log)
    {
        // The old file goes first: what is left of a run that dies here is still known.
        foreach (var copy in entry.IsPending ? entry.Superseded : []) RemoveFile(manifest, folder, copy.Path, entry.Path, log);
        entry = entry.InPlace();
        manifest.Append(entry);
        return entry;
    }

    /// <summary>To be called when the file was not written: the old one counts as before.</summary>
    public static void Undo(Manifest manifest, ManifestEntry entry, IRunLog log)
    {
        if (!entry.IsPending) return;
        try
        {
            manifest.Append(entry.BackTo(entry.Superseded[^1]));
        }
        catch (IOException e)
        {
            // The error that kept the file from being written is the one to tell; what is left here the next run ends.
            log.Say($"Image {entry.Id}: {e.Message}");
        }
    }

    /// <summary>Ends what a run began that died.</summary>
    public static void TakeUp(Manifest manifest, CollectionFolder folder, ManifestEntry entry, IRunLog log)
    {
        if (CollectionFiles.FindPlace(folder.Path, entry.Path) is { } place) folder.Delete(place + WholeFile.PartSuffix);
        if (IsThere(folder, entry))
        {
            End(manifest, folder, entry, log);
            log.Say($"Image {entry.Id}: '{entry.Path}' replaced its earlier file, which a run that died had begun.");
        }
        else if (entry.Superseded.LastOrDefault(copy => IsThere(folder, copy)) is { } old)
        {
            manifest.Append(entry.BackTo(old));
            RemoveFile(manifest, folder, entry.Path, old.Path, log);
            log.Say($"Image {entry.Id}: its file was to be replaced by a run that died, and is still there.");
        }
        else
        {
            manifest.Remove(entry.Id);
            log.Say($"Image {entry.Id}: its file was to be replaced by a run that died, and is not whole; it will be fetched again.");
        }

        var paths = entry.Superseded.Select(copy => copy.Path).Append(entry.Path);
        folder.DeleteEmptyFolders(paths.Select(path => CollectionFiles.FindPlace(folder.Path, path)).OfType<string>());
    }

    private static bool IsThere(CollectionFolder folder, ManifestEntry entry)
    {
        if (CollectionFiles.FindPlace(folder.Path, entry.Tar ?? entry.Path) is not { } place) return false;
        if (folder.FindLength(place) is not { } length) return false;
        if (entry.Tar is not null) return true;
        if (length != entry.Bytes) return false;
        try
        {
            using var file = folder.OpenRead(place);
            return Convert.ToHexString(SHA256.HashData(file)).Equals(entry.Sha256, StringComparison.OrdinalIgnoreCase);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CollectionException)
        {
            return false;
        }
    }

    /// <summary>Removes a file of the image that counts no more, where it is another one and no image's by now.</summary>
    private static void RemoveFile(Manifest manifest, CollectionFolder folder, string old, string current, IRunLog log)
    {
        // The manifest may be somebody else's; what it names is removed only where it is a picture.
        if (CollectionFiles.FindPlace(folder.Path, old) is not { } place || !PictureForm.IsPicture(place)) return;
        if (CollectionFiles.IsOwn(place) || manifest.FindByPath(old) is not null) return;
        // To some file systems a name in capitals is the same.
        if (old.Equals(current, StringComparison.OrdinalIgnoreCase)) return;
        try
        {
            folder.Delete(place);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            log.Warn($"'{folder.PathOf(place)}' was replaced by '{current}' and could not be removed: {e.Message}");
        }
    }
}
