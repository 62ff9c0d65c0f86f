using System.Diagnostics.CodeAnalysis;

namespace Mapillary.Collections.Records;

/// <summary>A tar of the collection.</summary>
/// <param name="Name">Its file name.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="Md5">Its MD5, lower-case hexadecimal, as it was read back when it was made: archive.org keeps this checksum.</param>
internal sealed record ManifestTar(string Name, long Bytes, string Md5)
{
    /// <summary>Whether a text is an MD5 as it is noted: 32 digits, lower-case hexadecimal.</summary>
    public static bool IsMd5([NotNullWhen(true)] string? text) => text is { Length: 32 } && text.All(char.IsAsciiHexDigitLower);
}
