using Mapillary.Collections;
using Mapillary.Graph;

namespace Mapillary.Saving;

/// <summary>One run of a saver: adds up how its images end, and tells how far it is, also while nothing ends.</summary>
/// <param name="saver">The saver.</param>
/// <param name="log">Told once a minute how far it is.</param>
/// <param name="expected">How many images an earlier listing of the same brought; null where there was none.</param>
/// <param name="clock">The clock; the system's where it is null.</param>
public sealed class SavingRun(ImageSaver saver, IRunLog log, Func<long?>? expected = null, TimeProvider? clock = null)
{
    /// <summary>How often whoever looks on is told.</summary>
    internal static readonly TimeSpan Often = TimeSpan.FromMilliseconds(200);

    private static readonly TimeSpan Seldom = TimeSpan.FromMinutes(1);

    private readonly TimeProvider _clock = clock ?? TimeProvider.System;
    private readonly RunTally _tally = new();

    /// <summary>What became of the images.</summary>
    public Ledger Ledger => _tally.Ledger;

    /// <summary>The size in bytes of what was saved.</summary>
    public long Bytes => _tally.Bytes;

    /// <summary>The size in bytes of what was there already.</summary>
    public long PresentBytes => _tally.PresentBytes;

    /// <summary>How many of those that are here have a picture that is doubtful, because it is much smaller than its record says.</summary>
    public long Doubtful => _tally.Doubtful;

    /// <summary>Why images ended without their picture, the most frequent reason first.</summary>
    public IReadOnlyList<LossKind> Losses => _tally.Losses;

    /// <summary>Images that were there already and were made with other options than these, by their collections.</summary>
    public IReadOnlyList<MadeOtherwise> MadeOtherwise => _tally.MadeOtherwise;

    /// <summary>Saves images as the saver does, and follows it.</summary>
    /// <param name="images">The images.</param>
    /// <param name="ended">Told of each image that has ended, one after the other.</param>
    /// <param name="progress">Told how far the run is, a few times a second; may be null.</param>
    /// <param name="cancellationToken">Stops at once.</param>
    /// <exception cref="CollectionException">A collection cannot be written.</exception>
    /// <exception cref="GraphException">The token is refused, this address is blocked, or has asked for too much for too long.</exception>
    public Task SaveAsync(
        IAsyncEnumerable<MapillaryImage> images, Action<SavedImage> ended, Action<SaveProgress>? progress, CancellationToken cancellationToken) =>
        SaveAsync(images.AsStepsAsync(), ended, progress, cancellationToken);

    /// <summary>The same for a listing that can be taken up where it was interrupted.</summary>
    internal async Task SaveAsync(
        IAsyncEnumerable<ListingStep> listing, Action<SavedImage> ended, Action<SaveProgress>? progress, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(ended);
        var rate = new RunRate(_clock);
        var (shown, logged) = (_clock.GetTimestamp(), _clock.GetTimestamp());
        using var ticks = new Ticks(Often, _clock, Tell);
        await using var saving = saver.SaveAsync(listing, cancellationToken).GetAsyncEnumerator(cancellationToken);
        try
        {
            while (await ticks.UntilAsync(saving.MoveNextAsync()))
            {
                _tally.Add(saving.Current);
                ended(saving.Current);
                if (_clock.GetElapsedTime(shown) >= Often) Tell();
            }
        }
        catch (Exception e)
        {
            saver.NoteEnd(e);
            throw;
        }

        void Tell()
        {
            shown = _clock.GetTimestamp();
            var stages = saver.Stages;
            // Those that were there take no time worth speaking of.
            rate.Note(Ledger.Listed - Ledger.Present, stages.DownloadedBytes);
            var total = stages.IsListingRead ? stages.Listed : expected?.Invoke() is { } before && before > stages.Listed ? before : (long?)null;
            var now = new SaveProgress(Ledger, Bytes, stages) { Total = total, Rate = rate.Bytes, TimeLeft = total is null ? null : rate.TimeFor(total.Value - Ledger.Listed) };
            progress?.Invoke(now);
            if (_clock.GetElapsedTime(logged) < Seldom) return;
            logged = shown;
            log.Say(now.ToString());
        }
    }
}
