namespace Mapillary.Imaging.Jpeg;

/// <summary>What stands in front of a JPEG's picture data, as far as metadata are concerned.</summary>
internal sealed class JpegHeader
{
    private JpegHeader()
    {
    }

    /// <summary>Width in pixels; zero where no frame header states it.</summary>
    public int Width { get; private set; }

    /// <summary>Height in pixels; zero where no frame header states it.</summary>
    public int Height { get; private set; }

    /// <summary>Why this is no header of a picture that can be worked with, in words for a person; null if it is one.</summary>
    public string? Fault { get; private set; }

    /// <summary>Behind the start of the image and the JFIF segments: there EXIF has to stand (EXIF 2.32, section 4.7.1).</summary>
    public int InsertAt { get; private set; } = JpegSegments.StartOfImage.Length;

    /// <summary>Whether there is a colour profile.</summary>
    public bool HasColorProfile { get; private set; }

    /// <summary>Pixels per inch or centimetre as JFIF states it, which a new EXIF block repeats.</summary>
    public Resolution Resolution { get; private set; } = Resolution.Unknown;

    /// <summary>The index of further pictures; of several the first.</summary>
    public JpegSegment? MultiPictureIndex { get; private set; }

    /// <summary>The EXIF segments.</summary>
    public List<JpegSegment> Exif { get; } = [];

    /// <summary>Where each EXIF segment starts with the fill bytes before it, which belong to its marker (T.81, B.1.1.2).</summary>
    public List<int> ExifStarts { get; } = [];

    /// <summary>The segments with XMP packets, not those of extended XMP.</summary>
    public List<JpegSegment> Xmp { get; } = [];

    /// <summary>Reads the segments up to the first scan, or up to what cannot be read.</summary>
    public static JpegHeader Read(ReadOnlySpan<byte> jpeg)
    {
        var header = new JpegHeader();
        var isFirst = true;
        var hasFrame = false;
        var previousEnd = header.InsertAt;
        var segments = new JpegSegments(jpeg);
        while (segments.MoveNext())
        {
            var segment = segments.Current;
            isFirst &= segment.Marker == JpegSegment.App0;
            if (isFirst) header.InsertAt = segment.End;
            switch (segment.Kind(jpeg))
            {
                case SegmentKind.Frame:
                    if (!hasFrame) (header.Width, header.Height) = JpegSegments.FrameSize(segment.Payload(jpeg));
                    hasFrame = true;
                    break;
                case SegmentKind.Jfif:
                    header.Resolution = Resolution.FromJfif(segment.Payload(jpeg)) ?? header.Resolution;
                    break;
                case SegmentKind.Exif:
                    header.Exif.Add(segment);
                    header.ExifStarts.Add(previousEnd + jpeg[previousEnd..segment.Offset].TrimEnd((byte)0xFF).Length);
                    break;
                case SegmentKind.Xmp:
                    header.Xmp.Add(segment);
                    break;
                case SegmentKind.IccProfile:
                    header.HasColorProfile = true;
                    break;
                case SegmentKind.MultiPictureIndex:
                    header.MultiPictureIndex ??= segment;
                    break;
            }

            previousEnd = segment.End;
        }

        header.Fault = segments.Fault
            ?? (hasFrame ? JpegSegments.FindSizeFault(header.Width, header.Height) : "it has picture data without a frame header");
        return header;
    }

    /// <summary>The EXIF blocks, each from its byte order mark on.</summary>
    public List<ReadOnlyMemory<byte>> ExifBlocks(ReadOnlyMemory<byte> jpeg) => Exif.ConvertAll(s => s.Content(jpeg, SegmentKind.Exif));

    /// <summary>The XMP packets.</summary>
    public List<ReadOnlyMemory<byte>> XmpPackets(ReadOnlyMemory<byte> jpeg) => Xmp.ConvertAll(s => s.Content(jpeg, SegmentKind.Xmp));
}
