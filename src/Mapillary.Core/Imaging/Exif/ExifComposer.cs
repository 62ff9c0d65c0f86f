namespace Mapillary.Imaging.Exif;

/// <summary>
/// Writes the directories of a block anew, at its end or into the room that the old ones leave. Every byte that is not known to be free
/// stays where it was: maker notes may point at it.
/// </summary>
internal sealed class ExifComposer
{
    // A directory gets these when it is written: the places of others.
    private const int PointersOfADirectory = 2;

    private readonly ExifBlock _block;
    private readonly TiffBytes _tiff;
    private readonly ExifPlan _plan;
    private readonly int _roomFrom;

    private ExifComposer(ExifBlock block, ExifPlan plan, int roomFrom)
    {
        _block = block;
        _tiff = block.Tiff;
        _plan = plan;
        _roomFrom = roomFrom;
    }

    /// <summary>How many entries can be planned for a directory.</summary>
    public static int MostPlanned => ExifDirectories.MostEntries - PointersOfADirectory;

    /// <summary>Writes the block.</summary>
    /// <param name="block">The block as it was.</param>
    /// <param name="plan">What goes into its directories.</param>
    /// <param name="roomFrom">Before this place every byte stays what it is.</param>
    /// <param name="limit">The most bytes the block may have.</param>
    /// <returns>The block; null where it would be longer than the limit.</returns>
    public static ReadOnlyMemory<byte>? Compose(ExifBlock block, ExifPlan plan, int roomFrom, int limit)
    {
        var composer = new ExifComposer(block, plan, roomFrom);
        var bytes = new byte[composer.MakeRoom()];
        block.Bytes.Span.CopyTo(bytes);
        var room = new ExifRoom(bytes, block.Bytes.Length, composer.FindHoles());
        composer.Write(room);
        // No conditional expression: of null it would make an empty block.
        if (room.End > limit) return null;
        return room.Bytes.AsMemory(0, room.End);
    }

    /// <summary>Decides which values move, and how long the block can become at most.</summary>
    private int MakeRoom()
    {
        int room = _tiff.Length, moved = 0;
        foreach (var directory in ExifDirectories.All)
        {
            if (_plan.Find(directory)?.Slots is not { } slots) continue;
            room += 2 + (slots.Count + PointersOfADirectory) * ExifEntry.Size + 4 + 1;
            for (var i = 0; i < slots.Count; i++)
            {
                if (slots[i].Field is { } field)
                {
                    room += field.BigEndian.Length + 1;
                }
                else if (slots[i].Entry is { IsApart: true, IsMovable: true } entry && entry.ValueAt >= _roomFrom
                    && moved + entry.Length < _tiff.Length)
                {
                    moved += entry.Length + 1;
                    slots[i] = slots[i] with { Moves = true };
                }
            }
        }

        return room + moved;
    }

    /// <summary>
    /// The room that becomes free: the directories, and the values that are replaced or move. Not what something else uses.
    /// </summary>
    private List<Extent> FindHoles()
    {
        if (_roomFrom >= _tiff.Length) return [];
        var free = new List<Extent>(_block.Layout.Tables);
        var used = new List<Extent> { new(0, Math.Max(TiffBytes.HeaderLength, _roomFrom)) };
        foreach (var directory in ExifDirectories.All)
        {
            foreach (var entry in _block.Directories[directory])
            {
                if (entry.IsApart) free.Add(entry.Extent);
            }

            foreach (var slot in _plan.Find(directory)?.Slots ?? [])
            {
                if (slot is { Entry: { IsApart: true } entry, Moves: false }) used.Add(entry.Extent);
            }
        }

        used.AddRange(_block.Layout.Subdirectories);
        (_plan.KeepsThumbnail ? used : free).AddRange(_block.Layout.Thumbnail);
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
        var endOfNotes = _block.Directories.Find(ExifDirectory.Exif, ExifTag.MakerNote)?.Extent.End;
        var last = known[0];
        foreach (var next in known)
        {
            var between = new Extent(last.Extent.End, next.Extent.Start);
            if (between.Length > 0 && between.Start != endOfNotes && (last.IsFree || next.IsFree)
                && !_tiff.Span[between.Start..between.End].ContainsAnyExcept((byte)0))
                free.Add(between);
            if (next.Extent.End >= last.Extent.End) last = next;
        }
    }

    private void Write(ExifRoom room)
    {
        AddPointers();
        // A directory is named by an entry of its parent, so the place of each is found first.
        Span<int> places = stackalloc int[ExifDirectories.Count];
        foreach (var directory in ExifDirectories.All)
        {
            if (!_plan.HasEntries(directory) && directory != ExifDirectory.Image) continue;
            var slots = _plan[directory].Slots;
            slots.Sort(static (a, b) => a.Tag.CompareTo(b.Tag));
            places[(int)directory] = room.Take(2 + slots.Count * ExifEntry.Size + 4);
        }

        if (_block.Layout.BrokenLink != 0) PutUInt32(room.Bytes, _block.Layout.BrokenLink, 0);
        PutUInt32(room.Bytes, 4, (uint)places[(int)ExifDirectory.Image]);
        foreach (var directory in ExifDirectories.All)
        {
            if (places[(int)directory] is > 0 and var at) WriteDirectory(directory, at, places, room);
        }
    }

    /// <summary>Adds the entries that name the places of other directories.</summary>
    private void AddPointers()
    {
        if (_plan.HasEntries(ExifDirectory.Interoperability))
            _plan[ExifDirectory.Exif].Add(new ExifSlot(ExifTag.InteroperabilityPointer, null, null));
        if (_plan.HasEntries(ExifDirectory.Exif)) _plan[ExifDirectory.Image].Add(new ExifSlot(ExifTag.ExifPointer, null, null));
        if (_plan.HasEntries(ExifDirectory.Gps)) _plan[ExifDirectory.Image].Add(new ExifSlot(ExifTag.GpsPointer, null, null));
    }

    private void WriteDirectory(ExifDirectory directory, int at, ReadOnlySpan<int> places, ExifRoom room)
    {
        var slots = _plan[directory].Slots;
        PutUInt16(room.Bytes, at, (ushort)slots.Count);
        at += 2;
        foreach (var slot in slots)
        {
            WriteSlot(directory, slot, at, places, room);
            at += ExifEntry.Size;
        }

        PutUInt32(room.Bytes, at, directory switch
        {
            ExifDirectory.Image => (uint)places[(int)ExifDirectory.Thumbnail],
            ExifDirectory.Thumbnail when _plan.KeepsThumbnail => _block.Layout.LinkBehindThumbnail,
            _ => 0u,
        });
    }

    private void WriteSlot(ExifDirectory directory, ExifSlot slot, int at, ReadOnlySpan<int> places, ExifRoom room)
    {
        PutUInt16(room.Bytes, at, slot.Tag);
        if (slot.Entry is { } entry)
        {
            WriteEntry(entry, slot.Moves, at, room);
            return;
        }

        room.Bytes.AsSpan(at + 8, 4).Clear();
        if (slot.Field is not { } field)
        {
            var child = slot.Tag switch
            {
                ExifTag.ExifPointer => ExifDirectory.Exif,
                ExifTag.GpsPointer => ExifDirectory.Gps,
                _ => ExifDirectory.Interoperability,
            };
            WriteLong(at, (uint)places[(int)child], room.Bytes);
        }
        else if (directory == ExifDirectory.Thumbnail && field.Tag == ExifTag.ThumbnailOffset)
        {
            var place = room.Take(field.BigEndian.Length);
            field.BigEndian.CopyTo(room.Bytes.AsSpan(place));
            WriteLong(at, (uint)place, room.Bytes);
        }
        else
        {
            WriteField(field, at, room);
        }
    }

    private void WriteEntry(ExifEntry entry, bool moves, int at, ExifRoom room)
    {
        PutUInt16(room.Bytes, at + 2, (ushort)entry.Type);
        PutUInt32(room.Bytes, at + 4, entry.Count);
        _tiff.Span.Slice(entry.FieldAt, 4).CopyTo(room.Bytes.AsSpan(at + 8));
        if (!moves) return;
        var place = room.Take(entry.Length);
        _tiff.Value(entry).CopyTo(room.Bytes.AsSpan(place));
        PutUInt32(room.Bytes, at + 8, (uint)place);
    }

    private void WriteField(ExifField field, int at, ExifRoom room)
    {
        PutUInt16(room.Bytes, at + 2, (ushort)field.Type);
        PutUInt32(room.Bytes, at + 4, field.Count);
        var place = at + 8;
        if (field.BigEndian.Length > ExifEntry.LongestWithin)
        {
            place = room.Take(field.BigEndian.Length);
            PutUInt32(room.Bytes, at + 8, (uint)place);
        }

        field.WriteTo(room.Bytes.AsSpan(place), _tiff.IsBigEndian);
    }

    private void WriteLong(int at, uint value, byte[] bytes)
    {
        PutUInt16(bytes, at + 2, (ushort)ExifType.Long);
        PutUInt32(bytes, at + 4, 1);
        PutUInt32(bytes, at + 8, value);
    }

    private void PutUInt16(byte[] bytes, int at, ushort value) => ByteOrder.Write16(bytes, at, value, _tiff.IsBigEndian);

    private void PutUInt32(byte[] bytes, int at, uint value) => ByteOrder.Write32(bytes, at, value, _tiff.IsBigEndian);
}
