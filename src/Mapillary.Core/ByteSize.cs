using System.Globalization;

namespace Mapillary;

/// <summary>Sizes in bytes as people read them.</summary>
public static class ByteSize
{
    private static readonly string[] Units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

    /// <summary>
    /// A size with the binary unit (1 KiB = 1024 bytes) that leaves a number below 1024, to a tenth, in the invariant culture:
    /// <c>1 byte</c>, <c>820 bytes</c>, <c>1.5 GiB</c>.
    /// </summary>
    /// <param name="bytes">The size in bytes.</param>
    /// <exception cref="ArgumentOutOfRangeException">It is negative.</exception>
    public static string Format(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        if (bytes < 1024) return string.Create(CultureInfo.InvariantCulture, $"{bytes} byte{(bytes == 1 ? "" : "s")}");
        var size = bytes / 1024.0;
        var unit = 0;
        // Compared as it will be shown: 1023.96 KiB would read 1024.0 KiB.
        while (Math.Round(size, 1) >= 1024)
        {
            size /= 1024;
            unit++;
        }

        return string.Create(CultureInfo.InvariantCulture, $"{size:0.0} {Units[unit]}");
    }
}
