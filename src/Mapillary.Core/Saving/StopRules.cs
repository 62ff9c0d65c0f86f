using Mapillary.Collections.Files;

namespace Mapillary.Saving;

/// <summary>When a run is to end before all is there. What is under way then ends well, and the next run goes on.</summary>
public sealed record StopRules
{
    /// <summary>No rules.</summary>
    public static StopRules None { get; } = new();

    /// <summary>The most images to save; those that are there already do not count.</summary>
    public long? MaximumImages { get; init; }

    /// <summary>How many bytes to save. Nothing is begun once they are reached, so that the images then under way may go beyond.</summary>
    public long? MaximumSize { get; init; }

    /// <summary>How long to begin images.</summary>
    public TimeSpan? MaximumDuration { get; init; }

    /// <summary>How many bytes are to stay free on the disk.</summary>
    public long? MinimumFreeSpace { get; init; }

    /// <summary>When a run by these rules ends, in words; empty where there are none.</summary>
    public override string ToString()
    {
        var rules = new List<string>();
        if (MaximumImages is { } images) rules.Add(FormattableString.Invariant($"when {images:N0} images were saved"));
        if (MaximumSize is { } size) rules.Add($"when {ByteSize.Format(size)} were saved");
        if (MaximumDuration is { } duration) rules.Add(FormattableString.Invariant($"after {duration:c}"));
        if (MinimumFreeSpace is { } space) rules.Add($"when less than {ByteSize.Format(space)} are free");
        return string.Join(", or ", rules);
    }
}

/// <summary>
/// Holds a run to its <see cref="StopRules"/>; the one place that decides whether an image may still be begun. A run over many users
/// has one. Any number of threads may use it at once.
/// </summary>
/// <param name="rules">The rules.</param>
/// <param name="clock">The time; null for the system's.</param>
/// <exception cref="ArgumentOutOfRangeException">A rule is negative, or allows nothing.</exception>
public sealed class RunBudget(StopRules rules, TimeProvider? clock = null) : IDisposable
{
    private readonly StopRules _rules = Checked(rules);
    private readonly TimeProvider _clock = clock ?? TimeProvider.System;
    private readonly long _begun = (clock ?? TimeProvider.System).GetTimestamp();
    private readonly object _gate = new();
    // One for each image that may yet be saved. It is held from an image's beginning, and given back where the image was not saved.
    private readonly SemaphoreSlim? _images = rules.MaximumImages is { } most and < int.MaxValue ? new SemaphoreSlim((int)most) : null;
    private readonly CancellationTokenSource _used = new();
    private long _saved;
    private long _bytes;
    private int _isSpaceUntold;

    /// <summary>The rules.</summary>
    public StopRules Rules => _rules;

    /// <summary>Why no image is begun any more; null as long as none was refused.</summary>
    public string? StopReason { get; private set; }

    /// <summary>Asks whether an image may be begun. Where it depends on how those under way end, it waits for them.</summary>
    /// <param name="folder">Where it is to be saved; the disk is that of this folder.</param>
    /// <param name="log">Told, once, where a rule cannot be kept.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>False when the run is to end; <see cref="StopReason"/> then says why. After true, <see cref="End"/> has to be called.</returns>
    public async ValueTask<bool> TryBeginAsync(string folder, IRunLog log, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(log);
        if (StopReason is not null) return false;
        if (FindReason(folder, log) is { } reason) return Refuse(reason);
        if (_images is null) return true;
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _used.Token);
        try
        {
            await _images.WaitAsync(either.Token);
            return true;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return Refuse(FormattableString.Invariant($"{_rules.MaximumImages:N0} images were saved, the maximum of this run"));
        }
    }

    /// <summary>Tells how an image ended that was begun.</summary>
    /// <param name="savedBytes">Its size in bytes; null where it was not saved.</param>
    public void End(long? savedBytes)
    {
        lock (_gate)
        {
            if (savedBytes is not { } bytes)
            {
                _images?.Release();
                return;
            }

            _saved++;
            _bytes += bytes;
            if (_saved == _rules.MaximumImages) _used.Cancel();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _images?.Dispose();
        _used.Dispose();
    }

    private bool Refuse(string reason)
    {
        lock (_gate) StopReason ??= reason;
        return false;
    }

    private string? FindReason(string folder, IRunLog log)
    {
        long bytes;
        lock (_gate) bytes = _bytes;
        if (bytes >= _rules.MaximumSize)
            return $"{ByteSize.Format(bytes)} were saved, and the maximum of this run is {ByteSize.Format(_rules.MaximumSize.Value)}";
        if (_rules.MaximumDuration is { } duration && _clock.GetElapsedTime(_begun) >= duration)
            return $"the run has reached its maximum duration ({duration})";
        if (_rules.MinimumFreeSpace is { } room && FreeFor(folder, log) is { } free && free < room)
            return $"only {ByteSize.Format(free)} are free on the disk, and {ByteSize.Format(room)} must stay free";
        return null;
    }

    /// <summary>Null where it cannot be told: no run ends for that, and a full disk ends it without loss.</summary>
    private long? FreeFor(string folder, IRunLog log)
    {
        try
        {
            return DiskSpace.FreeFor(folder);
        }
        catch (IOException e)
        {
            if (Interlocked.Exchange(ref _isSpaceUntold, 1) == 0)
                log.Warn($"{e.Message.TrimEnd('.')}. The run goes on without heed to the {ByteSize.Format(_rules.MinimumFreeSpace!.Value)} that were to stay free.");
            return null;
        }
    }

    private static StopRules Checked(StopRules rules)
    {
        ArgumentNullException.ThrowIfNull(rules);
        if (rules.MaximumImages is <= 0) throw new ArgumentOutOfRangeException(nameof(rules), "The maximum number of images must be 1 or more.");
        if (rules.MaximumSize is <= 0) throw new ArgumentOutOfRangeException(nameof(rules), "The maximum size must be 1 byte or more.");
        if (rules.MaximumDuration is { } duration && duration <= TimeSpan.Zero) throw new ArgumentOutOfRangeException(nameof(rules), "The maximum duration must be longer than zero.");
        if (rules.MinimumFreeSpace is < 0) throw new ArgumentOutOfRangeException(nameof(rules), "The minimum free space cannot be negative.");
        return rules;
    }
}
