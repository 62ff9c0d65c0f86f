using Mapillary.Collections;
using Mapillary.Collections.Files;
using Mapillary.Collections.Records;
using Mapillary.Imaging.Forms;
using Mapillary.Imaging.Jpeg;

namespace Mapillary.Saving;

/// <summary>
/// Converts JPEG files to WebP: EXIF, XMP, IPTC, comments, colour profile and time stamp go with it, and the JPEG is removed only when the
/// WebP was read back as written, and holds all that a WebP can hold. Any number of files may be converted at once.
/// </summary>
/// <param name="form">The quality.</param>
/// <param name="destination">The folder for the WebP files; null puts each beside its JPEG.</param>
/// <param name="keepOriginal">Whether the JPEG stays.</param>
/// <param name="force">Whether a WebP that is there is replaced, and a JPEG goes that holds more than its picture.</param>
/// <param name="encoders">The most encoders at work at once.</param>
/// <param name="log">Told each file.</param>
public sealed class WebpConverter(WebpForm form, string? destination, bool keepOriginal, bool force, int encoders, IRunLog log) : IDisposable
{
    private readonly ManifestUpdates _manifests = new(log);
    private readonly RunRemarks _remarks = new();
    private readonly EncoderRoom _encoders = new(encoders);

    /// <summary>How many files to convert at once, so that no encoder waits for a file to be read, checked or written.</summary>
    public int FilesAtOnce => encoders + 2;

    /// <summary>Whether this is a kind of file that is converted.</summary>
    public static bool Handles(string path) => Path.GetExtension(path).ToLowerInvariant() is ".jpg" or ".jpeg";

    /// <summary>Converts one file.</summary>
    /// <exception cref="FileExistsException">The WebP is there already, and is not to be replaced.</exception>
    /// <exception cref="IOException">It cannot be read, or the WebP cannot be written or does not read back as written.</exception>
    /// <exception cref="InvalidDataException">It is no whole JPEG.</exception>
    /// <exception cref="NotSupportedException">It is too large for a WebP.</exception>
    /// <exception cref="EncodingException">The encoder refuses it.</exception>
    /// <exception cref="CollectionException">Its collection is in use, or it is a link there, or it is no plain file.</exception>
    public async Task<ConvertedFile> ConvertAsync(string path, CancellationToken cancellationToken)
    {
        path = Path.GetFullPath(path);
        var target = Path.Combine(destination ?? Path.GetDirectoryName(path)!, Path.GetFileNameWithoutExtension(path) + form.Extension);
        if (!force && CollectionFolder.IsThere(target)) throw new FileExistsException(target);
        var (source, place) = _manifests.PlaceOf(path, followsLink: true);
        var (folder, targetPlace) = _manifests.PlaceOf(target, followsLink: false);
        var jpeg = await source.ReadPictureAsync(place, cancellationToken);
        if (JpegCheck.FindFault(jpeg) is { } fault) throw new InvalidDataException($"'{path}' was not converted: {fault}.");

        var webp = await EncodeAsync(path, jpeg, cancellationToken);
        var isKept = keepOriginal || (webp.Parts.Count > 0 && !force);
        var (length, sha256) = WholeFile.Measure(webp.Pieces);
        var entry = isKept ? null : _manifests.Begin(path, target, length, sha256, MadeNow);
        try
        {
            var time = new DateTimeOffset(File.GetLastWriteTimeUtc(path), TimeSpan.Zero);
            _remarks.NoteRefusal(target, await WholeFile.WriteAsync(folder, targetPlace, webp.Pieces, time, mode: null, cancellationToken), log);
            if (!isKept) await CompareAsync(folder, targetPlace, sha256, cancellationToken);
        }
        catch
        {
            _manifests.Undo(path, entry);
            throw;
        }

        if (!isKept)
        {
            var (link, linkPlace) = _manifests.PlaceOf(path, followsLink: false);
            link.Delete(linkPlace);
            _manifests.End(path, entry);
        }

        var leftOut = webp.LeftOut.Count > 0 ? $"; the WebP lacks {string.Join("; ", webp.LeftOut)}" : "";
        log.Say($"Converted '{path}': {ByteSize.Format(jpeg.Length)} became {ByteSize.Format(length)}{leftOut}.");
        if (webp.Parts.Count > 0 && !keepOriginal)
        {
            var parts = string.Join(", ", webp.Parts);
            if (isKept) log.Warn($"'{path}' was converted and kept, because a WebP cannot hold all of it: {parts}.", Advice.InsistOnRemoval);
            else log.Warn($"'{path}' was removed with what a WebP cannot hold: {parts}.");
        }

        return new ConvertedFile
        {
            Path = target,
            SourcePath = path,
            IsSourceKept = isKept,
            Parts = webp.Parts,
            LeftOut = webp.LeftOut,
            Length = length,
            SourceLength = jpeg.Length,
        };
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _manifests.Dispose();
        _encoders.Dispose();
    }

    /// <summary>The metadata stay; where nobody noted how these were made, it stays unknown.</summary>
    private MadeWith? MadeNow(ManifestEntry entry) => entry.Made is null ? null : entry.Made with { WebpQuality = form.Quality };

    private async Task<ConvertedImage> EncodeAsync(string path, byte[] jpeg, CancellationToken cancellationToken)
    {
        try
        {
            return await _encoders.EncodeAsync(jpeg, ct => form.ConvertAsync([jpeg], ct), cancellationToken);
        }
        catch (EncodingException e)
        {
            throw new EncodingException($"'{path}' was not converted: {e.Message}");
        }
    }

    private static async Task CompareAsync(CollectionFolder folder, string place, string sha256, CancellationToken cancellationToken)
    {
        await using var file = folder.OpenRead(place, options: FileOptions.Asynchronous);
        var found = Convert.ToHexString(await System.Security.Cryptography.SHA256.HashDataAsync(file, cancellationToken));
        if (!found.Equals(sha256, StringComparison.OrdinalIgnoreCase)) throw new IOException($"'{folder.PathOf(place)}' was read back and differs from what was written; the JPEG was kept.");
    }
}
