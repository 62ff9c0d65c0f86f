using Mapillary.Collections;
using Mapillary.Collections.Places;
using Mapillary.Collections.Records;
using Mapillary.Graph;

namespace Mapillary.Saving;

/// <summary>The collections that a run saves into, each opened when the first image for it comes.</summary>
/// <param name="options">How and where images are saved.</param>
/// <param name="log">Told what is repaired.</param>
internal sealed class OpenCollections(SaveOptions options, IRunLog log) : IDisposable
{
    private readonly Dictionary<string, CollectionWriter> _byUser = new(StringComparer.Ordinal);

    /// <summary>Those that are open.</summary>
    public IReadOnlyCollection<CollectionWriter> All
    {
        get
        {
            lock (_byUser) return [.. _byUser.Values.Distinct()];
        }
    }

    /// <summary>The collection that an image goes into.</summary>
    /// <exception cref="CollectionException">It cannot be written, is in use, or is one of other images.</exception>
    public CollectionWriter For(MapillaryImage image, CancellationToken cancellationToken)
    {
        // Of an area's images each may be somebody else's.
        var area = options.User is null ? image.Origin.Area : null;
        var name = area is null
            ? new CollectionName(options.User ?? image.Creator ?? ImageSaver.UnknownUser, options.Quality, options.Form)
            : CollectionName.OfArea(area, options.Quality, options.Form);
        var user = name.User;
        lock (_byUser)
        {
            if (_byUser.TryGetValue(user, out var open))
            {
                // A user may be called as an area is.
                return open.State.AreaName == area?.Name ? open : throw WantedCollection.OfAnother(open.Path, open.State, name);
            }

            if (options.CollectionPath is null && area is null)
            {
                name = RenamedUser.CollectionFor(name, image.CreatorId, [options.Destination], log);
                if (_byUser.TryGetValue(name.User, out open)) return _byUser[user] = open;
            }

            var path = options.CollectionPath ?? name.PathIn(options.Destination);
            return _byUser[user] = CollectionWriter.Open(path, name, options.Layout, options.Listing, log, options.KeepsRunLog, cancellationToken);
        }
    }

    /// <summary>Closes them; each then can be opened by others.</summary>
    public void Dispose()
    {
        lock (_byUser)
        {
            foreach (var collection in _byUser.Values.Distinct()) collection.Dispose();
            _byUser.Clear();
        }
    }
}
