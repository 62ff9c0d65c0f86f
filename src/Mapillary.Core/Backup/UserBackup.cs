using System.Diagnostics;
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
/// The whole job for one user: list (<see cref="UserListing"/>), save, bundle into tars, describe for the Internet Archive, and move into
/// place (<see cref="StagedCollection"/>).
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
        var collection = new StagedCollection(options.Save.Destination, new CollectionName(user, options.Save.Quality, options.Save.Form));
        using var graph = new GraphClient(endpoints.Graph, token, retry, runLog);
        using var archive = new ArchiveClient(endpoints.Archive, retry, runLog);
        if (await IsSkippedAsync(archive, collection, options, runLog, cancellationToken))
        {
            runLog.Say($"{collection.Identifier} is on archive.org already.");
            return new BackupResult { User = user, Status = BackupStatus.Archived, Duration = clock.Elapsed };
        }

        var images = new UserListing(graph, user, options, collection, runLog, cancellationToken);
        try
        {
            // Before anything is touched: a refused token or an unknown user leaves no trace.
            var first = await FindFirstAsync();
            if (first is not null && collection.OfUser(first.CreatorId, runLog) is var known && known != collection)
            {
                // That collection may have begun a listing.
                await images.DisposeAsync();
                collection = known;
                images = new UserListing(graph, user, options, collection, runLog, cancellationToken);
                first = await FindFirstAsync();
            }

            if (first is null)
            {
                runLog.Warn(NothingListed.OfUser(user, options.Filter));
                return new BackupResult { User = user, Status = BackupStatus.Empty, Duration = clock.Elapsed };
            }

            using var taken = collection.Take();
            collection.BringBack(options.Listing, runLog);
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

        async Task<MapillaryImage?> FindFirstAsync()
        {
            using var ticks = new Ticks(SavingRun.Often, TimeProvider.System, TellWaits);
            return await ticks.UntilAsync(images.FindFirstAsync());
        }

        async Task<BackupResult> MakeAsync()
        {
            var save = options.Save with { User = collection.Name.User, CollectionPath = collection.Work, Listing = options.Listing };
            using var saver = new ImageSaver(save, FetchRules.For(endpoints, retry), graph, runLog);
            runLog.OpenFile(collection.Work);
            var (result, made) = await SaveAsync(saver, images.FromFirstAsync(), user, options, progress, runLog, cancellationToken);
            if (result.Status != BackupStatus.Complete) return result with { CollectionPath = collection.Work, Duration = clock.Elapsed };

            progress?.Report(new BackupProgress(user, "Describing"));
            IaMetadataWriter.Write(IaMetadata.Describe(made!, runLog, cancellationToken), IaMetadataFormat.Rip, destination: null);
            runLog.Say($"The collection is complete: {collection.Place}.");
            runLog.CloseFile();
            // A collection that is archived stays equal to what is archived.
            if (result.IsUnchanged) runLog.RemoveFile();
            collection.PutInPlace();
            var path = Path.GetFullPath(collection.Place);
            return result with
            {
                CollectionPath = path,
                MadeOtherwise = result.MadeOtherwise is { } others ? others with { CollectionPath = path } : null,
                Tars = [.. result.Tars.Select(tar => tar with { Path = Path.Combine(path, Path.GetFileName(tar.Path)), CollectionPath = path })],
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
        var collection = new StagedCollection(plan.Destination, new CollectionName(user, plan.Quality, plan.Form));
        collection.RefuseOther(options.Listing);
        if (await IsSkippedAsync(archive, collection, options, log, cancellationToken))
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
    private static async Task<bool> IsSkippedAsync(
        ArchiveClient archive, StagedCollection collection, BackupOptions options, IRunLog log, CancellationToken cancellationToken) =>
        options.SkipArchived && !collection.IsThere && await IsArchivedAsync(archive, collection.Identifier, options.GoOnWhenUntold, log, cancellationToken);

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
    /// <returns>How it ended, and the collection where it is complete.</returns>
    private static async Task<(BackupResult Result, Collection? Made)> SaveAsync(
        ImageSaver saver, IAsyncEnumerable<ListingStep> images, string user, BackupOptions options, IProgress<BackupProgress>? progress, IRunLog log, CancellationToken cancellationToken)
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
            return (result with { Status = BackupStatus.Stopped, StopReason = reason }, null);
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
        result = result with
        {
            Status = complete ? BackupStatus.Complete : BackupStatus.Incomplete,
            Tars = tars,
            IsUnchanged = collection.IsUnchanged,
        };
        return (result, complete ? collection.ToRead() : null);
    }
}
