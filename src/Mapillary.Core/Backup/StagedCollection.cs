using Mapillary.Collections;
using Mapillary.Collections.Checking;
using Mapillary.Collections.Files;
using Mapillary.Collections.Places;
using Mapillary.Collections.Records;
using Mapillary.Graph;
using Mapillary.Saving;

namespace Mapillary.Backup;

/// <summary>
/// A collection that is worked on in <c>.staging</c>, beside the finished ones, and moved to its place when it is whole: a place never
/// holds anything half-done.
/// </summary>
internal sealed class StagedCollection
{
    private readonly CollectionFolder _output;
    private readonly string _staging;

    /// <param name="destination">The folder in which finished collections appear.</param>
    /// <param name="name">Whose images, in which form.</param>
    public StagedCollection(string destination, CollectionName name)
    {
        Name = name;
        _output = new CollectionFolder(destination);
        _staging = Path.Combine(destination, CollectionName.StagingFolder);
        Place = name.PathIn(destination, _staging);
        Work = Path.Combine(_staging, Path.GetFileName(Place));
        Destination = destination;
    }

    /// <summary>Whose images, in which form.</summary>
    public CollectionName Name { get; }

    /// <summary>The folder in which finished collections appear.</summary>
    public string Destination { get; }

    /// <summary>Where it is when it is whole.</summary>
    public string Place { get; }

    /// <summary>Where it is worked on.</summary>
    public string Work { get; }

    /// <summary>Its folder's own name, which is its identifier on archive.org.</summary>
    public string Identifier => Path.GetFileName(Place);

    /// <summary>Whether there is something of it, whole or begun.</summary>
    public bool IsThere => Directory.Exists(Place) || Directory.Exists(Work);

    /// <summary>The same user's collection that was begun under another name, where nothing is there by this one; else this one.</summary>
    /// <param name="creatorId">The user's number; null where it is not known.</param>
    /// <param name="log">Told where it is one of another name.</param>
    public StagedCollection OfUser(string? creatorId, IRunLog log)
    {
        if (IsThere) return this;
        var known = RenamedUser.CollectionFor(Name, creatorId, [Destination, _staging], log);
        return known == Name ? this : new StagedCollection(Destination, known);
    }

    /// <summary>What of it can be gone on with is refused where it is something else.</summary>
    /// <exception cref="CollectionException">It is damaged, of another area, or in another form.</exception>
    public void RefuseOther(AccountListing listing)
    {
        foreach (var there in new[] { Place, Work }.Where(Directory.Exists)) new WantedCollection(Name, listing).ReadState(there);
    }

    /// <summary>Takes it for this process alone, before anything of it is made or moved.</summary>
    /// <exception cref="CollectionException">Another process has it, or a link is in its place.</exception>
    public CollectionLock Take()
    {
        var made = _output.PlaceOf(Path.GetFullPath(Work));
        var taken = CollectionLock.TakeToMake(_output, made);
        try
        {
            _output.RefuseLink(made);
            return taken;
        }
        catch
        {
            taken.Dispose();
            throw;
        }
    }

    /// <summary>Moves a finished one to where it is worked on.</summary>
    /// <exception cref="CollectionException">There are two of it, it is of another area, or its pictures are in another form.</exception>
    public void BringBack(AccountListing listing, IRunLog log)
    {
        if (!Directory.Exists(Place)) return;
        if (Directory.Exists(Work))
        {
            throw new CollectionException(CollectionFault.Mismatch, Place,
                $"There is a finished collection at '{Place}' and one begun at '{Work}'. Move one of them away; the one that stays is gone on with.");
        }

        // What cannot be gone on with stays where it is.
        try
        {
            new WantedCollection(Name, listing).ReadState(Place);
        }
        catch (CollectionException e) when (e.InnerException is InvalidDataException)
        {
            // It is damaged, and mended now.
        }

        // Not from under one who reads or uploads it.
        using (CollectionLock.Take(Place)) CollectionRepair.Mend(Place, Name, listing, log);

        log.Say($"Going on with the collection at {Place}.");
        Move(Place, Work);
    }

    /// <summary>Moves it to its place.</summary>
    /// <exception cref="CollectionException">It cannot be moved.</exception>
    public void PutInPlace()
    {
        CollectionLock.Remove(Work);
        Move(Work, Place);
    }

    /// <summary>The state that an interrupted listing of the same images has left, with its cursor; null where there is none.</summary>
    /// <param name="filter">Which images are listed now.</param>
    public CollectionState? FindInterrupted(ImageFilter filter)
    {
        try
        {
            if (CollectionState.Read(Work) is not { Complete: false, Cursor: not null } state) return null;
            return filter == new ImageFilter { BoundingBox = filter.BoundingBox } && state.BoundingBox == filter.BoundingBox?.ToString() ? state : null;
        }
        catch (InvalidDataException)
        {
            // Opening the collection says what is wrong with it, and mends it.
            return null;
        }
    }

    /// <summary>The number of the user whose collection this is; null where it does not tell.</summary>
    public string? FindCreatorId(IRunLog log)
    {
        var path = Directory.Exists(Work) ? Work : Place;
        try
        {
            return Collection.At(path).FindCreatorId();
        }
        catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException or CollectionException)
        {
            log.Say($"Whose collection '{path}' is cannot be told: {e.Message}");
            return null;
        }
    }

    private void Move(string from, string to)
    {
        try
        {
            _output.MoveFolder(_output.PlaceOf(Path.GetFullPath(from)), _output.PlaceOf(Path.GetFullPath(to)));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            var why = $"'{from}' is whole, but could not be moved to '{to}': {e.Message}";
            throw FilePatience.MayBeHeld(e)
                ? new CollectionException(CollectionFault.InUse, to, $"{why} Close what has a file or a folder in there open, and run again: it is moved then.", e)
                : new CollectionException(CollectionFault.NotWritable, to, why, e);
        }
    }
}
