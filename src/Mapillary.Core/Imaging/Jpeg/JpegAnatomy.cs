namespace Mapillary.Imaging.Jpeg;

/// <summary>
/// What a JPEG is made of: its frame, its segments, and where its parts stand. Whoever reads or changes a JPEG asks this, so that all agree
/// on what a file holds.
/// </summary>
internal sealed class JpegAnatomy
{
    private bool _startsWithApp0 = true;
    private bool _hasTooManySegments;

    private JpegAnatomy(ReadOnlySpan<byte> jpeg, bool throughScans)
    {
        var segments = new JpegSegments(jpeg, throughScans);
        while (segments.MoveNext()) Add(segments.Current, jpeg);
        Fault = segments.Fault;
        Frame = segments.Frame;
        End = segments.End;
    }

    /// <summary>Why this is no picture that can be worked with, in words for a person; null if it is one.</summary>
    public string? Fault { get; }

    /// <summary>What the first frame header says; zeros where there is none.</summary>
    public JpegFrame Frame { get; }

    /// <summary>The segments that are no part of the coding: APP0 to APP15 and comments, those between scans too.</summary>
    public List<JpegSegment> Segments { get; } = new(8);

    /// <summary>Those of them that hold EXIF.</summary>
    public List<JpegSegment> Exif { get; } = [];

    /// <summary>Those of them that hold XMP packets; parts of extended XMP are none.</summary>
    public List<JpegSegment> Xmp { get; } = [];

    /// <summary>The index of further pictures; of several the first.</summary>
    public JpegSegment? MultiPictureIndex { get; private set; }

    /// <summary>Whether there is a colour profile.</summary>
    public bool HasColorProfile { get; private set; }

    /// <summary>Pixels per inch or centimetre as JFIF states it, which a new EXIF block repeats.</summary>
    public Resolution Resolution { get; private set; } = Resolution.Unknown;

    /// <summary>Behind the start of the image and the JFIF segments: there EXIF has to stand (EXIF 2.32, section 4.7.1).</summary>
    public int InsertAt { get; private set; } = JpegSegments.StartOfImage.Length;

    /// <summary>Where the first segment of the coding stands.</summary>
    public int TablesAt { get; private set; }

    /// <summary>Where the data of the first scan begin; 0 where none was found.</summary>
    public int ScanAt { get; private set; }

    /// <summary>The first byte behind the end marker; 0 where it was not looked for, or not found.</summary>
    public int End { get; }

    private bool IsInHeader => ScanAt == 0;

    /// <summary>Reads a file up to the data of its first scan.</summary>
    public static JpegAnatomy ReadHeader(ReadOnlySpan<byte> jpeg) => new(jpeg, throughScans: false);

    /// <summary>Reads a file up to its end marker.</summary>
    public static JpegAnatomy Read(ReadOnlySpan<byte> jpeg) => new(jpeg, throughScans: true);

    /// <summary>This, if it is a picture to work with.</summary>
    /// <exception cref="InvalidDataException">It is none, or has more segments than are kept.</exception>
    public JpegAnatomy OrThrow()
    {
        if (Fault is not null) throw new InvalidDataException($"Not a readable JPEG: {Fault}.");
        if (!_hasTooManySegments) return this;
        throw new InvalidDataException($"Not a readable JPEG: it has more than {JpegSegments.Most} segments besides its picture data.");
    }

    /// <summary>The EXIF blocks, each from its byte order mark on.</summary>
    public List<ReadOnlyMemory<byte>> ExifBlocks(ReadOnlyMemory<byte> jpeg) => Exif.ConvertAll(s => s.Content(jpeg));

    /// <summary>The XMP packets.</summary>
    public List<ReadOnlyMemory<byte>> XmpPackets(ReadOnlyMemory<byte> jpeg) => Xmp.ConvertAll(s => s.Content(jpeg));

    private void Add(JpegSegment segment, ReadOnlySpan<byte> jpeg)
    {
        _startsWithApp0 &= segment.Marker == JpegSegment.App0;
        if (_startsWithApp0) InsertAt = segment.End;
        if (segment.Marker is (>= JpegSegment.App0 and <= JpegSegment.App15) or JpegSegment.Comment)
        {
            if (IsInHeader) Note(segment, jpeg);
            if (Segments.Count < JpegSegments.Most) Segments.Add(segment);
            else _hasTooManySegments = true;
            return;
        }

        if (TablesAt == 0) TablesAt = segment.Offset;
        if (IsInHeader && segment.Marker == JpegSegment.StartOfScan) ScanAt = segment.End;
    }

    /// <summary>Notes what a segment in front of the picture data holds.</summary>
    private void Note(JpegSegment segment, ReadOnlySpan<byte> jpeg)
    {
        switch (segment.Kind)
        {
            case SegmentKind.Jfif:
                Resolution = Resolution.FromJfif(segment.Payload(jpeg)) ?? Resolution;
                break;
            case SegmentKind.Exif:
                Exif.Add(segment);
                break;
            case SegmentKind.Xmp:
                Xmp.Add(segment);
                break;
            case SegmentKind.IccProfile:
                HasColorProfile = true;
                break;
            case SegmentKind.MultiPictureIndex:
                MultiPictureIndex ??= segment;
                break;
        }
    }
}
