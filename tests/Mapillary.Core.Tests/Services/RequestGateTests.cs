using System.Threading.Channels;
using Mapillary.Services;

namespace Mapillary.Tests.Graph;

public class RequestGateTests
{
    private readonly VirtualClock _clock = new(runsAhead: false);
    private readonly RecordingLog _log = new();
    private readonly Channel<TaskCompletionSource> _requests = Channel.CreateUnbounded<TaskCompletionSource>();
    private int _made;

    private Func<Task> Pipeline(RetryRules rules)
    {
        var retries = rules.ToRetries(
            e => e is Fault { IsFinal: false } fault ? new RetryVerdict(fault.RateLimited, fault.RetryAfter) : null, _log.Say, endsAll: e => e is Fault { EndsAll: true });
        return () => retries.ExecuteAsync(async _ =>
        {
            Interlocked.Increment(ref _made);
            var answer = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _requests.Writer.TryWrite(answer);
            await answer.Task;
        }, TestContext.Current.CancellationToken).AsTask();
    }

    private RetryRules Rules => new() { Clock = _clock, RateLimitWait = TimeSpan.FromSeconds(30) };

    private async Task AnswerAsync(int count, Fault? fault)
    {
        for (var i = 0; i < count; i++)
        {
            var request = await _requests.Reader.ReadAsync(TestContext.Current.CancellationToken);
            if (fault is null) request.SetResult();
            else request.SetException(fault);
        }
    }

    [Fact]
    public async Task Too_many_requests_to_one_holds_all_back_until_a_single_one_has_got_through()
    {
        var ask = Pipeline(Rules);
        var all = Enumerable.Range(0, 8).Select(_ => ask()).ToList();

        // All eight were under way when the limit struck: it counts once.
        await AnswerAsync(8, new Fault { RateLimited = true });
        await _clock.WaitersAsync(8);
        var late = ask();
        await _clock.WaitersAsync(9);
        _clock.Advance(TimeSpan.FromSeconds(29));
        Assert.Equal(8, _made);

        _clock.Advance(TimeSpan.FromSeconds(1));
        await AnswerAsync(1, new Fault { RateLimited = true });
        await _clock.WaitersAsync(9);
        Assert.Equal(9, _made);

        _clock.Advance(TimeSpan.FromSeconds(59));
        Assert.Equal(9, _made);
        _clock.Advance(TimeSpan.FromSeconds(1));
        await AnswerAsync(1, null);
        await AnswerAsync(8, null);
        await Task.WhenAll([.. all, late]);

        Assert.Equal(8 + 1 + 9, _made);
        Assert.Equal(2, _log.Said.Count);
        Assert.Contains("Waiting 30 s", _log.Said[0], StringComparison.Ordinal);
        Assert.Contains("Waiting 60 s", _log.Said[1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_request_that_is_given_up_while_it_tries_lets_the_next_one_try()
    {
        var ask = Pipeline(Rules);
        var two = new[] { ask(), ask() };
        await AnswerAsync(2, new Fault { RateLimited = true });
        await _clock.WaitersAsync(2);
        _clock.Advance(TimeSpan.FromSeconds(30));

        (await _requests.Reader.ReadAsync(TestContext.Current.CancellationToken)).SetCanceled(TestContext.Current.CancellationToken);
        await AnswerAsync(1, null);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Task.WhenAll(two));
        Assert.Equal(1, two.Count(t => t.IsCompletedSuccessfully));
    }

    [Fact]
    public async Task A_refusal_for_good_shows_that_the_service_answers_again()
    {
        var ask = Pipeline(Rules);
        var two = new[] { ask(), ask() };
        await AnswerAsync(2, new Fault { RateLimited = true });
        await _clock.WaitersAsync(2);
        _clock.Advance(TimeSpan.FromSeconds(30));

        await AnswerAsync(1, new Fault { IsFinal = true });
        await AnswerAsync(1, null);

        await Assert.ThrowsAsync<Fault>(() => Task.WhenAll(two));
        Assert.Equal(1, two.Count(t => t.IsCompletedSuccessfully));
    }

    [Fact]
    public async Task The_longest_wait_that_is_asked_for_holds()
    {
        var ask = Pipeline(Rules);
        var two = new[] { ask(), ask() };
        await AnswerAsync(1, new Fault { RateLimited = true, RetryAfter = TimeSpan.FromSeconds(10) });
        await _clock.WaitersAsync(1);
        await AnswerAsync(1, new Fault { RateLimited = true, RetryAfter = TimeSpan.FromSeconds(100) });
        await _clock.WaitersAsync(2);

        _clock.Advance(TimeSpan.FromSeconds(10));
        await _clock.WaitersAsync(2);
        Assert.Equal(2, _made);
        _clock.Advance(TimeSpan.FromSeconds(90));
        await AnswerAsync(2, null);
        await Task.WhenAll(two);
    }

    [Fact]
    public async Task After_too_many_times_too_many_requests_all_are_given_up_at_once()
    {
        var ask = Pipeline(Rules with { RateLimitAttempts = 2 });
        var all = Enumerable.Range(0, 5).Select(_ => ask()).ToList();
        await AnswerAsync(5, new Fault { RateLimited = true });
        await _clock.WaitersAsync(5);
        _clock.Advance(TimeSpan.FromSeconds(30));

        await AnswerAsync(1, new Fault { RateLimited = true });

        foreach (var one in all) await Assert.ThrowsAsync<Fault>(() => one);
        await Assert.ThrowsAsync<Fault>(ask);
        Assert.Equal(6, _made);
    }

    [Fact]
    public async Task A_fault_that_ends_all_reaches_those_who_wait_and_stops_further_requests()
    {
        var ask = Pipeline(Rules);
        var waiting = ask();
        var slow = ask();
        await AnswerAsync(1, new Fault { RateLimited = true });
        await _clock.WaitersAsync(1);

        await AnswerAsync(1, new Fault { IsFinal = true, EndsAll = true });

        Assert.True((await Assert.ThrowsAsync<Fault>(() => slow)).EndsAll);
        Assert.True((await Assert.ThrowsAsync<Fault>(() => waiting)).EndsAll);
        Assert.True((await Assert.ThrowsAsync<Fault>(ask)).EndsAll);
        Assert.Equal(2, _made);
    }

    [Theory]
    [InlineData(10_000)]
    [InlineData(60_000)]
    public async Task No_minute_has_more_requests_than_the_service_allows(int allowed)
    {
        var clock = new VirtualClock(runsAhead: true);
        var pace = new RequestPace(allowed, clock);
        var starts = new List<TimeSpan>();
        for (var i = 0; i < 3 * allowed; i++)
        {
            await pace.WaitAsync(TestContext.Current.CancellationToken);
            starts.Add(clock.Now);
        }

        Assert.All(Enumerable.Range(0, starts.Count - allowed), i => Assert.True(starts[i + allowed] - starts[i] > TimeSpan.FromMinutes(1)));
        Assert.InRange(starts[^1], TimeSpan.FromMinutes(3), TimeSpan.FromMinutes(4));
    }

    private sealed class Fault() : Exception("Not now.")
    {
        public bool RateLimited { get; init; }

        public TimeSpan? RetryAfter { get; init; }

        public bool IsFinal { get; init; }

        public bool EndsAll { get; init; }
    }
}
