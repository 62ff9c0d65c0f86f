using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Mapillary.Collections.Records;

/// <summary>Numbers in the place of texts, of which a collection may have millions.</summary>
internal static class TextKey
{
    /// <summary>A number that stands for a text; that two texts have the same is out of the question.</summary>
    public static ulong Of(string text)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(text), hash);
        return BinaryPrimitives.ReadUInt64LittleEndian(hash);
    }
}
