using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Threading.Channels;

namespace Mapillary;

/// <summary>Work on a stream with several items under way at once.</summary>
public static class ParallelWork
{
    /// <summary>
    /// Works on the items of a stream, some at once, and hands on each result as soon as it is there, in no particular order. No
    /// more items are taken than are worked on; results that nobody takes hold the work up. Whoever stops reading stops the work and
    /// waits for what is under way.
    /// </summary>
    /// <param name="source">The items.</param>
    /// <param name="degree">The most items worked on at once.</param>
    /// <param name="work">The work on one item. An exception ends the stream, after the results that are there.</param>
    /// <param name="cancellationToken">Stops everything.</param>
    public static IAsyncEnumerable<TResult> InParallelAsync<TItem, TResult>(
        this IEnumerable<TItem> source, int degree, Func<TItem, CancellationToken, Task<TResult>> work, CancellationToken cancellationToken = default)
    {
        return Items().InParallelAsync(degree, work, cancellationToken);

#pragma warning disable CS1998 // A list has nothing to wait for.
        async IAsyncEnumerable<TItem> Items()
        {
            foreach (var item in source) yield return item;
        }
#pragma warning restore CS1998
    }

    /// <inheritdoc cref="InParallelAsync{TItem,TResult}(IEnumerable{TItem},int,Func{TItem,CancellationToken,Task{TResult}},CancellationToken)"/>
    public static IAsyncEnumerable<TResult> InParallelAsync<TItem, TResult>(
        this IAsyncEnumerable<TItem> source, int degree, Func<TItem, CancellationToken, Task<TResult>> work, CancellationToken cancellationToken = default) =>
        BesideAsync<TResult>(
            degree,
            (results, stop) => Parallel.ForEachAsync(
                source,
                new ParallelOptions { MaxDegreeOfParallelism = degree, CancellationToken = stop },
                async (item, ct) => await results.WriteAsync(await work(item, ct), ct)),
            cancellationToken);

    /// <summary>Takes items of a stream before they are asked for. Where the stream breaks off, those that wait are not handed on.</summary>
    /// <param name="source">The items.</param>
    /// <param name="count">The most items that wait.</param>
    /// <param name="cancellationToken">Stops everything.</param>
    public static async IAsyncEnumerable<T> AheadAsync<T>(this IAsyncEnumerable<T> source, int count, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        Exception? fault = null;
        var items = BesideAsync<T>(
            count,
            async (ahead, stop) =>
            {
                try
                {
                    await foreach (var item in source.WithCancellation(stop)) await ahead.WriteAsync(item, stop);
                }
                catch (Exception e)
                {
                    Volatile.Write(ref fault, e);
                    throw;
                }
            },
            cancellationToken);
        await foreach (var item in items)
        {
            if (Volatile.Read(ref fault) is { } e) ExceptionDispatchInfo.Throw(e);
            yield return item;
        }
    }

    /// <summary>Hands on what a work beside the reader writes. Whoever stops reading stops the work and waits for its end.</summary>
    private static async IAsyncEnumerable<T> BesideAsync<T>(
        int capacity, Func<ChannelWriter<T>, CancellationToken, Task> write, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var results = Channel.CreateBounded<T>(capacity);
        var work = Task.Run(async () =>
        {
            try
            {
                await write(results.Writer, stop.Token);
                results.Writer.Complete();
            }
            catch (Exception e)
            {
                // Not swallowed: the reader gets it, behind the results that came before.
                results.Writer.Complete(e);
            }
        }, CancellationToken.None);

        try
        {
            await foreach (var result in results.Reader.ReadAllAsync(cancellationToken)) yield return result;
        }
        finally
        {
            await stop.CancelAsync();
            await work;
        }
    }
}
