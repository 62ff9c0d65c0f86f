using System.Runtime.CompilerServices;
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
    public static async IAsyncEnumerable<TResult> InParallelAsync<TItem, TResult>(
        this IAsyncEnumerable<TItem> source,
        int degree,
        Func<TItem, CancellationToken, Task<TResult>> work,
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var results = Channel.CreateBounded<TResult>(degree);
        var workers = Task.Run(async () =>
        {
            try
            {
                var options = new ParallelOptions { MaxDegreeOfParallelism = degree, CancellationToken = stop.Token };
                await Parallel.ForEachAsync(source, options, async (item, ct) => await results.Writer.WriteAsync(await work(item, ct), ct));
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
            await workers;
        }
    }
}
