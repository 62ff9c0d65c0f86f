using Mapillary.Collections;
using Mapillary.Collections.Places;
using Mapillary.Graph;
using Mapillary.Imaging;
using Mapillary.Imaging.Forms;

namespace Mapillary.Saving;

/// <summary>How images are saved.</summary>
public sealed record SaveOptions
{
    /// <summary>The folder in which collections are made.</summary>
    public const string DefaultDestination = NearbyCollections.DefaultFolder;

    /// <summary>The most transfers at once where nobody says otherwise.</summary>
    public const int DefaultThrottleLimit = 64;

    private readonly string _destination = DefaultDestination;

    /// <summary>The folder in which collections are made.</summary>
    public string Destination
    {
        get => _destination;
        init => _destination = AsWindowsHasIt(value);
    }

    /// <summary>
    /// Whose collection it is. Null sorts the images by the users in their records, a collection each.
    /// </summary>
    public string? User { get; init; }

    /// <summary>The folder of that user's collection; null for the one of its name in <see cref="Destination"/>.</summary>
    public string? CollectionPath { get; init; }

    /// <summary>The rendition.</summary>
    public ImageQuality Quality { get; init; }

    /// <summary>What the pictures become.</summary>
    public PictureForm Form { get; init; } = PictureForm.AsServed;

    /// <summary>How the pictures are laid out in folders.</summary>
    public CollectionLayout Layout { get; init; }

    /// <summary>The most transfers at once; the number that pays off is found while they run.</summary>
    public int ThrottleLimit { get; init; } = DefaultThrottleLimit;

    /// <summary>How metadata are restored; null leaves those that the file has.</summary>
    public RestoreOptions? Restore { get; init; } = RestoreOptions.Default;

    /// <summary>Whether images that are there are fetched again.</summary>
    public bool Force { get; init; }

    /// <summary>Whether each collection that changes gets a log of the run; a whole backup keeps one of its own.</summary>
    public bool KeepsRunLog { get; init; }

    /// <summary>
    /// How many listed images may wait for their transfer, so that no transfer waits for a page of the listing, and so that it is known what
    /// is to come. A record takes some 5 KB.
    /// </summary>
    internal int ListedAhead { get; init; } = 2000;

    /// <summary>Holds the run to its stop rules, and may be shared by several; null for none.</summary>
    public RunBudget? Budget { get; init; }

    /// <summary>The listing that the images are all of; null for images that somebody chose, of which nobody knows whether they are all.</summary>
    public AccountListing? Listing { get; init; }

    /// <summary>To Windows <c>x. </c> is <c>x</c>, but only at the end of a path: what is in that folder would be looked for elsewhere.</summary>
    private static string AsWindowsHasIt(string folder)
    {
        if (!OperatingSystem.IsWindows() || folder.StartsWith(@"\\?\", StringComparison.Ordinal)) return folder;
        return Path.GetFileName(folder).Trim('.', ' ').Length > 0 ? folder.TrimEnd('.', ' ') : folder;
    }
}
