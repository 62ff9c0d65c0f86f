using Mapillary.Collections.Checking;

namespace Mapillary.PowerShell;

/// <summary>Shows how much of a collection's pictures was read; for the threads beside the pipeline.</summary>
internal sealed class CheckProgressLine(ProgressLine line, string collection) : IProgress<CheckProgress>
{
    /// <inheritdoc/>
    public void Report(CheckProgress value) => line.ShowSoon(
        $"{collection}: {ByteSize.Format(value.Bytes)} of {ByteSize.Format(value.TotalBytes)}",
        value.TotalBytes > 0 ? (int)Math.Min(100, value.Bytes * 100 / value.TotalBytes) : null);
}
