using System.Text;
using Mapillary.Collections.Files;
using SharpCompress.Common;
using SharpCompress.Providers;
using SharpCompress.Readers;
using SharpCompress.Readers.Tar;

namespace Mapillary.Collections.Tars;

/// <summary>
/// A tar. SharpCompress (0.50.8) takes one that was cut, or whose header is damaged, for one that ends there, and tells neither the
/// kind of an entry nor a name with blanks around it; <see cref="TarBlocks"/>, through which it reads, knows these.
/// </summary>
internal sealed class TarPictures : PictureArchive
{
    /// <summary>What is shorter is read over, which is faster.</summary>
    private const int LeastSeek = 1 << 16;

    /// <summary>A tar only: what is packed in another way is not unpacked here, whatever its first bytes are.</summary>
    private static readonly ReaderOptions Options = ReaderOptions.ForExternalStream with { Providers = CompressionProviderRegistry.Empty };

    private readonly Stream _stream;
    private readonly TarBlocks _blocks;
    private IReader? _reader;
    private Stream? _content;

    /// <param name="stream">The tar, which stays open when it can be sought in.</param>
    /// <param name="mostRead">How many bytes are read of one that can only be read forward.</param>
    /// <param name="cancellationToken">Stops reading.</param>
    public TarPictures(Stream stream, long mostRead, CancellationToken cancellationToken) =>
        (_stream, _blocks) = (stream, new TarBlocks(stream, mostRead, cancellationToken));

    protected override Exception? Cause => _blocks.Fault;

    public override void Dispose()
    {
        // The library's streams go on to the next entry when they are disposed of; they hold nothing.
        if (_stream is GzipContent) _stream.Dispose();
        _blocks.Dispose();
    }

    protected override (string Name, long Length, PictureArchiveEntryKind Kind)? Next()
    {
        // A reader that begins anew at the next header is how to seek past what nobody wants.
        if (_reader is not null && !_blocks.HasGlobalHeader && _blocks.TrySkipContent(LeastSeek)) _reader = null;
        else _content?.Dispose();
        _content = null;
        if (_reader is null && _blocks.HasHeader()) _reader = TarReader.OpenReader(_blocks, Options);
        if (!MoveToNextHeader())
        {
            _blocks.ReadEnd();
            return null;
        }

        var entry = _reader!.Entry;
        var name = _blocks.PlainName is { } plain ? Encoding.UTF8.GetString(plain) : entry.Key ?? "";
        var kind = _blocks.Kind switch
        {
            // Before POSIX, a slash behind the name was all that a folder had.
            _ when entry.IsDirectory || (entry.Size == 0 && name.EndsWith('/')) => PictureArchiveEntryKind.Folder,
            '0' or '7' or '\0' => PictureArchiveEntryKind.File,
            '1' or '2' => PictureArchiveEntryKind.Link,
            'S' => PictureArchiveEntryKind.SparseFile,
            _ => PictureArchiveEntryKind.Other,
        };
        _blocks.BeginContent(name, entry.IsDirectory ? 0 : entry.Size);
        return (name, entry.Size, kind);
    }

    private bool MoveToNextHeader()
    {
        try
        {
            return _reader?.MoveToNextEntry() == true;
        }
        catch (IncompleteArchiveException e) when (_blocks.Fault is null)
        {
            // The library says "unexpected EOF" of whatever it cannot read.
            throw new InvalidDataException($"the header before byte {_blocks.Position} has impossible values", e);
        }
    }

    protected override Stream OpenContent() => _content = _reader!.OpenEntryStream();
}
