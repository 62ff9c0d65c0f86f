using System.Runtime.InteropServices;

namespace Mapillary.Imaging.Exif;

/// <summary>An entry of a directory, as it was read (TIFF 6.0, section 2).</summary>
/// <param name="Tag">The tag's number.</param>
/// <param name="Type">The type of its values.</param>
/// <param name="Count">How many values there are.</param>
/// <param name="FieldAt">Where in the block the four bytes stand that hold the values or their place.</param>
/// <param name="ValueAt">Where in the block the values stand.</param>
/// <param name="Length">The length of the values in bytes.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct ExifEntry(ushort Tag, ExifType Type, uint Count, int FieldAt, int ValueAt, int Length)
{
    /// <summary>The bytes that an entry has in a directory.</summary>
    public const int Size = 12;

    /// <summary>The longest values that stand in the entry itself.</summary>
    public const int LongestWithin = 4;

    /// <summary>The bytes of the values.</summary>
    public Extent Extent => new(ValueAt, ValueAt + Length);

    /// <summary>Whether the values stand somewhere else than in the entry.</summary>
    public bool IsApart => Length > LongestWithin;

    /// <summary>Whether the values are places of directories other than the five.</summary>
    public bool PointsToDirectories => Type == ExifType.Ifd || Tag == ExifTag.SubIfds;

    /// <summary>Whether the value means the same at another place: texts and numbers, but no LONG, which may be an offset.</summary>
    public bool IsMovable => Tag == ExifTag.UserComment || Type is ExifType.Ascii or ExifType.Utf8 or ExifType.Short or ExifType.SignedShort
        or ExifType.Rational or ExifType.SignedRational or ExifType.Float or ExifType.Double;
}
