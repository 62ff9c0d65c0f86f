using System.IO.Compression;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Mapillary.Collections;

/// <summary>
/// A file of JSON texts, one a line, appended to while a run lasts and compressed when it is over. One that was compressed and is not
/// appended to stays, byte for byte, the compressed file that it was.
/// </summary>
internal sealed class JsonLinesWriter : IDisposable
{
    private readonly FileStream _file;
    private bool _isCompressedToo;

    private JsonLinesWriter(FileStream file, bool isCompressedToo)
    {
        _file = file;
        _isCompressedToo = isCompressedToo;
    }

    /// <summary>The plain file.</summary>
    public string Path => _file.Name;

    /// <summary>Where the next line will begin.</summary>
    public long Position => _file.Position;

    /// <summary>For reading beside the writing.</summary>
    public SafeFileHandle Handle => _file.SafeFileHandle;

    /// <summary>Whether it was compressed, and nothing was appended since.</summary>
    public bool IsUnchanged => _isCompressedToo;

    private string CompressedPath => Path + JsonLines.Compressed;

    /// <summary>
    /// Opens a file to go on writing: unpacks the compressed one when only that is there, and cuts off a last line that was only
    /// half written when the process died.
    /// </summary>
    /// <exception cref="InvalidDataException">The compressed file is damaged or cut.</exception>
    public static JsonLinesWriter Open(string path)
    {
        var isCompressedToo = !File.Exists(path) && File.Exists(path + JsonLines.Compressed);
        if (isCompressedToo)
        {
            using var packed = JsonLines.Unpack(File.OpenRead(path + JsonLines.Compressed));
            WholeFile.Write(path, packed.CopyTo);
        }

        var file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        var end = EndOfLastLine(file);
        if (end != file.Length)
        {
            file.SetLength(end);
            isCompressedToo = false;
        }

        file.Seek(0, SeekOrigin.End);
        var writer = new JsonLinesWriter(file, isCompressedToo);
        if (!isCompressedToo) writer.DropCompressed();
        return writer;
    }

    /// <summary>Appends a line, its line feed included.</summary>
    public void Write(ReadOnlySpan<byte> line)
    {
        if (_isCompressedToo) DropCompressed();
        _file.Write(line);
    }

    /// <summary>Waits until everything is on the disk itself.</summary>
    public void Flush() => _file.Flush(flushToDisk: true);

    /// <summary>Compresses the file into <c>.gz</c>, each line changed on the way, and removes the plain one. It is closed then.</summary>
    public void Compress(Func<IEnumerable<string>, IEnumerable<string>> change)
    {
        if (!_isCompressedToo)
        {
            WholeFile.Write(CompressedPath, stream =>
            {
                using var gzip = new GZipStream(stream, CompressionLevel.Optimal, leaveOpen: true);
                using var writer = new StreamWriter(gzip, new UTF8Encoding(false), 1 << 16) { NewLine = "\n" };
                foreach (var line in change(JsonLines.Read(Path))) writer.WriteLine(line);
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
        File.Delete(Path);
    }

    /// <summary>From now on the plain file is the one that counts. It must be gone before the first line: of two, the plain one is read.</summary>
    private void DropCompressed()
    {
        File.Delete(CompressedPath);
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
            end = start;
        }

        return 0;
    }
}
