namespace Mapillary.Emulator;

/// <summary>What the emulated services hold and how they misbehave.</summary>
public sealed record EmulatorOptions
{
    /// <summary>The users and how much each has uploaded.</summary>
    public IReadOnlyList<EmulatedUser> Users { get; init; } = [new EmulatedUser { Name = "anna", Images = 30 }];

    /// <summary>A folder of JPEGs to serve as the full-size pictures; null for the built-in ones.</summary>
    public string? Photos { get; init; }

    /// <summary>Everything that looks random comes from this number: the same seed, the same world and the same faults.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>The most rows that a page of <c>/images</c> holds, whatever limit is asked for.</summary>
    public int PageLimit { get; init; } = 2000;

    /// <summary>How long every answer of the Graph API is held back.</summary>
    public TimeSpan GraphLatency { get; init; }

    /// <summary>How long every answer of the image CDN is held back.</summary>
    public TimeSpan CdnLatency { get; init; }

    /// <summary>How long every answer of archive.org and its S3 is held back.</summary>
    public TimeSpan ArchiveLatency { get; init; }

    /// <summary>How long a picture's address is good for; below zero, addresses are dead when they are handed out.</summary>
    public TimeSpan UrlLifetime { get; init; } = TimeSpan.FromDays(30);

    /// <summary>
    /// Another lifetime for the addresses in listings (by user, sequence or box), so that only asking for an image by its id gives a
    /// living one.
    /// </summary>
    public TimeSpan? ListedUrlLifetime { get; init; }

    /// <summary>The clock by which addresses expire.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>Whether <c>creator_username</c> together with <c>bbox</c> leaves the box unheeded.</summary>
    public bool BboxIgnoredWithUser { get; init; }

    /// <summary>Whether users are found by their names in other letters too; records then have the name as it is. Nobody has told what the real one does.</summary>
    public bool IgnoresCaseOfNames { get; init; }

    /// <summary>Whether every second sequence has the id of the one before it, with the case of a letter changed.</summary>
    public bool CaseTwins { get; init; }

    /// <summary>What is odd about some records, and the share of records (0 to 1) of which it is true.</summary>
    public IReadOnlyDictionary<Oddity, double> Oddities { get; init; } = new Dictionary<Oddity, double>();

    /// <summary>Changes a record at will, after the oddities. Called more than once for an image; must do the same each time.</summary>
    public Action<EmulatedImage, ImageRecord>? ModifyRecord { get; init; }

    /// <summary>The bytes of a tile, by its column and row, in place of the one that the world has; null, or what returns null, for that one.</summary>
    public Func<int, int, byte[]?>? ModifyTile { get; init; }

    /// <summary>How the services misbehave. For each request the first rule that applies and is not used up is followed.</summary>
    public IReadOnlyList<FaultRule> Faults { get; init; } = [];

    /// <summary>What archive.org holds.</summary>
    public IReadOnlyList<ArchivedItem> ArchivedItems { get; init; } = [];

    /// <summary>How many further items archive.org holds, made up from the seed.</summary>
    public int GeneratedArchivedItems { get; init; }

    /// <summary>How many times <c>/metadata/{id}</c> is read after a file was uploaded before that file is listed there.</summary>
    public int ListedAfterReads { get; init; }

    /// <summary>Whether S3 answers every upload with a 307 to its node, without having read the file.</summary>
    public bool S3Redirects { get; init; }

    /// <summary>Where the 307 leads in place of the node (same path and query), a hostile place for example; null for no such redirect.</summary>
    public Uri? S3RedirectTo { get; init; }

    /// <summary>The port of the Graph API; the CDN, archive.org, S3 and its node, the tiles and archive.org's node have the next six. 0 for seven free ones.</summary>
    public int Port { get; init; }
}

/// <summary>A Mapillary user.</summary>
public sealed record EmulatedUser
{
    /// <summary>The user name.</summary>
    public required string Name { get; init; }

    /// <summary>How many images the user has.</summary>
    public int Images { get; init; } = 30;

    /// <summary>In how many sequences; null for one to every forty images.</summary>
    public int? Sequences { get; init; }
}

/// <summary>What can be odd about a record of the Graph API; all of it has been seen in the real one.</summary>
public enum Oddity
{
    /// <summary>No <c>camera_type</c>.</summary>
    MissingCameraType,

    /// <summary>No <c>sequence</c>.</summary>
    MissingSequence,

    /// <summary>No <c>thumb_original_url</c>.</summary>
    MissingOriginalUrl,

    /// <summary>No <c>captured_at</c>.</summary>
    MissingCapturedAt,

    /// <summary><c>captured_at</c> is 0.</summary>
    EpochZero,

    /// <summary><c>captured_at</c> lies in the year 2099.</summary>
    FutureCapture,

    /// <summary><c>altitude</c> is -15, wrapped to an unsigned number: 4294967281.</summary>
    WrappedAltitude,

    /// <summary><c>altitude</c> is exactly 0.</summary>
    ZeroAltitude,

    /// <summary><c>compass_angle</c> is below 0 or over 360.</summary>
    CompassOutOfRange,

    /// <summary>None of the fields that come from reconstruction.</summary>
    NotComputed,

    /// <summary><c>computed_compass_angle</c> is exactly 0.</summary>
    ComputedCompassZero,

    /// <summary>A perspective camera is a fisheye one.</summary>
    Fisheye,

    /// <summary>A panorama's camera type is <c>equirectangular</c> in place of <c>spherical</c>.</summary>
    Equirectangular,

    /// <summary>A camera type that the documentation does not know.</summary>
    UnknownCameraType,

    /// <summary><c>exif_orientation</c> is 5 to 8, the served picture is already upright, width and height are the upload's.</summary>
    Turned,
}

/// <summary>An item of archive.org.</summary>
public sealed record ArchivedItem
{
    /// <summary>The item's name in addresses.</summary>
    public required string Identifier { get; init; }

    /// <summary>A folder whose files the item has, as they are there when somebody asks; null for none.</summary>
    public string? Folder { get; init; }

    /// <summary>The description, null for none.</summary>
    public string? Description { get; init; }

    /// <summary>All its files together, in bytes.</summary>
    public long ItemSize { get; init; }

    /// <summary>The collections that it is in.</summary>
    public IReadOnlyList<string> Collection { get; init; } = ["mapillary-images"];

    /// <summary>The uploader's mail address, null for none.</summary>
    public string? Uploader { get; init; }

    /// <summary>Whether it is somebody else's: uploads into it are refused.</summary>
    public bool IsForeign { get; init; }

    /// <summary>Whether the item has been taken out of sight: the metadata say so, the search does not find it.</summary>
    public bool IsDark { get; init; }

    /// <summary>Further metadata: one value is answered as a string, several as an array.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<string>> Metadata { get; init; } = new Dictionary<string, IReadOnlyList<string>>();
}
