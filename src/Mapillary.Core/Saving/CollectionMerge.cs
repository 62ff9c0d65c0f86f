using System.Security.Cryptography;
using System.Text.RegularExpressions;
using Mapillary.Collections;
using Mapillary.Collections.Checking;
using Mapillary.Collections.Files;
using Mapillary.Collections.Places;
using Mapillary.Collections.Records;
using Mapillary.Collections.Tars;
using Mapillary.Graph;

namespace Mapillary.Saving;

/// <summary>What a merge is about.</summary>
public enum MergeStep
{
    /// <summary>A shard is read and compared with its manifest; counted in bytes.</summary>
    ReadShard,

    /// <summary>A shard's pictures are moved; counted in pictures.</summary>
    Move,

    /// <summary>The merged collection is read back; counted in bytes.</summary>
    ReadBack,
}

/// <summary>How far a merge is.</summary>
/// <param name="Step">What is done.</param>
/// <param name="Shard">The shard that it is done to, such as 3/16; null for the merged collection.</param>
/// <param name="Done">How much of this step is done.</param>
/// <param name="Total">How much there is to do in it.</param>
public sealed record MergeProgress(MergeStep Step, string? Shard, long Done, long Total);

/// <summary>
/// Makes one collection of the shards of an account. Pictures and tars are moved; to another disk, each is copied, read back, and removed.
/// First everything is read and compared, and nothing is changed where anything is wrong; a merge that dies later is gone on with by the same call.
/// </summary>
public static partial class CollectionMerge
{
    /// <summary>How many problems a refusal names.</summary>
    private const int MostNamed = 10;

    /// <summary>Merges shards.</summary>
    /// <param name="parts">The shards' collections, in any order.</param>
    /// <param name="destination">The folder in which the merged collection is made.</param>
    /// <param name="shards">How many shards there have to be; null for as many as they say themselves.</param>
    /// <param name="emptyShards">Shards that hold nothing of the account, by their numbers: these have no collection.</param>
    /// <param name="throttleLimit">The most files read at once.</param>
    /// <param name="progress">Told how far it is, from any thread; may be null.</param>
    /// <param name="log">Told each step.</param>
    /// <param name="cancellationToken">Stops between two pictures.</param>
    /// <returns>The merged collection, read back.</returns>
    /// <exception cref="CollectionException">The shards do not make one whole; the text names what is wrong, and nothing was changed. Or a collection is in use.</exception>
    /// <exception cref="InvalidDataException">A file of a collection is damaged.</exception>
    /// <exception cref="IOException">A picture cannot be moved.</exception>
    public static async Task<CollectionCheck> RunAsync(
        IReadOnlyList<string> parts, string destination, int? shards, IReadOnlyList<int> emptyShards, int throttleLimit, IProgress<MergeProgress>? progress, IRunLog log,
        CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(parts);
        ArgumentException.ThrowIfNullOrEmpty(destination);
        ArgumentNullException.ThrowIfNull(emptyShards);
        ArgumentNullException.ThrowIfNull(log);
        var all = parts.Select(path => Part.Read(path, cancellationToken)).OrderBy(p => p.Shard.Number).ToList();
        if (all.Count == 0) throw new CollectionException(CollectionFault.Mismatch, destination, "There is no shard to merge.");
        var first = all[0].State;
        var name = first.OfArea is { } area
            ? CollectionName.OfArea(area, ImageQualityNames.Parse(first.Quality), first.Form)
            : new CollectionName(first.User, ImageQualityNames.Parse(first.Quality), first.Form);
        var path = name.PathIn(System.IO.Path.GetFullPath(destination));
        RefuseMixed(all, path, shards, emptyShards);
        new WantedCollection(name, new AccountListing(null)).ReadState(path);
        NameTars(all);
        var target = new CollectionFolder(path);
        await RefuseDamagedAsync(all, target, throttleLimit, progress, log, cancellationToken);

        var locks = new List<CollectionLock>();
        try
        {
            foreach (var part in all) locks.Add(CollectionLock.Take(part.Folder.Path, log));
            using var writer = CollectionWriter.Open(path, name, CollectionLayout.Date, new AccountListing(null), log, cancellationToken: cancellationToken);
            foreach (var part in all) Take(part, writer, progress, log, cancellationToken);
            if (!writer.Complete())
                throw new CollectionException(CollectionFault.Incomplete, path, $"'{path}' lacks images that its shards have listed. Run the same again.");
        }
        catch (IOException e)
        {
            throw new FileNotWrittenException(e);
        }
        finally
        {
            locks.ForEach(taken => taken.Dispose());
        }

        return await CollectionCheck.RunAsync(path, throttleLimit, ProgressOf(MergeStep.ReadBack, shard: null, progress), log, cancellationToken);
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
                problems.Add($"{part} lacks {Amount.Of(part.State.Failed, "image")} that failed; run it again");
        }

        foreach (var twice in all.GroupBy(p => p.Shard).Where(g => g.Count() > 1))
            problems.Add($"shard {twice.Key} is there more than once: {string.Join(" and ", twice.Select(p => $"'{p.Folder.Path}'"))}");
        foreach (var part in all.Where(p => emptyShards.Contains(p.Shard.Number)))
            problems.Add($"{part} is there, and was named as empty");
        var missing = Enumerable.Range(1, count).Except(all.Select(p => p.Shard.Number)).Except(emptyShards).ToList();
        if (missing.Count > 0)
        {
            var names = string.Join(", ", missing.Select(n => $"{n}/{count}"));
            problems.Add($"{Amount.Word(missing.Count, $"shard {names} is", $"shards {names} are")} missing;"
                + " a shard that holds nothing of the account has no collection, and has to be named as empty");
        }

        Refuse(path, problems);

        static string Form(Part part) => part.State.Form.IsConversion ? part.State.Form.InWords : "as served";
    }

    /// <summary>
    /// Says what the shards' tars are called in the merged collection. Sequences are whole in a shard, but days are not: of two shards' tars of
    /// a day the second gets the next number, as when a day is bundled twice. The names follow from the shards alone, so that a
    /// merge that is gone on with finds what it has moved.
    /// </summary>
    private static void NameTars(List<Part> all)
    {
        // To some file systems a name in capitals is the same.
        var taken = all.SelectMany(p => p.Tars.Keys).GroupBy(n => n, StringComparer.OrdinalIgnoreCase).Select(g => g.Key).ToHashSet(StringComparer.OrdinalIgnoreCase);
        var given = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (var part in all)
        {
            foreach (var name in part.Tars.Keys.Order(StringComparer.Ordinal))
            {
                var (newName, group, number) = (name, NumberedTar().Replace(name, ""), 2);
                while (!given.Add(newName))
                {
                    do newName = FormattableString.Invariant($"{group}.{number++}.tar");
                    while (!taken.Add(newName));
                }

                part.NewNames[name] = newName;
            }
        }
    }

    /// <summary>
    /// Refuses shards that are not as they were written. What an earlier merge that died has moved is not missing: it is in the merged
    /// collection, which is read as a whole at the end.
    /// </summary>
    private static async Task RefuseDamagedAsync(
        List<Part> all, CollectionFolder target, int throttleLimit, IProgress<MergeProgress>? progress, IRunLog log, CancellationToken cancellationToken)
    {
        var problems = new List<string>();
        var places = new HashSet<ulong>();
        var bundled = BundledIn(target, cancellationToken);
        foreach (var part in all)
        {
            var check = await CollectionCheck.RunAsync(part.Folder.Path, throttleLimit, ProgressOf(MergeStep.ReadShard, part.Shard, progress), log, cancellationToken);
            problems.AddRange(check.Changed.Select(f => $"{part}: {f}"));
            if (check.Pending > 0)
                problems.Add($"{part} lacks {Amount.Of(check.Pending, "image")} that it has listed; run it again");
            foreach (var stray in check.Unexpected) log.Warn($"{part}: {stray} It stays where it is.");
            problems.AddRange(check.Missing.Where(f => f.Path is ImageRecords.FileName or ImageRecords.FileName + JsonLines.Compressed).Select(f => $"{part}: {f}"));
            var missing = check.Missing.Select(f => f.ImageId).OfType<string>().ToHashSet(StringComparer.Ordinal);
            var tars = part.Tars.Keys.Where(name => IsInShard(part, name, target, problems)).ToHashSet(StringComparer.Ordinal);
            foreach (var entry in part.Entries(cancellationToken))
            {
                if (CollectionFiles.FindPlace(part.Folder.Path, entry.Path) is not { } place || CollectionFiles.IsOwn(place))
                    problems.Add($"{part}: image {entry.Id} cannot lie in '{entry.Path}'");
                else if (!places.Add(TextKey.Of(place))) problems.Add($"{part}: another shard has a file '{place}', too");
                else if (entry.IsPending) problems.Add($"{part}: '{place}' was being replaced when a run died; run it again");
                else if (entry.Tar is { } tar)
                {
                    if (missing.Contains(entry.Id) && tars.Contains(tar)) problems.Add($"{part}: '{place}' is missing in '{tar}'");
                }
                else if (part.Folder.FindLength(place) is null)
                {
                    if (target.FindLength(place) != entry.Bytes && !bundled.Contains(entry.Id))
                        problems.Add($"{part}: '{place}' is {(missing.Contains(entry.Id) ? "missing" : "packed into an archive; unpack that first")}");
                }
                else if (target.Has(place) && !AreSame(part.Folder, place, target, place))
                {
                    problems.Add($"'{target.PathOf(place)}' is there and is not the file that {part} has");
                }
            }
        }

        Refuse(target.Path, problems);
    }

    /// <summary>The images that the merged collection has in tars: they were bundled after an earlier merge.</summary>
    private static ImageIdSet BundledIn(CollectionFolder target, CancellationToken cancellationToken)
    {
        var ids = new ImageIdSet();
        var tars = new Dictionary<string, bool>(StringComparer.Ordinal);
        if (Collection.At(target.Path).ManifestPath is not { } manifest) return ids;
        foreach (var entry in Manifest.ReadEntries(manifest, _ => { }, cancellationToken))
        {
            if (entry.Tar is not { } tar) continue;
            if (!tars.TryGetValue(tar, out var isThere))
                tars[tar] = isThere = CollectionFiles.FindPlace(target.Path, tar) is { } place && target.FindLength(place) is not null;
            if (isThere) ids.Add(entry.Id);
        }

        return ids;
    }

    /// <summary>Whether a tar is still in its shard. One that is not must be in the merged collection, under its new name.</summary>
    private static bool IsInShard(Part part, string name, CollectionFolder target, List<string> problems)
    {
        if (CollectionFiles.FindPlace(part.Folder.Path, name) != name || name.Contains('/', StringComparison.Ordinal) || !name.EndsWith(".tar", StringComparison.Ordinal))
        {
            problems.Add($"{part}: a tar cannot lie in '{name}'");
            return false;
        }

        var newName = part.NewNames[name];
        if (part.Folder.FindLength(name) is not null)
        {
            if (target.Has(newName) && !AreSame(part.Folder, name, target, newName))
                problems.Add($"'{target.PathOf(newName)}' is there and is not the tar '{name}' that {part} has");
            return true;
        }

        // Earlier copies of images may be gone.
        if (part.LiveTars.Contains(name) && (target.FindLength(newName) is not { } length || (part.Tars[name] is { } tar && tar.Bytes != length)))
            problems.Add($"{part}: '{name}' is missing");
        return false;
    }

    /// <summary>Whether two files hold the same.</summary>
    private static bool AreSame(CollectionFolder folder, string place, CollectionFolder other, string otherPlace)
    {
        using var one = folder.OpenRead(place);
        using var two = other.OpenRead(otherPlace);
        return one.Length == two.Length && SHA256.HashData(one).AsSpan().SequenceEqual(SHA256.HashData(two));
    }

    private static Progress? ProgressOf(MergeStep step, Shard? shard, IProgress<MergeProgress>? progress) => progress is null ? null : new Progress(step, shard, progress);

    private static void Refuse(string path, List<string> problems)
    {
        if (problems.Count == 0) return;
        var more = problems.Count > MostNamed ? $"; and {Amount.Of(problems.Count - MostNamed)} more" : "";
        throw new CollectionException(
            CollectionFault.Incomplete, path, $"The shards were not merged, and nothing was changed: {string.Join("; ", problems.Take(MostNamed))}{more}.");
    }

    private static void Take(Part part, CollectionWriter writer, IProgress<MergeProgress>? progress, IRunLog log, CancellationToken cancellationToken)
    {
        if (Collection.At(part.Folder.Path).ListingPath is { } records)
            foreach (var image in ImageRecords.Read(records, log)) writer.List(image);
        foreach (var failed in FailedEntry.ReadAll(part.Folder.PathOf(FailedEntry.FileName), log).Values) writer.Fail(failed);
        var tars = 0;
        foreach (var (name, newName) in part.NewNames)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (Move(part, name, writer.Folder, newName, log, cancellationToken)) tars++;
            // Earlier versions noted no tars.
            if (writer.Folder.Has(newName)) writer.Note(part.Tars[name] is { } tar ? tar with { Name = newName } : TarFile.Measure(writer.FullPath(newName)));
        }

        var (done, folders) = (0L, new HashSet<string>(StringComparer.Ordinal));
        foreach (var entry in part.Entries(cancellationToken))
        {
            cancellationToken.ThrowIfCancellationRequested();
            var place = CollectionFiles.FindPlace(part.Folder.Path, entry.Path)!;
            if (entry.Tar is null && Move(part, place, writer.Folder, place, log, cancellationToken)) folders.Add(place);
            // A merge that died may have moved the picture and not noted it.
            if (writer.FindFinished(entry.Id) is null) writer.Finish(part.WithNewTars(entry));
            progress?.Report(new MergeProgress(MergeStep.Move, part.Shard.ToString(), ++done, part.State.Images));
        }

        part.Folder.DeleteEmptyFolders(folders);
        log.Say($"{part}: {Amount.Of(folders.Count, "picture")} and {Amount.Of(tars, "tar")} moved.");
    }

    /// <summary>Moves a file of a shard, where it is still there.</summary>
    private static bool Move(Part part, string place, CollectionFolder target, string newPlace, IRunLog log, CancellationToken cancellationToken)
    {
        if (part.Folder.FindLength(place) is null) return false;
        // A merge has given the file its second name, or has copied it, and died before it took the first away.
        if (target.Has(newPlace) && AreSame(part.Folder, place, target, newPlace))
        {
            part.Folder.Delete(place);
            return true;
        }

        using var from = part.Folder.OpenFolderOf(place, out var name);
        using var to = target.OpenFolderOf(newPlace, out var newName, isMade: true);
        try
        {
            from.Move(name, to, newName, overwrite: false, cancellationToken);
        }
        catch (IOException e) when (FolderHandle.IsOnOtherDisk(e))
        {
            if (WholeFile.Copy(part.Folder, place, target, newPlace, cancellationToken) is { } refusal)
                log.Warn($"The time of '{target.PathOf(newPlace)}' could not be set: {refusal.Message}");
            from.DeleteFile(name);
        }

        return true;
    }

    [GeneratedRegex(@"(\.[0-9]+)?\.tar\z", RegexOptions.CultureInvariant)]
    private static partial Regex NumberedTar();

    /// <summary>A shard that is to be merged.</summary>
    /// <param name="Folder">Its collection.</param>
    /// <param name="State">What it says of itself.</param>
    /// <param name="Shard">Which shard it is.</param>
    /// <param name="Tars">Its tars by their names; null for those that an earlier version has not noted.</param>
    private sealed record Part(CollectionFolder Folder, CollectionState State, Shard Shard, Dictionary<string, ManifestTar?> Tars)
    {
        /// <summary>The tars in which its images are; others hold earlier copies only.</summary>
        public HashSet<string> LiveTars { get; } = new(StringComparer.Ordinal);

        /// <summary>What its tars are called in the merged collection.</summary>
        public Dictionary<string, string> NewNames { get; } = new(StringComparer.Ordinal);

        public static Part Read(string path, CancellationToken cancellationToken)
        {
            var folder = new CollectionFolder(path);
            if (CollectionState.Read(folder.Path) is not { } state)
                throw new CollectionException(CollectionFault.Mismatch, folder.Path, $"'{folder.Path}' has no {CollectionState.FileName}: it is no collection of this module, or lost it.")
                {
                    Advice = Advice.RepairCollection,
                };
            var shard = state.Part ?? throw new CollectionException(
                CollectionFault.Mismatch, folder.Path, $"'{folder.Path}' does not say which shard it is. Run the shard again with this version, and it does.");
            var part = new Part(folder, state, shard, new Dictionary<string, ManifestTar?>(StringComparer.Ordinal));
            if (Collection.At(folder.Path).ManifestPath is not { } manifest) return part;
            foreach (var (name, tar) in Manifest.ReadTars(manifest, cancellationToken)) part.Tars[name] = tar;
            foreach (var entry in part.Entries(cancellationToken))
            {
                if (entry.Tar is not null) part.LiveTars.Add(entry.Tar);
                foreach (var name in entry.Superseded.Select(c => c.Tar).Append(entry.Tar).OfType<string>()) part.Tars.TryAdd(name, null);
            }

            return part;
        }

        public IEnumerable<ManifestEntry> Entries(CancellationToken cancellationToken) =>
            Collection.At(Folder.Path).ManifestPath is { } manifest ? Manifest.ReadEntries(manifest, _ => { }, cancellationToken) : [];

        /// <summary>An entry with the names that its tars have in the merged collection.</summary>
        public ManifestEntry WithNewTars(ManifestEntry entry) => entry with
        {
            Tar = entry.Tar is null ? null : NewNames[entry.Tar],
            Superseded = [.. entry.Superseded.Select(WithNewTars)],
        };

        public override string ToString() => $"shard {Shard} ('{Folder.Path}')";
    }

    /// <summary>Tells of the reading of a collection as of a step of the merge.</summary>
    private sealed class Progress(MergeStep step, Shard? shard, IProgress<MergeProgress> progress) : IProgress<CheckProgress>
    {
        public void Report(CheckProgress value) => progress.Report(new MergeProgress(step, shard?.ToString(), value.Bytes, value.TotalBytes));
    }
}
