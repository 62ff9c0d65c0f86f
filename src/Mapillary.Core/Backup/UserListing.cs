using System.Runtime.CompilerServices;
using Mapillary.Collections;
using Mapillary.Collections.Places;
using Mapillary.Collections.Records;
using Mapillary.Graph;

namespace Mapillary.Backup;

/// <summary>
/// The images of a user, as a backup saves them. A listing that was interrupted is taken up: first what it has brought, from the collection
/// itself, then the rest from Mapillary. At its end it says what it brought, so that what was listed earlier and is not any more, withdrawn
/// mostly, is tried as well.
/// </summary>
/// <param name="graph">Asked for the images.</param>
/// <param name="user">The user name.</param>
/// <param name="options">Which images are wanted, and how they are listed.</param>
/// <param name="collection">The collection, which may hold a listing that was interrupted.</param>
/// <param name="log">Told what the listing does.</param>
/// <param name="cancellationToken">Stops the listing.</param>
internal sealed class UserListing(
    GraphClient graph, string user, BackupOptions options, StagedCollection collection, IRunLog log, CancellationToken cancellationToken) : IAsyncDisposable
{
    private readonly ImageIdSet _seen = new();
    private IAsyncEnumerator<ListingStep>? _steps;

    /// <summary>Goes to the first image; before it nothing of a collection is touched.</summary>
    /// <returns>The image; null where there is none.</returns>
    public async ValueTask<MapillaryImage?> FindFirstAsync()
    {
        _steps ??= ListAsync(cancellationToken).GetAsyncEnumerator(cancellationToken);
        while (await _steps.MoveNextAsync())
        {
            if (_steps.Current is ListingStep.Found(var image)) return image;
        }

        return null;
    }

    /// <summary>The steps from the first image on, which must have been found.</summary>
    public async IAsyncEnumerable<ListingStep> FromFirstAsync()
    {
        do
        {
            cancellationToken.ThrowIfCancellationRequested();
            yield return _steps!.Current;
        }
        while (await _steps.MoveNextAsync());
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_steps is not null) await _steps.DisposeAsync();
    }

    private async IAsyncEnumerable<ListingStep> ListAsync([EnumeratorCancellation] CancellationToken stop)
    {
        string? cursor = null;
        if (collection.FindInterrupted(options.Filter) is { } state && Collection.At(collection.Work).ListingPath is { } begun)
        {
            log.Say($"Taking up the interrupted listing of user '{user}'.");
            using var records = ImageRecords.Read(begun, log).GetEnumerator();
            while (HasNext(records))
            {
                if (_seen.Add(records.Current.Id)) yield return new ListingStep.Found(records.Current);
            }

            // Where records of what was listed are lost, all is listed again.
            if (_seen.Count >= state.Listed) cursor = state.Cursor;
        }

        // Windows have no cursor that an interrupted listing could go on with; it is then begun anew, and only its pages are asked for twice.
        var listing = new ImageListing(graph);
        var steps = cursor is null && options.ListingParallelism > 1
            ? listing.OfUserInWindowsAsync(user, options.Filter, options.ListingParallelism, stop).AsStepsAsync()
            : listing.StepsOfUserAsync(user, options.Filter, cursor, stop);
        var brought = false;
        await foreach (var step in steps)
        {
            brought |= step is ListingStep.Found;
            if (IsNew(step)) yield return step;
        }

        // No image at all under a name that had some: the user may have another one now.
        if (!brought && collection.FindCreatorId(log) is { } number && await graph.FindUserNameAsync(number, stop) is { } now && now != user)
        {
            log.Warn($"User '{user}' is called '{now}' at Mapillary now (number {number}). Going on with '{now}' in the same collection.");
            await foreach (var step in listing.StepsOfUserAsync(now, options.Filter, startCursor: null, stop))
            {
                if (IsNew(step)) yield return step;
            }
        }

        if (_seen.Count > 0)
        {
            yield return new ListingStep.AllFound(_seen);
            yield break;
        }

        // Where Mapillary has nothing any more, what was begun is still to be ended.
        foreach (var image in Collection.At(collection.Work).ListingPath is { } listed ? ImageRecords.Read(listed, log) : [])
        {
            if (_seen.Add(image.Id)) yield return new ListingStep.Found(image);
        }
    }

    private bool IsNew(ListingStep step) => step is not ListingStep.Found(var image) || _seen.Add(image.Id);

    /// <summary>What cannot be read of an interrupted listing is listed again; opening the collection says what is wrong, and mends it.</summary>
    private static bool HasNext(IEnumerator<MapillaryImage> records)
    {
        try
        {
            return records.MoveNext();
        }
        catch (InvalidDataException)
        {
            return false;
        }
    }
}
