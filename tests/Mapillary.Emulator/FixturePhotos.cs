using System.Buffers.Binary;

namespace Mapillary.Emulator;

/// <summary>A JPEG that is served.</summary>
public sealed class FixturePhoto
{
    private readonly Lazy<byte[]> _bytes;

    internal FixturePhoto(string path)
    {
        Path = path;
        _bytes = new Lazy<byte[]>(() => File.ReadAllBytes(path));
        (Width, Height) = SizeOf(path);
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>Pixels across, as the JPEG's frame has them.</summary>
    public int Width { get; }

    /// <summary>Pixels down, as the JPEG's frame has them.</summary>
    public int Height { get; }

    /// <summary>Whether the picture is twice as wide as high, as a full panorama is.</summary>
    public bool IsPanorama => Width == 2 * Height;

    /// <summary>The file's bytes, read once.</summary>
    public byte[] Bytes => _bytes.Value;

    /// <summary>Reads the size from the frame header (ITU T.81, B.2.2) without reading the whole file.</summary>
    private static (int Width, int Height) SizeOf(string path)
    {
        using var file = File.OpenRead(path);
        Span<byte> bytes = stackalloc byte[9];
        file.Position = 2;
        while (file.ReadAtLeast(bytes, 9, throwOnEndOfStream: false) == 9 && bytes[0] == 0xFF)
        {
            var isFrame = bytes[1] is >= 0xC0 and <= 0xCF and not (0xC4 or 0xC8 or 0xCC);
            if (isFrame) return (BinaryPrimitives.ReadUInt16BigEndian(bytes[7..]), BinaryPrimitives.ReadUInt16BigEndian(bytes[5..]));
            var isFill = bytes[1] == 0xFF;
            file.Position += isFill ? 1 - 9 : 2 + BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]) - 9;
        }

        throw new InvalidDataException($"{path} is not a JPEG that can be served.");
    }
}

/// <summary>The pictures to serve: full-size ones from a folder, and for each rendition one of each shape.</summary>
public sealed class FixturePhotos
{
    private static readonly string BuiltIn = Path.Combine(AppContext.BaseDirectory, "Photos");
    private readonly Dictionary<(string Shape, Rendition), FixturePhoto> _renditions = [];

    /// <param name="folder">The full-size pictures; null for the built-in ones.</param>
    /// <exception cref="DirectoryNotFoundException">There is no such folder.</exception>
    /// <exception cref="InvalidDataException">It has no JPEG, or one that cannot be read.</exception>
    public FixturePhotos(string? folder)
    {
        folder ??= BuiltIn;
        Originals = Directory.EnumerateFiles(folder)
            .Where(f => Path.GetExtension(f).ToLowerInvariant() is ".jpg" or ".jpeg")
            .Order(StringComparer.Ordinal)
            .Select(f => new FixturePhoto(f))
            .ToList();
        if (Originals.Count == 0) throw new InvalidDataException($"{folder} has no .jpg or .jpeg file.");
        foreach (var shape in new[] { "landscape", "pano", "portrait" })
        {
            foreach (var rendition in new[] { Rendition.Thumb256, Rendition.Thumb1024, Rendition.Thumb2048 })
                _renditions[(shape, rendition)] = new FixturePhoto(Path.Combine(BuiltIn, "Renditions", $"{shape}-{(int)rendition}.jpg"));
        }
    }

    /// <summary>The full-size pictures, in the order of their names.</summary>
    public IReadOnlyList<FixturePhoto> Originals { get; }

    /// <summary>What is served for a rendition of a picture: for the smaller ones, a stand-in of the same shape.</summary>
    public FixturePhoto For(FixturePhoto original, Rendition rendition) => rendition == Rendition.Original
        ? original
        : _renditions[(original.IsPanorama ? "pano" : original.Height > original.Width ? "portrait" : "landscape", rendition)];
}

/// <summary>The sizes in which a picture is served.</summary>
public enum Rendition
{
    /// <summary>Full size.</summary>
    Original = 0,

    /// <summary>256 pixels wide.</summary>
    Thumb256 = 256,

    /// <summary>1024 pixels wide.</summary>
    Thumb1024 = 1024,

    /// <summary>2048 pixels wide.</summary>
    Thumb2048 = 2048,
}
