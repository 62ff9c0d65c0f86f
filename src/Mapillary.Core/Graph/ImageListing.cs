using System.Globalization;
using System.Runtime.CompilerServices;
using Mapillary.Services;

namespace Mapillary.Graph;

/// <summary>
/// Walks through what the Graph API lists: a user's images, a sequence, an area, or images by id. Images come as soon as their
/// page is there; the next page is asked for when half of one has been taken, so that whoever stops early costs no further page.
/// </summary>
public sealed class ImageListing(GraphClient client)
{
    /// <summary>Down to this size, pages are made smaller before fields are left out of them.</summary>
    private const int SmallPage = 100;

    /// <summary>The most characters of a cursor; those of the API have some 200.</summary>
    private const int LongestCursor = 4096;

    /// <summary>How many pages in a row may bring nothing new before the listing counts as one without end.</summary>
    private const int MostBarrenPages = 50;

    /// <summary>How many times in a row a listing begins again without having come further than before.</summary>
    private const int MostVainStartOvers = 5;

    /// <summary>So many images in a row whose record is not answered in time are the service's trouble, not theirs.</summary>
    private const int TimeOutsOfAnOutage = 3;

    /// <summary>The API refuses an area of this many square degrees or more.</summary>
    private const double LargestArea = 0.01;

    /// <summary>
    /// An area search answers with a sample. Full answers were seen to be cut from 1,879 rows on (the documented cap is 2,000), so
    /// an area with more rows than this is asked for again in quarters.
    /// </summary>
    private const int TrustedAreaRows = 1500;

    /// <summary>Areas smaller than about 10 m are not divided further.</summary>
    private const double SmallestSide = 0.0001;

    /// <summary>Lists a user's images, newest first.</summary>
    /// <param name="user">The user name.</param>
    /// <param name="filter">Which images are wanted.</param>
    /// <param name="maxPages">The most pages to ask for; null for all.</param>
    /// <param name="cancellationToken">Stops the listing.</param>
    /// <exception cref="GraphException">The API refused, could not be reached, or its pages contradict each other.</exception>
    public IAsyncEnumerable<MapillaryImage> OfUserAsync(string user, ImageFilter filter, int? maxPages = null, CancellationToken cancellationToken = default) =>
        SourceOf(filter, maxPages).MarkAsync(WalkAsync(user, filter, filter, maxPages, startCursor: null, cancellationToken).ImagesAsync(), cancellationToken);

    private static ListingSource SourceOf(ImageFilter filter, int? maxPages = null)
    {
        ArgumentNullException.ThrowIfNull(filter);
        return new ListingSource(filter.Shard, isAll: maxPages is null && filter.IsAll);
    }

    /// <summary>
    /// Lists a user's images in windows of their capture time, several at once, in no particular order. That is faster for large accounts;
    /// but the API's search by time skips images without a capture time, so the listing one after another alone has these.
    /// </summary>
    /// <param name="user">The user name.</param>
    /// <param name="filter">Which images are wanted.</param>
    /// <param name="parallelism">The most windows at once.</param>
    /// <param name="cancellationToken">Stops the listing.</param>
    /// <exception cref="GraphException">The API refused, could not be reached, or its pages lead in a circle.</exception>
    public IAsyncEnumerable<MapillaryImage> OfUserInWindowsAsync(string user, ImageFilter filter, int parallelism, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(user);
        ArgumentNullException.ThrowIfNull(filter);
        ArgumentOutOfRangeException.ThrowIfLessThan(parallelism, 1);
        var images = new WindowedListing(this, user, filter, parallelism, sharedAfter: GraphClient.LargestPage / 2).ListAsync(cancellationToken);
        return SourceOf(filter).MarkAsync(images, cancellationToken);
    }

    /// <summary>The images of a stretch of capture time, both ends included, newest first.</summary>
    internal IAsyncEnumerable<MapillaryImage> InWindowAsync(string user, ImageFilter filter, DateTimeOffset? from, DateTimeOffset? to, CancellationToken cancellationToken) =>
        WalkAsync(user, filter, new ImageFilter { After = from, Before = to }, maxPages: null, startCursor: null, cancellationToken).ImagesAsync();

    /// <summary>
    /// Lists a user's images, newest first, in steps that tell behind each page where the listing goes on, so that an interrupted one can be
    /// taken up there. That is all a cursor is good for: what is uploaded meanwhile may belong before it, so a listing that came to its end is
    /// begun anew the next time, and its images are told apart by their ids.
    /// </summary>
    /// <param name="user">The user name.</param>
    /// <param name="filter">Which images are wanted; with a cursor, as in the listing that gave it.</param>
    /// <param name="startCursor">
    /// Where to begin: the cursor of the last <see cref="ListingStep.UpTo"/>; null for the beginning. Where the API does not know it any more,
    /// the listing begins at the beginning, and so brings images that the interrupted one has brought.
    /// </param>
    /// <param name="cancellationToken">Stops the listing.</param>
    /// <exception cref="GraphException">The API refused, could not be reached, or its pages lead in a circle.</exception>
    internal IAsyncEnumerable<ListingStep> StepsOfUserAsync(string user, ImageFilter filter, string? startCursor, CancellationToken cancellationToken = default) =>
        WalkAsync(user, filter, filter, maxPages: null, startCursor, cancellationToken);

    /// <param name="user">The user name.</param>
    /// <param name="filter">Which images are wanted.</param>
    /// <param name="times">Of this one the times that the API is asked for.</param>
    /// <param name="maxPages">The most pages to ask for.</param>
    /// <param name="startCursor">Where to begin.</param>
    /// <param name="cancellationToken">Stops the listing.</param>
    private async IAsyncEnumerable<ListingStep> WalkAsync(
        string user, ImageFilter filter, ImageFilter times, int? maxPages, string? startCursor, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(user);
        ArgumentNullException.ThrowIfNull(filter);
        using var stopped = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var seen = new ImageIdSet();
        var cursors = new HashSet<string>(startCursor is null ? [] : [startCursor], StringComparer.Ordinal);
        var size = new PageSize();
        var way = new TimeOrder(times);
        var (barren, mostBarren, fullest, seenAtStartOver, vainStartOvers, isAskedAgain) = (0, MostBarrenPages, 0, -1, 0, false);
        var asked = startCursor;
        Task<ImagePage>? next = FetchAsync(asked, 1);
        try
        {
            for (var number = 1; next is not null; number++)
            {
                ImagePage page;
                try
                {
                    page = await next;
                }
                catch (GraphException e) when (e.Fault == GraphFault.BadRequest && asked is not null && (MayStartOver() || way.CanGoOn))
                {
                    // Cursors expire, also those on the way back to where the listing was. One that never gets there is given up.
                    if (MayStartOver()) StartOver(number, e.Message);
                    else GoOnByTime(number, e.Message);
                    number--;
                    continue;
                }

                next = null;
                var (cursor, trouble) = maxPages is null || number < maxPages ? CursorAfter(page, user) : default;
                if (cursor is not null && !cursors.Add(cursor)) trouble = "leads back to an earlier page";
                if (trouble is not null && !isAskedAgain)
                {
                    client.Log.Say($"Page {number} of user '{user}' {trouble}; asking for it once more.");
                    (next, isAskedAgain) = (FetchAsync(asked, number), true);
                    number--;
                    continue;
                }

                isAskedAgain = false;
                if (trouble is not null) cursor = null;
                var (half, before) = (page.Images.Count / 2, seen.Count);
                for (var i = 0; i < page.Images.Count; i++)
                {
                    if (i == half && cursor is not null) next = FetchAsync(asked = cursor, number + 1);
                    client.ThrowIfBlocked();
                    var image = page.Images[i];
                    if (!seen.Add(image.Id)) continue;
                    way.Note(image);
                    if (filter.Wants(image)) yield return new ListingStep.Found(image);
                }

                barren = seen.Count > before ? 0 : barren + 1;
                if (cursor is not null && barren > mostBarren)
                {
                    trouble = $"and the {barren - 1} before it brought no new image, and more pages follow";
                    await Observed(next);
                    (next, cursor) = (null, null);
                }

                fullest = Math.Max(fullest, page.Images.Count);
                if (trouble is not null && !way.IsAtEnd(page, isNew: seen.Count > before, isFull: page.Images.Count == fullest))
                {
                    if (way.CanGoOn) GoOnByTime(number + 1, $"Page {number} {trouble}.");
                    else if (way.IsUnknown && startCursor is not null && seenAtStartOver < 0) StartOver(number + 1, $"Page {number} {trouble}.");
                    else throw new GraphException(GraphFault.BadAnswer, $"Page {number} of user '{user}' {trouble}; the listing is not complete. Try again later.");
                    continue;
                }

                // A cursor of a stretch of time is none of the listing.
                if (cursor is null || !way.IsByTime) yield return new ListingStep.UpTo(cursor);

                // An empty page may still lead on.
                if (cursor is not null) next ??= FetchAsync(asked = cursor, number + 1);
            }

            if (way.IsByTime)
            {
                client.Log.Warn($"The pages of user '{user}' do not lead to the end; the rest was found by capture time. "
                    + "Images without one, if there are more of them, are not found so.");
            }
        }
        finally
        {
            await stopped.CancelAsync();
            await Observed(next);
        }

        bool MayStartOver() => !way.IsByTime && (seen.Count > seenAtStartOver || vainStartOvers < MostVainStartOvers);

        void StartOver(int number, string why)
        {
            client.Log.Say($"Mapillary no longer knows where the listing of user '{user}' was; starting again and skipping what was listed. {why}");
            vainStartOvers = seen.Count > seenAtStartOver ? 0 : vainStartOvers + 1;
            seenAtStartOver = seen.Count;
            way.StartOver();
            Begin(number, MostBarrenPages + number + (seen.Count / size.Current));
        }

        void GoOnByTime(int number, string why)
        {
            way.GoOn();
            client.Log.Say(string.Create(CultureInfo.InvariantCulture,
                $"The pages of user '{user}' lead no further; going on with what was captured up to {way.Times.Before!.Value.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC. {why}"));
            Begin(number, MostBarrenPages);
        }

        // At the beginning of the listing, or of what is left of it by time.
        void Begin(int number, int most)
        {
            (barren, mostBarren) = (0, most);
            cursors.Clear();
            next = FetchAsync(asked = null, number);
        }

        async Task<ImagePage> FetchAsync(string? cursor, int number)
        {
            // No bbox: the API limits it to 0.01 square degrees and samples what is in it; the filter loses nothing.
            var search = $"creator_username={Uri.EscapeDataString(user)}{TimeParameters(way.Times)}";
            var after = cursor is null ? "" : $"&after={Uri.EscapeDataString(cursor)}";
            while (true)
            {
                try
                {
                    // Smaller pages lose nothing; only where they would become many, fields are spared, and only on this page.
                    var page = await client.SearchAsync(
                        $"page {number} of user '{user}'", search + after, size.Current, orFewerFields: size.Current <= SmallPage, canAskForLess: size.Current > 1, stopped.Token);
                    size.Answered();
                    WarnOfMalformed(page);
                    return page;
                }
                catch (GraphException e) when (e.Fault is GraphFault.TooMuchData or GraphFault.TimedOut && size.Current > 1)
                {
                    size.Failed(e.Fault);
                    await client.BeforeAskingForLessAsync(e, $"asking for pages of {size.Current} images", stopped.Token);
                }
            }
        }
    }

    /// <summary>Lists a sequence's images in the order of their capture.</summary>
    /// <param name="sequenceId">The sequence id; case matters.</param>
    /// <param name="filter">Which images are wanted.</param>
    /// <param name="cancellationToken">Stops the listing.</param>
    /// <exception cref="GraphException">The API refused or could not be reached.</exception>
    public async IAsyncEnumerable<MapillaryImage> OfSequenceAsync(
        string sequenceId, ImageFilter filter, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(sequenceId);
        ArgumentNullException.ThrowIfNull(filter);
        // The search by sequence is capped at a page; the list of its ids is complete.
        var ids = await client.GetImageIdsAsync(sequenceId, cancellationToken);
        await foreach (var answer in ByIdAsync(ids, cancellationToken))
        {
            if (answer.Image is null) client.Log.Warn($"Sequence {sequenceId}: {answer.Problem!.Message}");
            else if (filter.Wants(answer.Image)) yield return answer.Image;
        }
    }

    /// <summary>Asks for images by their ids.</summary>
    /// <param name="ids">Any number of ids.</param>
    /// <param name="cancellationToken">Stops the listing.</param>
    /// <returns>An answer for each id, in their order.</returns>
    /// <exception cref="GraphException">The API refused the whole request, or could not be reached.</exception>
    public async IAsyncEnumerable<ImageAnswer> ByIdAsync(IEnumerable<string> ids, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(ids);
        var timedOut = 0;
        foreach (var batch in ids.Chunk(GraphClient.IdsARequest))
        {
            var found = (await FetchBatchAsync(batch)).ToDictionary(i => i.Id);
            foreach (var id in batch)
                yield return found.TryGetValue(id, out var image) ? new ImageAnswer(id, image, null) : await FetchOneAsync(id);
        }

        async Task<IReadOnlyList<MapillaryImage>> FetchBatchAsync(IReadOnlyList<string> batch)
        {
            try
            {
                return await client.GetImagesAsync(batch, cancellationToken);
            }
            catch (GraphException e) when (e.Fault is GraphFault.NotFound or GraphFault.BadRequest or GraphFault.TooMuchData or GraphFault.TimedOut)
            {
                // One bad id may spoil the batch; each is then asked for by itself.
                return [];
            }
        }

        async Task<ImageAnswer> FetchOneAsync(string id)
        {
            try
            {
                var answer = new ImageAnswer(id, await client.GetImageAsync(id, cancellationToken), null);
                timedOut = 0;
                return answer;
            }
            catch (GraphException e) when (e.Fault is GraphFault.NotFound or GraphFault.BadRequest or GraphFault.BadAnswer or GraphFault.TooMuchData
                || (e.Fault == GraphFault.TimedOut && ++timedOut < TimeOutsOfAnOutage))
            {
                return new ImageAnswer(id, null, e);
            }
        }
    }

    /// <summary>
    /// Lists a sample of the images of an area of any size, each once. The API's area search is that even where the area is small; for what must
    /// be complete there are vector tiles.
    /// </summary>
    /// <param name="area">The area.</param>
    /// <param name="filter">Which images are wanted.</param>
    /// <param name="cancellationToken">Stops the listing.</param>
    /// <exception cref="GraphException">The API refused or could not be reached.</exception>
    public async IAsyncEnumerable<MapillaryImage> SampleAreaAsync(
        GeoArea area, ImageFilter filter, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(area);
        ArgumentNullException.ThrowIfNull(filter);
        client.Log.Say("This search gives a sample of the images of an area.");
        var (seen, origin) = (new ImageIdSet(), new ImageOrigin(null, new ListedArea(area.Name, area.ToString())));
        var open = new Stack<BoundingBox>(area.Bounds.Reverse());
        while (open.TryPop(out var box))
        {
            if (box.SquareDegrees >= LargestArea)
            {
                Divide(box);
                continue;
            }

            ImagePage page;
            var divisible = box.East - box.West > SmallestSide && box.North - box.South > SmallestSide;
            try
            {
                page = await client.SearchAsync(
                    $"the area {box}", $"bbox={box}{TimeParameters(filter)}", GraphClient.LargestPage, orFewerFields: !divisible, canAskForLess: divisible, cancellationToken);
                WarnOfMalformed(page);
            }
            catch (GraphException e) when (e.Fault is GraphFault.TooMuchData or GraphFault.TimedOut && divisible)
            {
                await client.BeforeAskingForLessAsync(e, "asking for its quarters", cancellationToken);
                Divide(box);
                continue;
            }

            foreach (var image in page.Images)
            {
                if (filter.Wants(image) && seen.Add(image.Id)) yield return image with { Origin = origin };
            }

            if (page.Images.Count > TrustedAreaRows && divisible) Divide(box);
        }

        void Divide(BoundingBox box)
        {
            foreach (var quarter in box.Quarters().Reverse()) open.Push(quarter);
        }
    }

    /// <returns>The cursor of the next page; none where this is the last. Or what is wrong with it.</returns>
    /// <exception cref="GraphException">The next page is elsewhere.</exception>
    private (string? Cursor, string? Trouble) CursorAfter(ImagePage page, string user)
    {
        if (page.Next is null) return default;
        if (!WebAddress.TryParse(page.Next, out var next) || !client.IsOwn(next))
            throw new GraphException(GraphFault.BadAnswer, $"The next page of user '{user}' is at another address; it was not followed, because the token must not go there.");
        var cursor = page.After ?? next.Query.TrimStart('?').Split('&')
            .Where(p => p.StartsWith("after=", StringComparison.Ordinal))
            .Select(p => Uri.UnescapeDataString(p["after=".Length..]))
            .FirstOrDefault();
        return cursor switch
        {
            null => (null, "has no cursor, though more pages follow"),
            // All of a listing are kept.
            { Length: > LongestCursor } => (null, $"has a cursor of {cursor.Length} characters, more than one can have"),
            _ => (cursor, null),
        };
    }

    private void WarnOfMalformed(ImagePage page)
    {
        foreach (var fault in page.Images.Where(i => i.RecordFault is not null).GroupBy(i => i.RecordFault))
            client.Log.Warn($"The record of image {fault.First().Id}{(fault.Skip(1).Any() ? $", and {fault.Count() - 1} others of its page," : "")} {fault.Key}; only its id was read.");
        if (page.Malformed > 0)
            client.Log.Warn($"{Amount.Of(page.Malformed, "record")} of a page had no image id and {Amount.Word(page.Malformed, "was", "were")} skipped.");
    }

    /// <summary>Whole seconds around what is wanted; the filter then decides to the millisecond.</summary>
    private static string TimeParameters(ImageFilter filter)
    {
        var after = filter.After is { } from ? $"&start_captured_at={Iso(from)}" : "";
        var before = filter.Before is { } to ? $"&end_captured_at={Iso(to.Ticks % TimeSpan.TicksPerSecond == 0 ? to : to.AddSeconds(1))}" : "";
        return after + before;

        static string Iso(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH':'mm':'ss'Z'", CultureInfo.InvariantCulture);
    }

    /// <summary>Lets a page that nobody wants any more end before its client does.</summary>
    private static async Task Observed(Task? task)
    {
        if (task is null) return;
        try
        {
            await task;
        }
        catch (Exception e) when (e is OperationCanceledException or GraphException)
        {
            // Nobody asked for its outcome.
        }
    }
}
