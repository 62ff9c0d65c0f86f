using System.Diagnostics;
using System.Globalization;
using Mapillary.Collections;
using Mapillary.Collections.Records;
using Mapillary.InternetArchive.Client;

namespace Mapillary.InternetArchive.Uploading;

/// <summary>
/// Uploads a collection as it was planned. What is on archive.org with the same MD5 is not sent again, so that an upload that was
/// interrupted, or whose collection grew, is gone on with.
/// </summary>
public sealed class CollectionUpload
{
    /// <summary>So many files in a row that could not be uploaded end the run: the others fare no better.</summary>
    private const int MostFailuresInARow = 5;

    /// <summary>How often a file is sent again that archive.org lists with other bytes than ours.</summary>
    private const int MostRepairs = 2;

    private static readonly TimeSpan FirstPollingPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestPollingPause = TimeSpan.FromMinutes(1);

    private readonly UploadPlan _plan;
    private readonly ItemUploader _uploader;
    private readonly IProgress<UploadProgress>? _progress;
    private readonly int _allFiles;
    private readonly long _allBytes;
    private int _files;
    private long _bytes;
    private int _failuresInARow;

    private CollectionUpload(UploadPlan plan, ItemUploader uploader, IProgress<UploadProgress>? progress)
    {
        _plan = plan;
        _uploader = uploader;
        _progress = progress;
        var planned = plan.Items.SelectMany(i => i.Uploads).Where(u => u.State == PublishedFileState.Planned).ToList();
        (_allFiles, _allBytes) = (planned.Count, planned.Sum(u => u.File.Bytes));
    }

    /// <summary>Uploads what is planned, and waits a while for archive.org to list it.</summary>
    /// <param name="plan">What to upload.</param>
    /// <param name="keys">Whose upload it is.</param>
    /// <param name="progress">Told how far it is, from any thread; may be null.</param>
    /// <param name="cancellationToken">Stops at once; the next run goes on where this one was.</param>
    /// <exception cref="ArchiveException">archive.org refuses the keys or an item, or cannot be reached.</exception>
    /// <exception cref="CollectionException">What was sent cannot be noted.</exception>
    public static async Task<UploadResult> RunAsync(UploadPlan plan, ArchiveKeys keys, IProgress<UploadProgress>? progress, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(keys);
        var clock = Stopwatch.StartNew();
        using var uploader = new ItemUploader(plan.Endpoints.ArchiveS3, keys, plan.Archive, plan.Rules, plan.Log);
        var upload = new CollectionUpload(plan, uploader, progress);
        foreach (var item in plan.Items) await upload.SendAsync(item, cancellationToken);
        foreach (var item in plan.Items) await upload.VerifyAsync(item, cancellationToken);
        return new UploadResult
        {
            CollectionPath = plan.CollectionPath,
            Identifier = [.. plan.Items.Select(i => i.Identifier)],
            Files = [.. plan.Items.SelectMany(i => i.Files)],
            Duration = clock.Elapsed,
        };
    }

    private async Task SendAsync(ItemPlan item, CancellationToken cancellationToken)
    {
        var files = item.Uploads.Where(u => u.State == PublishedFileState.Planned).ToList();
        if (files.Count == 0) return;
        await _uploader.WaitForRoomAsync(item.Identifier, cancellationToken);

        // The last one alone, behind all others: with it archive.org is asked to look at the item. It is the listing, where that goes up.
        var last = files.Find(u => u.File.Name.StartsWith(ImageRecords.FileName, StringComparison.Ordinal)) ?? files[^1];
        files.Remove(last);
        if (!item.Exists && files.MinBy(u => u.File.Bytes) is { } first)
        {
            // The first one alone, too, because it makes the item; a small one, because so much hangs on it.
            files.Remove(first);
            if (!await SendAsync(item, first, item.Headers, isLast: false, cancellationToken))
            {
                foreach (var file in files.Append(last)) Fail(item, file, "It was not tried, because the item could not be made.");
                return;
            }
        }

        await foreach (var _ in files.InParallelAsync(_plan.Options.ThrottleLimit, (file, ct) => SendAsync(item, file, [], isLast: false, ct), cancellationToken))
        {
        }

        var isNew = !item.Exists && item.Uploads.TrueForAll(u => u.State != PublishedFileState.Sent);
        await SendAsync(item, last, isNew ? item.Headers : [], isLast: true, cancellationToken);
    }

    /// <returns>Whether it arrived.</returns>
    private async Task<bool> SendAsync(ItemPlan item, FileUpload upload, IReadOnlyList<(string Name, string Value)> headers, bool isLast, CancellationToken cancellationToken)
    {
        try
        {
            if (Volatile.Read(ref _failuresInARow) >= MostFailuresInARow) throw new ArchiveException(ArchiveFault.Transient, "It was not tried: too many files before it failed.");
            Report(item, upload.File.Name);
            upload.Md5 ??= await _plan.Journal.Md5Async(upload.File, cancellationToken);
            await _uploader.PutAsync(item.Identifier, upload.File, upload.Md5, [.. headers, .. ItemHeaders.ForFile(isLast)], bytes =>
            {
                Interlocked.Add(ref _bytes, bytes);
                Report(item, upload.File.Name);
            }, cancellationToken);
            Note(item, upload);
            Volatile.Write(ref _failuresInARow, 0);
            upload.Error = null;
            return true;
        }
        catch (Exception e) when (e is ArchiveException { Fault: ArchiveFault.Transient or ArchiveFault.BadAnswer } or IOException or UnauthorizedAccessException)
        {
            // What is wrong with a file of ours is no reason to give up the others.
            if (e is ArchiveException) Interlocked.Increment(ref _failuresInARow);
            Fail(item, upload, e.Message);
            return false;
        }
        finally
        {
            Interlocked.Increment(ref _files);
        }
    }

    private void Fail(ItemPlan item, FileUpload upload, string why)
    {
        upload.State = PublishedFileState.Failed;
        upload.Error = why;
        _plan.Log.Warn($"{item.Identifier}/{upload.File.Name}: {why}");
    }

    private void Note(ItemPlan item, FileUpload upload)
    {
        upload.State = PublishedFileState.Sent;
        upload.IsNew = true;
        try
        {
            _plan.Journal.Sent(upload.File, upload.Md5!, item.Identifier, upload.Replaced, _plan.Rules.Clock.GetUtcNow());
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CollectionException.NotWritable(_plan.CollectionPath, e);
        }
    }

    /// <summary>
    /// Asks until archive.org lists what it has taken over. What it lists with other bytes is sent again. What it does not list within
    /// the time is queued there, which is no failure: the next run asks again.
    /// </summary>
    private async Task VerifyAsync(ItemPlan item, CancellationToken cancellationToken)
    {
        var clock = _plan.Rules.Clock;
        var begun = clock.GetTimestamp();
        var pause = FirstPollingPause;
        for (var repairs = 0; ;)
        {
            var waiting = item.Uploads.Where(u => u.State is PublishedFileState.Sent or PublishedFileState.Queued).ToList();
            if (waiting.Count == 0 || _plan.Options.MaximumWait <= TimeSpan.Zero) return;
            Report(item, string.Create(CultureInfo.InvariantCulture, $"waiting for {waiting.Count} files to be listed"));
            var damaged = await CompareAsync(item, waiting, cancellationToken);
            if (damaged.Count > 0 && repairs++ < MostRepairs)
            {
                foreach (var upload in damaged) await SendAsync(item, upload, [], isLast: upload == damaged[^1], cancellationToken);
                continue;
            }

            foreach (var upload in damaged)
            {
                Fail(item, upload, "archive.org lists it with other bytes than were sent.");
                _plan.Journal.NotSent(upload.File, upload.Md5!);
            }

            if (waiting.TrueForAll(u => u.State != PublishedFileState.Queued) || clock.GetElapsedTime(begun) + pause > _plan.Options.MaximumWait) return;
            await Task.Delay(pause, clock, cancellationToken);
            pause = pause * 2 < LongestPollingPause ? pause * 2 : LongestPollingPause;
        }
    }

    /// <returns>The files that arrived as something else.</returns>
    private async Task<List<FileUpload>> CompareAsync(ItemPlan item, List<FileUpload> waiting, CancellationToken cancellationToken)
    {
        ArchiveItem there;
        try
        {
            there = await _plan.Archive.GetItemAsync(item.Identifier, cancellationToken);
        }
        catch (ArchiveException e) when (e.Fault is ArchiveFault.Transient or ArchiveFault.RateLimited or ArchiveFault.BadAnswer)
        {
            _plan.Log.Warn($"{e.Message} What was uploaded to '{item.Identifier}' is not verified; the next run asks again.");
            foreach (var upload in waiting) upload.State = PublishedFileState.Queued;
            return [];
        }

        var damaged = new List<FileUpload>();
        foreach (var upload in waiting)
        {
            var listed = there.Files.GetValueOrDefault(upload.File.Name)?.Md5;
            upload.State = listed == upload.Md5 ? PublishedFileState.Verified : PublishedFileState.Queued;
            if (listed is null || listed == upload.Md5 || listed == upload.Replaced) continue;
            upload.Replaced = listed;
            damaged.Add(upload);
        }

        return damaged;
    }

    private void Report(ItemPlan item, string activity) =>
        _progress?.Report(new UploadProgress(item.Identifier, activity, Volatile.Read(ref _files), _allFiles, Interlocked.Read(ref _bytes), _allBytes));
}
