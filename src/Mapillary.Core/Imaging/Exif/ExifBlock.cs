using Mapillary.Imaging.Jpeg;

namespace Mapillary.Imaging.Exif;

/// <summary>
/// The content of an EXIF segment: a TIFF structure of directories (EXIF 2.32, section 4.5; TIFF 6.0, section 2).
/// <see cref="ExifReader"/> reads it, <see cref="ExifMerger"/> decides which values go in, <see cref="ExifComposer"/> writes them.
/// </summary>
/// <remarks>
/// Maker notes hold offsets of their own that count from the start of the block, and may point at any byte of it. So merging moves
/// nothing whose meaning can depend on its place: the directories and their texts and numbers are written anew, at the end or into the
/// room that the old ones leave; every other byte stays where it was. Where there are maker notes, only bytes that an earlier merge
/// added count as room, as long as the block fits into its segment like that.
/// </remarks>
public sealed class ExifBlock
{
    /// <summary>The longest block in bytes that fits into a JPEG's APP1 segment behind the six bytes "Exif\0\0".</summary>
    public const int LongestInJpeg = JpegSegment.LongestPayload - 6;

    private static readonly byte[] EmptyBytes = [(byte)'I', (byte)'I', 42, 0, 0, 0, 0, 0];

    /// <summary>Makes a block of what was read.</summary>
    internal ExifBlock(TiffBytes tiff, ExifDirectories directories, ExifLayout layout, IReadOnlyList<string> faults)
    {
        Tiff = tiff;
        Directories = directories;
        Layout = layout;
        Faults = faults;
    }

    /// <summary>A block without any directory, to merge values into.</summary>
    public static ExifBlock Empty { get; } =
        new(new TiffBytes(EmptyBytes, isBigEndian: false), new ExifDirectories(), new ExifLayout(), []);

    /// <summary>The byte order: true for Motorola ("MM"), false for Intel ("II").</summary>
    public bool IsBigEndian => Tiff.IsBigEndian;

    /// <summary>The block's bytes, from its byte order mark on.</summary>
    public ReadOnlyMemory<byte> Bytes => Tiff.Memory;

    /// <summary>What could not be read, in words for a person. It is not kept when values are merged.</summary>
    public IReadOnlyList<string> Faults { get; }

    /// <summary>Whether there are maker notes.</summary>
    public bool HasMakerNote => MakerNoteAt is not null;

    /// <summary>Where the maker notes start, in bytes from the start of the block; null where there are none.</summary>
    internal int? MakerNoteAt => Directories.Find(ExifDirectory.Exif, ExifTag.MakerNote)?.ValueAt;

    /// <summary>The bytes with their byte order.</summary>
    internal TiffBytes Tiff { get; }

    /// <summary>The entries of the five directories.</summary>
    internal ExifDirectories Directories { get; }

    /// <summary>Where things stand in the block.</summary>
    internal ExifLayout Layout { get; }

    /// <summary>Reads a block.</summary>
    /// <param name="tiff">The bytes from the byte order mark on.</param>
    /// <returns>The block, or null if it has no readable header and first directory.</returns>
    public static ExifBlock? Parse(ReadOnlyMemory<byte> tiff) => ExifReader.Read(tiff);

    /// <summary>The bytes of a value in the block's byte order; empty where the directory lacks the tag.</summary>
    public ReadOnlyMemory<byte> ValueOf(ExifDirectory directory, ushort tag) =>
        Directories.Find(directory, tag) is { } entry ? Bytes.Slice(entry.ValueAt, entry.Length) : default;

    /// <summary>
    /// The values that can be carried over into another block: all but maker notes and directories of unknown structure, whose
    /// offsets would lead nowhere there.
    /// </summary>
    public IEnumerable<ExifField> MovableFields()
    {
        long carried = 0;
        foreach (var directory in ExifDirectories.All)
        {
            // The tags of a thumbnail whose picture stays behind describe nothing.
            if (directory == ExifDirectory.Thumbnail && Layout.ThumbnailPicture is null or { Length: 0 }) continue;
            foreach (var entry in Directories[directory])
            {
                // Values that are longer together than the block lie over each other: the block is broken.
                carried += entry.Length;
                if (carried > Bytes.Length) yield break;
                if (entry.Tag is not (ExifTag.MakerNote or ExifTag.SubIfds)
                    && !ExifDirectories.IsPointer(directory, entry.Tag) && !ExifDirectories.IsStrip(directory, entry.Tag))
                    yield return MovableField(directory, entry);
            }
        }
    }

    /// <summary>Puts values into the block.</summary>
    /// <param name="fields">
    /// The values, each tag once. Those for the thumbnail and interoperability directories count only where the block has none; there
    /// the picture itself is the value of the tag JPEGInterchangeFormat.
    /// </param>
    /// <param name="limit">The most bytes the block may have. Less important things are left out to keep to it, and noted.</param>
    /// <param name="notes">Receives what a person should know: what was broken, what was left out.</param>
    /// <param name="changes">Receives each value that was put in; may be null.</param>
    /// <returns>The merged block; the bytes of this one if it has all values already.</returns>
    internal ReadOnlyMemory<byte> Merge(IReadOnlyList<ExifField> fields, int limit, List<string> notes, List<ExifChange>? changes = null)
    {
        notes.AddRange(Faults);
        return new ExifMerger(this, fields, limit, changes ?? []).Merge(notes);
    }

    /// <summary>The right length of the thumbnail, for the entry that states a wrong one; null for every other entry.</summary>
    internal ExifField? Corrected(ExifDirectory directory, ExifEntry entry) =>
        Layout.IsThumbnailLengthWrong && directory == ExifDirectory.Thumbnail && entry.Tag == ExifTag.ThumbnailLength
            ? ExifField.OfLong(directory, entry.Tag, (uint)Layout.ThumbnailPicture!.Value.Length, ExifRule.IfNone)
            : null;

    private ExifField MovableField(ExifDirectory directory, ExifEntry entry)
    {
        if (directory == ExifDirectory.Thumbnail && entry.Tag == ExifTag.ThumbnailOffset)
        {
            var picture = Layout.ThumbnailPicture!.Value;
            return new ExifField(directory, entry.Tag, ExifType.Undefined, Bytes[picture.Start..picture.End].ToArray(), ExifRule.IfNone);
        }

        if (Corrected(directory, entry) is { } corrected) return corrected;
        var value = Tiff.Value(entry).ToArray();
        if (!IsBigEndian) ExifField.SwapByteOrder(value, entry.Type);
        return new ExifField(directory, entry.Tag, entry.Type, value, ExifRule.IfNone);
    }
}
