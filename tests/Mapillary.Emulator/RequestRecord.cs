using Microsoft.AspNetCore.Http;

namespace Mapillary.Emulator;

/// <summary>A request that arrived.</summary>
/// <param name="Server">Where.</param>
/// <param name="Method">GET, HEAD, ...</param>
/// <param name="PathAndQuery">As sent.</param>
/// <param name="Headers">As sent; names regardless of case.</param>
/// <param name="StatusCode">The answer's; 0 while there is none and where the connection was ended without one.</param>
/// <param name="ImageId">The image that the request was for, at the CDN and at <c>/{id}</c>.</param>
public sealed record RequestRecord(
    ServerKind Server, string Method, string PathAndQuery, IReadOnlyDictionary<string, string> Headers, int StatusCode, string? ImageId)
{
    /// <summary>How many bytes of a file of an item were sent, or were about to be when the client went away.</summary>
    public long FileBytes { get; init; }
}

/// <summary>All requests in the order of their arrival.</summary>
internal sealed class RequestJournal
{
    private readonly object _lock = new();
    private readonly List<RequestRecord> _records = [];

    public IReadOnlyList<RequestRecord> Snapshot()
    {
        lock (_lock) return [.. _records];
    }

    /// <summary>Notes a request, and its status just before the client can see it.</summary>
    public Entry Add(ServerKind server, HttpContext context)
    {
        var request = context.Request;
        var headers = request.Headers.ToDictionary(h => h.Key, h => h.Value.ToString(), StringComparer.OrdinalIgnoreCase);
        var record = new RequestRecord(server, request.Method, $"{request.Path.ToUriComponent()}{request.QueryString}", headers, 0, null);
        Entry entry;
        lock (_lock)
        {
            entry = new Entry(this, _records.Count);
            _records.Add(record);
        }

        context.Response.OnStarting(() =>
        {
            if (!Answers.HasNone(context)) entry.Change(r => r with { StatusCode = context.Response.StatusCode });
            return Task.CompletedTask;
        });
        return entry;
    }

    internal sealed class Entry(RequestJournal journal, int index)
    {
        public RequestRecord Current
        {
            get
            {
                lock (journal._lock) return journal._records[index];
            }
        }

        public void IsFor(EmulatedImage image) => Change(r => r with { ImageId = image.Id });

        public void Change(Func<RequestRecord, RequestRecord> change)
        {
            lock (journal._lock) journal._records[index] = change(journal._records[index]);
        }
    }
}
