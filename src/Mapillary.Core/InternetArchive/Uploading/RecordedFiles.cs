using Mapillary.Collections.Records;
using Mapillary.InternetArchive.Describing;

namespace Mapillary.InternetArchive.Uploading;

/// <summary>What the manifest of a collection says of a file.</summary>
/// <param name="Bytes">Its size.</param>
/// <param name="Md5">A tar's MD5, lower-case hexadecimal.</param>
/// <param name="Sha256">A picture's SHA-256, lower-case hexadecimal.</param>
internal sealed record RecordedFile(long Bytes, string? Md5, string? Sha256);

/// <summary>
/// The files of a collection as its manifest has them: what is something else by now must not take the place of what archive.org has.
/// </summary>
internal sealed class RecordedFiles
{
    private readonly Dictionary<string, RecordedFile> _files = new(StringComparer.Ordinal);

    /// <param name="manifest">The manifest; null where the collection has none, as those of other tools.</param>
    /// <param name="files">The files that are there.</param>
    /// <param name="cancellationToken">Stops the reading.</param>
    public RecordedFiles(string? manifest, IReadOnlyList<ItemFile> files, CancellationToken cancellationToken)
    {
        if (manifest is null) return;
        var there = files.Select(f => f.Name).ToHashSet(StringComparer.Ordinal);
        foreach (var tar in Manifest.ReadTars(manifest, cancellationToken).Values) _files[tar.Name] = new RecordedFile(tar.Bytes, tar.Md5, null);
        foreach (var entry in Manifest.ReadEntries(manifest, _ => { }, cancellationToken))
        {
            if (!there.Contains(entry.Tar ?? entry.Path)) MissingImages++;
            if (there.Contains(entry.Path)) _files[entry.Path] = new RecordedFile(entry.Bytes, null, entry.Sha256);
        }
    }

    /// <summary>How many images neither lie there nor have their tar there.</summary>
    public int MissingImages { get; }

    /// <summary>What the manifest says of a file; null where it says nothing.</summary>
    public RecordedFile? Find(string name) => _files.GetValueOrDefault(name);

    /// <summary>A file that is something else than the manifest says.</summary>
    public static IOException Damage(ItemFile file) =>
        new($"'{file.Path}' is not what it was when its checksum was noted; it was not uploaded.");
}
