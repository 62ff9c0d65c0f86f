using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using Mapillary.Collections.Files;

namespace Mapillary.Collections.Records;

/// <summary>
/// Files of JSON texts, one a line; see <see cref="JsonLinesWriter"/> for how they come about. They may be somebody else's: what is
/// read of one at a time has a bound, whatever is in it.
/// </summary>
internal static class JsonLines
{
    public const string Compressed = ".gz";

    /// <summary>The most that a line may have, in characters or bytes: a record of the API has some thousand.</summary>
    public const int LongestLine = 1 << 20;

    /// <summary>So many lines that are no entries are told one by one. More are no damage, but another file.</summary>
    public const int MostBrokenLines = 1000;

    /// <summary>
    /// A compressed file may unpack to so many bytes, and so many times its own length more. Listings and manifests become a tenth
    /// or so of what they were; what was made to fill a disk or the memory, a thousandth.
    /// </summary>
    private const long UnpackedAlways = 64L << 20;
    private const int UnpackedTimes = 100;

    private const char ByteOrderMark = '\uFEFF';

    /// <summary>The plain file, else the compressed one, else null.</summary>
    public static string? Find(string path) =>
        CollectionFolder.IsThere(path) ? path : CollectionFolder.IsThere(path + Compressed) ? path + Compressed : null;

    /// <summary>Reads the lines of a file, compressed when its name ends in <c>.gz</c>. It is opened as a file of its folder: no link is followed.</summary>
    /// <exception cref="CollectionException">It is a link, or no plain file.</exception>
    /// <exception cref="InvalidDataException">It is damaged or cut, has a line that is too long, or unpacks to too much.</exception>
    /// <exception cref="IOException">It is not there, or cannot be read.</exception>
    public static IEnumerable<string> Read(string path) => Read(path, isWhole: false);

    /// <summary>The same for a file that may be known to be whole (<see cref="Examine"/>), and is then not looked through again.</summary>
    internal static IEnumerable<string> Read(string path, bool isWhole)
    {
        var (folder, name) = CollectionFolder.Of(path);
        using var file = folder.OpenRead(name);
        using var text = path.EndsWith(Compressed, StringComparison.OrdinalIgnoreCase) ? Unpack(file, path, isWhole) : file;
        using var reader = new StreamReader(text, Encoding.UTF8, detectEncodingFromByteOrderMarks: true, 1 << 16);
        foreach (var line in LinesOf(reader, path)) yield return line;
    }

    /// <summary>
    /// The content of a compressed file, after a look whether it is whole, and not too much: .NET takes one that was cut for one that
    /// ends there, and what was cut off would count as never written. A whole file ends with the length of its content (RFC 1952, ISIZE).
    /// </summary>
    /// <exception cref="InvalidDataException">The file is damaged or cut, or unpacks to too much.</exception>
    internal static Stream Unpack(FileStream file, string path, bool isWhole = false)
    {
        if (file.Length == 0 && IsOfNothing(path)) return Stream.Null;
        var isTooMuch = false;
        if (!isWhole && FindDamage(file, out isTooMuch) is { } damage) throw Damaged($"'{path}' {damage}");
        if (isTooMuch)
        {
            throw Damaged(
                $"'{path}' unpacks to more than {ByteSize.Format(Most(file))}, which no listing and no manifest of {ByteSize.Format(file.Length)} does. It was left as it is; move it away if it is not yours.");
        }

        file.Seek(0, SeekOrigin.Begin);
        return new GZipStream(file, CompressionMode.Decompress);
    }

    /// <summary>Looks through a compressed file.</summary>
    internal static PackedContent Examine(CollectionFolder folder, string name)
    {
        using var file = folder.OpenRead(name);
        if (file.Length == 0 && IsOfNothing(folder.PathOf(name))) return PackedContent.Whole;
        return FindDamage(file, out var isTooMuch) is not null ? PackedContent.Damaged : isTooMuch ? PackedContent.TooMuch : PackedContent.Whole;
    }

    private static long Most(FileStream file) => UnpackedAlways + (UnpackedTimes * file.Length);

    private static string? FindDamage(FileStream file, out bool isTooMuch)
    {
        isTooMuch = false;
        var end = new byte[sizeof(uint)];
        if (RandomAccess.Read(file.SafeFileHandle, end, Math.Max(0, file.Length - end.Length)) < end.Length) return "is cut or damaged.";
        try
        {
            if (LengthOf(file, Most(file)) is not { } length)
            {
                isTooMuch = true;
                return null;
            }

            return BinaryPrimitives.ReadUInt32LittleEndian(end) == (uint)length ? null : "is cut or damaged.";
        }
        catch (InvalidDataException e)
        {
            return $"is damaged, or was never compressed: {e.Message}";
        }
    }

    private static InvalidDataException Damaged(string message) => new InvalidDataException(message).With(Advice.RepairCollection);

    /// <summary>A file of which so much cannot be read is something else; the file is left as it is.</summary>
    internal static InvalidDataException TooManyBroken(string path) => Damaged(FormattableString.Invariant(
        $"'{path}' has more than {MostBrokenLines:N0} lines that are no entries and is no file of a collection, or damaged. It was left as it is; move it away, and what it should hold is fetched again."));

    /// <summary>A line that is too long for one of ours; the file is left as it is.</summary>
    internal static InvalidDataException TooLong(string path, string where) => Damaged(
        $"'{path}' has more than {ByteSize.Format(LongestLine)} without a line break ({where}) and is no file of a collection, or damaged. It was left as it is; move it away, and what it should hold is fetched again.");

    /// <summary>
    /// Earlier versions compressed a manifest without any image, as that of a user whose images are all gone, into a file of 0 bytes.
    /// It is told by the state, because a manifest that lost its content has the same length.
    /// </summary>
    private static bool IsOfNothing(string path) =>
        Path.GetFileName(path) == Manifest.FileName + Compressed && CollectionState.Read(Path.GetDirectoryName(path)!) is { Images: 0 };

    private static IEnumerable<string> LinesOf(TextReader reader, string path)
    {
        var buffer = new char[1 << 14];
        int start = 0, end = 0, searched = 0;
        var number = 1L;
        while (true)
        {
            var lineEnd = Array.IndexOf(buffer, '\n', searched, end - searched);
            if (lineEnd >= 0)
            {
                yield return Line(lineEnd);
                start = searched = lineEnd + 1;
                number++;
                continue;
            }

            if (end - start > LongestLine) throw TooLong(path, FormattableString.Invariant($"line {number}"));
            if (start > 0) Array.Copy(buffer, start, buffer, 0, end - start);
            else if (end == buffer.Length) Array.Resize(ref buffer, buffer.Length * 2);
            (start, end) = (0, end - start);
            searched = end;
            var read = reader.Read(buffer, end, buffer.Length - end);
            if (read == 0) break;
            end += read;
        }

        if (end > start) yield return Line(end);

        string Line(int lineEnd)
        {
            if (number == 1 && start < lineEnd && buffer[start] == ByteOrderMark) start++;
            var length = lineEnd - start;
            if (length > 0 && buffer[lineEnd - 1] == '\r') length--;
            return length <= LongestLine ? new string(buffer, start, length) : throw TooLong(path, FormattableString.Invariant($"line {number}"));
        }
    }

    /// <summary>The length of the content in bytes; null where that is more than it may be, and then no more of it is unpacked.</summary>
    private static long? LengthOf(FileStream file, long most)
    {
        using var content = new GZipStream(file, CompressionMode.Decompress, leaveOpen: true);
        var length = 0L;
        var buffer = new byte[1 << 16];
        for (int read; (read = content.Read(buffer)) > 0;)
        {
            if ((length += read) > most) return null;
        }

        return length;
    }
}

/// <summary>What a compressed file turned out to be.</summary>
internal enum PackedContent
{
    /// <summary>As it was written.</summary>
    Whole,

    /// <summary>Cut or damaged.</summary>
    Damaged,

    /// <summary>It unpacks to more than it may: not damaged, for somebody made it so.</summary>
    TooMuch,
}
