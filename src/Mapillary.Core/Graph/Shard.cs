using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Mapillary.Graph;

/// <summary>
/// One of several equal shares of all images, so that several machines work on one account without talking to each other. Each image is in
/// exactly one shard of a given count, and all images of a sequence are in the same one.
/// </summary>
/// <remarks>
/// The rule is fixed for ever, because shards of different versions must fit together: the first eight bytes of the SHA-256 of the sequence id
/// in UTF-8, read as a big-endian number, modulo the count, plus one. An image without sequence goes by its own id.
/// </remarks>
public sealed record Shard
{
    private Shard(int number, int count) => (Number, Count) = (number, count);

    /// <summary>Which shard, from 1.</summary>
    public int Number { get; }

    /// <summary>How many there are.</summary>
    public int Count { get; }

    /// <summary>Reads <c>number/count</c>, such as <c>3/16</c>.</summary>
    /// <exception cref="FormatException">It is no such pair; the text says what is wrong.</exception>
    public static Shard Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.Split('/') is not [var first, var second] || Read(first) is not { } number || Read(second) is not { } count)
            throw Bad(text, "it is not two whole numbers with a slash between them");
        if (count < 1) throw Bad(text, "there has to be at least one shard");
        if (number < 1) throw Bad(text, "the first shard is 1");
        if (number > count) throw Bad(text, $"there is no shard {number} of {count}");
        return new Shard(number, count);
    }

    /// <summary>Whether the image is in this shard.</summary>
    public bool Has(MapillaryImage image)
    {
        ArgumentNullException.ThrowIfNull(image);
        return HasId(image.SequenceId ?? image.Id);
    }

    /// <summary>Whether the sequence, and with it all its images, is in this shard.</summary>
    public bool HasSequence(string sequenceId)
    {
        ArgumentException.ThrowIfNullOrEmpty(sequenceId);
        return HasId(sequenceId);
    }

    /// <summary><c>number/count</c>.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Number}/{Count}");

    private bool HasId(string id)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(id), hash);
        return (int)(BinaryPrimitives.ReadUInt64BigEndian(hash) % (ulong)Count) + 1 == Number;
    }

    private static int? Read(string number) =>
        int.TryParse(number, NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out var value) ? value : null;

    private static FormatException Bad(string text, string why) =>
        new($"'{text}' is not a shard: {why}. Expected is its number and how many there are, such as 3/16 for the third of sixteen; the first is 1/16, the last 16/16.");
}
