using System.Globalization;
using Mapillary.Collections;
using Mapillary.Collections.Files;
using Mapillary.Collections.Places;
using Mapillary.Collections.Records;
using Mapillary.InternetArchive.Client;
using Mapillary.InternetArchive.Describing;
using Mapillary.Services;

namespace Mapillary.InternetArchive.Uploading;

/// <summary>
/// What of a collection is to be uploaded where: its items, one or, where it is large, several, and of each file whether archive.org has
/// it. While there is a plan, no other process writes the collection.
/// </summary>
public sealed class UploadPlan : IDisposable
{
    /// <summary>The most items of a collection: a hundred terabytes.</summary>
    internal const int MostParts = 1_000;

    /// <summary>What archive.org has taken over and not listed for so long, it lost.</summary>
    private static readonly TimeSpan LongestQueue = TimeSpan.FromHours(24);

    private readonly IaMetadata _metadata;
    private readonly CollectionLock _lock;
    private readonly bool _hadLock;
    private readonly IReadOnlyList<ItemFile> _files;
    private readonly RecordedFiles _recorded;
    private readonly List<ItemPlan> _items = [];

    private UploadPlan(Collection collection, IaMetadata metadata, ServiceEndpoints endpoints, UploadOptions options, RetryRules rules, IRunLog log, CancellationToken cancellationToken)
    {
        _metadata = metadata;
        Endpoints = endpoints;
        Options = options;
        Rules = rules;
        Log = log;
        _hadLock = CollectionFolder.IsThere(Path.Combine(CollectionPath, CollectionLock.FileName));
        _lock = CollectionLock.Take(CollectionPath, log);
        _files = ItemFile.Of(CollectionPath);
        _recorded = new RecordedFiles(collection.ReadManifest(_ => { }, cancellationToken), _files);
        MissingImages = _recorded.MissingImages;
        if (MissingImages > 0)
        {
            log.Warn(
                string.Create(CultureInfo.InvariantCulture, $"The collection '{CollectionPath}' lacks {MissingImages:N0} of the images that its manifest has."),
                Advice.CheckCollection);
        }

        Journal = new UploadJournal(CollectionPath, _recorded, log);
        Archive = new ArchiveClient(endpoints.Archive, rules, log);
    }

    /// <summary>The collection's folder.</summary>
    public string CollectionPath => _metadata.CollectionPath;

    /// <summary>How many of the images that its manifest has are not there any more.</summary>
    public long MissingImages { get; }

    /// <summary>Its items, in their order.</summary>
    public IReadOnlyList<ItemPlan> Items => _items;

    internal ServiceEndpoints Endpoints { get; }

    internal UploadOptions Options { get; }

    internal RetryRules Rules { get; }

    internal IRunLog Log { get; }

    internal UploadJournal Journal { get; }

    internal ArchiveClient Archive { get; }

    /// <summary>Finds out what is to be uploaded; nothing is yet.</summary>
    /// <param name="collectionPath">The collection's folder.</param>
    /// <param name="endpoints">Where archive.org is.</param>
    /// <param name="options">How to upload.</param>
    /// <param name="log">Told each step, and what a person should know beforehand.</param>
    /// <param name="rules">How to retry; the default rules when null.</param>
    /// <param name="cancellationToken">Stops at once.</param>
    /// <exception cref="CollectionException">The folder is no collection, not complete, or in use.</exception>
    /// <exception cref="ArchiveException">archive.org could not be asked, has taken an item down, or says that every part is there already.</exception>
    /// <exception cref="IOException">A file cannot be read.</exception>
    public static async Task<UploadPlan> MakeAsync(
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

        var plan = new UploadPlan(collection, metadata, endpoints, options, rules ?? new RetryRules(), log, cancellationToken);
        try
        {
            await plan.FindItemsAsync(cancellationToken);
            plan.Spread();
            plan.Describe();
            foreach (var item in plan.Items)
            {
                foreach (var file in item.Uploads) await plan.CompareAsync(item, file, cancellationToken);
                plan.Warn(item);
            }

            return plan;
        }
        catch
        {
            plan.Dispose();
            throw;
        }
    }

    /// <summary>Lets the collection go.</summary>
    public void Dispose()
    {
        Archive.Dispose();
        Journal.Dispose();
        _lock.Dispose();
        if (!_hadLock) CollectionLock.Remove(CollectionPath);
    }

    /// <summary>The items of the collection that archive.org has, or that files went into: its first, and further parts of it.</summary>
    private async Task FindItemsAsync(CancellationToken cancellationToken)
    {
        var uploadedTo = Journal.Items.Values.ToHashSet(StringComparer.Ordinal);
        var ours = _files.Select(f => f.Name).ToHashSet(StringComparer.Ordinal);
        while (true)
        {
            var identifier = NextIdentifier;
            if (_items.Count > 0 && !IaIdentifier.IsValid(identifier)) return;
            var there = await Archive.GetItemAsync(identifier, cancellationToken);
            if (there.State == ArchiveItemState.Dark)
                throw new ArchiveException(ArchiveFault.Refused, $"archive.org has taken down the item '{identifier}'; nothing can be uploaded into it. Write to info@archive.org.");
            RefuseForeign(there);
            if (_items.Count > 0 && there.State == ArchiveItemState.Missing && !uploadedTo.Contains(identifier)) return;
            if (_items.Count == MostParts)
            {
                throw new ArchiveException(ArchiveFault.BadAnswer, string.Create(CultureInfo.InvariantCulture,
                    $"archive.org says that it has {MostParts:N0} or more parts of the collection '{_metadata.Identifier}', which cannot be right; nothing was uploaded. Look at '{identifier}' on archive.org."));
            }

            // An item may list any number of files, and there may be many items.
            var known = there.Files.Where(f => ours.Contains(f.Key)).ToDictionary(StringComparer.Ordinal);
            _items.Add(new ItemPlan(identifier, there with { Files = known }, _metadata));
        }
    }

    /// <summary>
    /// An item is ours where it names the user, and no one else: what is in another's would become part of it. That of an area names some of its users.
    /// </summary>
    private void RefuseForeign(ArchiveItem there)
    {
        if (there.State != ArchiveItemState.Present || (there.Creators.Count > 0 && there.Creators.All(_metadata.Authors.Contains))) return;
        var whose = there.Creators.Count == 0 ? "which names nobody as its creator" : $"of the images of {string.Join(", ", there.Creators.Take(5).Select(c => $"'{c}'"))}";
        throw new CollectionException(CollectionFault.Mismatch, CollectionPath,
            $"archive.org has an item '{there.Identifier}' already, {whose}, and not of '{_metadata.Creator}' alone. Nothing was uploaded into it.");
    }

    private string NextIdentifier => IaIdentifier.OfPart(_metadata.Identifier, _items.Count + 1);

    /// <summary>
    /// Gives each file its item. One that is in an item, or on its way there, stays; the collection's own files go into the first; others
    /// fill the last, and then further ones.
    /// </summary>
    private void Spread()
    {
        var uploadedTo = Journal.Items;
        var added = new List<ItemFile>();
        foreach (var file in _files)
        {
            var item = _items.Find(i => i.There.Files.ContainsKey(file.Name))
                ?? (uploadedTo.TryGetValue(file.Name, out var identifier) ? _items.Find(i => i.Identifier == identifier) : null)
                ?? (CollectionFiles.IsOwn(file.Name) ? _items[0] : null);
            if (item is null) added.Add(file);
            else item.Add(file);
        }

        foreach (var file in added)
        {
            var last = _items[^1];
            if (Options.MaximumItemSize is { } most && last.Uploads.Count > 0 && (last.Bytes + file.Bytes > most || last.Uploads.Count >= ArchiveItem.MostFiles))
            {
                if (!IaIdentifier.IsValid(NextIdentifier))
                {
                    throw new CollectionException(CollectionFault.Mismatch, CollectionPath,
                        $"'{NextIdentifier}', the next part of the collection, is too long for an identifier on archive.org, which has at most 100 characters.")
                    {
                        Advice = Advice.AllowLargerItems,
                    };
                }

                last = new ItemPlan(NextIdentifier, new ArchiveItem(NextIdentifier, ArchiveItemState.Missing, null), _metadata);
                _items.Add(last);
            }

            last.Add(file);
        }
    }

    /// <summary>Each part of a collection tells of itself.</summary>
    private void Describe()
    {
        if (_items.Count == 1) return;
        for (var i = 0; i < _items.Count; i++)
        {
            // Of a collection without a manifest nobody knows.
            var counts = _items[i].Uploads.Select(f => _recorded.ImagesIn(f.File.Name)).ToList();
            _items[i].Metadata = _metadata.ForPart(i + 1, counts.Contains(null) ? null : counts.Sum());
        }
    }

    /// <summary>Whether archive.org has a file as it is here, or has taken it over a short while ago.</summary>
    private async Task CompareAsync(ItemPlan item, FileUpload upload, CancellationToken cancellationToken)
    {
        var listed = item.There.Files.GetValueOrDefault(upload.File.Name);
        // A file of another size is another file; there is no need to read it for that.
        if (listed is not null && (listed.Bytes ?? upload.File.Bytes) == upload.File.Bytes)
        {
            try
            {
                upload.Md5 = await Journal.Md5Async(upload.File, cancellationToken);
            }
            catch (IOException e)
            {
                // Named when it is to be sent, and not sent then.
                Log.Say(e.Message);
                return;
            }

            if (upload.Md5 == listed.Md5)
            {
                upload.State = PublishedFileState.Verified;
                return;
            }
        }

        upload.Replaced = listed?.Md5;
        if (Journal.Find(upload.File) is not { Sent: { } sent } entry || entry.Item != item.Identifier) return;
        // Listed as something that was not there when it was sent: it arrived damaged.
        if (listed is not null && listed.Md5 != entry.Replaced) return;
        // A clock that was set back must not make it wait for ever.
        if ((Rules.Clock.GetUtcNow() - sent).Duration() > LongestQueue) return;
        upload.Md5 = entry.Md5;
        upload.State = PublishedFileState.Queued;
    }

    private void Warn(ItemPlan item)
    {
        var sent = item.Uploads.Any(u => u.State == PublishedFileState.Planned);
        if (!sent) return;
        if (item.Uploads.Count > ArchiveItem.MostFiles || item.Bytes > ArchiveItem.MostBytes)
        {
            Log.Warn(
                string.Create(CultureInfo.InvariantCulture,
                    $"The item '{item.Identifier}' will hold {item.Uploads.Count:N0} files of {ByteSize.Format(item.Bytes)}; archive.org recommends at most {ArchiveItem.MostFiles:N0} files and 100 GB. Bundling images into tars makes them fewer."),
                Advice.SpreadOverItems);
        }

        if (item.Exists && item.There.Description is { } description && description != item.Metadata.Description)
        {
            var (powerShell, posix) = (Modification(CommandText.ForPowerShell), Modification(CommandText.ForPosixShell));
            Log.Warn($"The item '{item.Identifier}' keeps the description it was made with, which an upload cannot change. To bring it up to date: {powerShell}{(posix == powerShell ? "" : $" (in a POSIX shell: {posix})")}");

            string Modification(Func<string, string> word) => $"ia metadata {word(item.Identifier)} {word($"--modify=description:{item.Metadata.Description}")}";
        }
    }
}
