using SharpCompress.Archives;
using SharpCompress.Archives.Zip;
using SharpCompress.Providers;
using SharpCompress.Providers.Default;
using SharpCompress.Providers.System;
using SharpCompress.Readers;

namespace Mapillary.Collections.Tars;

/// <summary>A zip, read in the order of the directory at its end.</summary>
internal sealed class ZipPictures : PictureArchive
{
    /// <summary>Name, note and extra fields of an entry may have 192 KB, and the library keeps them; real ones have far less.</summary>
    private const int DirectoryBytesPerEntry = 1024;

    private const int DirectoryBytesBeside = 1 << 24;

    /// <summary>Of the mode that Unix keeps in the upper half of the attributes (inode(7)): the kind, and that of a link.</summary>
    private const int KindMask = 0xF000;
    private const int LinkKind = 0xA000;

    /// <summary>The two ways in which zips of pictures are packed. Others may ask for gigabytes to unpack a few bytes.</summary>
    private static readonly ReaderOptions Options = ReaderOptions.ForExternalStream with
    {
        Providers = CompressionProviderRegistry.Empty.With(new SystemDeflateCompressionProvider()).With(new Deflate64CompressionProvider()),
    };

    private readonly Stream _stream;
    private IArchive? _archive;
    private IEnumerator<IArchiveEntry>? _entries;
    private Stream? _content;
    private long _directoryStart = -1;
    private long _count;

    /// <param name="stream">The zip, which stays open.</param>
    public ZipPictures(Stream stream) => _stream = stream;

    public override void Dispose()
    {
        _content?.Dispose();
        _entries?.Dispose();
        _archive?.Dispose();
    }

    protected override (string Name, long Length, PictureArchiveEntryKind Kind)? Next()
    {
        _content?.Dispose();
        _content = null;
        _archive ??= ZipArchive.OpenArchive(_stream, Options);
        _entries ??= _archive.Entries.GetEnumerator();
        if (!_entries.MoveNext()) return null;
        // The directory is read entry by entry, and the file stands behind the one that was read.
        if (_directoryStart < 0) _directoryStart = _stream.Position;
        if (_stream.Position - _directoryStart > (++_count * DirectoryBytesPerEntry) + DirectoryBytesBeside)
            throw new InvalidDataException("its directory is far too large for its entries");
        var entry = _entries.Current;
        var isLink = (((entry.Attrib ?? 0) >> 16) & KindMask) == LinkKind;
        var kind = entry.IsDirectory ? PictureArchiveEntryKind.Folder
            : isLink ? PictureArchiveEntryKind.Link
            : PictureArchiveEntryKind.File;
        // Zips of older Windows programs have the other slash.
        return ((entry.Key ?? "").Replace('\\', '/'), entry.Size, kind);
    }

    protected override Stream OpenContent() => _content = _entries!.Current.OpenEntryStream();
}
