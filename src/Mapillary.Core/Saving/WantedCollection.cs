using Mapillary.Collections;
using Mapillary.Collections.Files;
using Mapillary.Collections.Places;
using Mapillary.Collections.Records;

namespace Mapillary.Saving;

/// <summary>The collection that a run wants to save into. What is there is gone on with only where it is that one.</summary>
/// <param name="Name">Whose images, in which form.</param>
/// <param name="Listing">The listing that the images to come are all of; null for images that somebody chose.</param>
internal sealed record WantedCollection(CollectionName Name, AccountListing? Listing)
{
    /// <summary>The state of the collection in a folder, which is to be gone on with, or that of a new one.</summary>
    /// <exception cref="CollectionException">It is another user's or of another area, its pictures are in another form, or the file is damaged.</exception>
    public CollectionState ReadState(string path)
    {
        var wanted = CollectionState.Of(Name);
        CollectionState state;
        try
        {
            state = CollectionState.Read(path) ?? wanted;
        }
        catch (InvalidDataException e)
        {
            throw new CollectionException(CollectionFault.Mismatch, path, e.Message, e) { Advice = e.AdviceOf() };
        }

        if ((state.User, state.AreaName, state.Quality) != (wanted.User, wanted.AreaName, wanted.Quality) || !state.Form.GoesWith(wanted.Form))
            throw OfAnother(path, state, Name);
        if (Listing is not null && state.Part is not null) throw OfOtherShard(path, state, "this run asks for all of this user's images");
        // A collection of an area must not become one of everything unseen, nor call itself limited to what it is not.
        if (Listing is null || Listing.GoesWith(state.Area) || !HasListed(path, state)) return state;
        throw new CollectionException(CollectionFault.OtherArea, path,
            $"'{path}' holds images of user '{state.User}' {(state.Area is { } recorded ? $"in the area {recorded} alone" : "that are limited to no area")}, "
            + $"and this run asks for {(Listing.Area is { } area ? $"the area {area} alone" : "all areas")}. Nothing was changed.")
        {
            RecordedArea = state.Area,
        };
    }

    /// <summary>What is said where a collection is of something else than what is to go into it.</summary>
    public static CollectionException OfAnother(string path, CollectionState state, CollectionName wanted)
    {
        var asked = CollectionState.Of(wanted);
        return new CollectionException(CollectionFault.Mismatch, path,
            $"'{path}' holds {state.Owner} in quality {state.QualityInWords}, not {asked.Owner} in {asked.QualityInWords}. Choose another destination.");
    }

    /// <summary>What is said where a collection is another shard than the images that are to go into it.</summary>
    public static CollectionException OfOtherShard(string path, CollectionState state, string offered) => new(
        CollectionFault.OtherShard, path,
        $"'{path}' holds shard {state.Shard} of the images of user '{state.User}', and {offered}. None of them was added. "
        + "Give each shard a folder of its own, and keep the number of shards when you run one again.");

    /// <summary>Whether anything was listed into the collection; a run that was killed may have left no count of it.</summary>
    private static bool HasListed(string path, CollectionState state) =>
        state.Listed > 0 || (Collection.At(path).ListingPath is { } records && new CollectionFolder(path).FindLength(Path.GetFileName(records)) > 0);
}
