using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace Mapillary.Collections;

/// <summary>A file of JSON texts, one a line, appended to while a run lasts and compressed when it is over.</summary>
internal static class JsonLines
{
    public const string Compressed = ".gz";

    /// <summary>The plain file, else the compressed one, else null.</summary>
    public static string? Find(string path) =>
        File.Exists(path) ? path : File.Exists(path + Compressed) ? path + Compressed : null;

    public static IEnumerable<string> Read(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 1 << 16, FileOptions.SequentialScan);
        using var text = path.EndsWith(Compressed, StringComparison.OrdinalIgnoreCase) ? Unpack(file) : file;
        using var reader = new StreamReader(text, Encoding.UTF8);
        while (reader.ReadLine() is { } line) yield return line;
    }

    /// <summary>
    /// Opens a file to go on writing: unpacks the compressed one when only that is there, and cuts off a last line that was only
    /// half written when the process died.
    /// </summary>
    public static FileStream OpenToAppend(string path)
    {
        if (!File.Exists(path) && File.Exists(path + Compressed))
        {
            using var packed = Unpack(File.OpenRead(path + Compressed));
            WholeFile.Write(path, packed.CopyTo);
        }

        var file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        var end = EndOfLastLine(file);
        if (end != file.Length) file.SetLength(end);
        file.Seek(0, SeekOrigin.End);
        // From now on the plain file is the one that counts.
        File.Delete(path + Compressed);
        return file;
    }

    /// <summary>Compresses the file into <c>.gz</c>, each line changed on the way, and removes the plain one.</summary>
    public static void Compress(string path, Func<IEnumerable<string>, IEnumerable<string>> change)
    {
        WholeFile.Write(path + Compressed, stream =>
        {
            using var gzip = new GZipStream(stream, CompressionLevel.Optimal, leaveOpen: true);
            using var writer = new StreamWriter(gzip, new UTF8Encoding(false), 1 << 16) { NewLine = "\n" };
            foreach (var line in change(Read(path))) writer.WriteLine(line);
        });
        File.Delete(path);
    }

    /// <summary>
    /// The content of a compressed file, after a look whether it is whole: .NET takes one that was cut for one that ends there, and
    /// what was cut off would count as never written. A whole file ends with the length of its content (RFC 1952, ISIZE).
    /// </summary>
    /// <exception cref="InvalidDataException">The file is damaged or cut.</exception>
    private static Stream Unpack(FileStream file)
    {
        var length = 0L;
        using (var content = new GZipStream(file, CompressionMode.Decompress, leaveOpen: true))
        {
            var buffer = new byte[1 << 16];
            for (int read; (read = content.Read(buffer)) > 0;) length += read;
        }

        var end = new byte[sizeof(uint)];
        if (RandomAccess.Read(file.SafeFileHandle, end, Math.Max(0, file.Length - end.Length)) < end.Length
            || BinaryPrimitives.ReadUInt32LittleEndian(end) != (uint)length)
            throw new InvalidDataException($"'{file.Name}' is cut or damaged.");
        file.Seek(0, SeekOrigin.Begin);
        return new GZipStream(file, CompressionMode.Decompress);
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
