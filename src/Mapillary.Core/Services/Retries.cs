using Polly;

namespace Mapillary.Services;

/// <summary>Makes requests to one service, each again as the service's rules say, and all through one gate.</summary>
internal sealed class Retries(ResiliencePipeline again, RequestGate gate)
{
    /// <summary>Makes a request until it succeeds or no try is left.</summary>
    public ValueTask<T> ExecuteAsync<T>(Func<CancellationToken, ValueTask<T>> request, CancellationToken cancellationToken) =>
        again.ExecuteAsync(ct => gate.PassAsync(request, ct), cancellationToken);

    /// <summary>The same for a request whose answer has nothing to hand on.</summary>
    public async ValueTask ExecuteAsync(Func<CancellationToken, ValueTask> request, CancellationToken cancellationToken) =>
        await ExecuteAsync(
            async ct =>
            {
                await request(ct);
                return true;
            },
            cancellationToken);
}
