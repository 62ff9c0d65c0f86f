using Mapillary.Collections;
using Mapillary.Collections.Files;
using Mapillary.Collections.Places;
using Mapillary.InternetArchive.Client;
using Mapillary.InternetArchive.Describing;
using Mapillary.Services;

namespace Mapillary.InternetArchive.Uploading;

/// <summary>
/// A collection that is being uploaded: makes the plan and sends by it. While there is a session, no other process writes the collection.
/// What was sent is noted beside it, so that a later session goes on.
/// </summary>
public sealed class UploadSession : IDisposable
{
    private readonly CollectionLock _lock;
    private readonly bool _hadLock;

    private UploadSession(Collection collection, IaMetadata metadata, ServiceEndpoints endpoints, UploadOptions options, RetryRules rules, IRunLog log, CancellationToken cancellationToken)
    {
        Metadata = metadata;
        Endpoints = endpoints;
        Options = options;
        Rules = rules;
        Log = log;
        _hadLock = CollectionFolder.IsThere(Path.Combine(CollectionPath, CollectionLock.FileName));
        _lock = CollectionLock.Take(CollectionPath, log);
        try
        {
            Files = ItemFile.Of(CollectionPath);
            Recorded = new RecordedFiles(collection.ReadManifest(_ => { }, cancellationToken), Files);
            Journal = new UploadJournal(CollectionPath, Recorded, log);
        }
        catch
        {
            LetGo();
            throw;
        }

        Archive = new ArchiveClient(endpoints.Archive, rules, log);
        if (Recorded.MissingImages == 0) return;
        log.Warn($"The collection '{CollectionPath}' lacks {Amount.Of(Recorded.MissingImages)} of the images that its manifest has.", Advice.CheckCollection);
    }

    internal string CollectionPath => Metadata.CollectionPath;

    internal IaMetadata Metadata { get; }

    /// <summary>The files that belong into its items.</summary>
    internal IReadOnlyList<ItemFile> Files { get; }

    internal RecordedFiles Recorded { get; }

    internal ServiceEndpoints Endpoints { get; }

    internal UploadOptions Options { get; }

    internal RetryRules Rules { get; }

    internal IRunLog Log { get; }

    internal UploadJournal Journal { get; }

    internal ArchiveClient Archive { get; }

    /// <summary>Opens a collection for uploading; nothing is asked of archive.org yet.</summary>
    /// <param name="collectionPath">The collection's folder.</param>
    /// <param name="endpoints">Where archive.org is.</param>
    /// <param name="options">How to upload.</param>
    /// <param name="log">Told each step, and what a person should know beforehand.</param>
    /// <param name="rules">How to retry; the default rules when null.</param>
    /// <param name="cancellationToken">Stops the reading of the collection.</param>
    /// <exception cref="CollectionException">The folder is no collection, not complete, or in use.</exception>
    /// <exception cref="IOException">A file cannot be read.</exception>
    public static UploadSession Open(
        string collectionPath, ServiceEndpoints endpoints, UploadOptions options, IRunLog log, RetryRules? rules = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(collectionPath);
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(log);
        var collection = Collection.At(collectionPath);
        var metadata = IaMetadata.Describe(collection, log, cancellationToken);
        if (!options.Force && metadata.Extent == CollectionExtent.Incomplete)
        {
            throw new CollectionException(CollectionFault.Incomplete, metadata.CollectionPath,
                $"The collection '{metadata.CollectionPath}' is not complete, and was not uploaded.");
        }

        return new UploadSession(collection, metadata, endpoints, options, rules ?? new RetryRules(), log, cancellationToken);
    }

    /// <summary>Finds out what is to be uploaded; nothing is yet.</summary>
    /// <param name="cancellationToken">Stops at once.</param>
    /// <exception cref="ArchiveException">archive.org could not be asked, has taken an item down, or says that every part is there already.</exception>
    /// <exception cref="CollectionException">An item is somebody else's, or a further part would have too long a name.</exception>
    public Task<UploadPlan> PlanAsync(CancellationToken cancellationToken = default) => new UploadPlanner(this).MakeAsync(cancellationToken);

    /// <summary>
    /// Uploads what is planned, and waits a while for archive.org to list it. The plan stays as it is; what became of its files, the result says.
    /// </summary>
    /// <param name="plan">What to upload, by this session.</param>
    /// <param name="keys">Whose upload it is.</param>
    /// <param name="progress">Told how far it is, from any thread; may be null.</param>
    /// <param name="cancellationToken">Stops at once; the next run goes on where this one was.</param>
    /// <exception cref="ArchiveException">archive.org refuses the keys or an item, or cannot be reached.</exception>
    /// <exception cref="CollectionException">What was sent cannot be noted.</exception>
    public async Task<UploadResult> SendAsync(UploadPlan plan, ArchiveKeys keys, IProgress<UploadProgress>? progress, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(keys);
        using var uploader = new ItemUploader(Endpoints.ArchiveS3, keys, Archive, Rules, Log);
        return await new CollectionUpload(this, plan, uploader, progress).RunAsync(cancellationToken);
    }

    /// <summary>Lets the collection go.</summary>
    public void Dispose()
    {
        Archive.Dispose();
        Journal.Dispose();
        LetGo();
    }

    private void LetGo()
    {
        _lock.Dispose();
        if (!_hadLock) CollectionLock.Remove(CollectionPath);
    }
}
