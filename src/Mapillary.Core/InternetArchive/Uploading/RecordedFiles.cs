using Mapillary.Collections.Places;
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
    private readonly Dictionary<string, long>? _images;

    /// <param name="manifest">The manifest; null where the collection has none, as those of other tools.</param>
    /// <param name="files">The files that are there.</param>
    public RecordedFiles(ManifestIndex? manifest, IReadOnlyList<ItemFile> files)
    {
        if (manifest is null) return;
        _images = new Dictionary<string, long>(files.Count, StringComparer.Ordinal);
        var pictures = new Dictionary<ulong, string>();
        foreach (var file in files)
        {
            _images[file.Name] = 0;
            pictures[TextKey.Of(file.Name)] = file.Name;
        }

        foreach (var tar in manifest.Tars.Values) _files[tar.Name] = new RecordedFile(tar.Bytes, tar.Md5, null);
        foreach (var image in manifest.Images)
        {
            var picture = pictures.GetValueOrDefault(image.Path);
            if (picture is not null) _files[picture] = new RecordedFile(image.Bytes, null, image.Sha256.ToString());
            var file = manifest.TarOf(image) ?? picture;
            if (file is not null && _images.TryGetValue(file, out var count)) _images[file] = count + 1;
            else MissingImages++;
        }
    }

    /// <summary>How many images a file holds; null where the collection has no manifest.</summary>
    public long? ImagesIn(string name) => _images?.GetValueOrDefault(name);

    /// <summary>How many images neither lie there nor have their tar there.</summary>
    public int MissingImages { get; }

    /// <summary>What the manifest says of a file; null where it says nothing.</summary>
    public RecordedFile? Find(string name) => _files.GetValueOrDefault(name);

    /// <summary>A file that is something else than the manifest says.</summary>
    public static IOException Damage(ItemFile file) =>
        new($"'{file.Path}' is not what it was when its checksum was noted; it was not uploaded.");
}
