using System.Globalization;
using Polly;
using Polly.Retry;

namespace Mapillary.Services;

/// <summary>How often and after what waits a failed request is made again.</summary>
public sealed record RetryRules
{
    /// <summary>How often a passing fault is met before the request is given up, the first time included.</summary>
    public int Attempts { get; init; } = 6;

    /// <summary>The wait after the first passing fault; it doubles each time, with jitter.</summary>
    public TimeSpan FirstWait { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The longest wait after a passing fault.</summary>
    public TimeSpan LongestWait { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>
    /// How long all requests to a service are held back after its first "too many requests", where it names no time; it doubles up to 16
    /// times this. Then one request tries whether the service answers again.
    /// </summary>
    public TimeSpan RateLimitWait { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How often "too many requests" is met in a row, whichever requests meet it, before all are given up.</summary>
    public int RateLimitAttempts { get; init; } = 30;

    /// <summary>The longest wait that a service may ask for (Retry-After); of a longer one only this much is waited.</summary>
    public TimeSpan LongestRetryAfter { get; init; } = TimeSpan.FromMinutes(15);

    /// <summary>How long one request may take before it counts as a passing fault.</summary>
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromSeconds(120);

    /// <summary>How long making a connection may take before it counts as a passing fault.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>The clock by which is waited.</summary>
    internal TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>
    /// Makes requests by these rules. They share a gate: "too many requests" to one holds all of them back, and a fault that
    /// ends all refuses them.
    /// </summary>
    /// <param name="verdict">What an exception means for the next try; null for one that is final.</param>
    /// <param name="say">Told each wait.</param>
    /// <param name="waits">Told each wait too, for whoever counts.</param>
    /// <param name="endsAll">Whether an exception is final for all requests, not only for the one that met it; null when none is.</param>
    internal Retries ToRetries(Func<Exception, RetryVerdict?> verdict, Action<string> say, RetryWaits? waits = null, Func<Exception, bool>? endsAll = null)
    {
        var gate = new RequestGate(this, verdict, endsAll ?? (_ => false), say, waits);
        var builder = new ResiliencePipelineBuilder { TimeProvider = Clock };
        builder.AddRetry(new RetryStrategyOptions
        {
            MaxRetryAttempts = int.MaxValue,
            // The gate does the waiting, for all.
            Delay = TimeSpan.Zero,
            ShouldHandle = args => ValueTask.FromResult(args.Outcome.Exception is { } e && verdict(e) is { RateLimited: true } && !gate.HasEnded),
        });
        if (Attempts > 1)
        {
            builder.AddRetry(new RetryStrategyOptions
            {
                MaxRetryAttempts = Attempts - 1,
                ShouldHandle = args => ValueTask.FromResult(args.Outcome.Exception is { } e && verdict(e) is { RateLimited: false }),
                DelayGenerator = args => ValueTask.FromResult<TimeSpan?>(
                    Asked(verdict(args.Outcome.Exception!)) ?? WaitAfter(args.AttemptNumber + 1)),
                OnRetry = args =>
                {
                    waits?.Begin(args.RetryDelay);
                    say(Words(args.Outcome.Exception!, verdict(args.Outcome.Exception!), args.RetryDelay));
                    return default;
                },
            });
        }

        return new Retries(builder.Build(), gate);
    }

    /// <summary>The wait after a passing fault, with jitter.</summary>
    /// <param name="attempt">How often the request has been made, from 1.</param>
    internal TimeSpan WaitAfter(int attempt) => Doubled(FirstWait, attempt - 1, LongestWait) * (0.75 + (Random.Shared.NextDouble() / 2));

    /// <summary>How long all requests are held back after "too many requests".</summary>
    /// <param name="verdict">What the service said.</param>
    /// <param name="before">How often it said so in a row before.</param>
    internal TimeSpan PauseAfter(RetryVerdict verdict, int before) => Asked(verdict) ?? Doubled(RateLimitWait, before, RateLimitWait * 16);

    /// <summary>What is said of a wait.</summary>
    internal string Words(Exception fault, RetryVerdict? verdict, TimeSpan wait) => string.Create(
        CultureInfo.InvariantCulture,
        $"{fault.Message} Waiting {wait.TotalSeconds:0.#} s before trying again{(verdict?.RetryAfter > LongestRetryAfter ? FormattableString.Invariant($" (the service asks for {verdict.Value.RetryAfter!.Value.TotalSeconds:0} s, but may answer sooner)") : "")}.");

    private TimeSpan? Asked(RetryVerdict? verdict) =>
        verdict?.RetryAfter is { } asked && asked > TimeSpan.Zero ? asked < LongestRetryAfter ? asked : LongestRetryAfter : null;

    private static TimeSpan Doubled(TimeSpan first, int times, TimeSpan longest)
    {
        var wait = first * Math.Pow(2, Math.Min(times, 20));
        return wait < longest ? wait : longest;
    }
}

/// <summary>An exception after which the same request may succeed.</summary>
/// <param name="RateLimited">Whether the service asks for fewer requests altogether.</param>
/// <param name="RetryAfter">How long it asks to wait, where it says so.</param>
internal readonly record struct RetryVerdict(bool RateLimited, TimeSpan? RetryAfter);
