using System.Collections.Concurrent;
using System.Globalization;

namespace Mapillary.Emulator;

/// <summary>A user of the emulated Mapillary.</summary>
/// <param name="Name">The user name.</param>
/// <param name="Id">The user id.</param>
public sealed record WorldUser(string Name, string Id)
{
    /// <summary>The user name.</summary>
    public string Name { get; internal set; } = Name;

    /// <summary>The user's images in the order of a listing: newest first.</summary>
    public IReadOnlyList<EmulatedImage> Images { get; internal set; } = [];
}

/// <summary>A drive or walk.</summary>
/// <param name="Id">22 characters of base64url; case matters.</param>
/// <param name="User">Whose it is.</param>
/// <param name="Number">Which of the user's sequences, from 0.</param>
public sealed record EmulatedSequence(string Id, WorldUser User, int Number)
{
    /// <summary>The images in the order of their capture.</summary>
    public IReadOnlyList<EmulatedImage> Images { get; internal set; } = [];
}

/// <summary>An image. Its record is made on demand, the same each time.</summary>
public sealed class EmulatedImage
{
    private readonly World _world;

    internal EmulatedImage(World world, long number, int ordinal, EmulatedSequence sequence, int position, long capturedAt, FixturePhoto photo)
    {
        _world = world;
        Number = number;
        Ordinal = ordinal;
        Sequence = sequence;
        Position = position;
        TrueCapturedAt = capturedAt;
        Photo = photo;
    }

    /// <summary>The id: 15 to 17 digits.</summary>
    public string Id => Number.ToString(CultureInfo.InvariantCulture);

    /// <summary>The image's place among all of the world, from 0, users and sequences in order.</summary>
    public int Ordinal { get; }

    /// <summary>The sequence that the image belongs to, also where its record does not say so.</summary>
    public EmulatedSequence Sequence { get; }

    /// <summary>The place in the sequence, from 0.</summary>
    public int Position { get; }

    /// <summary>The picture behind it.</summary>
    public FixturePhoto Photo { get; }

    /// <summary>The record, oddities and all.</summary>
    public ImageRecord Record => _world.RecordOf(this);

    /// <summary>When it was captured, in milliseconds since 1970, whatever the record says.</summary>
    public long TrueCapturedAt { get; }

    internal long Number { get; }

    /// <summary>What the record has as captured_at, 0 for nothing: listings go by it.</summary>
    internal long ListedAt { get; set; }
}

/// <summary>Everything there is to be had: made of the options and the seed alone, so that two worlds of the same options are the same.</summary>
public sealed class World
{
    private const double MetresPerDegree = 111_320;
    private static readonly long FirstDay = new DateTimeOffset(2023, 3, 4, 7, 12, 31, TimeSpan.Zero).ToUnixTimeMilliseconds();

    private static readonly (string Make, string Model)[] Cameras =
        [("GoPro", "HERO8 Black"), ("samsung", "SM-G973F"), ("Apple", "iPhone 12"), ("Garmin", "VIRB"), ("BLACKVUE", "DR900S-2CH")];

    private static readonly (string Make, string Model)[] Panoramics = [("GoPro", "GoPro Max"), ("Ricoh", "Theta Z1"), ("Insta360", "One X2")];

    private readonly EmulatorOptions _options;
    private readonly Dictionary<long, EmulatedImage> _byNumber = [];
    private readonly Dictionary<string, EmulatedSequence> _bySequence = new(StringComparer.Ordinal);
    private readonly Dictionary<string, WorldUser> _byName = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<long, bool> _withdrawn = new();

    internal World(EmulatorOptions options)
    {
        _options = options;
        Photos = new FixturePhotos(options.Photos);
        Users = options.Users.Select((user, i) => new WorldUser(user.Name, $"{101176865463974 + (7919L * i)}")).ToList();
        var images = new List<EmulatedImage>(options.Users.Sum(u => u.Images));
        var sequences = new List<EmulatedSequence>();
        for (var i = 0; i < Users.Count; i++)
        {
            if (!_byName.TryAdd(Users[i].Name, Users[i])) throw new ArgumentException($"There are two users named '{Users[i].Name}'.", nameof(options));
            var first = images.Count;
            AddSequences(options.Users[i], Users[i], images, sequences);
            Users[i].Images = images.Skip(first).OrderByDescending(m => m.ListedAt).ThenByDescending(m => m.Number).ToList();
        }

        Images = images;
        Sequences = sequences;
    }

    /// <summary>The pictures behind the images.</summary>
    public FixturePhotos Photos { get; }

    /// <summary>The users, in the order of the options.</summary>
    public IReadOnlyList<WorldUser> Users { get; }

    /// <summary>All sequences, by user.</summary>
    public IReadOnlyList<EmulatedSequence> Sequences { get; }

    /// <summary>All images, by user, sequence and capture time.</summary>
    public IReadOnlyList<EmulatedImage> Images { get; }

    /// <summary>The image with this id.</summary>
    /// <exception cref="KeyNotFoundException">There is none.</exception>
    public EmulatedImage Image(string id) => FindImage(id) ?? throw new KeyNotFoundException($"There is no image {id}.");

    /// <summary>Takes an image away, as a user would who deletes it: no listing has it, its id is unknown, its addresses answer 404.</summary>
    public void Withdraw(string id) => _withdrawn[Image(id).Number] = true;

    /// <summary>Brings back an image that was taken away, as if it had been uploaded only now.</summary>
    public void Restore(string id) => _withdrawn.TryRemove(long.Parse(id, CultureInfo.InvariantCulture), out _);

    /// <summary>Gives a user another name. The number stays, and who asks for the old name finds nobody.</summary>
    public void Rename(string from, string to)
    {
        var user = _byName[from];
        _byName.Remove(from);
        user.Name = to;
        _byName.Add(to, user);
    }

    internal bool IsComplete => _withdrawn.IsEmpty;

    internal bool IsThere(EmulatedImage image) => !_withdrawn.ContainsKey(image.Number);

    internal EmulatedImage? FindImage(string id) =>
        long.TryParse(id, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? FindImage(number) : null;

    internal EmulatedImage? FindImage(long number) => _byNumber.TryGetValue(number, out var image) && IsThere(image) ? image : null;

    internal EmulatedSequence? FindSequence(string id) => _bySequence.GetValueOrDefault(id);

    internal WorldUser? FindUser(string name) => _byName.GetValueOrDefault(name)
        ?? (_options.IgnoresCaseOfNames ? Users.FirstOrDefault(u => u.Name.Equals(name, StringComparison.OrdinalIgnoreCase)) : null);

    internal WorldUser? FindUserById(string id) => Users.FirstOrDefault(u => u.Id == id);

    private void AddSequences(EmulatedUser wanted, WorldUser user, List<EmulatedImage> images, List<EmulatedSequence> sequences)
    {
        var count = wanted.Images == 0 ? 0 : Math.Min(wanted.Sequences ?? ((wanted.Images + 39) / 40), wanted.Images);
        var panoramas = Photos.Originals.Where(p => p.IsPanorama).ToList();
        var others = Photos.Originals.Where(p => !p.IsPanorama).ToList();
        for (var s = 0; s < count; s++)
        {
            var sequence = new EmulatedSequence(NewSequenceId(user, s, sequences), user, s);
            _bySequence.Add(sequence.Id, sequence);
            sequences.Add(sequence);

            // One camera took a sequence; only where there is just one must it show everything.
            var isPanoramic = s % 5 == 1;
            var photos = count == 1 || panoramas.Count == 0 || others.Count == 0 ? Photos.Originals : isPanoramic ? panoramas : others;
            var start = FirstDay + (s / 3 * 86_400_000L) + (s % 3 * 7_200_000L);
            var from = (int)((long)wanted.Images * s / count);
            var to = (int)((long)wanted.Images * (s + 1) / count);
            var own = new List<EmulatedImage>(to - from);
            for (var i = from; i < to; i++)
            {
                var millisecond = 1 + (long)(Chance.Share(_options.Seed, user.Name, i) * 998);
                var image = new EmulatedImage(
                    this, NewNumber(user, i), images.Count, sequence, i - from, start + ((i - from) * 2000L) + millisecond, photos[i % photos.Count]);
                image.ListedAt = RecordOf(image).CapturedAt ?? 0;
                _byNumber.Add(image.Number, image);
                images.Add(image);
                own.Add(image);
            }

            sequence.Images = own;
        }
    }

    private string NewSequenceId(WorldUser user, int number, List<EmulatedSequence> sequences)
    {
        if (_options.CaseTwins && number % 2 == 1)
        {
            var twin = sequences[^1].Id.ToCharArray();
            var letter = Array.FindIndex(twin, char.IsAsciiLetter);
            twin[letter] = (char)(twin[letter] ^ ' ');
            return new string(twin);
        }

        Span<byte> bytes = stackalloc byte[16];
        BitConverter.TryWriteBytes(bytes, Chance.Bits(_options.Seed, $"{user.Name}/{number}/a"));
        BitConverter.TryWriteBytes(bytes[8..], Chance.Bits(_options.Seed, $"{user.Name}/{number}/b"));
        var id = Base64Url.Encode(bytes).ToCharArray();

        // Chance gives half of the ids a dash or an underscore; the front, where a dash hurts most, it would give one in 64.
        if (number % 7 == 3) id[0] = '-';
        return new string(id);
    }

    private long NewNumber(WorldUser user, int index)
    {
        var bits = Chance.Bits(_options.Seed, $"{user.Name}#{index}");
        var smallest = (bits % 3) switch { 0 => 100_000_000_000_000L, 1 => 1_000_000_000_000_000L, _ => 10_000_000_000_000_000L };
        var number = smallest + (long)((bits >> 2) % (ulong)(smallest * 9));
        while (_byNumber.ContainsKey(number)) number++;
        return number;
    }

    internal ImageRecord RecordOf(EmulatedImage image)
    {
        var seed = _options.Seed;
        var user = image.Sequence.User;
        double Share(int what) => Chance.Share(seed, image.Number, what);
        double SequenceShare(int what) => Chance.Share(seed, image.Sequence.Id, what);

        // A straight track with a little sway, eight metres to an image, somewhere a user would live, in any of the four quarters of the Earth.
        var heading = SequenceShare(1) * 360;
        var homeLatitude = -55 + (Chance.Share(seed, user.Name, -1) * 115);
        var homeLongitude = -170 + (Chance.Share(seed, user.Name, -2) * 340);
        var distance = image.Position * 8.0;
        var latitude = homeLatitude + (SequenceShare(2) * 0.05) + (distance * Math.Cos(heading * Math.PI / 180) / MetresPerDegree);
        var longitude = homeLongitude + (SequenceShare(3) * 0.05)
            + (distance * Math.Sin(heading * Math.PI / 180) / (MetresPerDegree * Math.Cos(homeLatitude * Math.PI / 180)));
        var gpsLatitude = latitude + ((Share(4) - 0.5) * 4e-5);
        var gpsLongitude = longitude + ((Share(5) - 0.5) * 4e-5);
        var isPanorama = image.Photo.IsPanorama;
        var (make, model) = isPanorama ? Pick(Panoramics, SequenceShare(6)) : Pick(Cameras, SequenceShare(6));
        var altitude = 20 + (SequenceShare(7) * 300) + (image.Position * 0.11);

        var record = new ImageRecord
        {
            Altitude = Math.Round(altitude, 3),
            AtomicScale = Share(8) < 0.2 ? 1 : 0.9 + (Share(9) * 0.2),
            CameraParameters = isPanorama ? null : Share(10) < 0.1 ? [0.85, 0, 0] : [0.7 + (SequenceShare(11) * 0.3), (Share(12) - 0.5) * 2e-4, (Share(13) - 0.5) * 2e-4],
            CameraType = isPanorama ? "spherical" : "perspective",
            CapturedAt = image.TrueCapturedAt,
            CompassAngle = Math.Round(Turned(heading + ((Share(14) - 0.5) * 20)), 2),
            ComputedAltitude = (Share(15) * 5) - 2,
            ComputedCompassAngle = Turned(heading + ((Share(16) - 0.5) * 4)),
            ComputedGeometry = (longitude, latitude),
            ComputedRotation = [1.3 + (Share(17) * 0.4), (Share(18) - 0.5) * 0.6, (Share(19) - 0.5) * 0.6],
            Creator = (user.Name, user.Id),
            ExifOrientation = 1,
            Geometry = (gpsLongitude, gpsLatitude),
            Height = image.Photo.Height,
            IsPano = isPanorama,
            Make = make,
            MergeCc = 1e18 + (SequenceShare(20) * 8e18),
            MeshId = Share(21) < 0.8 ? $"{image.Number / 3 * 2}" : null,
            Model = model,
            OrganizationId = SequenceShare(22) < 0.2 ? "1805883732926354" : null,
            QualityScore = Share(23) < 0.9 ? 0.4 + (Share(24) * 0.59) : null,
            Sequence = image.Sequence.Id,
            SfmClusterId = $"{(long)(SequenceShare(25) * 9e14)}",
            Width = image.Photo.Width,
        };
        foreach (var (oddity, rate) in _options.Oddities)
        {
            if (Chance.Share(seed, image.Number, 1000 + (int)oddity) < rate) MakeOdd(record, oddity, Share(26));
        }

        _options.ModifyRecord?.Invoke(image, record);
        return record;
    }

    private static void MakeOdd(ImageRecord record, Oddity oddity, double share)
    {
        switch (oddity)
        {
            case Oddity.MissingCameraType: record.CameraType = null; break;
            case Oddity.MissingSequence: record.Sequence = null; break;
            case Oddity.MissingOriginalUrl: record.MissingRenditions.Add(Rendition.Original); break;
            case Oddity.MissingCapturedAt: record.CapturedAt = null; break;
            case Oddity.EpochZero: record.CapturedAt = 0; break;
            case Oddity.FutureCapture: record.CapturedAt = 4_086_000_000_000 + (record.CapturedAt ?? 0) % 1_000_000_000; break;
            case Oddity.WrappedAltitude: record.Altitude = 4294967281; break;
            case Oddity.ZeroAltitude: record.Altitude = 0; break;
            case Oddity.CompassOutOfRange: record.CompassAngle += share < 0.5 ? -360 : 360; break;
            case Oddity.ComputedCompassZero: record.ComputedCompassAngle = 0; break;
            case Oddity.UnknownCameraType: record.CameraType = "brown"; break;
            case Oddity.Equirectangular when record.CameraType == "spherical": record.CameraType = "equirectangular"; break;
            case Oddity.Fisheye when record.CameraType == "perspective":
                record.CameraType = "fisheye";
                record.CameraParameters = [0.47, -0.02, 0.005];
                break;
            case Oddity.NotComputed:
                record.AtomicScale = record.ComputedAltitude = record.ComputedCompassAngle = record.MergeCc = null;
                record.ComputedGeometry = null;
                record.ComputedRotation = null;
                record.MeshId = record.SfmClusterId = null;
                break;
            case Oddity.Turned when record.IsPano == false:
                record.ExifOrientation = 5 + (int)(share * 4);
                (record.Width, record.Height) = (record.Height, record.Width);
                break;
        }
    }

    private static T Pick<T>(T[] from, double share) => from[(int)(share * from.Length)];

    private static double Turned(double degrees) => (degrees + 360) % 360;
}

/// <summary>Base64 with the letters that addresses allow, unpadded (RFC 4648, section 5).</summary>
internal static class Base64Url
{
    public static string Encode(ReadOnlySpan<byte> bytes) => Convert.ToBase64String(bytes).TrimEnd('=').Replace('+', '-').Replace('/', '_');

    /// <summary>The bytes, or null where the text is not base64.</summary>
    public static byte[]? Decode(string text)
    {
        try
        {
            return Convert.FromBase64String(text.Replace('-', '+').Replace('_', '/') + new string('=', (4 - (text.Length % 4)) % 4));
        }
        catch (FormatException)
        {
            return null;
        }
    }
}
