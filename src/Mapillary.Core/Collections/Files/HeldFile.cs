using System.Globalization;

namespace Mapillary.Collections.Files;

/// <summary>
/// What takes the place of a lock where a file system's own keep nobody out, as NFS without its lock service and some of FUSE and CIFS: a
/// file that only one process can make. It says who that is, and is renewed as long as the process lives. One whose process is gone, or, on
/// another machine, is not heard of any more, is taken over. The clocks of the machines must not differ by as much.
/// </summary>
internal sealed class HeldFile : IDisposable
{
    /// <summary>What the name of the lock's file ends with.</summary>
    public const string Suffix = ".held";

    /// <summary>How often it is renewed.</summary>
    public static readonly TimeSpan Beat = TimeSpan.FromSeconds(30);

    /// <summary>Who has not renewed it for so long is gone.</summary>
    public static readonly TimeSpan LongestSilence = TimeSpan.FromMinutes(5);

    /// <summary>More bytes than it has.</summary>
    private const int Longest = 2000;

    private readonly object _gate = new();
    private readonly CollectionFolder _folder;
    private readonly string _place;
    private readonly FileStream _file;
    private readonly IRunLog? _log;
    private readonly TimeProvider _clock;
    private readonly ITimer _timer;
    private readonly LockHolder _self;
    private bool _isOver;

    private HeldFile(CollectionFolder folder, string place, FileStream file, LockHolder self, IRunLog? log, TimeProvider clock)
    {
        (_folder, _place, _file, _self, _log, _clock) = (folder, place, file, self, log, clock);
        _timer = clock.CreateTimer(_ => Renew(), null, Beat, Beat);
    }

    /// <summary>Makes the file, or takes over one whose process is gone.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="place">The file's place in it.</param>
    /// <param name="collectionPath">The collection, for the error.</param>
    /// <param name="log">Told when one is taken over; may be null.</param>
    /// <param name="clock">The time of the heartbeats.</param>
    /// <exception cref="CollectionException">Another process holds it.</exception>
    /// <exception cref="IOException">It cannot be made.</exception>
    public static HeldFile Take(CollectionFolder folder, string place, string collectionPath, IRunLog? log, TimeProvider clock)
    {
        var self = LockHolder.Self();
        var file = Make(folder, place, collectionPath, self, clock, out var found);
        if (found is not null)
            log?.Warn($"The collection '{collectionPath}' was being written by {found}, which is gone. Its lock was taken over.");
        return new HeldFile(folder, place, file, self, log, clock);
    }

    /// <summary>Makes sure that no living process holds the file; for those who only read.</summary>
    /// <exception cref="CollectionException">One does.</exception>
    public static void RefuseHeld(CollectionFolder folder, string place, string collectionPath, TimeProvider clock)
    {
        if (!folder.Has(place) || Find(folder, place) is not { } found || !found.IsAlive(clock.GetUtcNow())) return;
        throw Refused(folder, place, collectionPath, found);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_gate)
        {
            _isOver = true;
            _timer.Dispose();
            try
            {
                if (Find(_folder, _place)?.Token == _self.Token) _folder.Delete(_place);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // The next one finds that this process is gone.
            }

            _file.Dispose();
        }
    }

    /// <summary>
    /// Makes the file. To take over one, a process makes another file first that is named by it, so that only one takes over; that one gets
    /// the name of the first in one step. Whoever comes late finds another holder in the first, and lets go.
    /// </summary>
    private static FileStream Make(
        CollectionFolder folder, string place, string collectionPath, LockHolder self, TimeProvider clock, out Found? found)
    {
        while (true)
        {
            found = null;
            try
            {
                var file = folder.Create(place, CollectionFolder.Any);
                RandomAccess.Write(file.SafeFileHandle, self.ToBytes(clock.GetUtcNow()), 0);
                return file;
            }
            catch (IOException e) when (CollectionFolder.SaysItIsThere(e))
            {
                // Another process holds it, or did.
            }

            found = Find(folder, place);
            if (found is null) continue;
            if (found.IsAlive(clock.GetUtcNow())) throw Refused(folder, place, collectionPath, found);
            var next = $"{place}.{found.Token}";
            var claimed = Make(folder, next, collectionPath, self, clock, out _);
            try
            {
                using var handle = folder.OpenFolderOf(place, out var name);
                if (Find(folder, place)?.Token == found.Token)
                {
                    handle.Move($"{name}.{found.Token}", handle, name, overwrite: true);
                    return claimed;
                }

                handle.DeleteFile($"{name}.{found.Token}");
            }
            catch
            {
                claimed.Dispose();
                throw;
            }

            claimed.Dispose();
        }
    }

    private static Found? Find(CollectionFolder folder, string place)
    {
        try
        {
            using var file = folder.OpenRead(place);
            var bytes = new byte[Longest];
            var length = file.ReadAtLeast(bytes, Longest, throwOnEndOfStream: false);
            return new Found(LockHolder.Parse(bytes.AsSpan(0, length)), File.GetLastWriteTimeUtc(file.SafeFileHandle));
        }
        catch (FileNotFoundException)
        {
            return null;
        }
    }

    private static CollectionException Refused(CollectionFolder folder, string place, string collectionPath, Found found) => new(
        CollectionFault.InUse, collectionPath,
        $"The collection '{collectionPath}' is being written by {found}. Wait until it is done, or end it. If it does not run any more, "
        + FormattableString.Invariant($"it counts as gone {LongestSilence.TotalMinutes:0} minutes after it was heard of last; ")
        + $"to go on at once, delete '{folder.PathOf(place)}'.");

    private void Renew()
    {
        lock (_gate)
        {
            if (_isOver) return;
            try
            {
                if (Find(_folder, _place) is { } now && now.Token != _self.Token)
                {
                    _isOver = true;
                    _log?.Warn($"The lock '{_folder.PathOf(_place)}' was taken over by another process, because this one was not heard of "
                        + "for too long. End one of the two.");
                    return;
                }

                RandomAccess.Write(_file.SafeFileHandle, _self.ToBytes(_clock.GetUtcNow()), 0);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or CollectionException)
            {
                // The next time, perhaps; there are several before this process counts as gone.
                _log?.Say($"'{_folder.PathOf(_place)}' could not be renewed: {e.Message}");
            }
        }
    }

    /// <summary>A file that is there.</summary>
    /// <param name="Holder">Who made it; null where it does not say so, as where the process died before.</param>
    /// <param name="Written">When it was written last, UTC.</param>
    private sealed record Found(LockHolder? Holder, DateTime Written)
    {
        /// <summary>What tells it from any other; the file may be somebody else's, and the token is part of a name.</summary>
        public string Token => Holder is { Token: { Length: <= 40 } token } && token.All(char.IsAsciiLetterOrDigit) ? token : "unknown";

        public bool IsAlive(DateTimeOffset now) =>
            Holder?.IsHere() ?? now - (Holder?.Heartbeat ?? new DateTimeOffset(Written, TimeSpan.Zero)) < LongestSilence;

        public override string ToString() => Holder is null
            ? "another process"
            : string.Create(
                CultureInfo.InvariantCulture,
                $"process {Holder.Process} on {Holder.Host} (heard of last at {Holder.Heartbeat.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC)");
    }
}
