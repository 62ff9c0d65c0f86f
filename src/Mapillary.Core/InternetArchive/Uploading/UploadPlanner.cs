using Mapillary.Collections;
using Mapillary.Collections.Files;
using Mapillary.Collections.Records;
using Mapillary.InternetArchive.Client;
using Mapillary.InternetArchive.Describing;
using Mapillary.Services;

namespace Mapillary.InternetArchive.Uploading;

/// <summary>Finds out what of a collection is to be uploaded where; nothing is changed.</summary>
/// <param name="session">The session whose collection it is.</param>
internal sealed class UploadPlanner(UploadSession session)
{
    /// <summary>What archive.org has taken over and not listed for so long, it lost.</summary>
    private static readonly TimeSpan LongestQueue = TimeSpan.FromHours(24);

    private readonly IaMetadata _metadata = session.Metadata;
    private readonly List<Draft> _items = [];

    private string NextIdentifier => IaIdentifier.OfPart(_metadata.Identifier, _items.Count + 1);

    /// <inheritdoc cref="UploadSession.PlanAsync"/>
    public async Task<UploadPlan> MakeAsync(CancellationToken cancellationToken)
    {
        await FindItemsAsync(cancellationToken);
        Spread();
        var items = new List<ItemPlan>();
        foreach (var draft in _items)
        {
            var files = new List<PlannedFile>();
            foreach (var file in draft.Files) files.Add(await CompareAsync(draft.There, file, cancellationToken));
            items.Add(new ItemPlan(draft.There, MetadataOf(draft, items.Count + 1), files));
            Warn(items[^1]);
        }

        return new UploadPlan(session.CollectionPath, session.Recorded.MissingImages, items);
    }

    /// <summary>The items of the collection that archive.org has, or that files went into: its first, and further parts of it.</summary>
    private async Task FindItemsAsync(CancellationToken cancellationToken)
    {
        var uploadedTo = session.Journal.Items.Values.ToHashSet(StringComparer.Ordinal);
        var ours = session.Files.Select(f => f.Name).ToHashSet(StringComparer.Ordinal);
        while (true)
        {
            var identifier = NextIdentifier;
            if (_items.Count > 0 && !IaIdentifier.IsValid(identifier)) return;
            var there = await session.Archive.GetItemAsync(identifier, cancellationToken);
            if (there.State == ArchiveItemState.Dark)
                throw new ArchiveException(ArchiveFault.Refused, $"archive.org has taken down the item '{identifier}'; nothing can be uploaded into it. Write to info@archive.org.");
            RefuseForeign(there);
            if (_items.Count > 0 && there.State == ArchiveItemState.Missing && !uploadedTo.Contains(identifier)) return;
            if (_items.Count == UploadPlan.MostParts)
            {
                throw new ArchiveException(
                    ArchiveFault.BadAnswer,
                    $"archive.org says that it has {Amount.Of(UploadPlan.MostParts)} or more parts of the collection '{_metadata.Identifier}', "
                    + $"which cannot be right; nothing was uploaded. Look at '{identifier}' on archive.org.");
            }

            // An item may list any number of files, and there may be many items.
            var known = there.Files.Where(f => ours.Contains(f.Key)).ToDictionary(StringComparer.Ordinal);
            _items.Add(new Draft(there with { Files = known }));
        }
    }

    /// <summary>
    /// An item is ours where it names the user, and no one else: what is in another's would become part of it. That of an area names some of its users.
    /// </summary>
    private void RefuseForeign(ArchiveItem there)
    {
        if (there.State != ArchiveItemState.Present || (there.Creators.Count > 0 && there.Creators.All(_metadata.Authors.Contains))) return;
        var whose = there.Creators.Count == 0 ? "which names nobody as its creator" : $"of the images of {string.Join(", ", there.Creators.Take(5).Select(c => $"'{c}'"))}";
        throw new CollectionException(CollectionFault.Mismatch, session.CollectionPath,
            $"archive.org has an item '{there.Identifier}' already, {whose}, and not of '{_metadata.Creator}' alone. Nothing was uploaded into it.");
    }

    /// <summary>
    /// Gives each file its item. One that is in an item, or on its way there, stays; the collection's own files go into the first; others
    /// fill the last, and then further ones.
    /// </summary>
    private void Spread()
    {
        var uploadedTo = session.Journal.Items;
        var added = new List<ItemFile>();
        foreach (var file in session.Files)
        {
            var item = _items.Find(i => i.There.Files.ContainsKey(file.Name))
                ?? (uploadedTo.TryGetValue(file.Name, out var identifier) ? _items.Find(i => i.There.Identifier == identifier) : null)
                ?? (CollectionFiles.IsOwn(file.Name) ? _items[0] : null);
            if (item is null) added.Add(file);
            else item.Add(file);
        }

        foreach (var file in added)
        {
            var last = _items[^1];
            if (session.Options.MaximumItemSize is { } most && last.Files.Count > 0 && (last.Bytes + file.Bytes > most || last.Files.Count >= ArchiveItem.MostFiles))
            {
                if (!IaIdentifier.IsValid(NextIdentifier))
                {
                    throw new CollectionException(CollectionFault.Mismatch, session.CollectionPath,
                        $"'{NextIdentifier}', the next part of the collection, is too long for an identifier on archive.org, which has at most 100 characters.")
                    {
                        Advice = Advice.AllowLargerItems,
                    };
                }

                last = new Draft(new ArchiveItem(NextIdentifier, ArchiveItemState.Missing, null));
                _items.Add(last);
            }

            last.Add(file);
        }
    }

    /// <summary>Each part of a collection tells of itself; without a manifest nobody knows how many images it has.</summary>
    private IaMetadata MetadataOf(Draft draft, int part)
    {
        if (_items.Count == 1) return _metadata;
        var images = draft.Files.ConvertAll(f => session.Recorded.ImagesIn(f.Name));
        return _metadata.ForPart(part, images.Contains(null) ? null : images.Sum());
    }

    /// <summary>Whether archive.org has a file as it is here, or has taken it over a short while ago.</summary>
    private async Task<PlannedFile> CompareAsync(ArchiveItem there, ItemFile file, CancellationToken cancellationToken)
    {
        var planned = new PlannedFile(file);
        var listed = there.Files.GetValueOrDefault(file.Name);
        // A file of another size is another file; there is no need to read it for that.
        if (listed is not null && (listed.Bytes ?? file.Bytes) == file.Bytes)
        {
            try
            {
                planned = planned with { Md5 = await session.Journal.Md5Async(file, cancellationToken) };
            }
            catch (IOException e)
            {
                // Named when it is to be sent, and not sent then.
                session.Log.Say(e.Message);
                return planned;
            }

            if (planned.Md5 == listed.Md5) return planned with { State = PublishedFileState.Verified };
        }

        planned = planned with { Replaced = listed?.Md5 };
        if (session.Journal.Find(file) is not { Sent: { } sent } entry || entry.Item != there.Identifier) return planned;
        // Listed as something that was not there when it was sent: it arrived damaged.
        if (listed is not null && listed.Md5 != entry.Replaced) return planned;
        // A clock that was set back must not make it wait for ever.
        if ((session.Rules.Clock.GetUtcNow() - sent).Duration() > LongestQueue) return planned;
        return planned with { Md5 = entry.Md5, State = PublishedFileState.Queued };
    }

    private void Warn(ItemPlan item)
    {
        if (!item.IsNeeded) return;
        if (item.Files.Count > ArchiveItem.MostFiles || item.Bytes > ArchiveItem.MostBytes)
        {
            session.Log.Warn(
                $"The item '{item.Identifier}' will hold {Amount.Of(item.Files.Count, "file")} of {ByteSize.Format(item.Bytes)}; archive.org recommends "
                + $"at most {Amount.Of(ArchiveItem.MostFiles)} files and 100 GB. Bundling images into tars makes them fewer.",
                Advice.SpreadOverItems);
        }

        if (item.Exists && item.There.Description is { } description && description != item.Metadata.Description)
        {
            var (powerShell, posix) = (Modification(CommandText.ForPowerShell), Modification(CommandText.ForPosixShell));
            session.Log.Warn($"The item '{item.Identifier}' keeps the description it was made with, which an upload cannot change. To bring it up to date: {powerShell}{(posix == powerShell ? "" : $" (in a POSIX shell: {posix})")}");

            string Modification(Func<string, string> word) => $"ia metadata {word(item.Identifier)} {word($"--modify=description:{item.Metadata.Description}")}";
        }
    }

    /// <summary>An item while it is not known yet what all goes into it.</summary>
    private sealed class Draft(ArchiveItem there)
    {
        public ArchiveItem There { get; } = there;

        public List<ItemFile> Files { get; } = [];

        public long Bytes { get; private set; }

        public void Add(ItemFile file)
        {
            Files.Add(file);
            Bytes += file.Bytes;
        }
    }
}
