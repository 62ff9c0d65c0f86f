using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace Mapillary.Collections;

/// <summary>Files of JSON texts, one a line; see <see cref="JsonLinesWriter"/> for how they come about.</summary>
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
    /// The content of a compressed file, after a look whether it is whole: .NET takes one that was cut for one that ends there, and
    /// what was cut off would count as never written. A whole file ends with the length of its content (RFC 1952, ISIZE).
    /// </summary>
    /// <exception cref="InvalidDataException">The file is damaged or cut.</exception>
    internal static Stream Unpack(FileStream file)
    {
        var end = new byte[sizeof(uint)];
        if (RandomAccess.Read(file.SafeFileHandle, end, Math.Max(0, file.Length - end.Length)) < end.Length
            || BinaryPrimitives.ReadUInt32LittleEndian(end) != (uint)LengthOf(file))
            throw new InvalidDataException($"'{file.Name}' is cut or damaged.");
        file.Seek(0, SeekOrigin.Begin);
        return new GZipStream(file, CompressionMode.Decompress);
    }

    private static long LengthOf(FileStream file)
    {
        try
        {
            using var content = new GZipStream(file, CompressionMode.Decompress, leaveOpen: true);
            var length = 0L;
            var buffer = new byte[1 << 16];
            for (int read; (read = content.Read(buffer)) > 0;) length += read;
            return length;
        }
        catch (InvalidDataException e)
        {
            throw new InvalidDataException($"'{file.Name}' is damaged, or was never compressed: {e.Message}", e);
        }
    }
}
