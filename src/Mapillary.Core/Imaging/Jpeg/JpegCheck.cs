using System.Buffers;
using System.Text;

namespace Mapillary.Imaging.Jpeg;

/// <summary>Tells whether bytes are a whole JPEG picture, without decoding it.</summary>
public static class JpegCheck
{
    private const int SniffedBytes = 1024;
    private static readonly SearchValues<byte> Unprintable =
        SearchValues.Create([0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 127, 0xFF]);

    /// <summary>
    /// Says what is wrong with a served picture. All segments and scans are walked up to the end marker; bytes behind it are
    /// allowed, because pictures with a second one (MPF), and old Mapillary pictures, have some.
    /// </summary>
    /// <param name="bytes">All bytes that were received.</param>
    /// <returns>Null for a whole JPEG, else the reason in words for a person: "it is an HTML page".</returns>
    public static string? FindFault(ReadOnlySpan<byte> bytes)
    {
        if (!bytes.StartsWith(JpegSegments.StartOfImage)) return "it is " + WhatElse(bytes);

        var (hasFrame, isInScans) = (false, false);
        var segments = new JpegSegments(bytes, throughScans: true);
        while (segments.MoveNext())
        {
            if (!isInScans && segments.Current.IsFrameHeader)
            {
                var (width, height) = JpegSegments.FrameSize(segments.Current.Payload(bytes));
                if (JpegSegments.FindSizeFault(width, height) is { } fault) return fault;
                hasFrame = true;
            }

            if (segments.Current.Marker != JpegSegment.StartOfScan) continue;
            if (!hasFrame) return "it has picture data without a frame header";
            isInScans = true;
        }

        return segments.Fault;
    }

    private static string WhatElse(ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty) return "empty";
        if (bytes.StartsWith("RIFF"u8) && bytes.Length >= 12 && bytes[8..].StartsWith("WEBP"u8)) return "a WebP, not a JPEG";
        if (bytes.StartsWith<byte>([0x89, (byte)'P', (byte)'N', (byte)'G'])) return "a PNG, not a JPEG";
        if (bytes.StartsWith("GIF8"u8)) return "a GIF, not a JPEG";
        if (bytes.Length >= 12 && bytes[4..].StartsWith("ftyp"u8)) return "a HEIF or AVIF, not a JPEG";
        if (bytes.StartsWith<byte>([0x1F, 0x8B])) return "compressed with gzip, not a JPEG";

        var start = bytes[..Math.Min(bytes.Length, SniffedBytes)];
        if (start.StartsWith<byte>([0xEF, 0xBB, 0xBF])) start = start[3..];
        start = start.Trim(" \t\r\n"u8);
        if (start.IsEmpty) return "blank";
        if (start.IndexOfAny(Unprintable) >= 0) return "not a JPEG";
        if (start[0] is (byte)'{' or (byte)'[') return "JSON, not a picture";
        var text = Encoding.UTF8.GetString(start);
        if (text[0] == '<')
            return text.Contains("<html", StringComparison.OrdinalIgnoreCase) || text.Contains("<!doctype html", StringComparison.OrdinalIgnoreCase)
                ? "an HTML page"
                : "XML, not a picture";
        var line = text.AsSpan(0, Math.Min(text.Length, 60));
        return $"text, not a picture (\"{line[..(line.IndexOfAny('\r', '\n') is var end and >= 0 ? end : line.Length)]}\")";
    }
}
