namespace Mapillary.Tiles;

/// <summary>
/// Keeps the tiles of a listing that has not come to its end, so that the next run of it asks for the others only. What they list is as old as
/// they are; a listing that was whole leaves none behind, and the next one begins anew.
/// </summary>
/// <param name="folder">The folder, this software's own.</param>
/// <param name="log">Told what cannot be kept.</param>
/// <param name="clock">The clock; the system's where it is null.</param>
public sealed class TileStore(string folder, IRunLog log, TimeProvider? clock = null)
{
    /// <summary>How long a tile is kept: a block lifts after about a day.</summary>
    internal static readonly TimeSpan Lifetime = TimeSpan.FromDays(3);

    private const string Suffix = ".mvt";

    private readonly TimeProvider _clock = clock ?? TimeProvider.System;
    private bool _isUnwritable;

    /// <summary>The folder in the user's cache.</summary>
    public static string DefaultFolder => Path.Combine(UserCache.Folder, "tiles");

    /// <summary>When a tile was kept; null where it is not, or for too long.</summary>
    internal DateTimeOffset? KeptAt(Uri source, Tile tile)
    {
        var file = new FileInfo(PathOf(source, tile));
        return file.Exists && !IsOld(file) ? file.LastWriteTimeUtc : null;
    }

    /// <summary>A tile that was kept; null where it is not, or cannot be read.</summary>
    internal byte[]? Read(Uri source, Tile tile)
    {
        try
        {
            return KeptAt(source, tile) is null ? null : File.ReadAllBytes(PathOf(source, tile));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            log.Say($"Tile {tile} was kept, and cannot be read: {e.Message}");
            return null;
        }
    }

    /// <summary>Keeps a tile. That it cannot be done costs the next run a request, and this one nothing.</summary>
    internal void Keep(Uri source, Tile tile, ReadOnlySpan<byte> body)
    {
        if (_isUnwritable) return;
        var path = PathOf(source, tile);
        var own = $"{path}.{Guid.NewGuid():N}";
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            try
            {
                using (var file = File.Create(own)) file.Write(body);
                File.SetLastWriteTimeUtc(own, _clock.GetUtcNow().UtcDateTime);
                File.Move(own, path, overwrite: true);
            }
            finally
            {
                File.Delete(own);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _isUnwritable = true;
            log.Warn($"Tiles cannot be kept in '{folder}': {e.Message} A run that goes on with this listing asks for all of them again.");
        }
    }

    /// <summary>Lets tiles go.</summary>
    internal void Forget(Uri source, IEnumerable<Tile> tiles) => Delete(tiles.Select(tile => PathOf(source, tile)));

    /// <summary>Lets go what nobody went on with, and what a run that was killed left half-written.</summary>
    internal void ForgetOld()
    {
        if (!Directory.Exists(folder)) return;
        Delete(new DirectoryInfo(folder).EnumerateDirectories().SelectMany(d => d.EnumerateFiles("*" + Suffix + "*")).Where(IsOld).Select(f => f.FullName));
    }

    private void Delete(IEnumerable<string> files)
    {
        try
        {
            foreach (var file in files.Where(File.Exists)) File.Delete(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            log.Say($"Tiles that are not needed stay in '{folder}': {e.Message}");
        }
    }

    private bool IsOld(FileInfo file) => (_clock.GetUtcNow() - file.LastWriteTimeUtc).Duration() > Lifetime;

    /// <summary>A test's tiles must never pass for Mapillary's.</summary>
    private static string FolderOf(Uri source) => string.Concat(source.Authority.Select(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' ? c : '_'));

    private string PathOf(Uri source, Tile tile) => Path.Combine(folder, FolderOf(source), FormattableString.Invariant($"{Tile.Zoom}-{tile.X}-{tile.Y}{Suffix}"));
}
