using System.Management.Automation;
using Mapillary.Graph;
using Mapillary.Imaging;

namespace Mapillary.PowerShell;

/// <summary>What the cmdlets share that put metadata into pictures: which position, and times in which zone.</summary>
public abstract class RestoringCommand : GraphCommand
{
    /// <summary>Which position is written: the one Mapillary computed, or the camera's own.</summary>
    [Parameter]
    public PositionSource Geometry { get; set; }

    /// <summary>The zone in which capture times are written, by its IANA or Windows name; UTC without it.</summary>
    [Parameter]
    [TimeZoneTransformation]
    [ArgumentCompleter(typeof(TimeZoneCompleter))]
    public TimeZoneInfo? TimeZone { get; set; }

    /// <summary>How metadata are to be restored.</summary>
    private protected RestoreOptions Restore => new() { Position = Geometry, TimeZone = TimeZone };
}
