using System.Globalization;

namespace Mapillary;

/// <summary>Sizes in bytes as people read them.</summary>
public static class ByteSize
{
    private static readonly string[] Units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

    /// <summary>Reads a size as PowerShell does: bytes, or a number with KB, MB, GB, TB or PB, each 1024 times the one before.</summary>
    /// <exception cref="FormatException">The text is no such size.</exception>
    public static long Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var number = text.AsSpan().Trim();
        var factor = 1m;
        foreach (var unit in Units.AsSpan(0, 5))
        {
            factor *= 1024;
            if (!number.EndsWith([unit[0], 'B'], StringComparison.OrdinalIgnoreCase)) continue;
            number = number[..^2];
            break;
        }

        if (number.Length == text.AsSpan().Trim().Length) factor = 1;
        return decimal.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var size) && size <= long.MaxValue / factor
            ? (long)(size * factor)
            : throw new FormatException($"'{text}' is not a size. Use bytes or a number with its unit: 500MB, 1.5TB.");
    }

    /// <summary>
    /// A size as it is typed, to the byte, with the largest unit that divides it, as <see cref="Parse"/> and PowerShell read it: <c>50GB</c>.
    /// </summary>
    /// <param name="bytes">The size in bytes.</param>
    public static string Exact(long bytes)
    {
        var unit = 0;
        // Up to PB, the largest that is read.
        while (unit < 5 && bytes != 0 && bytes % 1024 == 0)
        {
            bytes /= 1024;
            unit++;
        }

        return string.Create(CultureInfo.InvariantCulture, $"{bytes}{(unit == 0 ? "" : $"{Units[unit - 1][0]}B")}");
    }

    /// <summary>
    /// A size with the binary unit (1 KiB = 1024 bytes) that leaves a number below 1024, to a tenth, in the invariant culture:
    /// <c>1 byte</c>, <c>820 bytes</c>, <c>1.5 GiB</c>.
    /// </summary>
    /// <param name="bytes">The size in bytes.</param>
    /// <exception cref="ArgumentOutOfRangeException">It is negative.</exception>
    public static string Format(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        if (bytes < 1024) return Amount.Of(bytes, "byte");
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
