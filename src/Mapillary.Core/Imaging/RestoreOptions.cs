namespace Mapillary.Imaging;

/// <summary>How metadata are restored.</summary>
public sealed record RestoreOptions
{
    /// <summary>The defaults: computed position, times in UTC.</summary>
    public static RestoreOptions Default { get; } = new();

    /// <summary>Which position is written.</summary>
    public PositionSource Position { get; init; }

    /// <summary>The zone in which local times are written, with its offset at that moment; null for UTC.</summary>
    public TimeZoneInfo? TimeZone { get; init; }
}
