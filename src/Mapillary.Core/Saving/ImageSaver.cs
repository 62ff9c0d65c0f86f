using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Mapillary.Collections;
using Mapillary.Collections.Files;
using Mapillary.Collections.Places;
using Mapillary.Collections.Records;
using Mapillary.Download;
using Mapillary.Graph;
using Mapillary.Imaging.Forms;
using Mapillary.Imaging.Jpeg;
using Mapillary.Imaging.Metadata;

namespace Mapillary.Saving;

/// <summary>
/// Brings images into collections on disk: fetches several at once, restores their metadata, converts them where that is wanted, and
/// gives each file its name when it is whole.
/// </summary>
public sealed class ImageSaver : IDisposable
{
    /// <summary>The folder name for images whose record names no user.</summary>
    internal const string UnknownUser = "unknown";

    /// <summary>How many images are tried for a thumbnail: it is worth a few requests, not a run's patience.</summary>
    private const int ThumbnailTries = 3;

    /// <summary>
    /// How many fetched pictures may wait for an encoder. What really bounds them is the fetcher's memory, so that no transfer waits
    /// for an encoder before that is full.
    /// </summary>
    private const int MostWaitingForEncoders = 256;

    private readonly SaveOptions _options;
    private readonly IRunLog _log;
    private readonly ImageFetcher _fetcher;
    private readonly MadeWith _wanted;
    private readonly ConcurrentDictionary<string, Task> _underWay = new(StringComparer.Ordinal);
    private readonly OpenCollections _collections;
    private readonly PictureConversion _conversion;
    private readonly RunRemarks _remarks = new();
    private readonly GraphClient? _graph;
    private long _listed;
    private bool _isListingRead;

    /// <summary>Makes a saver; nothing is touched yet.</summary>
    /// <param name="options">How to save.</param>
    /// <param name="rules">How to fetch.</param>
    /// <param name="graph">Asked for fresh addresses; null when there is no token.</param>
    /// <param name="log">Told each step.</param>
    public ImageSaver(SaveOptions options, FetchRules rules, GraphClient? graph, IRunLog log)
    {
        _options = options;
        _wanted = MadeWith.Of(options.Restore, options.Form);
        _log = log;
        _graph = graph;
        _collections = new OpenCollections(options, log);
        _conversion = new PictureConversion(options.Form, log);
        _fetcher = new ImageFetcher(rules with { MostConnections = options.ThrottleLimit }, JpegCheck.FindFault, graph, log);
    }

    /// <summary>How far the saving is, stage by stage, now.</summary>
    public SaveStages Stages => new()
    {
        Listed = Interlocked.Read(ref _listed),
        IsListingRead = Volatile.Read(ref _isListingRead),
        Downloaded = _fetcher.Fetched,
        DownloadedBytes = _fetcher.FetchedBytes,
        Encoded = _conversion.Converted,
        Connections = _fetcher.Connections,
        RequestsWaiting = _fetcher.Waits.Requests + (_graph?.Waits.Requests ?? 0),
        HeldBackFor = _graph?.Waits.HeldBackFor is { } asking && asking > _fetcher.Waits.HeldBackFor ? asking : _fetcher.Waits.HeldBackFor,
    };

    /// <summary>The collections written so far.</summary>
    public IReadOnlyCollection<CollectionWriter> Collections => _collections.All;

    /// <summary>
    /// Saves images as they come, some at once, and tells of each as soon as it has ended. Where a stop rule ends the run, the images
    /// that were not begun are not told of, and no more are taken.
    /// </summary>
    /// <param name="images">The images.</param>
    /// <param name="cancellationToken">Stops at once; what is finished stays, nothing half-done is left.</param>
    /// <exception cref="CollectionException">A collection cannot be written.</exception>
    /// <exception cref="GraphException">The token is refused, this address is blocked, or has asked for too much for too long.</exception>
    public IAsyncEnumerable<SavedImage> SaveAsync(IAsyncEnumerable<MapillaryImage> images, CancellationToken cancellationToken = default) =>
        SaveAsync(images.AsStepsAsync(), cancellationToken);

    /// <summary>The same for a listing that can be taken up where it was interrupted; its collection notes how far it came.</summary>
    internal async IAsyncEnumerable<SavedImage> SaveAsync(
        IAsyncEnumerable<ListingStep> listing, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var listed = ListedAsync(listing, cancellationToken).AheadAsync(_options.ListedAhead, cancellationToken);
        await foreach (var saved in listed.InParallelAsync(_options.ThrottleLimit + (_options.Form.IsConversion ? MostWaitingForEncoders : 0), SaveAsync, cancellationToken))
        {
            if (saved is null) continue;
            if (saved.Warning is not null) _remarks.NoteSmallPicture(saved.Id);
            yield return saved;
        }

        _remarks.Tell(_log);
        if (_options.Budget?.StopReason is not { } reason) yield break;
        foreach (var collection in Collections) collection.Stop(reason);
    }

    /// <summary>Notes in the logs of the collections why the run did not come to its end.</summary>
    internal void NoteEnd(Exception e)
    {
        foreach (var collection in Collections) collection.NoteEnd(e);
    }

    /// <summary>
    /// Gives a collection the preview that archive.org shows of an item, where it has none: the 256-pixel rendition of one of its images,
    /// as Mapillary serves it. A collection without one lacks nothing that matters, so that failing at it is only said.
    /// </summary>
    /// <param name="collection">A collection of this saver.</param>
    /// <param name="cancellationToken">Stops at once.</param>
    /// <exception cref="CollectionException">The collection cannot be written.</exception>
    /// <exception cref="GraphException">The token is refused, or this address is blocked.</exception>
    public async Task SaveThumbnailAsync(CollectionWriter collection, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(collection);
        const string thumbnail = CollectionFiles.Thumbnail;
        if (collection.Folder.FindLength(thumbnail) is not null) return;
        foreach (var image in collection.ReadFinished().Take(ThumbnailTries))
        {
            try
            {
                if (_options is { Quality: ImageQuality.Thumb256, Form.IsConversion: false } && collection.FindFinished(image.Id) is { Tar: null } entry)
                {
                    var picture = await collection.Folder.ReadPictureAsync(entry.Path, cancellationToken);
                    await WholeFile.WriteAsync(collection.Folder, thumbnail, [picture], image.CapturedAt, mode: null, cancellationToken, isFlushed: true);
                    return;
                }

                using var fetched = await _fetcher.FetchAsync(image, ImageQuality.Thumb256, cancellationToken);
                await WholeFile.WriteAsync(collection.Folder, thumbnail, [fetched.Bytes], image.CapturedAt, mode: null, cancellationToken, isFlushed: true);
                return;
            }
            catch (DownloadException e)
            {
                _log.Say($"No thumbnail: {e.Message}");
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw CollectionException.NotWritable(collection.Path, e);
            }
        }

        _log.Warn($"The collection '{collection.Path}' has no thumbnail yet; the next run tries again.");
    }

    /// <summary>Closes the collections; each then can be opened by others.</summary>
    public void Dispose()
    {
        _collections.Dispose();
        _fetcher.Dispose();
        _conversion.Dispose();
    }

    /// <summary>The images on their way to the work, each noted in its collection's listing and given its place; here, where they still are in their order.</summary>
    private async IAsyncEnumerable<ListedImage> ListedAsync(
        IAsyncEnumerable<ListingStep> listing, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await foreach (var step in listing.WithCancellation(cancellationToken))
        {
            if (step is ListingStep.UpTo(var cursor))
            {
                foreach (var collection in Collections) collection.ListedUpTo(cursor);
                continue;
            }

            var images = step is ListingStep.AllFound(var ids) ? Collections.SelectMany(c => c.ReadOpen(ids)) : [((ListingStep.Found)step).Image];
            foreach (var image in images)
            {
                if (_options.Budget?.StopReason is not null) yield break;
                yield return List(image, cancellationToken);
            }
        }

        Volatile.Write(ref _isListingRead, true);
    }

    private ListedImage List(MapillaryImage image, CancellationToken cancellationToken)
    {
        var collection = _collections.For(image, cancellationToken);
        try
        {
            var place = collection.List(image);
            Interlocked.Increment(ref _listed);
            _remarks.NoteTime(image);
            return new ListedImage(image, collection, place);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CollectionException.NotWritable(collection.Path, e);
        }
    }

    private async Task<SavedImage?> SaveAsync(ListedImage listed, CancellationToken cancellationToken)
    {
        var image = listed.Image;
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        // The same image twice in one run: the second waits for the first, and then finds it there, or tries again.
        for (Task first; (first = _underWay.GetOrAdd(image.Id, ended.Task)) != ended.Task;) await first.WaitAsync(cancellationToken);
        try
        {
            return await SaveOnceAsync(listed, cancellationToken);
        }
        finally
        {
            _underWay.TryRemove(image.Id, out _);
            ended.SetResult();
        }
    }

    /// <returns>Null where a stop rule does not let it be begun.</returns>
    private async Task<SavedImage?> SaveOnceAsync(ListedImage listed, CancellationToken cancellationToken)
    {
        var (image, collection, _) = listed;
        var outcome = new SavedImage
        {
            Id = image.Id,
            Status = SavedImageStatus.Saved,
            SequenceId = image.SequenceId,
            CapturedAt = image.CapturedAt,
            CollectionPath = collection.Path,
        };
        long? savedBytes = null;
        var begun = false;
        try
        {
            if (!_options.Force && collection.FindFinished(image.Id) is { } present) return Present(outcome, collection, present);
            if (_options.Budget is { } budget && !(begun = await budget.TryBeginAsync(collection.Path, _log, cancellationToken))) return null;
            var entry = await FetchAndWriteAsync(listed, cancellationToken);
            collection.Finish(entry);
            savedBytes = entry.Bytes;
            return outcome with
            {
                Path = collection.FullPath(entry.Path),
                Length = entry.Bytes,
                Sha256 = entry.Sha256,
                Warning = entry.Warning,
            };
        }
        catch (DownloadException e)
        {
            return NotSaved(e.IsUnavailable ? SavedImageStatus.Unavailable : SavedImageStatus.Failed, e.Reason);
        }
        catch (FileHeldException e)
        {
            return NotSaved(SavedImageStatus.Failed, e.Message);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CollectionException.NotWritable(collection.Path, e);
        }
        // A value or a picture that nobody thought of costs its image, and no other.
        catch (Exception e) when (e is ArgumentException or ArithmeticException or FormatException or InvalidDataException or NotSupportedException)
        {
            return NotSaved(SavedImageStatus.Failed, $"it cannot be saved as Mapillary describes and serves it: {e.Message}");
        }
        finally
        {
            if (begun) _options.Budget!.End(savedBytes);
        }

        SavedImage NotSaved(string status, string reason)
        {
            var error = $"Image {image.Id}: {reason}";
            collection.Fail(new FailedEntry(image.Id, status, error));
            return outcome with { Status = status, Error = error, Reason = reason };
        }
    }

    private SavedImage Present(SavedImage outcome, CollectionWriter collection, ManifestEntry entry) => outcome with
    {
        Status = SavedImageStatus.Present,
        Path = entry.Tar is null ? collection.FullPath(entry.Path) : null,
        TarPath = entry.Tar is null ? null : collection.FullPath(entry.Tar),
        Length = entry.Bytes,
        Sha256 = entry.Sha256,
        Differs = DifferenceOf(entry),
        Warning = entry.Warning,
    };

    /// <summary>
    /// In what an image that is there is not what this run would make of it. Where nobody noted how it was made, only its layout is known.
    /// </summary>
    private MadeDifference DifferenceOf(ManifestEntry entry)
    {
        var differs = entry.Made?.From(_wanted, _options.Form, entry.Path) ?? MadeDifference.None;
        return ImagePlaces.LayoutOf(entry.Path) is { } layout && layout != _options.Layout ? differs | MadeDifference.Layout : differs;
    }

    private async Task<ManifestEntry> FetchAndWriteAsync(ListedImage listed, CancellationToken cancellationToken)
    {
        var (image, collection, _) = listed;
        using var fetched = await _fetcher.FetchAsync(image, _options.Quality, cancellationToken);
        IReadOnlyList<ReadOnlyMemory<byte>> jpeg = [fetched.Bytes];
        var notes = new List<string>();
        if (_options.Restore is { } restore)
        {
            var restored = MetadataRestorer.RestoreJpeg(fetched.Bytes, image, restore);
            notes.AddRange(restored.Notes);
            jpeg = restored.Pieces;
        }

        var frame = JpegAnatomy.ReadHeader(fetched.Bytes.Span).Frame;
        var shortfall = PictureSize.FindShortfall(image, _options.Quality, frame.Width, frame.Height);
        if (shortfall is not null) notes.Add(shortfall);
        var converted = await _conversion.ConvertAsync(image.Id, fetched.Bytes, jpeg, cancellationToken);
        var place = listed.Place + (converted is null ? PictureForm.AsServed : _options.Form).Extension;
        var pieces = converted?.Pieces ?? jpeg;
        var (length, sha256) = WholeFile.Measure(pieces);
        var entry = collection.Begin(new ManifestEntry(image.Id, place, length, sha256, Tar: null)
        {
            Made = MadeWith.Of(_options.Restore, converted is null ? PictureForm.AsServed : _options.Form),
            Warning = shortfall,
        });
        try
        {
            _remarks.NoteRefusal(collection.FullPath(place), await WholeFile.WriteAsync(collection.Folder, place, pieces, image.CapturedAt, mode: null, cancellationToken), _log);
        }
        catch
        {
            collection.Undo(entry);
            throw;
        }

        if (converted is not null) notes.AddRange(converted.LeftOut.Select(lost => $"a {_options.Form.Format} cannot hold {lost}"));
        _log.Say($"Saved image {image.Id} as {place}, {string.Join("; ", notes.Prepend(ByteSize.Format(length)))}.");
        return entry;
    }

    /// <summary>An image that is noted in its collection's listing, and where its file belongs there, without extension.</summary>
    private sealed record ListedImage(MapillaryImage Image, CollectionWriter Collection, string Place);
}
