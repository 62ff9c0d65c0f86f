using System.Diagnostics;
using System.Globalization;
using Mapillary.Collections;
using Mapillary.Collections.Records;
using Mapillary.InternetArchive.Client;
using Mapillary.InternetArchive.Describing;

namespace Mapillary.InternetArchive.Uploading;

/// <summary>
/// Uploads a collection as it was planned. What is on archive.org with the same MD5 is not sent again, so that an upload that was
/// interrupted, or whose collection grew, is gone on with.
/// </summary>
internal sealed class CollectionUpload
{
    /// <summary>So many files in a row that could not be uploaded end the run: the others fare no better.</summary>
    private const int MostFailuresInARow = 5;

    /// <summary>How often a file is sent again that archive.org lists with other bytes than ours.</summary>
    private const int MostRepairs = 2;

    private static readonly TimeSpan FirstPollingPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestPollingPause = TimeSpan.FromMinutes(1);

    private readonly UploadSession _session;
    private readonly IReadOnlyList<ItemUpload> _items;
    private readonly ItemUploader _uploader;
    private readonly IProgress<UploadProgress>? _progress;
    private readonly int _allFiles;
    private readonly long _allBytes;
    private int _files;
    private long _bytes;
    private int _failuresInARow;

    /// <param name="session">The session.</param>
    /// <param name="plan">What to upload; it is only read.</param>
    /// <param name="uploader">Sends the files.</param>
    /// <param name="progress">Told how far it is, from any thread; may be null.</param>
    public CollectionUpload(UploadSession session, UploadPlan plan, ItemUploader uploader, IProgress<UploadProgress>? progress)
    {
        _session = session;
        _items = [.. plan.Items.Select(i => new ItemUpload(i))];
        _uploader = uploader;
        _progress = progress;
        var planned = _items.SelectMany(i => i.Files).Where(u => u.State == PublishedFileState.Planned).ToList();
        (_allFiles, _allBytes) = (planned.Count, planned.Sum(u => u.File.Bytes));
    }

    /// <summary>Uploads, and waits a while for archive.org to list it.</summary>
    /// <param name="cancellationToken">Stops at once; the next run goes on where this one was.</param>
    public async Task<UploadResult> RunAsync(CancellationToken cancellationToken)
    {
        var clock = Stopwatch.StartNew();
        foreach (var item in _items) await SendAsync(item, cancellationToken);
        foreach (var item in _items) await VerifyAsync(item, cancellationToken);
        return new UploadResult
        {
            CollectionPath = _session.CollectionPath,
            Identifier = [.. _items.Select(i => i.Identifier)],
            Files = [.. _items.SelectMany(i => i.Files.Select(f => f.ToPublished()).OrderBy(f => f.Name, StringComparer.Ordinal))],
            Duration = clock.Elapsed,
        };
    }

    private async Task SendAsync(ItemUpload item, CancellationToken cancellationToken)
    {
        var files = item.Files.Where(u => u.State == PublishedFileState.Planned).ToList();
        if (files.Count == 0) return;
        await _uploader.WaitForRoomAsync(item.Identifier, cancellationToken);

        // The last one alone, behind all others: with it archive.org is asked to look at the item. It is the listing, where that goes up.
        var last = files.Find(u => u.File.Name.StartsWith(ImageRecords.FileName, StringComparison.Ordinal)) ?? files[^1];
        files.Remove(last);
        if (!item.Plan.Exists && files.MinBy(u => u.File.Bytes) is { } first)
        {
            // The first one alone, too, because it makes the item; a small one, because so much hangs on it.
            files.Remove(first);
            if (!await SendAsync(item, first, item.Plan.Headers, isLast: false, cancellationToken))
            {
                foreach (var file in files.Append(last)) Fail(item, file, "It was not tried, because the item could not be made.");
                return;
            }
        }

        await foreach (var _ in files.InParallelAsync(_session.Options.ThrottleLimit, (file, ct) => SendAsync(item, file, [], isLast: false, ct), cancellationToken))
        {
        }

        var isNew = !item.Plan.Exists && item.Files.All(u => u.State != PublishedFileState.Sent);
        await SendAsync(item, last, isNew ? item.Plan.Headers : [], isLast: true, cancellationToken);
    }

    /// <returns>Whether it arrived.</returns>
    private async Task<bool> SendAsync(ItemUpload item, FileUpload upload, IReadOnlyList<(string Name, string Value)> headers, bool isLast, CancellationToken cancellationToken)
    {
        try
        {
            if (Volatile.Read(ref _failuresInARow) >= MostFailuresInARow) throw new ArchiveException(ArchiveFault.Transient, "It was not tried: too many files before it failed.");
            Report(item, upload.File.Name);
            upload.Md5 ??= await _session.Journal.Md5Async(upload.File, cancellationToken);
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

    private void Fail(ItemUpload item, FileUpload upload, string why)
    {
        upload.State = PublishedFileState.Failed;
        upload.Error = why;
        _session.Log.Warn($"{item.Identifier}/{upload.File.Name}: {why}");
    }

    private void Note(ItemUpload item, FileUpload upload)
    {
        upload.State = PublishedFileState.Sent;
        upload.IsNew = true;
        try
        {
            _session.Journal.Sent(upload.File, upload.Md5!, item.Identifier, upload.Replaced, _session.Rules.Clock.GetUtcNow());
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CollectionException.NotWritable(_session.CollectionPath, e);
        }
    }

    /// <summary>
    /// Asks until archive.org lists what it has taken over. What it lists with other bytes is sent again. What it does not list within
    /// the time is queued there, which is no failure: the next run asks again.
    /// </summary>
    private async Task VerifyAsync(ItemUpload item, CancellationToken cancellationToken)
    {
        var clock = _session.Rules.Clock;
        var begun = clock.GetTimestamp();
        var pause = FirstPollingPause;
        for (var repairs = 0; ;)
        {
            var waiting = item.Files.Where(u => u.State is PublishedFileState.Sent or PublishedFileState.Queued).ToList();
            if (waiting.Count == 0 || _session.Options.MaximumWait <= TimeSpan.Zero) return;
            Report(item, $"waiting for {Amount.Of(waiting.Count, "file")} to be listed");
            var damaged = await CompareAsync(item, waiting, cancellationToken);
            if (damaged.Count > 0 && repairs++ < MostRepairs)
            {
                foreach (var upload in damaged) await SendAsync(item, upload, [], isLast: upload == damaged[^1], cancellationToken);
                continue;
            }

            foreach (var upload in damaged)
            {
                Fail(item, upload, "archive.org lists it with other bytes than were sent.");
                _session.Journal.NotSent(upload.File, upload.Md5!);
            }

            if (waiting.TrueForAll(u => u.State != PublishedFileState.Queued) || clock.GetElapsedTime(begun) + pause > _session.Options.MaximumWait) return;
            await Task.Delay(pause, clock, cancellationToken);
            pause = pause * 2 < LongestPollingPause ? pause * 2 : LongestPollingPause;
        }
    }

    /// <returns>The files that arrived as something else.</returns>
    private async Task<List<FileUpload>> CompareAsync(ItemUpload item, List<FileUpload> waiting, CancellationToken cancellationToken)
    {
        ArchiveItem there;
        try
        {
            there = await _session.Archive.GetItemAsync(item.Identifier, cancellationToken);
        }
        catch (ArchiveException e) when (e.Fault is ArchiveFault.Transient or ArchiveFault.RateLimited or ArchiveFault.BadAnswer)
        {
            _session.Log.Warn($"{e.Message} What was uploaded to '{item.Identifier}' is not verified; the next run asks again.");
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

    private void Report(ItemUpload item, string activity) =>
        _progress?.Report(new UploadProgress(item.Identifier, activity, Volatile.Read(ref _files), _allFiles, Interlocked.Read(ref _bytes), _allBytes));
}

/// <summary>An item while its files go up.</summary>
internal sealed class ItemUpload(ItemPlan plan)
{
    public ItemPlan Plan { get; } = plan;

    public string Identifier => Plan.Identifier;

    public IReadOnlyList<FileUpload> Files { get; } = [.. plan.Planned.Select(p => new FileUpload(p, plan.Identifier))];
}

/// <summary>A file on its way; changed by whoever works on it, one at a time.</summary>
internal sealed class FileUpload(PlannedFile planned, string identifier)
{
    public ItemFile File { get; } = planned.File;

    public string State { get; set; } = planned.State;

    public string? Md5 { get; set; } = planned.Md5;

    /// <summary>The MD5 of what archive.org lists under this name, where that is something else.</summary>
    public string? Replaced { get; set; } = planned.Replaced;

    public bool IsNew { get; set; }

    public string? Error { get; set; }

    public PublishedFile ToPublished() => new() { Name = File.Name, Identifier = identifier, State = State, Length = File.Bytes, Md5 = Md5, IsNew = IsNew, Error = Error };
}
