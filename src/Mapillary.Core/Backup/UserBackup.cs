using System.Diagnostics;
using System.Runtime.CompilerServices;
using Mapillary.Collections;
using Mapillary.Collections.Checking;
using Mapillary.Collections.Files;
using Mapillary.Collections.Places;
using Mapillary.Collections.Records;
using Mapillary.Download;
using Mapillary.Graph;
using Mapillary.InternetArchive.Client;
using Mapillary.InternetArchive.Describing;
using Mapillary.Planning;
using Mapillary.Saving;
using Mapillary.Services;

namespace Mapillary.Backup;

/// <summary>
/// The whole job for one user: list, save, bundle into tars, describe for the Internet Archive, and move into place. It works in
/// <c>.staging</c> beside the finished collections, so that what is in its place is whole.
/// </summary>
public sealed class UserBackup(ServiceEndpoints endpoints, AccessToken token, IRunLog log, RetryRules? retry = null)
{
    /// <summary>Backs up one user.</summary>
    /// <param name="user">The user name.</param>
    /// <param name="options">What to do.</param>
    /// <param name="progress">Told how far it is; may be null.</param>
    /// <param name="cancellationToken">Stops at once; the next run goes on where this one was.</param>
    /// <exception cref="GraphException">Mapillary refuses, or cannot be reached.</exception>
    /// <exception cref="ArchiveException">Whether the user is archived already could not be told.</exception>
    /// <exception cref="CollectionException">The collection cannot be written.</exception>
    /// <exception cref="IOException">A tar cannot be written, or does not read back as written.</exception>
    public async Task<BackupResult> RunAsync(string user, BackupOptions options, IProgress<BackupProgress>? progress, CancellationToken cancellationToken)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(user);
        ArgumentNullException.ThrowIfNull(options);
        var clock = Stopwatch.StartNew();
        if (options.Save.Budget?.StopReason is { } stopped) return new BackupResult { User = user, Status = BackupStatus.Stopped, StopReason = stopped };
        using var runLog = new RunLogFile(log, options.Save.Destination);
        var name = new CollectionName(user, options.Save.Quality, options.Save.Form);
        var staging = Path.Combine(options.Save.Destination, CollectionName.StagingFolder);
        var output = new CollectionFolder(options.Save.Destination);
        var place = name.PathIn(options.Save.Destination, staging);
        using var graph = new GraphClient(endpoints.Graph, token, retry, runLog);
        using var archive = new ArchiveClient(endpoints.Archive, retry, runLog);
        var work = Path.Combine(staging, Path.GetFileName(place));
        if (await IsPassedOverAsync(archive, place, work, options, runLog, cancellationToken))
        {
            runLog.Say($"{Path.GetFileName(place)} is on archive.org already.");
            return new BackupResult { User = user, Status = BackupStatus.Archived, Duration = clock.Elapsed };
        }

        ImageSaver? saver = null;
        var images = List();
        try
        {
            // Before anything is touched: a refused token or an unknown user leaves no trace.
            var any = await FirstAsync();
            var known = any && !Directory.Exists(work) && !Directory.Exists(place)
                ? RenamedUser.CollectionFor(name, images.Current.CreatorId, [options.Save.Destination, staging], runLog)
                : name;
            if (known != name)
            {
                // The collection may have begun a listing.
                await images.DisposeAsync();
                name = known;
                place = name.PathIn(options.Save.Destination, staging);
                work = Path.Combine(staging, Path.GetFileName(place));
                images = List();
                any = await FirstAsync();
            }

            if (!any)
            {
                runLog.Warn(NothingListed.OfUser(user, options.Filter));
                return new BackupResult { User = user, Status = BackupStatus.Empty, Duration = clock.Elapsed };
            }

            var made = output.PlaceOf(Path.GetFullPath(work));
            using var taken = CollectionLock.TakeToMake(output, made);
            output.RefuseLink(made);
            BringBack(output, place, work, name, options, runLog);
            try
            {
                return await MakeAsync();
            }
            catch (Exception e)
            {
                runLog.SayEnd(e);
                throw;
            }
        }
        finally
        {
            await images.DisposeAsync();
        }

        IAsyncEnumerator<MapillaryImage> List() =>
            ListAsync(graph, user, options, place, work, () => saver?.Collections.SingleOrDefault(), runLog, cancellationToken).GetAsyncEnumerator(cancellationToken);

        async Task<bool> FirstAsync()
        {
            using var ticks = new Ticks(SavingRun.Often, TimeProvider.System, TellWaits);
            return await ticks.UntilAsync(images.MoveNextAsync());
        }

        async Task<BackupResult> MakeAsync()
        {
            var save = options.Save with { User = name.User, CollectionPath = work, Listing = options.Listing };
            using var opened = saver = new ImageSaver(save, FetchRules.For(endpoints, retry), graph, runLog);
            runLog.OpenFile(work);
            var result = await SaveAsync(saver, RestOf(images, cancellationToken), user, options, progress, runLog, cancellationToken);
            if (result.Status != BackupStatus.Complete) return result with { CollectionPath = work, Duration = clock.Elapsed };

            progress?.Report(new BackupProgress(user, "Describing"));
            IaMetadataWriter.Write(IaMetadata.Describe(work, runLog, cancellationToken), IaMetadataFormat.Rip, destination: null);
            runLog.Say($"The collection is complete: {place}.");
            runLog.CloseFile();
            // A collection that is archived stays equal to what is archived.
            if (result.IsUnchanged) runLog.RemoveFile();
            CollectionLock.Remove(work);
            Move(output, work, place);
            var collection = Path.GetFullPath(place);
            return result with
            {
                CollectionPath = collection,
                MadeOtherwise = result.MadeOtherwise is { } others ? others with { CollectionPath = collection } : null,
                Tars = [.. result.Tars.Select(tar => tar with { Path = Path.Combine(collection, Path.GetFileName(tar.Path)), CollectionPath = collection })],
                Duration = clock.Elapsed,
            };
        }

        void TellWaits() => progress?.Report(new BackupProgress(user, "Listing") { Waiting = SaveProgress.InWords(graph.Waits) });
    }

    /// <summary>Works out what <see cref="RunAsync"/> would do now. Nothing is written.</summary>
    /// <param name="user">The user name.</param>
    /// <param name="options">What would be to do.</param>
    /// <param name="progress">Told how many images were listed; may be null.</param>
    /// <param name="cancellationToken">Stops at once.</param>
    /// <exception cref="GraphException">Mapillary refuses, or cannot be reached.</exception>
    /// <exception cref="ArchiveException">Whether the user is archived already could not be told.</exception>
    /// <exception cref="CollectionException">What is there of the collection is damaged, of another area, or in another form.</exception>
    /// <exception cref="IOException">What is there of the collection cannot be read.</exception>
    public async Task<DownloadPlan> PlanAsync(string user, BackupOptions options, IProgress<long>? progress, CancellationToken cancellationToken)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(user);
        ArgumentNullException.ThrowIfNull(options);
        using var graph = new GraphClient(endpoints.Graph, token, retry, log);
        using var archive = new ArchiveClient(endpoints.Archive, retry, log);
        var plan = PlanOptions.For(options.Save with { User = user }, options.Tar);
        var staging = Path.Combine(plan.Destination, CollectionName.StagingFolder);
        var name = new CollectionName(user, plan.Quality, plan.Form);
        var place = name.PathIn(plan.Destination, staging);
        var work = Path.Combine(staging, Path.GetFileName(place));
        foreach (var there in new[] { place, work }.Where(Directory.Exists)) CollectionWriter.ReadState(there, name, options.Listing);
        if (await IsPassedOverAsync(archive, place, work, options, log, cancellationToken))
            return new DownloadPlan { User = user, Quality = plan.Quality.ToName(), Becomes = plan.Form, Destination = plan.Destination, IsArchived = true };
        var planner = new DownloadPlanner(plan, endpoints, graph, log);
        await foreach (var image in new ImageListing(graph).OfUserAsync(user, options.Filter, cancellationToken: cancellationToken))
        {
            planner.Add(image);
            progress?.Report(planner.Images);
        }

        return await planner.MakeAsync(cancellationToken);
    }

    /// <summary>What is here already is kept up to date, archived or not; the question is what to fetch anew.</summary>
    private static async Task<bool> IsPassedOverAsync(ArchiveClient archive, string place, string work, BackupOptions options, IRunLog log, CancellationToken cancellationToken) =>
        options.SkipArchived && !Directory.Exists(place) && !Directory.Exists(work)
        && await IsArchivedAsync(archive, Path.GetFileName(place), options.GoOnWhenUntold, log, cancellationToken);

    private static async Task<bool> IsArchivedAsync(ArchiveClient archive, string identifier, bool goOnWhenUntold, IRunLog log, CancellationToken cancellationToken)
    {
        try
        {
            return await archive.ExistsAsync(identifier, cancellationToken);
        }
        catch (ArchiveException e) when (goOnWhenUntold)
        {
            log.Warn($"{e.Message} Going on as if it were not archived.");
            return false;
        }
    }

    /// <summary>Saves what is listed, and, where nothing failed, makes a complete collection of it.</summary>
    private static async Task<BackupResult> SaveAsync(
        ImageSaver saver, IAsyncEnumerable<MapillaryImage> images, string user, BackupOptions options, IProgress<BackupProgress>? progress, IRunLog log, CancellationToken cancellationToken)
    {
        var run = new SavingRun(saver, log, () => saver.Collections.SingleOrDefault()?.ListedBefore);
        await run.SaveAsync(
            images,
            saved =>
            {
                if (saved.Error is not null) log.Warn(saved.Error);
            },
            now => progress?.Report(new BackupProgress(user, "Saving", now)),
            cancellationToken);
        log.Say($"User '{user}': {run.Ledger}.");
        var result = new BackupResult
        {
            User = user,
            Status = BackupStatus.Incomplete,
            Ledger = run.Ledger,
            Doubtful = run.Doubtful,
            Bytes = run.Bytes,
            PresentBytes = run.PresentBytes,
            Losses = run.Losses,
            MadeOtherwise = run.MadeOtherwise.SingleOrDefault(),
        };
        if (result.MadeOtherwise is { } others) log.Say(others.ToString());
        foreach (var line in RunSummary.Counts(run.Ledger, run.Bytes, run.PresentBytes).Concat(RunSummary.Advice(run.Losses, next: null))) log.Say(line);
        if (options.Save.Budget?.StopReason is { } reason)
        {
            log.Warn($"User '{user}': stopped, because {reason}. The next run goes on here.");
            return result with { Status = BackupStatus.Stopped, StopReason = reason };
        }

        var collection = saver.Collections.Single();
        var tars = new List<SequenceTar>();
        // What is not whole is not bundled: the next run would add to every tar.
        if (!collection.HasFailed)
        {
            await saver.SaveThumbnailAsync(collection, cancellationToken);
            foreach (var tar in options.Tar is { } grouping ? collection.Bundle(grouping, cancellationToken) : [])
            {
                tars.Add(tar);
                progress?.Report(new BackupProgress(user, $"Bundling {tar.Group}"));
            }
        }

        var complete = collection.Complete();
        // Let go before the folder is moved; Windows moves no folder with an open file.
        saver.Dispose();
        return result with { Status = complete ? BackupStatus.Complete : BackupStatus.Incomplete, Tars = tars, IsUnchanged = collection.IsUnchanged };
    }

    /// <summary>A finished collection is worked on in staging, so that its place never holds anything half-done.</summary>
    /// <exception cref="CollectionException">There are two of it, it is of another area, or its pictures are in another form.</exception>
    private static void BringBack(CollectionFolder output, string place, string work, CollectionName name, BackupOptions options, IRunLog log)
    {
        if (!Directory.Exists(place)) return;
        if (Directory.Exists(work))
        {
            throw new CollectionException(CollectionFault.Mismatch, place,
                $"There is a finished collection at '{place}' and one begun at '{work}'. Move one of them away; the one that stays is gone on with.");
        }

        // What cannot be gone on with stays where it is.
        try
        {
            CollectionWriter.ReadState(place, name, options.Listing);
        }
        catch (CollectionException e) when (e.InnerException is InvalidDataException)
        {
            // It is damaged, and mended now.
        }

        // Not from under one who reads or uploads it.
        using (CollectionLock.Take(place)) CollectionRepair.Mend(place, name, options.Listing, log);

        log.Say($"Going on with the collection at {place}.");
        Move(output, place, work);
    }

    private static void Move(CollectionFolder output, string from, string to)
    {
        try
        {
            output.MoveFolder(output.PlaceOf(Path.GetFullPath(from)), output.PlaceOf(Path.GetFullPath(to)));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            var why = $"'{from}' is whole, but could not be moved to '{to}': {e.Message}";
            throw FilePatience.MayBeHeld(e)
                ? new CollectionException(CollectionFault.InUse, to, $"{why} Close what has a file or a folder in there open, and run again: it is moved then.", e)
                : new CollectionException(CollectionFault.NotWritable, to, why, e);
        }
    }

    /// <summary>
    /// The user's images. A listing that was interrupted is taken up: first what it has brought, from the collection itself, then the
    /// rest from Mapillary. Behind them come those that an earlier listing had, this one has not, and that have not ended yet: withdrawn
    /// mostly, which is found out by asking for each.
    /// </summary>
    private static async IAsyncEnumerable<MapillaryImage> ListAsync(
        GraphClient graph, string user, BackupOptions options, string place, string work, Func<CollectionWriter?> collection, IRunLog log,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var filter = options.Filter;
        var cursor = FindCursor(work, filter);
        var seen = new ImageIdSet();
        if (cursor is not null)
        {
            log.Say($"Taking up the interrupted listing of user '{user}'.");
            foreach (var image in ImageRecords.Read(Path.Combine(work, ImageRecords.FileName), log))
            {
                if (seen.Add(image.Id)) yield return image;
            }
        }

        // Windows have no cursor that an interrupted listing could go on with; it is then begun anew, and only its pages are asked for twice.
        var listing = new ImageListing(graph);
        var images = cursor is null && options.ListingParallelism > 1
            ? listing.OfUserInWindowsAsync(user, filter, options.ListingParallelism, cancellationToken)
            : listing.OfUserAsync(user, filter, cursor, reached => collection()?.ListedUpTo(reached), cancellationToken);
        var brought = false;
        await foreach (var image in images)
        {
            brought = true;
            if (seen.Add(image.Id)) yield return image;
        }

        // No image at all under a name that had some: the user may have another one now.
        if (!brought && CreatorIdOf(Directory.Exists(work) ? work : place, log) is { } number
            && await graph.FindUserNameAsync(number, cancellationToken) is { } now && now != user)
        {
            log.Warn($"User '{user}' is called '{now}' at Mapillary now (number {number}). Going on with '{now}' in the same collection.");
            await foreach (var image in listing.OfUserAsync(now, filter, startCursor: null, reached => collection()?.ListedUpTo(reached), cancellationToken))
            {
                if (seen.Add(image.Id)) yield return image;
            }
        }

        // Where Mapillary has nothing any more, what was begun is still to be ended.
        var isGone = seen.Count == 0;
        foreach (var image in ImageRecords.FindIn(work) is { } records ? ImageRecords.Read(records, log) : [])
        {
            if (seen.Add(image.Id) && (isGone || collection()?.HasEnded(image.Id) == false)) yield return image;
        }
    }

    /// <summary>The number of the user whose collection this is; null where it does not tell.</summary>
    private static string? CreatorIdOf(string work, IRunLog log)
    {
        try
        {
            return CollectionState.Read(work)?.CreatorId ?? RenamedUser.CreatorIdIn(work);
        }
        catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException or CollectionException)
        {
            log.Say($"Whose collection '{work}' is cannot be told: {e.Message}");
            return null;
        }
    }

    /// <summary>The cursor of an interrupted listing of the same images; null where there is none.</summary>
    private static string? FindCursor(string work, ImageFilter filter)
    {
        try
        {
            if (CollectionState.Read(work) is not { Complete: false, Cursor: not null } state) return null;
            if (filter != new ImageFilter { BoundingBox = filter.BoundingBox } || state.BoundingBox != filter.BoundingBox?.ToString()) return null;
            // Where records of what was listed are lost, all is listed again.
            return ImageRecords.FindIn(work) is { } records && ImageRecords.Read(records).LongCount() >= state.Listed ? state.Cursor : null;
        }
        catch (InvalidDataException)
        {
            // Opening the collection says what is wrong with it, and mends it.
            return null;
        }
    }

    private static async IAsyncEnumerable<MapillaryImage> RestOf(IAsyncEnumerator<MapillaryImage> images, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        do
        {
            cancellationToken.ThrowIfCancellationRequested();
            yield return images.Current;
        }
        while (await images.MoveNextAsync());
    }
}
