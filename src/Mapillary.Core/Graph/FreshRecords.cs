namespace Mapillary.Graph;

/// <summary>
/// Asks for the records of images again, for their fresh addresses. One alone is asked for at once; what comes while a request is under
/// way goes together into the next one. Any number of calls may run at once.
/// </summary>
internal sealed class FreshRecords(GraphClient graph) : IDisposable
{
    private readonly object _lock = new();
    private readonly Queue<Wish> _wishes = new();
    private readonly CancellationTokenSource _stop = new();
    private bool _isAsking;

    /// <summary>Asks for a record.</summary>
    /// <param name="id">The image id.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    /// <exception cref="GraphException">As <see cref="GraphClient.GetImageAsync"/>: an image counts as absent only when that says so.</exception>
    public async Task<MapillaryImage> GetAsync(string id, CancellationToken cancellationToken)
    {
        var wish = new Wish(id);
        bool isFirst;
        lock (_lock)
        {
            _wishes.Enqueue(wish);
            isFirst = !_isAsking;
            _isAsking = true;
        }

        // Belongs to all who wish, so it does not end with the first of them.
        if (isFirst) _ = Task.Run(AskAsync, CancellationToken.None);
        return await wish.Answer.Task.WaitAsync(cancellationToken) ?? await graph.GetImageAsync(id, cancellationToken);
    }

    /// <summary>Stops the request that is under way.</summary>
    public void Dispose() => _stop.Cancel();

    private async Task AskAsync()
    {
        while (NextBatch() is { Count: > 0 } batch)
        {
            try
            {
                var found = await FetchAsync(batch);
                foreach (var wish in batch) wish.Answer.TrySetResult(found.GetValueOrDefault(wish.Id));
            }
            catch (Exception e)
            {
                // Not swallowed: each who waits gets it.
                foreach (var wish in batch) wish.Answer.TrySetException(e);
            }
        }
    }

    private List<Wish> NextBatch()
    {
        var batch = new List<Wish>();
        lock (_lock)
        {
            while (batch.Count < GraphClient.IdsARequest && _wishes.TryDequeue(out var wish)) batch.Add(wish);
            _isAsking = batch.Count > 0;
        }

        return batch;
    }

    /// <returns>The records by id; one that is left out is asked for by itself then.</returns>
    private async Task<Dictionary<string, MapillaryImage>> FetchAsync(List<Wish> batch)
    {
        var ids = batch.Select(w => w.Id).Distinct().ToList();
        try
        {
            return (ids.Count == 1 ? [await graph.GetImageAsync(ids[0], _stop.Token)] : await graph.GetImagesAsync(ids, _stop.Token)).ToDictionary(i => i.Id);
        }
        catch (GraphException e) when (ids.Count > 1 && e.Fault is GraphFault.NotFound or GraphFault.BadRequest or GraphFault.TooMuchData or GraphFault.TimedOut)
        {
            // One bad id may spoil them all.
            return [];
        }
    }

    private sealed record Wish(string Id)
    {
        public TaskCompletionSource<MapillaryImage?> Answer { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
