using System.Diagnostics;
using System.Net;
using Mapillary.Collections;
using Mapillary.Collections.Files;
using Mapillary.Collections.Places;
using Mapillary.Collections.Records;
using Mapillary.Download;
using Mapillary.Graph;
using Mapillary.Imaging.Forms;
using Mapillary.Imaging.Jpeg;
using Mapillary.InternetArchive.Client;
using Mapillary.Saving;
using Mapillary.Services;

namespace Mapillary.Planning;

/// <summary>What a download is planned for.</summary>
public sealed record PlanOptions
{
    /// <summary>How many images' sizes are asked for where nobody says otherwise.</summary>
    public const int DefaultSampleSize = 30;

    /// <summary>The folder in which collections are made.</summary>
    public string Destination { get; init; } = SaveOptions.DefaultDestination;

    /// <summary>Whose collection it is; null goes by the users in the records.</summary>
    public string? User { get; init; }

    /// <summary>The rendition.</summary>
    public ImageQuality Quality { get; init; }

    /// <summary>What the pictures are to become.</summary>
    public PictureForm Form { get; init; } = PictureForm.AsServed;

    /// <summary>When the run is to end before all is there.</summary>
    public StopRules Rules { get; init; } = StopRules.None;

    /// <summary>What goes into one tar; null where there are to be none.</summary>
    public TarGrouping? Tar { get; init; } = TarGrouping.Date;

    /// <summary>How many images' sizes are asked for at most.</summary>
    public int SampleSize { get; init; } = DefaultSampleSize;

    /// <summary>The rate in bytes a second to reckon with; null has some of the sampled pictures fetched, to see one.</summary>
    public long? Rate { get; init; }

    /// <summary>What is planned where images are to be saved so.</summary>
    /// <param name="save">How they are to be saved.</param>
    /// <param name="tar">What goes into one tar; null where there are to be none.</param>
    public static PlanOptions For(SaveOptions save, TarGrouping? tar)
    {
        ArgumentNullException.ThrowIfNull(save);
        return new PlanOptions
        {
            Destination = save.Destination,
            User = save.User,
            Quality = save.Quality,
            Form = save.Form,
            Rules = save.Budget?.Rules ?? StopRules.None,
            Tar = tar,
        };
    }
}

/// <summary>
/// Works out what a download would be, before anything of it is done: counts the images as they come, then asks for the sizes of some,
/// chosen evenly over the listing. Nothing is written. To be used once.
/// </summary>
/// <param name="options">What is planned.</param>
/// <param name="endpoints">Where the services are.</param>
/// <param name="graph">Asked for living addresses where those at hand have run out; null when there is no token.</param>
/// <param name="log">Told each request.</param>
public sealed class DownloadPlanner(PlanOptions options, ServiceEndpoints endpoints, GraphClient? graph, IRunLog log)
{
    /// <summary>How many sizes are asked for at once.</summary>
    private const int QuestionsAtOnce = 8;

    /// <summary>How many pictures are fetched to see a rate, all at once. A run finds the number that pays off, and may be faster.</summary>
    private const int PicturesForRate = 6;

    /// <summary>The most bytes that an image takes on disk besides the picture: its record, the metadata restored, what is left of its last block.</summary>
    private const int MostBesides = 8192;

    /// <summary>A collection's own files on archive.org: listing, manifest, state, thumbnail and a log.</summary>
    private const int OwnFiles = 5;

    private readonly SequenceCensus _census = new();
    private readonly Dictionary<string, int> _days = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ImageIdSet> _present = new(StringComparer.Ordinal);
    private readonly EvenSample _sample = new(Math.Max(1, options.SampleSize));
    private long _presentCount;
    private long _unavailable;
    private DateTimeOffset? _first;
    private DateTimeOffset? _last;

    /// <summary>How many images were counted so far.</summary>
    public long Images => _census.Images;

    /// <summary>Counts an image; a second time it counts no more.</summary>
    /// <exception cref="CollectionException">The manifest of the collection that is there is damaged.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public void Add(MapillaryImage image)
    {
        ArgumentNullException.ThrowIfNull(image);
        if (!_census.Add(image)) return;
        var day = ImagePlaces.DateName(image.CapturedAt);
        _days[day] = _days.GetValueOrDefault(day) + 1;
        if (image.CapturedAt is { } time && CaptureTime.IsPossible(time))
        {
            if (!(time >= _first)) _first = time;
            if (!(time <= _last)) _last = time;
        }

        if (PresentFor(options.User ?? image.Creator ?? "", image.CreatorId).Contains(image.Id)) _presentCount++;
        else if (IsUnavailable(image)) _unavailable++;
        else _sample.Add(image);
    }

    /// <summary>Asks for the sizes and makes the plan of what was counted.</summary>
    /// <param name="cancellationToken">Stops at once.</param>
    /// <exception cref="GraphException">Addresses had to be asked for, and Mapillary refuses; or its image servers block this address.</exception>
    public async Task<DownloadPlan> MakeAsync(CancellationToken cancellationToken)
    {
        var plan = new DownloadPlan
        {
            User = options.User ?? (_present.Count == 1 && _present.Keys.Single() is { Length: > 0 } only ? only : null),
            Quality = options.Quality.ToName(),
            Becomes = options.Form,
            EndsSooner = options.Rules.ToString() is { Length: > 0 } rules ? rules : null,
            Images = _census.Images,
            Sequences = _census.Count,
            Days = _days.Count,
            First = _first,
            Last = _last,
            Present = _presentCount,
            Unavailable = _unavailable,
            Destination = Path.GetFullPath(options.Destination),
            ArchiveFiles = ArchiveFiles,
            IsRateGiven = options.Rate is not null,
            Rate = options.Rate,
        };
        plan = plan with { FreeSpace = FreeSpace(plan.Destination) };
        if (plan.ToFetch == 0) return plan;

        var (sample, gone) = await WithLivingAddressesAsync(_sample.Take(), cancellationToken);
        // What is gone is among the images too, and brings no bytes.
        List<long> sizes = [.. await AskSizesAsync(sample, cancellationToken), .. Enumerable.Repeat(0L, gone)];
        if (sizes.Count == 0) return plan;
        var toFetch = Estimate(sizes, plan.ToFetch);
        var onDisk = OnDisk(toFetch, plan.ToFetch);
        var rate = options.Rate ?? await SeeRateAsync(sample, cancellationToken);
        return plan with
        {
            Sampled = sizes.Count,
            BytesToFetch = toFetch,
            BytesOnDisk = onDisk,
            RoomNeeded = onDisk.Most + (long)((double)onDisk.Most / plan.ToFetch * LargestTar),
            Rate = rate,
            Duration = rate > 0 ? TimeSpan.FromSeconds(Math.Min((double)toFetch.Bytes / rate.Value, TimeSpan.MaxValue.TotalSeconds / 2)) : null,
            ArchiveItems = Math.Max(Collections, Math.Max(
                DividedUp((long)((double)onDisk.Bytes / plan.ToFetch * (plan.Images - plan.Unavailable)), ArchiveItem.MostBytes),
                DividedUp(plan.ArchiveFiles, ArchiveItem.MostFiles))),
        };
    }

    /// <summary>The total of a population, from the sizes of some of it: their mean, and 2 standard errors around it.</summary>
    internal static ByteEstimate Estimate(IReadOnlyList<long> sizes, long population)
    {
        var sum = sizes.Sum();
        if (sizes.Count >= population) return new ByteEstimate(sum, sum, sum, IsExact: true);
        var mean = (double)sum / sizes.Count;
        var total = (long)(mean * population);
        if (sizes.Count == 1) return new ByteEstimate(total, null, null, IsExact: false);
        var variance = sizes.Sum(s => (s - mean) * (s - mean)) / (sizes.Count - 1);
        // The nearer the sample comes to everything, the less is left to chance.
        var error = population * Math.Sqrt(variance / sizes.Count * (1 - ((double)sizes.Count / population)));
        return new ByteEstimate(total, Math.Max(sum, (long)(total - (2 * error))), (long)(total + (2 * error)), IsExact: false);
    }

    private int Collections => Math.Max(1, _present.Count);

    private long ArchiveFiles => (OwnFiles * (long)Collections) + options.Tar switch
    {
        TarGrouping.Date => _days.Count,
        TarGrouping.Sequence => _census.Count + (_census.WithoutSequence > 0 ? 1 : 0),
        _ => _census.Images - _unavailable,
    };

    /// <summary>How many images the largest tar has.</summary>
    private int LargestTar => options.Tar switch
    {
        TarGrouping.Date => _days.Values.Max(),
        TarGrouping.Sequence => Math.Max(_census.MostImages, _census.WithoutSequence),
        _ => 0,
    };

    /// <summary>The images that the collection of a user has, finished or in staging.</summary>
    private ImageIdSet PresentFor(string user, string? creatorId)
    {
        if (_present.TryGetValue(user, out var known)) return known;
        if (user.Length == 0) return _present[user] = new ImageIdSet();
        var staging = Path.Combine(options.Destination, CollectionName.StagingFolder);
        var name = RenamedUser.CollectionFor(new CollectionName(user, options.Quality, options.Form), creatorId, [options.Destination, staging], log);
        var place = name.PathIn(options.Destination);
        var manifest = new[] { place, Path.Combine(staging, Path.GetFileName(place)) }
            .Select(folder => Collection.At(folder).ManifestPath).FirstOrDefault(path => path is not null);
        try
        {
            return _present[user] = manifest is null ? new ImageIdSet() : Manifest.ReadIds(manifest, line => log.Warn($"{manifest}, line {line}, is not an entry and was skipped; its image is not counted."), CancellationToken.None);
        }
        catch (InvalidDataException e)
        {
            throw new CollectionException(CollectionFault.Mismatch, manifest!, $"'{manifest}' is damaged: {e.Message}", e);
        }
    }

    /// <summary>A listing that was kept may have lost all its addresses; that says nothing of the renditions.</summary>
    private bool IsUnavailable(MapillaryImage image) =>
        image.UrlOf(options.Quality) is null && (image.Thumb256Url ?? image.Thumb1024Url ?? image.Thumb2048Url ?? image.ThumbOriginalUrl) is not null;

    /// <returns>The images with an address that lives, and how many Mapillary does not have any more, or not in this rendition.</returns>
    private async Task<(IReadOnlyList<MapillaryImage> Living, int Gone)> WithLivingAddressesAsync(IReadOnlyList<MapillaryImage> sample, CancellationToken cancellationToken)
    {
        var now = DateTimeOffset.UtcNow;
        var dead = sample.Where(i => !Uri.TryCreate(i.UrlOf(options.Quality), UriKind.Absolute, out var address) || ImageAddress.HasExpired(address, now)).Select(i => i.Id).ToList();
        if (dead.Count == 0) return (sample, 0);
        if (graph is null)
        {
            log.Warn($"The addresses of {dead.Count} of {sample.Count} sampled images have expired, and asking for fresh ones needs an access token.");
            return ([.. sample.Where(i => !dead.Contains(i.Id))], 0);
        }

        var fresh = new Dictionary<string, MapillaryImage>(StringComparer.Ordinal);
        foreach (var batch in dead.Chunk(GraphClient.IdsARequest))
        {
            foreach (var image in await graph.GetImagesAsync(batch, cancellationToken)) fresh[image.Id] = image;
        }

        List<MapillaryImage> living = [.. sample.Select(i => dead.Contains(i.Id) ? fresh.GetValueOrDefault(i.Id) : i).OfType<MapillaryImage>().Where(i => i.UrlOf(options.Quality) is not null)];
        return (living, sample.Count - living.Count);
    }

    private async Task<IReadOnlyList<long>> AskSizesAsync(IReadOnlyList<MapillaryImage> sample, CancellationToken cancellationToken)
    {
        using var probe = new ImageServerProbe(FetchRules.For(endpoints), log);
        var sizes = new List<long>();
        await foreach (var answer in sample.InParallelAsync(QuestionsAtOnce, (image, ct) => probe.AskLengthAsync(image, options.Quality, ct), cancellationToken))
        {
            if (answer is { Status: HttpStatusCode.OK, Problem: null, Length: > 0 }) sizes.Add(answer.Length.Value);
        }

        var silent = sample.Count - sizes.Count;
        if (silent > 0) log.Warn($"{silent} of {sample.Count} sampled images gave no size; the estimate is of the others.");
        return sizes;
    }

    /// <returns>The rate in bytes a second; null where no picture came.</returns>
    private async Task<long?> SeeRateAsync(IReadOnlyList<MapillaryImage> sample, CancellationToken cancellationToken)
    {
        var rules = FetchRules.For(endpoints, new RetryRules { Attempts = 1, RateLimitAttempts = 1 }) with { MostConnections = PicturesForRate };
        using var fetcher = new ImageFetcher(rules, JpegCheck.FindFault, graph: null, log);
        var clock = Stopwatch.StartNew();
        var bytes = 0L;
        await foreach (var length in sample.Take(PicturesForRate).InParallelAsync(PicturesForRate, LengthAsync, cancellationToken)) bytes += length;
        return bytes == 0 ? null : (long)(bytes / clock.Elapsed.TotalSeconds);

        async Task<long> LengthAsync(MapillaryImage image, CancellationToken ct)
        {
            try
            {
                using var picture = await fetcher.FetchAsync(image, options.Quality, ct);
                return picture.Bytes.Length;
            }
            catch (DownloadException e)
            {
                log.Say($"Not counted in the rate: {e.Message}");
                return 0;
            }
        }
    }

    private ByteEstimate OnDisk(ByteEstimate fetched, long images)
    {
        var (least, likely, most) = options.Form.ShareLeft ?? (1, 1, 1);
        return new ByteEstimate(
            (long)(fetched.Bytes * likely) + (images * MostBesides / 2),
            fetched.Low is { } low ? (long)(low * least) : null,
            fetched.High is { } high ? (long)(high * most) + (images * MostBesides) : null,
            IsExact: false);
    }

    private long? FreeSpace(string folder)
    {
        try
        {
            return DiskSpace.FreeFor(folder);
        }
        catch (IOException e)
        {
            log.Warn(e.Message);
            return null;
        }
    }

    private static long DividedUp(long amount, long most) => (amount + most - 1) / most;

    /// <summary>So many images of a stream of unknown length, at even distances: of twice as many as wanted every second one is dropped.</summary>
    private sealed class EvenSample(int size)
    {
        private readonly List<MapillaryImage> _kept = [];
        private long _seen;
        private long _step = 1;

        public int Count => Math.Min(size, _kept.Count);

        public void Add(MapillaryImage image)
        {
            if (_seen++ % _step != 0) return;
            _kept.Add(image);
            if (_kept.Count < 2 * size) return;
            for (var i = 0; i < size; i++) _kept[i] = _kept[2 * i];
            _kept.RemoveRange(size, size);
            _step *= 2;
        }

        public IReadOnlyList<MapillaryImage> Take() => [.. Enumerable.Range(0, Count).Select(i => _kept[(int)((long)i * _kept.Count / Count)])];
    }
}
