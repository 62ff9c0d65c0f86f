using Mapillary.Saving;

namespace Mapillary.Backup;

/// <summary>How far a user's backup is.</summary>
/// <param name="User">The user.</param>
/// <param name="Activity">What is being done.</param>
/// <param name="Saving">How far the images are; null before there are any.</param>
public sealed record BackupProgress(string User, string Activity, SaveProgress? Saving = null)
{
    /// <summary>What requests wait for before there are images; null while none do.</summary>
    public string? Waiting { get; init; }

    /// <inheritdoc/>
    public override string ToString() => $"{User}: {Activity}{((Saving?.ToString() ?? Waiting) is { } more ? $", {more}" : "")}";
}
