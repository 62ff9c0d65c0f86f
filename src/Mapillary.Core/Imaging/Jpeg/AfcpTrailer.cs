namespace Mapillary.Imaging.Jpeg;

/// <summary>
/// The trailer by which AXS programs keep IPTC, texts and previews behind a picture. It tells the places of its parts from the start of
/// the file (AFCP 1.00, as exiftool's documentation describes it), so it has to be put right when the file grows in front of it.
/// </summary>
internal static class AfcpTrailer
{
    // The same for the header, an entry, and the end record: a mark or tag of four bytes, then numbers.
    private const int RecordLength = 12;

    /// <summary>Where the places stand in a file that ends with such a trailer; none where its places are not true, or there is none.</summary>
    public static List<(int At, bool IsBigEndian)> FindPlaces(ReadOnlySpan<byte> file)
    {
        var places = new List<(int, bool)>();
        if (file.Length < 2 * RecordLength) return places;
        var end = file[^RecordLength..];
        var isBigEndian = end.StartsWith("AXS!"u8);
        if (!isBigEndian && !end.StartsWith("AXS*"u8)) return places;
        var start = ByteOrder.Read32(file, file.Length - RecordLength + 4, isBigEndian);
        if (start > file.Length - 2 * RecordLength || !file[(int)start..].StartsWith(end[..4])) return places;

        places.Add((file.Length - RecordLength + 4, isBigEndian));
        var count = ByteOrder.Read16(file, (int)start + 6, isBigEndian);
        for (var entry = (int)start + RecordLength; count > 0 && entry + 2 * RecordLength <= file.Length; entry += RecordLength, count--)
            places.Add((entry + 8, isBigEndian));
        return places;
    }
}
