using Mapillary.Collections.Files;

namespace Mapillary.Collections.Tars;

/// <summary>
/// An archive of pictures, read once from its beginning to its end, one entry at a time: a tar, a packed tar, or a zip. SharpCompress
/// reads; whatever it ends with, a damaged archive is an <see cref="InvalidDataException"/> that says why.
/// </summary>
internal abstract class PictureArchive : IDisposable
{
    private const string Zip = ".zip";
    private const string Tar = ".tar";

    private static readonly string[] PackedTars = [".tar.gz", ".tgz"];

    private Content? _content;

    /// <summary>The entry's name, as the archive has it, with <c>/</c> between its parts. One from outside may be anything.</summary>
    public string Name { get; private set; } = "";

    /// <summary>How many bytes the archive says the entry has; it may hold others.</summary>
    public long Length { get; private set; }

    /// <summary>What the entry is.</summary>
    public PictureArchiveEntryKind Kind { get; private set; }

    /// <summary>What the entry is, in a sentence.</summary>
    public string KindName => Kind switch
    {
        PictureArchiveEntryKind.File => "a file",
        PictureArchiveEntryKind.Folder => "a folder",
        PictureArchiveEntryKind.Link => "a link",
        PictureArchiveEntryKind.SparseFile => "a sparse file",
        _ => "something else",
    };

    /// <summary>What is left of the entry's content; it may be read until <see cref="MoveNext"/> is called again.</summary>
    public Stream EntryContent => _content ??= new Content(this);

    /// <summary>Whether a file's name is that of a packed archive, as people and archive.org make them of a collection.</summary>
    public static bool IsPacked(string name) =>
        name.EndsWith(Zip, StringComparison.OrdinalIgnoreCase) || PackedTars.Any(p => name.EndsWith(p, StringComparison.OrdinalIgnoreCase));

    /// <summary>Whether a file's name is that of an archive that <see cref="Open"/> reads.</summary>
    public static bool IsArchive(string name) => name.EndsWith(Tar, StringComparison.OrdinalIgnoreCase) || IsPacked(name);

    /// <summary>Opens an archive. What it is, its name says; when its content is another one, that is damage.</summary>
    /// <param name="name">A name that is one of an archive.</param>
    /// <param name="stream">The archive, which stays open. Within another archive it can only be read forward.</param>
    /// <param name="mostUnpacked">How many bytes are unpacked of one that can only be read by unpacking it; more are damage.</param>
    /// <param name="cancellationToken">Stops reading.</param>
    /// <exception cref="InvalidDataException">It is damaged, or cannot be read where it is.</exception>
    public static PictureArchive Open(string name, Stream stream, long mostUnpacked, CancellationToken cancellationToken)
    {
        if (name.EndsWith(Tar, StringComparison.OrdinalIgnoreCase)) return OpenTar(stream, mostUnpacked, cancellationToken);
        if (name.EndsWith(Zip, StringComparison.OrdinalIgnoreCase))
        {
            // It is read by the directory at its end.
            if (!stream.CanSeek) throw new InvalidDataException("a zip within another archive is not read; unpack the outer one");
            return new ZipPictures(stream);
        }

        return OpenTar(new GzipContent(stream), mostUnpacked, cancellationToken);
    }

    /// <summary>Opens a tar, whatever its name is.</summary>
    /// <inheritdoc cref="Open"/>
    public static PictureArchive OpenTar(Stream stream, long mostUnpacked, CancellationToken cancellationToken) =>
        new TarPictures(stream, mostUnpacked, cancellationToken);

    /// <summary>Goes on to the next entry; what was not read of this one is skipped.</summary>
    /// <returns>False at the end of an archive that is whole.</returns>
    /// <exception cref="InvalidDataException">The archive is cut or damaged, or goes on behind its end.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public bool MoveNext()
    {
        try
        {
            _content = null;
            if (Next() is not { } entry) return false;
            (Name, Length, Kind) = entry;
            return true;
        }
        catch (Exception e) when (IsDamage(e))
        {
            throw Damage(e);
        }
    }

    /// <inheritdoc/>
    public abstract void Dispose();

    /// <summary>Goes on to the next entry, or returns null.</summary>
    protected abstract (string Name, long Length, PictureArchiveEntryKind Kind)? Next();

    /// <summary>Opens the content of the entry.</summary>
    protected abstract Stream OpenContent();

    /// <summary>The exception that was behind one of the library's, which does not hand on all of them.</summary>
    protected virtual Exception? Cause => null;

    /// <summary>Whatever the library throws comes from what it reads; for an absurd size even that there is no memory.</summary>
    private bool IsDamage(Exception e) => Cause is not null
        || e is EndOfStreamException
        || e is not (OperationCanceledException or IOException or InvalidDataException or UnauthorizedAccessException);

    private Exception Damage(Exception e) => Cause switch
    {
        OperationCanceledException stopped => new OperationCanceledException(stopped.Message, stopped, stopped.CancellationToken),
        InvalidDataException damage => new InvalidDataException(damage.Message, e),
        null or EndOfStreamException => new InvalidDataException(e.Message, e),
        var other => new IOException(other.Message, other),
    };

    /// <summary>An entry's content, whose errors are those of <see cref="MoveNext"/>.</summary>
    private sealed class Content(PictureArchive archive) : ForwardStream
    {
        private Stream? _stream;

        public override int Read(byte[] buffer, int offset, int count)
        {
            try
            {
                _stream ??= archive.OpenContent();
                return _stream.Read(buffer, offset, count);
            }
            catch (Exception e) when (archive.IsDamage(e))
            {
                throw archive.Damage(e);
            }
        }
    }
}
