using Mapillary.Graph;
using Mapillary.Imaging;

namespace Mapillary.Collections;

/// <summary>
/// Makes one collection of the shards of an account. Pictures are moved, not copied. First everything is read and compared, and nothing is
/// changed where anything is wrong; a merge that dies later is gone on with by the same call.
/// </summary>
public static class CollectionMerge
{
    /// <summary>How many problems a refusal names.</summary>
    private const int MostNamed = 10;

    /// <summary>Merges shards.</summary>
    /// <param name="parts">The shards' collections, in any order.</param>
    /// <param name="destination">The folder in which the merged collection is made, on the same disk.</param>
    /// <param name="shards">How many shards there have to be; null for as many as they say themselves.</param>
    /// <param name="emptyShards">Shards that hold nothing of the account, by their numbers: these have no collection.</param>
    /// <param name="throttleLimit">The most files read at once.</param>
    /// <param name="log">Told each step.</param>
    /// <param name="cancellationToken">Stops between two pictures.</param>
    /// <returns>The merged collection, read back.</returns>
    /// <exception cref="CollectionException">The shards do not make one whole; the text names what is wrong, and nothing was changed. Or a collection is in use.</exception>
    /// <exception cref="InvalidDataException">A file of a collection is damaged.</exception>
    /// <exception cref="IOException">A picture cannot be moved.</exception>
    public static async Task<CollectionCheck> RunAsync(
        IReadOnlyList<string> parts, string destination, int? shards, IReadOnlyList<int> emptyShards, int throttleLimit, IRunLog log,
        CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(parts);
        ArgumentException.ThrowIfNullOrEmpty(destination);
        ArgumentNullException.ThrowIfNull(emptyShards);
        ArgumentNullException.ThrowIfNull(log);
        var all = parts.Select(Part.Read).OrderBy(p => p.Shard.Number).ToList();
        if (all.Count == 0) throw new CollectionException(CollectionFault.Mismatch, destination, "There is no shard to merge.");
        var first = all[0].State;
        var name = first.OfArea is { } area
            ? CollectionName.OfArea(area, ImageQualityNames.Parse(first.Quality), first.Form)
            : new CollectionName(first.User, ImageQualityNames.Parse(first.Quality), first.Form);
        var path = name.PathIn(System.IO.Path.GetFullPath(destination));
        RefuseMixed(all, path, shards, emptyShards);
        CollectionWriter.ReadState(path, name, new AccountListing(null));
        var target = new CollectionFolder(path);
        await RefuseDamagedAsync(all, target, throttleLimit, log, cancellationToken);

        var locks = new List<CollectionLock>();
        try
        {
            foreach (var part in all) locks.Add(CollectionLock.Take(part.Folder.Path));
            using var writer = CollectionWriter.Open(path, name, CollectionLayout.Date, new AccountListing(null), log);
            foreach (var part in all) Take(part, writer, log, cancellationToken);
            if (!writer.Complete())
                throw new CollectionException(CollectionFault.Incomplete, path, $"'{path}' lacks images that its shards have listed. Run the same again.");
        }
        finally
        {
            locks.ForEach(taken => taken.Dispose());
        }

        return await CollectionCheck.RunAsync(path, throttleLimit, progress: null, log, cancellationToken);
    }

    /// <summary>Refuses shards that are not all those of one account in one form.</summary>
    private static void RefuseMixed(List<Part> all, string path, int? shards, IReadOnlyList<int> emptyShards)
    {
        var problems = new List<string>();
        var first = all[0];
        var count = shards ?? first.Shard.Count;
        foreach (var part in all)
        {
            if (part.Folder.Path == System.IO.Path.TrimEndingDirectorySeparator(path))
                problems.Add($"'{part.Folder.Path}' is where the merged collection belongs; choose another destination");
            if ((part.State.User, part.State.AreaName) != (first.State.User, first.State.AreaName))
                problems.Add($"{part} is of {part.State.Owner}, and {first} of {first.State.Owner}");
            if (part.State.Quality != first.State.Quality)
                problems.Add($"{part} has quality {part.State.Quality}, and {first} has {first.State.Quality}");
            else if (!part.State.Form.GoesWith(first.State.Form))
                problems.Add($"{part} is {Form(part)}, and {first} is {Form(first)}");
            if (part.Shard.Count != count) problems.Add($"{part} is one of {part.Shard.Count} shards, not of {count}");
            if (part.State.ListedToEnd != true) problems.Add($"the listing of {part} was not read to its end; run it again");
            if (part.State.Failed > 0)
                problems.Add(FormattableString.Invariant($"{part} lacks {part.State.Failed:N0} images that failed; run it again"));
        }

        foreach (var twice in all.GroupBy(p => p.Shard).Where(g => g.Count() > 1))
            problems.Add($"shard {twice.Key} is there more than once: {string.Join(" and ", twice.Select(p => $"'{p.Folder.Path}'"))}");
        foreach (var part in all.Where(p => emptyShards.Contains(p.Shard.Number)))
            problems.Add($"{part} is there, and was named as empty");
        var missing = Enumerable.Range(1, count).Except(all.Select(p => p.Shard.Number)).Except(emptyShards).ToList();
        if (missing.Count > 0)
        {
            var names = string.Join(", ", missing.Select(n => $"{n}/{count}"));
            problems.Add($"{(missing.Count == 1 ? $"shard {names} is" : $"shards {names} are")} missing;"
                + " a shard that holds nothing of the account has no collection, and has to be named as empty");
        }

        Refuse(path, problems);

        static string Form(Part part) => part.State.Form.IsConversion ? part.State.Form.InWords : "as served";
    }

    /// <summary>
    /// Refuses shards that are not as they were written. What an earlier merge that died has moved is not missing: it is in the merged
    /// collection, which is read as a whole at the end.
    /// </summary>
    private static async Task RefuseDamagedAsync(List<Part> all, CollectionFolder target, int throttleLimit, IRunLog log, CancellationToken cancellationToken)
    {
        var problems = new List<string>();
        var places = new HashSet<ulong>();
        foreach (var part in all)
        {
            var check = await CollectionCheck.RunAsync(part.Folder.Path, throttleLimit, progress: null, log, cancellationToken);
            problems.AddRange(check.Changed.Select(f => $"{part}: {f}"));
            if (check.Pending > 0)
                problems.Add(FormattableString.Invariant($"{part} lacks {check.Pending:N0} images that it has listed; run it again"));
            foreach (var stray in check.Unexpected) log.Warn($"{part}: {stray} It stays where it is.");
            problems.AddRange(check.Missing.Where(f => f.ImageId is null).Select(f => $"{part}: {f}"));
            var missing = check.Missing.Select(f => f.ImageId).OfType<string>().ToHashSet(StringComparer.Ordinal);
            foreach (var entry in part.Entries(cancellationToken))
            {
                if (entry.Tar is not null || entry.Superseded.Count > 0)
                {
                    problems.Add($"{part} has tars; shards are merged before tars are made");
                    break;
                }

                if (CollectionFiles.FindPlace(part.Folder.Path, entry.Path) is not { } place || CollectionFiles.IsOwn(place))
                    problems.Add($"{part}: image {entry.Id} cannot lie in '{entry.Path}'");
                else if (!places.Add(TimePlaces.KeyOf(place))) problems.Add($"{part}: another shard has a file '{place}', too");
                else if (missing.Contains(entry.Id) && target.FindLength(place) != entry.Bytes)
                    problems.Add($"{part}: '{place}' is missing");
            }
        }

        Refuse(target.Path, problems);
    }

    private static void Refuse(string path, List<string> problems)
    {
        if (problems.Count == 0) return;
        var more = problems.Count > MostNamed ? FormattableString.Invariant($"; and {problems.Count - MostNamed:N0} more") : "";
        throw new CollectionException(
            CollectionFault.Incomplete, path, $"The shards were not merged, and nothing was changed: {string.Join("; ", problems.Take(MostNamed))}{more}.");
    }

    private static void Take(Part part, CollectionWriter writer, IRunLog log, CancellationToken cancellationToken)
    {
        if (ImageRecords.FindIn(part.Folder.Path) is { } records)
            foreach (var image in ImageRecords.Read(records, log)) writer.List(image);
        foreach (var failed in FailedEntry.ReadAll(part.Folder.PathOf(FailedEntry.FileName), log).Values) writer.Fail(failed);
        var (moved, folders) = (0, new HashSet<string>(StringComparer.Ordinal));
        foreach (var entry in part.Entries(cancellationToken))
        {
            cancellationToken.ThrowIfCancellationRequested();
            var place = CollectionFiles.FindPlace(part.Folder.Path, entry.Path)!;
            if (part.Folder.FindLength(place) is not null)
            {
                using var from = part.Folder.OpenFolderOf(place, out var name);
                using var to = writer.Folder.OpenFolderOf(place, out _, isMade: true);
                from.Move(name, to, name, overwrite: false, cancellationToken);
                folders.Add(place);
                moved++;
            }

            // A merge that died may have moved the picture and not noted it.
            if (writer.FindFinished(entry.Id) is null) writer.Finish(entry);
        }

        part.Folder.DeleteEmptyFolders(folders);
        log.Say(FormattableString.Invariant($"{part}: {moved:N0} pictures moved."));
    }

    /// <summary>A shard that is to be merged.</summary>
    private sealed record Part(CollectionFolder Folder, CollectionState State, Shard Shard)
    {
        public static Part Read(string path)
        {
            var folder = new CollectionFolder(path);
            if (CollectionState.Read(folder.Path) is not { } state)
                throw new CollectionException(CollectionFault.Mismatch, folder.Path, $"'{folder.Path}' has no {CollectionState.FileName}: it is no collection of this module.");
            return new Part(folder, state, state.Part ?? throw new CollectionException(
                CollectionFault.Mismatch, folder.Path, $"'{folder.Path}' does not say which shard it is. Run the shard again with this version, and it does."));
        }

        public IEnumerable<ManifestEntry> Entries(CancellationToken cancellationToken) =>
            JsonLines.Find(Folder.PathOf(Manifest.FileName)) is { } manifest ? Manifest.ReadEntries(manifest, _ => { }, cancellationToken) : [];

        public override string ToString() => $"shard {Shard} ('{Folder.Path}')";
    }
}
