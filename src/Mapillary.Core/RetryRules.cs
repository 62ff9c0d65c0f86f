using Polly;
using Polly.Retry;

namespace Mapillary;

/// <summary>How often and after what waits a failed request is made again.</summary>
public sealed record RetryRules
{
    /// <summary>How often a passing fault is met before the request is given up, the first time included.</summary>
    public int Attempts { get; init; } = 6;

    /// <summary>The wait after the first passing fault; it doubles each time, with jitter.</summary>
    public TimeSpan FirstWait { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The longest wait after a passing fault.</summary>
    public TimeSpan LongestWait { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>The wait after the first "too many requests" where the service names none; it doubles up to 16 times this.</summary>
    public TimeSpan RateLimitWait { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How often "too many requests" is met in a row before the request is given up.</summary>
    public int RateLimitAttempts { get; init; } = 30;

    /// <summary>How long one request may take before it counts as a passing fault.</summary>
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromSeconds(120);

    /// <summary>The pipeline that follows these rules.</summary>
    /// <param name="verdict">What an exception means for the next try; null for one that is final.</param>
    /// <param name="onWait">Called before each wait with the exception and the wait.</param>
    internal ResiliencePipeline ToPipeline(Func<Exception, RetryVerdict?> verdict, Action<Exception, TimeSpan> onWait) =>
        new ResiliencePipelineBuilder()
            .AddRetry(new RetryStrategyOptions
            {
                MaxRetryAttempts = Math.Max(1, Math.Max(Attempts, RateLimitAttempts) - 1),
                ShouldHandle = args => ValueTask.FromResult(
                    args.Outcome.Exception is { } e && verdict(e) is { } v && args.AttemptNumber < (v.RateLimited ? RateLimitAttempts : Attempts) - 1),
                DelayGenerator = args =>
                {
                    var v = verdict(args.Outcome.Exception!)!.Value;
                    var wait = v.RetryAfter is { } asked && asked > TimeSpan.Zero
                        ? asked
                        : v.RateLimited
                            ? Doubled(RateLimitWait, args.AttemptNumber, RateLimitWait * 16)
                            : Doubled(FirstWait, args.AttemptNumber, LongestWait) * (0.75 + Random.Shared.NextDouble() / 2);
                    return ValueTask.FromResult<TimeSpan?>(wait);
                },
                OnRetry = args =>
                {
                    onWait(args.Outcome.Exception!, args.RetryDelay);
                    return default;
                },
            })
            .Build();

    private static TimeSpan Doubled(TimeSpan first, int times, TimeSpan longest)
    {
        var wait = first * Math.Pow(2, Math.Min(times, 20));
        return wait < longest ? wait : longest;
    }
}

/// <summary>An exception after which the same request may succeed.</summary>
internal readonly record struct RetryVerdict(bool RateLimited, TimeSpan? RetryAfter);
