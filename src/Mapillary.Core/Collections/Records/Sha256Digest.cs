using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;

namespace Mapillary.Collections.Records;

/// <summary>A SHA-256 in a fifth of the memory of its text. The one that is all zeros stands for none, and fits no file.</summary>
internal readonly record struct Sha256Digest(ulong First, ulong Second, ulong Third, ulong Fourth)
{
    /// <summary>Takes the 32 bytes of a digest.</summary>
    public static Sha256Digest Read(ReadOnlySpan<byte> bytes) => new(
        BinaryPrimitives.ReadUInt64BigEndian(bytes),
        BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]),
        BinaryPrimitives.ReadUInt64BigEndian(bytes[16..]),
        BinaryPrimitives.ReadUInt64BigEndian(bytes[24..]));

    /// <summary>Takes 64 hexadecimal digits; none for anything else.</summary>
    public static Sha256Digest Parse(string hexadecimal)
    {
        Span<byte> bytes = stackalloc byte[SHA256.HashSizeInBytes];
        if (hexadecimal.Length != 2 * bytes.Length) return default;
        for (var i = 0; i < bytes.Length; i++)
        {
            if (!byte.TryParse(hexadecimal.AsSpan(2 * i, 2), NumberStyles.AllowHexSpecifier, null, out bytes[i])) return default;
        }

        return Read(bytes);
    }

    /// <summary>64 lower-case hexadecimal digits.</summary>
    public override string ToString() => FormattableString.Invariant($"{First:x16}{Second:x16}{Third:x16}{Fourth:x16}");
}
