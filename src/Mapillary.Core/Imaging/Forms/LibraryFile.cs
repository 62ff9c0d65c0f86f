using System.Buffers.Binary;

namespace Mapillary.Imaging.Forms;

/// <summary>The file of a library, before the system loads it.</summary>
internal static class LibraryFile
{
    private const int HeaderLength = 64;

    /// <summary>
    /// Whether an ELF file (System V ABI, "ELF Header" and "Program Header"; 64 bits, little-endian) ends before what its headers say is in
    /// it. Linux loads such a file, and ends the process at the first touch of what is missing. Windows and macOS refuse it themselves.
    /// </summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    public static bool IsCut(string path)
    {
        using var file = File.OpenHandle(path);
        var length = RandomAccess.GetLength(file);
        Span<byte> header = stackalloc byte[HeaderLength];
        // What is shorter, or no ELF file, the system refuses.
        if (RandomAccess.Read(file, header, 0) < HeaderLength || !header.StartsWith("\u007FELF"u8)) return false;
        var programHeaders = BinaryPrimitives.ReadInt64LittleEndian(header[32..]);
        var size = BinaryPrimitives.ReadUInt16LittleEndian(header[54..]);
        var count = BinaryPrimitives.ReadUInt16LittleEndian(header[56..]);
        Span<byte> segment = stackalloc byte[40];
        for (var i = 0; i < count; i++)
        {
            if (RandomAccess.Read(file, segment, programHeaders + ((long)i * size)) < segment.Length) return true;
            var end = BinaryPrimitives.ReadUInt64LittleEndian(segment[8..]) + BinaryPrimitives.ReadUInt64LittleEndian(segment[32..]);
            if (end > (ulong)length) return true;
        }

        return false;
    }
}
