using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Mapillary.Imaging.Jpeg;

namespace Mapillary.Imaging.Exif;

/// <summary>
/// The content of an EXIF segment: a TIFF structure of directories (EXIF 2.32, section 4.5; TIFF 6.0, section 2). Reading checks
/// every offset and count against the block's bounds; <see cref="Merge"/> puts new values in.
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

    private const int HeaderLength = 8;
    private const int EntryLength = 12;

    // Of IFD1 onwards, one is the thumbnail's; more than a few are a loop or rubbish.
    private const int MostChainedDirectories = 16;

    // A directory of a camera has some fifty; all that the standards define are a few hundred.
    private const int MostEntries = 4096;

    // A directory gets these when it is written: the places of others.
    private const int PointersOfADirectory = 2;

    // Where a block is so torn that it has more holes, the smallest are of no use.
    private const int MostHoles = 256;

    private static readonly byte[] EmptyBytes = [(byte)'I', (byte)'I', 42, 0, 0, 0, 0, 0];
    private static readonly ExifDirectory[] Directories = Enum.GetValues<ExifDirectory>();

    private readonly ReadOnlyMemory<byte> _bytes;
    private readonly Entry[]?[] _directories = new Entry[]?[5];

    // The bytes of the five directories; those of the thumbnail's picture and of what is linked behind its directory; those of other
    // directories, which stay as they are.
    private readonly List<Extent> _tables = [];
    private readonly List<Extent> _thumbnail = [];
    private readonly List<Extent> _subdirectories = [];
    private readonly List<string> _faults = [];
    private uint _linkBehindThumbnail;

    // The thumbnail's picture where its stated length was wrong.
    private Extent? _thumbnailPicture;

    // Where a link further behind leads nowhere; it is set to zero.
    private int _brokenLink;

    private ExifBlock(ReadOnlyMemory<byte> bytes, bool bigEndian)
    {
        _bytes = bytes;
        IsBigEndian = bigEndian;
    }

    /// <summary>A block without any directory, to merge values into.</summary>
    public static ExifBlock Empty { get; } = new(EmptyBytes, bigEndian: false);

    /// <summary>The byte order: true for Motorola ("MM"), false for Intel ("II").</summary>
    public bool IsBigEndian { get; }

    /// <summary>The block's bytes, from its byte order mark on.</summary>
    public ReadOnlyMemory<byte> Bytes => _bytes;

    /// <summary>What could not be read, in words for a person. It is not kept when values are merged.</summary>
    public IReadOnlyList<string> Faults => _faults;

    /// <summary>Whether there are maker notes.</summary>
    public bool HasMakerNote => MakerNoteAt is not null;

    /// <summary>Where the maker notes start, in bytes from the start of the block; null where there are none.</summary>
    internal int? MakerNoteAt => Find(ExifDirectory.Exif, ExifTag.MakerNote)?.ValueAt;

    /// <summary>Reads a block.</summary>
    /// <param name="tiff">The bytes from the byte order mark on.</param>
    /// <returns>The block, or null if it has no readable header and first directory.</returns>
    public static ExifBlock? Parse(ReadOnlyMemory<byte> tiff)
    {
        var bytes = tiff.Span;
        if (bytes.Length < HeaderLength) return null;
        bool bigEndian;
        if (bytes.StartsWith("II"u8)) bigEndian = false;
        else if (bytes.StartsWith("MM"u8)) bigEndian = true;
        else return null;

        var block = new ExifBlock(tiff, bigEndian);
        if (block.UInt16(2) != 42) return null;
        return block.ReadDirectories() ? block : null;
    }

    /// <summary>The bytes of a value in the block's byte order; empty where the directory lacks the tag.</summary>
    public ReadOnlyMemory<byte> ValueOf(ExifDirectory directory, ushort tag) =>
        Find(directory, tag) is { } entry ? _bytes.Slice(entry.ValueAt, entry.Length) : default;

    /// <summary>
    /// The values that can be carried over into another block: all but maker notes and directories of unknown structure, whose
    /// offsets would lead nowhere there.
    /// </summary>
    public IEnumerable<ExifField> MovableFields()
    {
        long carried = 0;
        foreach (var directory in Directories)
        {
            // The tags of a thumbnail whose picture stays behind describe nothing.
            if (directory == ExifDirectory.Thumbnail && ThumbnailBytes().IsEmpty) continue;
            foreach (var entry in _directories[(int)directory] ?? [])
            {
                // More than the block holds are values that lie over each other: rubbish.
                carried += entry.Length;
                if (carried > _bytes.Length) yield break;
                if (entry.Tag is ExifTag.MakerNote or ExifTag.SubIfds || IsPointer(directory, entry.Tag) || IsStrip(directory, entry.Tag)) continue;
                if (directory == ExifDirectory.Thumbnail && entry.Tag == ExifTag.ThumbnailOffset)
                {
                    yield return new ExifField(directory, entry.Tag, ExifType.Undefined, ThumbnailBytes().ToArray(), ExifRule.IfNone);
                    continue;
                }

                if (Corrected(directory, entry) is { } corrected)
                {
                    yield return corrected;
                    continue;
                }

                var value = _bytes.Span.Slice(entry.ValueAt, entry.Length).ToArray();
                if (!IsBigEndian) ExifField.SwapByteOrder(value, entry.Type);
                yield return new ExifField(directory, entry.Tag, entry.Type, value, ExifRule.IfNone);
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
        changes ??= [];
        notes.AddRange(_faults);
        if (FirstOwnByte() is > 0 and var own && TryCompose(fields, Omission.None, limit, changes, own) is { } apart) return apart;
        if (TryCompose(fields, Omission.None, limit, changes) is { } whole) return whole;

        // A thumbnail can be made again from the picture and the comment repeats the record; maker notes are the last to go.
        if (TryCompose(fields, Omission.Thumbnail, limit, changes) is { } withoutThumbnail)
        {
            notes.Add("left the EXIF thumbnail out: the block would not fit into its segment");
            return withoutThumbnail;
        }

        if (TryCompose(fields, Omission.Thumbnail | Omission.Comment, limit, changes) is { } withoutComment)
        {
            notes.Add("left the record of the API out of the EXIF comment: the block would not fit into its segment");
            return withoutComment;
        }

        if (TryCompose(fields, Omission.Thumbnail | Omission.MakerNote, limit, changes) is { } withoutMakerNote)
        {
            notes.Add("left the maker notes out: the EXIF block would not fit into its segment");
            return withoutMakerNote;
        }

        notes.Add("replaced an EXIF block that would not fit into its segment");
        var essential = fields.Where(f => f.Rule != ExifRule.IfNone || f.Directory is ExifDirectory.Image && f.Tag is ExifTag.ImageDescription or ExifTag.Orientation).ToList();
        return Empty.TryCompose(essential, Omission.None, limit, changes)
            ?? Empty.TryCompose(essential, Omission.Comment, limit, changes)
            ?? throw new ArgumentException("The values themselves are longer than the block may be.", nameof(fields));
    }

    private bool ReadDirectories()
    {
        var visited = new HashSet<uint>();
        if (ReadDirectory(UInt32(4), visited, needsLink: true) is not { } image) return false;
        _directories[(int)ExifDirectory.Image] = image.Entries;
        ReadChild(ExifDirectory.Image, ExifTag.ExifPointer, ExifDirectory.Exif, visited);
        ReadChild(ExifDirectory.Image, ExifTag.GpsPointer, ExifDirectory.Gps, visited);
        ReadChild(ExifDirectory.Exif, ExifTag.InteroperabilityPointer, ExifDirectory.Interoperability, visited);
        ReadThumbnail(image.Link, visited);
        ReadSubdirectories(visited);
        return true;
    }

    private void ReadChild(ExifDirectory parent, ushort pointer, ExifDirectory child, HashSet<uint> visited)
    {
        if (Find(parent, pointer) is not { } entry) return;
        if (Number(entry) is { } place && ReadDirectory(place, visited, needsLink: false) is { } directory)
        {
            _directories[(int)child] = directory.Entries;
            return;
        }

        _faults.Add($"dropped the broken {child} directory of the EXIF block");
        _directories[(int)parent] = [.. _directories[(int)parent]!.Where(e => e.Tag != pointer)];
    }

    private void ReadThumbnail(uint offset, HashSet<uint> visited)
    {
        if (offset == 0) return;
        if (ReadDirectory(offset, visited, needsLink: true) is not { } directory)
        {
            _faults.Add("dropped the broken thumbnail directory of the EXIF block");
            return;
        }

        _directories[(int)ExifDirectory.Thumbnail] = directory.Entries;
        _thumbnail.AddRange(ThumbnailStrips());
        ReadThumbnailPicture();
        ReadFurther(directory, visited);
    }

    /// <summary>
    /// Finds the thumbnail's picture. Some cameras state it a few bytes longer than the block has: then it ends with its own end marker.
    /// </summary>
    private void ReadThumbnailPicture()
    {
        if (ThumbnailExtent() is { } picture)
        {
            _thumbnail.Add(picture);
            return;
        }

        if (Find(ExifDirectory.Thumbnail, ExifTag.ThumbnailOffset) is not { } entry) return;
        if (Number(entry) is { } start && start < _bytes.Length && Find(ExifDirectory.Thumbnail, ExifTag.ThumbnailLength) is not null
            && _bytes.Span[(int)start..] is var rest && rest.StartsWith(JpegSegments.StartOfImage)
            && rest.LastIndexOf(JpegSegments.EndOfImage) is > 0 and var end)
        {
            _thumbnailPicture = new Extent((int)start, (int)start + end + JpegSegments.EndOfImage.Length);
            _thumbnail.Add(_thumbnailPicture.Value);
            _faults.Add("corrected the length of the EXIF thumbnail, which reached behind the block");
            return;
        }

        _faults.Add("dropped an EXIF thumbnail that lies outside of the block");
        _directories[(int)ExifDirectory.Thumbnail] =
            [.. _directories[(int)ExifDirectory.Thumbnail]!.Where(e => e.Tag is not (ExifTag.ThumbnailOffset or ExifTag.ThumbnailLength))];
    }

    /// <summary>Follows the chain behind the thumbnail, which EXIF does not know: what is there stays, but the chain has to end.</summary>
    private void ReadFurther(Directory directory, HashSet<uint> visited)
    {
        _linkBehindThumbnail = directory.Link;
        var tables = new List<Extent>();
        for (var i = 0; directory.Link != 0; i++)
        {
            if (i < MostChainedDirectories && ReadTable(directory.Link, visited, needsLink: true) is { } table
                && !tables.Exists(t => t.Start < table.Extent.End && table.Extent.Start < t.End))
            {
                var (extent, count, link) = table;
                tables.Add(extent);
                _thumbnail.Add(extent);
                for (var n = 0; n < count; n++)
                {
                    if (ReadEntry(extent.Start + 2 + n * EntryLength) is { Length: > 4 } entry) _thumbnail.Add(entry.Extent);
                }

                directory = new Directory([], link, extent.End - 4);
                continue;
            }

            _faults.Add("cut a broken chain of EXIF directories");
            if (i == 0) _linkBehindThumbnail = 0;
            else _brokenLink = directory.LinkAt;
            return;
        }
    }

    /// <summary>
    /// Finds the bytes of directories that EXIF does not know. Neither these nor the lists of their places can be longer together than the
    /// block, unless they lie over each other: that is rubbish, and what was found until then has to do.
    /// </summary>
    private void ReadSubdirectories(HashSet<uint> visited)
    {
        List<Entry>? pointers = null;
        foreach (var directory in _directories)
        {
            foreach (var entry in directory ?? [])
            {
                if (entry.PointsToDirectories) (pointers ??= []).Add(entry);
            }
        }

        var (room, places) = (_bytes.Length, _bytes.Length / 4);
        for (var i = 0; i < pointers?.Count; i++)
        {
            for (var n = 0; n < pointers[i].Count; n++)
            {
                if (--places < 0) return;
                if (Number(pointers[i], n) is not { } place) continue;
                if (ReadTable(place, visited, needsLink: false) is not var (extent, count, _)) continue;
                if ((room -= extent.End - extent.Start) < 0) return;
                _subdirectories.Add(extent);
                for (var e = 0; e < count; e++)
                {
                    if (ReadEntry(extent.Start + 2 + e * EntryLength) is not { } entry) continue;
                    if (entry.Length > 4) _subdirectories.Add(entry.Extent);
                    if (entry.PointsToDirectories) pointers.Add(entry);
                }
            }
        }
    }

    /// <summary>Reads one directory. Entries whose type or place is impossible are skipped and noted.</summary>
    /// <returns>Null where there is no directory, one larger than any is, or one that was read before: then the block loops.</returns>
    private Directory? ReadDirectory(uint offset, HashSet<uint> visited, bool needsLink)
    {
        if (ReadTable(offset, visited, needsLink) is not var (extent, count, link) || count > MostEntries) return null;
        _tables.Add(extent);
        var entries = new List<Entry>(count);
        for (var i = 0; i < count; i++)
        {
            if (ReadEntry(extent.Start + 2 + i * EntryLength) is { } entry) entries.Add(entry);
        }

        if (entries.Count < count) _faults.Add($"dropped {count - entries.Count} broken of {count} entries of an EXIF directory");
        return new Directory([.. entries], link, extent.Start + 2 + count * EntryLength);
    }

    /// <summary>Where a directory stands, how many entries it has, and its link; no link where the block ends before it.</summary>
    private (Extent Extent, int Count, uint Link)? ReadTable(uint offset, HashSet<uint> visited, bool needsLink)
    {
        if (offset < HeaderLength || offset + 2L > _bytes.Length || !visited.Add(offset)) return null;
        var at = (int)offset;
        var count = UInt16(at);
        var linkAt = at + 2 + count * EntryLength;
        var hasLink = linkAt + 4 <= _bytes.Length;
        if (linkAt > _bytes.Length || (needsLink && !hasLink)) return null;
        return (new Extent(at, hasLink ? linkAt + 4 : linkAt), count, hasLink ? UInt32(linkAt) : 0);
    }

    private Entry? ReadEntry(int at)
    {
        var type = (ExifType)UInt16(at + 2);
        var count = UInt32(at + 4);
        var length = (ulong)ExifField.SizeOf(type) * count;
        if (length > (ulong)_bytes.Length || ExifField.SizeOf(type) == 0) return null;
        var valueAt = length <= 4 ? (uint)at + 8 : UInt32(at + 8);
        if (valueAt < HeaderLength || valueAt + length > (ulong)_bytes.Length) return null;
        return new Entry(UInt16(at), type, count, at + 8, (int)valueAt, (int)length);
    }

    private ReadOnlyMemory<byte> ThumbnailBytes() =>
        (_thumbnailPicture ?? ThumbnailExtent()) is { } extent ? _bytes[extent.Start..extent.End] : default;

    /// <summary>The right length of the thumbnail, for the entry that states a wrong one; null for every other entry.</summary>
    private ExifField? Corrected(ExifDirectory directory, Entry entry) =>
        directory == ExifDirectory.Thumbnail && entry.Tag == ExifTag.ThumbnailLength && _thumbnailPicture is { } picture
            ? ExifField.OfLong(directory, entry.Tag, (uint)(picture.End - picture.Start), ExifRule.IfNone)
            : null;

    private Extent? ThumbnailExtent()
    {
        if (Find(ExifDirectory.Thumbnail, ExifTag.ThumbnailOffset) is not { } offset
            || Find(ExifDirectory.Thumbnail, ExifTag.ThumbnailLength) is not { } length) return null;
        return PictureExtent(offset, length, 0);
    }

    /// <summary>Where a thumbnail lies that is not compressed.</summary>
    private IEnumerable<Extent> ThumbnailStrips()
    {
        if (Find(ExifDirectory.Thumbnail, ExifTag.StripOffsets) is not { } offsets
            || Find(ExifDirectory.Thumbnail, ExifTag.StripByteCounts) is not { } lengths) yield break;
        for (var i = 0; i < Math.Min(offsets.Count, lengths.Count); i++)
        {
            if (PictureExtent(offsets, lengths, i) is { } strip) yield return strip;
        }
    }

    private Extent? PictureExtent(Entry offsets, Entry lengths, int index)
    {
        if (Number(offsets, index) is not { } start || Number(lengths, index) is not { } length) return null;
        return (ulong)start + length <= (ulong)_bytes.Length ? new Extent((int)start, (int)(start + length)) : null;
    }

    /// <summary>
    /// One of an entry's values as a place, a length or a count: of any type of whole numbers, as cameras choose them. Null for other
    /// types, values that are not there, and negative ones.
    /// </summary>
    private uint? Number(Entry entry, int index = 0)
    {
        if (index >= entry.Count) return null;
        var at = entry.ValueAt + index * ExifField.SizeOf(entry.Type);
        var number = entry.Type switch
        {
            ExifType.Byte => _bytes.Span[at],
            ExifType.SignedByte => (sbyte)_bytes.Span[at],
            ExifType.Short => UInt16(at),
            ExifType.SignedShort => (short)UInt16(at),
            ExifType.Long or ExifType.Ifd => UInt32(at),
            ExifType.SignedLong => (int)UInt32(at),
            _ => -1L,
        };
        return number >= 0 ? (uint)number : null;
    }

    private Entry? Find(ExifDirectory directory, ushort tag)
    {
        foreach (var entry in _directories[(int)directory] ?? [])
        {
            if (entry.Tag == tag) return entry;
        }

        return null;
    }

    /// <summary>
    /// The first byte that nothing but the directories can point to. Maker notes, directories that EXIF does not know, and raw formats'
    /// private data may point to any byte that was there when they were written: to those behind what an earlier merge wrote they do not.
    /// </summary>
    private int FirstOwnByte()
    {
        if (!HasMakerNote && _subdirectories.Count == 0 && Find(ExifDirectory.Image, ExifTag.DngPrivateData) is null) return 0;
        return FirstAddedByte() ?? _bytes.Length;
    }

    /// <summary>
    /// Where that begins which a merge added at the end of a block: with the directories, one behind the other, then the values, ours
    /// among them. Null where it does not look like that.
    /// </summary>
    private int? FirstAddedByte()
    {
        if (Find(ExifDirectory.Exif, ExifTag.UserComment) is not { } comment || !UserComment.IsOurs(Value(comment))) return null;
        var start = (int)UInt32(4);
        var end = start;
        foreach (var directory in Directories)
        {
            if (_directories[(int)directory] is null) continue;
            var table = _tables.Find(t => t.Start == end);
            if (table.End == 0) return null;
            end = table.End + (table.End & 1);
        }

        return comment.ValueAt >= end && !_thumbnail.Exists(t => t.Start >= start) && !_subdirectories.Exists(s => s.Start >= start)
            && !(MakerNoteAt >= start) ? start : null;
    }

    /// <summary>Writes the block with the values in it, or returns null if it would be longer than the limit.</summary>
    /// <param name="fields">The values.</param>
    /// <param name="omission">What is left out.</param>
    /// <param name="limit">The most bytes the block may have.</param>
    /// <param name="changes">Receives each value that was put in.</param>
    /// <param name="roomFrom">Before this place every byte stays what it is.</param>
    private ReadOnlyMemory<byte>? TryCompose(
        IReadOnlyList<ExifField> fields, Omission omission, int limit, List<ExifChange> changes, int roomFrom = 0)
    {
        changes.Clear();
        var changed = _faults.Count > 0;
        var plan = new DirectoryPlan?[5];
        var keepsThumbnail = _directories[(int)ExifDirectory.Thumbnail] is not null && !omission.HasFlag(Omission.Thumbnail);
        if (_directories[(int)ExifDirectory.Thumbnail] is not null && !keepsThumbnail) changed = true;
        foreach (var directory in Directories)
        {
            if (directory == ExifDirectory.Thumbnail && !keepsThumbnail) continue;
            foreach (var entry in _directories[(int)directory] ?? [])
            {
                if (IsPointer(directory, entry.Tag)) continue;
                if (omission.HasFlag(Omission.MakerNote) && directory == ExifDirectory.Exif && entry.Tag == ExifTag.MakerNote)
                {
                    changed = true;
                    continue;
                }

                var corrected = Corrected(directory, entry);
                (plan[(int)directory] ??= new DirectoryPlan()).Add(new Slot(entry.Tag, corrected is null ? entry : null, corrected));
            }
        }

        foreach (var field in fields)
        {
            if (omission.HasFlag(Omission.Comment) && field is { Directory: ExifDirectory.Exif, Tag: ExifTag.UserComment }) continue;
            if (field.Directory == ExifDirectory.Thumbnail && omission.HasFlag(Omission.Thumbnail)) continue;
            if (field.Directory is ExifDirectory.Thumbnail or ExifDirectory.Interoperability && _directories[(int)field.Directory] is not null) continue;
            changed |= Put(plan[(int)field.Directory] ??= new DirectoryPlan(), field, changes);
        }

        if (!changed && _bytes.Length <= limit) return _bytes;
        if (!changed) return null;

        int room = _bytes.Length, moved = 0;
        foreach (var directory in plan)
        {
            if (directory?.Slots is not { } slots) continue;
            room += 2 + (slots.Count + 2) * EntryLength + 4 + 1;
            for (var i = 0; i < slots.Count; i++)
            {
                if (slots[i].Field is { } field)
                {
                    room += field.BigEndian.Length + 1;
                }
                else if (slots[i].Entry is { Length: > 4, IsMovable: true } entry && entry.ValueAt >= roomFrom
                    && moved + entry.Length < _bytes.Length)
                {
                    moved += entry.Length + 1;
                    slots[i] = slots[i] with { Moves = true };
                }
            }
        }

        var bytes = new byte[room + moved];
        _bytes.Span.CopyTo(bytes);
        var target = new Composition(bytes, _bytes.Length, FindHoles(plan, keepsThumbnail, roomFrom));
        Write(plan, keepsThumbnail, target);
        if (target.End > limit) return null;
        return target.Bytes.AsMemory(0, target.End);
    }

    /// <summary>Puts a field into a directory's plan as its rule says; true if that changes the directory.</summary>
    private bool Put(DirectoryPlan plan, ExifField field, List<ExifChange> changes)
    {
        var slots = plan.Slots;
        if (!plan.Has(field.Tag))
        {
            // A block that has to be mended counts as new: readers made nothing of it before.
            if (field.Rule == ExifRule.IfNewDirectory && _directories[(int)field.Directory] is not null && _faults.Count == 0) return false;
            if (slots.Count >= MostEntries - PointersOfADirectory) return false;
            plan.Add(new Slot(field.Tag, null, field));
            changes.Add(new ExifChange(field, default, null, default));
            return true;
        }

        var index = slots.FindIndex(s => s.Tag == field.Tag);
        var old = slots[index];
        var keep = field.Rule switch
        {
            ExifRule.IfNewDirectory => true,
            ExifRule.IfNone => !IsBlank(old),
            ExifRule.IfLower => OldValue(old) is var value && value.Length == field.BigEndian.Length && value.SequenceCompareTo(field.BigEndian) >= 0,
            _ => old.Entry is { } entry && Holds(entry, field),
        };
        if (keep && (field.Rule != ExifRule.Replace || slots.FindIndex(index + 1, s => s.Tag == field.Tag) < 0)) return false;

        changes.Add(old.Entry is { } replaced
            ? new ExifChange(field, replaced.Type, _bytes.Slice(replaced.ValueAt, replaced.Length), IsBigEndian)
            : new ExifChange(field, old.Field!.Value.Type, old.Field.Value.BigEndian, IsOldBigEndian: true));
        slots.RemoveAll(s => s.Tag == field.Tag);
        slots.Add(keep ? old : new Slot(field.Tag, null, field));
        return true;
    }

    private bool Holds(Entry entry, ExifField field)
    {
        if (entry.Type != field.Type) return false;
        var value = Value(entry);
        if (field.Type == ExifType.Ascii)
        {
            // Cameras pad text with blanks and zeros; that is no other value.
            var end = value.IndexOf((byte)0);
            return (end < 0 ? value : value[..end]).TrimEnd((byte)' ').SequenceEqual(field.BigEndian.AsSpan(0, field.BigEndian.Length - 1));
        }

        if (entry.Length != field.BigEndian.Length) return false;
        if (IsBigEndian || ExifField.SizeOf(field.Type) == 1) return value.SequenceEqual(field.BigEndian);
        var swapped = entry.Length <= 64 ? stackalloc byte[entry.Length] : new byte[entry.Length];
        field.WriteTo(swapped, IsBigEndian);
        return value.SequenceEqual(swapped);
    }

    private bool IsBlank(Slot slot)
    {
        var value = OldValue(slot);
        return slot switch
        {
            { Entry.Type: ExifType.Ascii } or { Field.Type: ExifType.Ascii } => value.Trim(" \0"u8).IsEmpty,
            { Tag: ExifTag.Orientation, Entry: { } entry } when Number(entry) is { } number => number is 0 or > 8,
            { Tag: ExifTag.Orientation, Field: { Type: ExifType.Short, Count: 1 } } => BinaryPrimitives.ReadUInt16BigEndian(value) is 0 or > 8,
            _ => value.IsEmpty,
        };
    }

    /// <summary>The value that a slot has so far: one of this block, or a big-endian one of another block.</summary>
    private ReadOnlySpan<byte> OldValue(Slot slot) => slot.Entry is { } entry ? Value(entry) : slot.Field is { } field ? field.BigEndian : default;

    /// <summary>The room that becomes free: the directories and the values that are replaced or move, but for what something else uses.</summary>
    private List<Extent> FindHoles(DirectoryPlan?[] plan, bool keepsThumbnail, int roomFrom)
    {
        if (roomFrom >= _bytes.Length) return [];
        var free = new List<Extent>(_tables);
        var used = new List<Extent> { new(0, Math.Max(HeaderLength, roomFrom)) };
        foreach (var directory in Directories)
        {
            foreach (var entry in _directories[(int)directory] ?? [])
            {
                if (entry.Length > 4) free.Add(entry.Extent);
            }

            foreach (var slot in plan[(int)directory]?.Slots ?? [])
            {
                if (slot is { Entry: { Length: > 4 } entry, Moves: false }) used.Add(entry.Extent);
            }
        }

        used.AddRange(_subdirectories);
        (keepsThumbnail ? used : free).AddRange(_thumbnail);
        AddLeftovers(free, used);
        return Extent.Subtract(free, used);
    }

    /// <summary>
    /// Adds the zeros between known bytes, next to free ones: padding, and what an earlier merge left over. Without them a block would
    /// grow with every merge. Those right behind maker notes stay: some cameras state the notes too short, and read on there (Nikon's
    /// COOLPIX P6000).
    /// </summary>
    private void AddLeftovers(List<Extent> free, List<Extent> used)
    {
        var known = free.Select(e => (Extent: e, IsFree: true)).Concat(used.Select(e => (Extent: e, IsFree: false))).ToList();
        known.Sort(static (a, b) => a.Extent.Start.CompareTo(b.Extent.Start));
        var endOfNotes = Find(ExifDirectory.Exif, ExifTag.MakerNote)?.Extent.End;
        var last = known[0];
        foreach (var next in known)
        {
            var between = new Extent(last.Extent.End, next.Extent.Start);
            if (between.Start < between.End && between.Start != endOfNotes && (last.IsFree || next.IsFree) && !_bytes.Span[between.Start..between.End].ContainsAnyExcept((byte)0))
                free.Add(between);
            if (next.Extent.End >= last.Extent.End) last = next;
        }
    }

    private void Write(DirectoryPlan?[] plan, bool keepsThumbnail, Composition target)
    {
        // A directory is named by an entry of its parent, so the place of each is found first.
        var image = plan[(int)ExifDirectory.Image] ??= new DirectoryPlan();
        if (plan[(int)ExifDirectory.Interoperability] is { Slots.Count: > 0 })
            (plan[(int)ExifDirectory.Exif] ??= new DirectoryPlan()).Add(new Slot(ExifTag.InteroperabilityPointer, null, null));
        if (plan[(int)ExifDirectory.Exif] is { Slots.Count: > 0 }) image.Add(new Slot(ExifTag.ExifPointer, null, null));
        if (plan[(int)ExifDirectory.Gps] is { Slots.Count: > 0 }) image.Add(new Slot(ExifTag.GpsPointer, null, null));

        Span<int> places = stackalloc int[plan.Length];
        for (var i = 0; i < plan.Length; i++)
        {
            if (plan[i]?.Slots is not { } slots || (slots.Count == 0 && i != (int)ExifDirectory.Image)) continue;
            slots.Sort(static (a, b) => a.Tag.CompareTo(b.Tag));
            places[i] = target.Take(2 + slots.Count * EntryLength + 4);
        }

        if (_brokenLink != 0) PutUInt32(target.Bytes, _brokenLink, 0);
        PutUInt32(target.Bytes, 4, (uint)places[(int)ExifDirectory.Image]);
        for (var i = 0; i < plan.Length; i++)
        {
            if (places[i] == 0) continue;
            var at = places[i];
            PutUInt16(target.Bytes, at, (ushort)plan[i]!.Slots.Count);
            at += 2;
            foreach (var slot in plan[i]!.Slots)
            {
                WriteSlot((ExifDirectory)i, slot, at, places, target);
                at += EntryLength;
            }

            var link = (ExifDirectory)i switch
            {
                ExifDirectory.Image => (uint)places[(int)ExifDirectory.Thumbnail],
                ExifDirectory.Thumbnail when keepsThumbnail => _linkBehindThumbnail,
                _ => 0u,
            };
            PutUInt32(target.Bytes, at, link);
        }
    }

    private void WriteSlot(ExifDirectory directory, Slot slot, int at, ReadOnlySpan<int> places, Composition target)
    {
        PutUInt16(target.Bytes, at, slot.Tag);
        if (slot.Entry is { } entry)
        {
            PutUInt16(target.Bytes, at + 2, (ushort)entry.Type);
            PutUInt32(target.Bytes, at + 4, entry.Count);
            _bytes.Span.Slice(entry.FieldAt, 4).CopyTo(target.Bytes.AsSpan(at + 8));
            if (!slot.Moves) return;
            var newPlace = target.Take(entry.Length);
            Value(entry).CopyTo(target.Bytes.AsSpan(newPlace));
            PutUInt32(target.Bytes, at + 8, (uint)newPlace);
            return;
        }

        target.Bytes.AsSpan(at + 8, 4).Clear();
        if (slot.Field is not { } field)
        {
            var child = slot.Tag switch
            {
                ExifTag.ExifPointer => ExifDirectory.Exif,
                ExifTag.GpsPointer => ExifDirectory.Gps,
                _ => ExifDirectory.Interoperability,
            };
            WriteLong(at, (uint)places[(int)child], target.Bytes);
        }
        else if (directory == ExifDirectory.Thumbnail && field.Tag == ExifTag.ThumbnailOffset)
        {
            var place = target.Take(field.BigEndian.Length);
            field.BigEndian.CopyTo(target.Bytes.AsSpan(place));
            WriteLong(at, (uint)place, target.Bytes);
        }
        else
        {
            PutUInt16(target.Bytes, at + 2, (ushort)field.Type);
            PutUInt32(target.Bytes, at + 4, field.Count);
            var place = at + 8;
            if (field.BigEndian.Length > 4)
            {
                place = target.Take(field.BigEndian.Length);
                PutUInt32(target.Bytes, at + 8, (uint)place);
            }

            field.WriteTo(target.Bytes.AsSpan(place), IsBigEndian);
        }
    }

    private void WriteLong(int at, uint value, byte[] bytes)
    {
        PutUInt16(bytes, at + 2, (ushort)ExifType.Long);
        PutUInt32(bytes, at + 4, 1);
        PutUInt32(bytes, at + 8, value);
    }

    private static bool IsPointer(ExifDirectory directory, ushort tag) => (directory, tag) is
        (ExifDirectory.Image, ExifTag.ExifPointer) or
        (ExifDirectory.Image, ExifTag.GpsPointer) or
        (ExifDirectory.Exif, ExifTag.InteroperabilityPointer);

    /// <summary>Whether a tag tells where the strips of a picture lie that is not compressed (EXIF 2.32, section 4.6.4).</summary>
    private static bool IsStrip(ExifDirectory directory, ushort tag) =>
        directory is ExifDirectory.Image or ExifDirectory.Thumbnail && tag is ExifTag.StripOffsets or ExifTag.StripByteCounts;

    private ReadOnlySpan<byte> Value(Entry entry) => _bytes.Span.Slice(entry.ValueAt, entry.Length);

    private ushort UInt16(int at) => ByteOrder.Read16(_bytes.Span, at, IsBigEndian);

    private uint UInt32(int at) => ByteOrder.Read32(_bytes.Span, at, IsBigEndian);

    private void PutUInt16(byte[] bytes, int at, ushort value) => ByteOrder.Write16(bytes, at, value, IsBigEndian);

    private void PutUInt32(byte[] bytes, int at, uint value) => ByteOrder.Write32(bytes, at, value, IsBigEndian);

    [Flags]
    private enum Omission
    {
        None = 0,
        Thumbnail = 1,
        Comment = 2,
        MakerNote = 4,
    }

    [StructLayout(LayoutKind.Auto)]
    private readonly record struct Entry(ushort Tag, ExifType Type, uint Count, int FieldAt, int ValueAt, int Length)
    {
        public Extent Extent => new(ValueAt, ValueAt + Length);

        /// <summary>Whether the values are places of directories other than the five.</summary>
        public bool PointsToDirectories => Type == ExifType.Ifd || Tag == ExifTag.SubIfds;

        /// <summary>Whether the value means the same at another place: texts and numbers, but no LONG, which may be an offset.</summary>
        public bool IsMovable => Tag == ExifTag.UserComment || Type is ExifType.Ascii or ExifType.Utf8 or ExifType.Short or ExifType.SignedShort
            or ExifType.Rational or ExifType.SignedRational or ExifType.Float or ExifType.Double;
    }

    private readonly record struct Directory(Entry[] Entries, uint Link, int LinkAt);

    /// <summary>One entry to write: a kept one, a new value, or, without either, the place of another directory.</summary>
    private readonly record struct Slot(ushort Tag, Entry? Entry, ExifField? Field, bool Moves = false);

    /// <summary>What goes into a directory, and which tags that is, so that nobody has to search for one that is not there.</summary>
    private sealed class DirectoryPlan
    {
        private readonly HashSet<ushort> _tags = new(48);

        public List<Slot> Slots { get; } = new(48);

        public bool Has(ushort tag) => _tags.Contains(tag);

        public void Add(Slot slot)
        {
            Slots.Add(slot);
            _tags.Add(slot.Tag);
        }
    }

    /// <summary>A run of bytes, the end not included.</summary>
    private readonly record struct Extent(int Start, int End)
    {
        /// <summary>The bytes of one set that are not in the other, in order.</summary>
        public static List<Extent> Subtract(List<Extent> from, List<Extent> what)
        {
            from.Sort(static (a, b) => a.Start.CompareTo(b.Start));
            what.Sort(static (a, b) => a.Start.CompareTo(b.Start));
            var left = new List<Extent>(from.Count);
            int position = 0, next = 0;
            foreach (var extent in from)
            {
                position = Math.Max(position, extent.Start);
                while (position < extent.End)
                {
                    while (next < what.Count && what[next].End <= position) next++;
                    if (next == what.Count || what[next].Start >= extent.End)
                    {
                        Add(left, position, extent.End);
                        position = extent.End;
                    }
                    else
                    {
                        if (what[next].Start > position) Add(left, position, what[next].Start);
                        position = what[next].End;
                    }
                }
            }

            return left;
        }

        private static void Add(List<Extent> extents, int start, int end)
        {
            if (extents.Count > 0 && extents[^1].End == start) extents[^1] = new Extent(extents[^1].Start, end);
            else extents.Add(new Extent(start, end));
        }
    }

    /// <summary>The bytes being written, and the room that is free in them.</summary>
    private sealed class Composition
    {
        private readonly List<Extent> _holes;

        /// <summary>Starts with the old bytes, and clears what is free among them.</summary>
        public Composition(byte[] bytes, int length, List<Extent> holes)
        {
            Bytes = bytes;
            _holes = holes;
            End = length;
            foreach (var hole in holes) bytes.AsSpan(hole.Start, hole.End - hole.Start).Clear();
            if (holes.Count > 0 && holes[^1].End == length)
            {
                End = holes[^1].Start;
                holes.RemoveAt(holes.Count - 1);
            }

            if (holes.Count > MostHoles) _holes = [.. holes.OrderByDescending(h => h.End - h.Start).Take(MostHoles).OrderBy(h => h.Start)];
        }

        public byte[] Bytes { get; }

        public int End { get; private set; }

        /// <summary>Takes room at an even offset, as TIFF asks for, in the first hole that is large enough or else at the end.</summary>
        public int Take(int length)
        {
            for (var i = 0; i < _holes.Count; i++)
            {
                var start = (_holes[i].Start + 1) & ~1;
                if (start + length > _holes[i].End) continue;
                _holes[i] = new Extent(start + length, _holes[i].End);
                return start;
            }

            End += End & 1;
            var place = End;
            End += length;
            return place;
        }
    }
}
