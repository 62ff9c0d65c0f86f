using System.IO.Compression;
using System.Text;
using Mapillary.Collections.Files;
using Microsoft.Win32.SafeHandles;

namespace Mapillary.Collections.Records;

/// <summary>
/// A file of JSON texts, one a line, appended to while a run lasts and compressed when it is over. One that was compressed and is not
/// appended to stays, byte for byte, the compressed file that it was.
/// </summary>
internal sealed class JsonLinesWriter : IDisposable
{
    /// <summary>A compressed file without content: .NET writes none where nothing was written (RFC 1952, with an empty block of RFC 1951).</summary>
    private static readonly byte[] CompressedNothing = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0];

    /// <summary>The byte of a compressed file that names the system where it was made, and the number of Unix there (RFC 1952, OS).</summary>
    private const int PlaceOfSystem = 9;
    private const byte Unix = 3;

    private readonly CollectionFolder _folder;
    private readonly string _name;
    private readonly FileStream _file;
    private bool _isCompressedToo;

    private JsonLinesWriter(CollectionFolder folder, string name, FileStream file, bool isCompressedToo)
    {
        _folder = folder;
        _name = name;
        _file = file;
        _isCompressedToo = isCompressedToo;
    }

    /// <summary>The plain file.</summary>
    public string Path => _folder.PathOf(_name);

    /// <summary>Where the next line will begin.</summary>
    public long Position => _file.Position;

    /// <summary>For reading beside the writing.</summary>
    public SafeFileHandle Handle => _file.SafeFileHandle;

    /// <summary>Whether it was compressed, and nothing was appended since.</summary>
    public bool IsUnchanged => _isCompressedToo;

    /// <summary>
    /// Opens a file to go on writing: unpacks the compressed one when only that is there, and cuts off a last line that was only
    /// half written when the process died.
    /// </summary>
    /// <exception cref="CollectionException">It is a link, or no plain file.</exception>
    /// <exception cref="InvalidDataException">The compressed file is damaged or cut, or unpacks to too much; or what would be cut off is no line of ours.</exception>
    public static JsonLinesWriter Open(string path)
    {
        var (folder, name) = CollectionFolder.Of(path);
        var isCompressedToo = !folder.Has(name) && folder.Has(name + JsonLines.Compressed);
        if (isCompressedToo)
        {
            using var compressed = folder.OpenRead(name + JsonLines.Compressed);
            using var packed = JsonLines.Unpack(compressed, path + JsonLines.Compressed);
            WholeFile.Write(folder, name, packed.CopyTo);
        }

        var file = folder.OpenOrCreate(name, CollectionFolder.Any);
        try
        {
            var end = EndOfLastLine(file);
            if (file.Length - end > JsonLines.LongestLine) throw JsonLines.TooLong(isCompressedToo ? path + JsonLines.Compressed : path, "at its end");
            file.Seek(0, SeekOrigin.End);
            if (end != file.Length)
            {
                // A compressed file is whole, and so is its last line, whoever left out the line feed.
                if (isCompressedToo) file.WriteByte((byte)'\n');
                else file.SetLength(end);
                file.Seek(0, SeekOrigin.End);
            }

            var writer = new JsonLinesWriter(folder, name, file, isCompressedToo);
            if (!isCompressedToo) writer.DropCompressed();
            return writer;
        }
        catch
        {
            file.Dispose();
            if (isCompressedToo) folder.Delete(name);
            throw;
        }
    }

    /// <summary>Appends a line, its line feed included.</summary>
    public void Write(ReadOnlySpan<byte> line)
    {
        if (_isCompressedToo) DropCompressed();
        try
        {
            _file.Write(line);
        }
        catch (IOException e)
        {
            throw CollectionFolder.Named(e, Path);
        }
    }

    /// <summary>Waits until everything is on the disk itself.</summary>
    public void Flush() => _file.Flush(flushToDisk: true);

    /// <summary>Compresses the file into <c>.gz</c>, each line changed on the way, and removes the plain one. It is closed then.</summary>
    public void Compress(Func<IEnumerable<string>, IEnumerable<string>> change)
    {
        if (!_isCompressedToo)
        {
            WholeFile.Write(_folder, _name + JsonLines.Compressed, stream =>
            {
                using (var gzip = new GZipStream(stream, CompressionLevel.Optimal, leaveOpen: true))
                {
                    using var writer = new StreamWriter(gzip, new UTF8Encoding(false), 1 << 16) { NewLine = "\n" };
                    foreach (var line in change(JsonLines.Read(Path))) writer.WriteLine(line);
                }

                if (stream.Position == 0) stream.Write(CompressedNothing);
                // .NET names the system that it runs on there, and the same content is to be the same file.
                stream.Position = PlaceOfSystem;
                stream.WriteByte(Unix);
            });
        }

        _isCompressedToo = true;
        Dispose();
    }

    /// <summary>Closes the file. A plain one that says what the compressed one says is not left beside it.</summary>
    public void Dispose()
    {
        _file.Dispose();
        if (!_isCompressedToo) return;
        _isCompressedToo = false;
        _folder.Delete(_name);
    }

    /// <summary>From now on the plain file is the one that counts. It must be gone before the first line: of two, the plain one is read.</summary>
    private void DropCompressed()
    {
        _folder.Delete(_name + JsonLines.Compressed);
        _isCompressedToo = false;
    }

    private static long EndOfLastLine(FileStream file)
    {
        var chunk = new byte[4096];
        for (var end = file.Length; end > 0;)
        {
            var start = Math.Max(0, end - chunk.Length);
            file.Seek(start, SeekOrigin.Begin);
            var length = (int)(end - start);
            file.ReadExactly(chunk, 0, length);
            var newline = chunk.AsSpan(0, length).LastIndexOf((byte)'\n');
            if (newline >= 0) return start + newline + 1;
            if (file.Length - start > JsonLines.LongestLine) return start;
            end = start;
        }

        return 0;
    }
}
