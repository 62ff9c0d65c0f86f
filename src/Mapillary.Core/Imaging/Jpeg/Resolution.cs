using System.Buffers.Binary;

namespace Mapillary.Imaging.Jpeg;

/// <summary>Pixels per unit of length.</summary>
/// <param name="X">Pixels per unit across.</param>
/// <param name="Y">Pixels per unit down.</param>
/// <param name="Unit">2 for inches, 3 for centimetres (EXIF 2.32, ResolutionUnit).</param>
internal readonly record struct Resolution(uint X, uint Y, int Unit)
{
    /// <summary>What EXIF asks for where the resolution is unknown.</summary>
    public static Resolution Unknown { get; } = new(72, 72, 2);

    /// <summary>The resolution that a JFIF segment states (JFIF 1.02, page 5: units 1 and 2); null where it states none.</summary>
    public static Resolution? FromJfif(ReadOnlySpan<byte> payload)
    {
        if (payload.Length < 12 || payload[7] is not (1 or 2)) return null;
        var (x, y) = (BinaryPrimitives.ReadUInt16BigEndian(payload[8..]), BinaryPrimitives.ReadUInt16BigEndian(payload[10..]));
        return x == 0 || y == 0 ? null : new Resolution(x, y, payload[7] + 1);
    }
}
