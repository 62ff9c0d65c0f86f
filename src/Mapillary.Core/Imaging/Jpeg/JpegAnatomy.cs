namespace Mapillary.Imaging.Jpeg;

/// <summary>What a whole JPEG is made of, from its start to behind its end.</summary>
internal sealed class JpegAnatomy
{
    private JpegAnatomy()
    {
    }

    /// <summary>What the first frame header says.</summary>
    public JpegFrame Frame { get; private set; }

    /// <summary>The segments that are no part of the coding: APP0 to APP15 and comments, those between scans too.</summary>
    public List<JpegSegment> Segments { get; } = [];

    /// <summary>Where the first segment of the coding stands.</summary>
    public int TablesAt { get; private set; }

    /// <summary>Where the data of the first scan begin.</summary>
    public int ScanAt { get; private set; }

    /// <summary>The first byte behind the end marker.</summary>
    public int End { get; private set; }

    /// <summary>Walks through a file.</summary>
    /// <exception cref="InvalidDataException">It is no whole JPEG.</exception>
    public static JpegAnatomy Read(ReadOnlySpan<byte> jpeg)
    {
        var anatomy = new JpegAnatomy();
        var segments = new JpegSegments(jpeg, throughScans: true);
        while (segments.MoveNext())
        {
            anatomy.Add(segments.Current, segments.Current.Payload(jpeg));
            if (segments.Current.Marker == JpegSegment.StartOfScan && anatomy.ScanAt == 0) anatomy.ScanAt = segments.Current.End;
        }

        if (segments.Fault is not null || anatomy.Frame is not { Width: > 0, Height: > 0 })
            throw new InvalidDataException($"Not a readable JPEG: {segments.Fault ?? "it has no frame header with a size"}.");
        anatomy.End = segments.End;
        return anatomy;
    }

    private void Add(JpegSegment segment, ReadOnlySpan<byte> payload)
    {
        if (segment.Marker is (>= JpegSegment.App0 and <= 0xEF) or JpegSegment.Comment)
        {
            if (Segments.Count == JpegSegments.Most) throw new InvalidDataException($"Not a readable JPEG: it has more than {JpegSegments.Most} segments besides its picture data.");
            Segments.Add(segment);
            return;
        }

        if (TablesAt == 0) TablesAt = segment.Offset;
        if (Frame == default && JpegFrame.TryRead(segment, payload) is { } frame) Frame = frame;
    }
}
