using System.Buffers.Binary;

namespace Mapillary.Imaging.Exif;

/// <summary>
/// Puts values into an EXIF block, each as its rule says. Where the block would not fit into its segment, less important things are left
/// out.
/// </summary>
internal sealed class ExifMerger
{
    private readonly ExifBlock _block;
    private readonly TiffBytes _tiff;
    private readonly ExifDirectories _directories;
    private readonly IReadOnlyList<ExifField> _fields;
    private readonly int _limit;
    private readonly List<ExifChange> _changes;

    /// <summary>Prepares a merge.</summary>
    /// <param name="block">The block.</param>
    /// <param name="fields">The values, each tag once.</param>
    /// <param name="limit">The most bytes the block may have.</param>
    /// <param name="changes">Receives each value that is put in.</param>
    public ExifMerger(ExifBlock block, IReadOnlyList<ExifField> fields, int limit, List<ExifChange> changes)
    {
        _block = block;
        _tiff = block.Tiff;
        _directories = block.Directories;
        _fields = fields;
        _limit = limit;
        _changes = changes;
    }

    [Flags]
    private enum Omission
    {
        None = 0,
        Thumbnail = 1,
        Comment = 2,
        MakerNote = 4,
    }

    /// <summary>Merges.</summary>
    /// <param name="notes">Receives what was left out.</param>
    /// <returns>The merged block; the bytes of the old one if it has all values already.</returns>
    public ReadOnlyMemory<byte> Merge(List<string> notes)
    {
        if (FirstOwnByte() is > 0 and var own && TryMerge(Omission.None, own) is { } apart) return apart;
        if (TryMerge(Omission.None) is { } whole) return whole;

        // A thumbnail can be made again from the picture and the comment repeats the record; maker notes are the last to go.
        if (TryMerge(Omission.Thumbnail) is { } withoutThumbnail)
        {
            notes.Add("left the EXIF thumbnail out: the block would not fit into its segment");
            return withoutThumbnail;
        }

        if (TryMerge(Omission.Thumbnail | Omission.Comment) is { } withoutComment)
        {
            notes.Add("left the record of the API out of the EXIF comment: the block would not fit into its segment");
            return withoutComment;
        }

        if (TryMerge(Omission.Thumbnail | Omission.MakerNote) is { } withoutMakerNote)
        {
            notes.Add("left the maker notes out: the EXIF block would not fit into its segment");
            return withoutMakerNote;
        }

        notes.Add("replaced an EXIF block that would not fit into its segment");
        var alone = new ExifMerger(ExifBlock.Empty, _fields.Where(IsEssential).ToList(), _limit, _changes);
        return alone.TryMerge(Omission.None)
            ?? alone.TryMerge(Omission.Comment)
            ?? throw new ArgumentException("The values themselves are longer than the block may be.");
    }

    /// <summary>Whether a value is needed where nothing of the old block stays: all but what was carried over from another block.</summary>
    private static bool IsEssential(ExifField field) =>
        field.Rule != ExifRule.IfNone
        || (field.Directory == ExifDirectory.Image && field.Tag is ExifTag.ImageDescription or ExifTag.Orientation);

    /// <summary>
    /// The first byte that nothing but the directories can point to. Maker notes, directories that EXIF does not know, and raw formats'
    /// private data may point to any byte that was there when they were written: to those behind what an earlier merge wrote they do not.
    /// </summary>
    private int FirstOwnByte()
    {
        if (!_block.HasMakerNote && _block.Layout.Subdirectories.Count == 0
            && _directories.Find(ExifDirectory.Image, ExifTag.DngPrivateData) is null) return 0;
        return FirstAddedByte() ?? _tiff.Length;
    }

    /// <summary>
    /// Where that begins which a merge added at the end of a block: with the directories, one behind the other, then the values, ours
    /// among them. Null where it does not look like that.
    /// </summary>
    private int? FirstAddedByte()
    {
        if (_directories.Find(ExifDirectory.Exif, ExifTag.UserComment) is not { } comment
            || !UserComment.IsOurs(_tiff.Value(comment))) return null;
        var start = (int)_tiff.UInt32(4);
        var end = start;
        foreach (var directory in ExifDirectories.All)
        {
            if (!_directories.Has(directory)) continue;
            var table = _block.Layout.Tables.Find(t => t.Start == end);
            if (table.End == 0) return null;
            end = table.End + (table.End & 1);
        }

        var others = _block.Layout.Thumbnail.Concat(_block.Layout.Subdirectories);
        return comment.ValueAt >= end && !others.Any(o => o.Start >= start) && !(_block.MakerNoteAt >= start) ? start : null;
    }

    /// <summary>Merges, or returns null if the block would be longer than the limit.</summary>
    /// <param name="omission">What is left out.</param>
    /// <param name="roomFrom">Before this place every byte stays what it is.</param>
    private ReadOnlyMemory<byte>? TryMerge(Omission omission, int roomFrom = 0)
    {
        _changes.Clear();
        var (plan, changed) = Keep(omission);
        foreach (var field in _fields)
        {
            if (omission.HasFlag(Omission.Comment) && field is { Directory: ExifDirectory.Exif, Tag: ExifTag.UserComment }) continue;
            if (field.Directory == ExifDirectory.Thumbnail && omission.HasFlag(Omission.Thumbnail)) continue;
            if (field.Directory is ExifDirectory.Thumbnail or ExifDirectory.Interoperability && _directories.Has(field.Directory)) continue;
            changed |= Put(plan[field.Directory], field);
        }

        if (changed) return ExifComposer.Compose(_block, plan, roomFrom, _limit);
        if (_tiff.Length > _limit) return null;
        return _tiff.Memory;
    }

    /// <summary>Plans what stays of the old block.</summary>
    /// <returns>The plan, and whether anything differs already.</returns>
    private (ExifPlan Plan, bool IsChanged) Keep(Omission omission)
    {
        var hasThumbnail = _directories.Has(ExifDirectory.Thumbnail);
        var plan = new ExifPlan(keepsThumbnail: hasThumbnail && !omission.HasFlag(Omission.Thumbnail));
        var changed = _block.Faults.Count > 0 || hasThumbnail != plan.KeepsThumbnail;
        foreach (var directory in ExifDirectories.All)
        {
            if (directory == ExifDirectory.Thumbnail && !plan.KeepsThumbnail) continue;
            foreach (var entry in _directories[directory])
            {
                if (ExifDirectories.IsPointer(directory, entry.Tag)) continue;
                if (omission.HasFlag(Omission.MakerNote) && directory == ExifDirectory.Exif && entry.Tag == ExifTag.MakerNote)
                {
                    changed = true;
                    continue;
                }

                var corrected = _block.Corrected(directory, entry);
                plan[directory].Add(new ExifSlot(entry.Tag, corrected is null ? entry : null, corrected));
            }
        }

        return (plan, changed);
    }

    /// <summary>Puts a field into a directory's plan as its rule says; true if that changes the directory.</summary>
    private bool Put(ExifDirectoryPlan plan, ExifField field)
    {
        var slots = plan.Slots;
        if (!plan.Has(field.Tag))
        {
            // A block that has to be mended counts as new: readers made nothing of it before.
            if (field.Rule == ExifRule.IfNewDirectory && _directories.Has(field.Directory) && _block.Faults.Count == 0) return false;
            if (slots.Count >= ExifComposer.MostPlanned) return false;
            plan.Add(new ExifSlot(field.Tag, null, field));
            _changes.Add(new ExifChange(field, default, null, default));
            return true;
        }

        var index = slots.FindIndex(s => s.Tag == field.Tag);
        var old = slots[index];
        var keep = field.Rule switch
        {
            ExifRule.IfNewDirectory => true,
            ExifRule.IfNone => !IsBlank(old),
            ExifRule.IfLower => IsNoHigher(field.BigEndian, OldValue(old)),
            _ => old.Entry is { } entry && Holds(entry, field),
        };
        if (keep && (field.Rule != ExifRule.Replace || slots.FindIndex(index + 1, s => s.Tag == field.Tag) < 0)) return false;

        _changes.Add(old.Entry is { } replaced
            ? new ExifChange(field, replaced.Type, _tiff.Memory.Slice(replaced.ValueAt, replaced.Length), _tiff.IsBigEndian)
            : new ExifChange(field, old.Field!.Value.Type, old.Field.Value.BigEndian, IsOldBigEndian: true));
        slots.RemoveAll(s => s.Tag == field.Tag);
        slots.Add(keep ? old : new ExifSlot(field.Tag, null, field));
        return true;
    }

    /// <summary>Whether a version is no higher than the old one; those of another length are no versions.</summary>
    private static bool IsNoHigher(ReadOnlySpan<byte> version, ReadOnlySpan<byte> old) =>
        old.Length == version.Length && old.SequenceCompareTo(version) >= 0;

    private bool Holds(ExifEntry entry, ExifField field)
    {
        if (entry.Type != field.Type) return false;
        var value = _tiff.Value(entry);
        if (field.Type == ExifType.Ascii)
        {
            // Cameras pad text with blanks and zeros; that is no other value.
            var end = value.IndexOf((byte)0);
            return (end < 0 ? value : value[..end]).TrimEnd((byte)' ').SequenceEqual(field.BigEndian.AsSpan(0, field.BigEndian.Length - 1));
        }

        if (entry.Length != field.BigEndian.Length) return false;
        if (_tiff.IsBigEndian || ExifField.SizeOf(field.Type) == 1) return value.SequenceEqual(field.BigEndian);
        var swapped = entry.Length <= 64 ? stackalloc byte[entry.Length] : new byte[entry.Length];
        field.WriteTo(swapped, _tiff.IsBigEndian);
        return value.SequenceEqual(swapped);
    }

    private bool IsBlank(ExifSlot slot)
    {
        var value = OldValue(slot);
        return slot switch
        {
            { Entry.Type: ExifType.Ascii } or { Field.Type: ExifType.Ascii } => value.Trim(" \0"u8).IsEmpty,
            { Tag: ExifTag.Orientation, Entry: { } entry } when _tiff.Number(entry) is { } number => number is 0 or > 8,
            { Tag: ExifTag.Orientation, Field: { Type: ExifType.Short, Count: 1 } } =>
                BinaryPrimitives.ReadUInt16BigEndian(value) is 0 or > 8,
            _ => value.IsEmpty,
        };
    }

    /// <summary>The value that a slot has so far: one of this block, or a big-endian one of another block.</summary>
    private ReadOnlySpan<byte> OldValue(ExifSlot slot) =>
        slot.Entry is { } entry ? _tiff.Value(entry) : slot.Field is { } field ? field.BigEndian : default;
}
