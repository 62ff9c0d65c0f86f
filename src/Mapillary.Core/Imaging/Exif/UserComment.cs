using System.Text;

namespace Mapillary.Imaging.Exif;

/// <summary>The comment of an EXIF block, as restoring writes it: a text in ASCII, which is a JSON object.</summary>
internal static class UserComment
{
    /// <summary>What a comment in ASCII begins with (EXIF 2.32, table 9).</summary>
    private static ReadOnlySpan<byte> AsciiCode => "ASCII\0\0\0"u8;

    /// <summary>The value of the tag for a text in ASCII.</summary>
    public static byte[] Encode(string text) => [.. AsciiCode, .. Encoding.ASCII.GetBytes(text)];

    /// <summary>Whether the tag's value is a text in ASCII.</summary>
    public static bool IsAscii(ReadOnlySpan<byte> value) => value.StartsWith(AsciiCode);

    /// <summary>The text of the tag's value, which is in ASCII, without what pads it.</summary>
    public static ReadOnlyMemory<byte> TextIn(ReadOnlyMemory<byte> value) => value[AsciiCode.Length..].TrimEnd(" \0"u8);

    /// <summary>Whether the tag's value begins as those that are written here.</summary>
    public static bool IsOurs(ReadOnlySpan<byte> value) =>
        IsAscii(value) && value[AsciiCode.Length..].StartsWith("{\"id\":\""u8);
}
