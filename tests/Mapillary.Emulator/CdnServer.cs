using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace Mapillary.Emulator;

/// <summary>Signed addresses of pictures: a path that tells nothing and ends in no extension, when it expires, and a signature.</summary>
internal sealed class PhotoUrls(EmulatorOptions options, Func<Uri> endpoint)
{
    private const string Prefix = "/m1/v/t6/An";

    public string LivingFor(EmulatedImage image, Rendition rendition) => Url(image, rendition, options.UrlLifetime);

    public string ListedFor(EmulatedImage image, Rendition rendition) => Url(image, rendition, options.ListedUrlLifetime ?? options.UrlLifetime);

    /// <summary>What a path stands for, or null where none was handed out like it.</summary>
    public (long Number, Rendition Rendition)? Read(string path)
    {
        if (!path.StartsWith(Prefix, StringComparison.Ordinal) || Base64Url.Decode(path[Prefix.Length..]) is not { Length: 24 } bytes) return null;
        var number = BinaryPrimitives.ReadInt64BigEndian(bytes) ^ Mask;
        var rendition = (Rendition)(int)(BinaryPrimitives.ReadInt64BigEndian(bytes.AsSpan(8)) ^ (long)Chance.Bits(options.Seed, number));
        return Enum.IsDefined(rendition) && path == Path(number, rendition) ? (number, rendition) : null;
    }

    public string Signature(string path, string expiry) => $"00_Af{Base64Url.Encode(Bytes(Chance.Bits(options.Seed, path + expiry), Chance.Bits(options.Seed + 1L, path + expiry)))}";

    private long Mask => (long)Chance.Bits(options.Seed, 4711);

    private string Url(EmulatedImage image, Rendition rendition, TimeSpan lifetime)
    {
        var path = Path(image.Number, rendition);

        // The real ones differ within an answer, too.
        var jitter = lifetime > TimeSpan.FromDays(1) ? (long)(Chance.Share(options.Seed, image.Number, (int)rendition) * 36000) : 0;
        var expiry = (options.Clock.GetUtcNow() + lifetime).ToUnixTimeSeconds() - jitter;
        var oe = expiry.ToString("X8", CultureInfo.InvariantCulture);
        var size = rendition == Rendition.Original ? "" : $"stp=s{(int)rendition}x{(int)rendition * image.Photo.Height / image.Photo.Width}&";
        return $"{endpoint().GetLeftPart(UriPartial.Authority)}{path}?{size}ccb=10-5&oh={Signature(path, oe)}&oe={oe}&_nc_sid=201bca";
    }

    private string Path(long number, Rendition rendition) => Prefix + Base64Url.Encode(
        Bytes((ulong)(number ^ Mask), (ulong)((long)rendition ^ (long)Chance.Bits(options.Seed, number)), Chance.Bits(options.Seed + 2L, number, (int)rendition)));

    private static byte[] Bytes(params ulong[] numbers)
    {
        var bytes = new byte[8 * numbers.Length];
        for (var i = 0; i < numbers.Length; i++) BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(8 * i), numbers[i]);
        return bytes;
    }
}

/// <summary>The image CDN.</summary>
internal sealed class CdnServer(EmulatorOptions options, World world, FaultPlan faults, PhotoUrls urls)
{
    /// <summary>How a picture was last sent, where that was not as it is.</summary>
    private readonly ConcurrentDictionary<(long Number, Rendition Rendition), FaultKind> _altered = new();

    /// <summary>What was last sent with status 200 for an image, whole; what would be sent where nothing was yet.</summary>
    public byte[] ServedBytes(EmulatedImage image, Rendition rendition)
    {
        var bytes = world.Photos.For(image.Photo, rendition).Bytes;
        return _altered.TryGetValue((image.Number, rendition), out var kind) ? PictureFaults.Alter(bytes, kind) : bytes;
    }

    public async Task AnswerAsync(HttpContext context, RequestJournal.Entry entry)
    {
        var path = context.Request.Path.Value ?? "/";
        if (urls.Read(path) is not var (number, rendition) || world.FindImage(number) is not { } image)
        {
            await context.WriteTextAsync(404, "text/plain", "Not Found");
            return;
        }

        entry.IsFor(image);
        var expiry = context.Request.Query["oe"].ToString();
        if (context.Request.Query["oh"] != urls.Signature(path, expiry)
            || !long.TryParse(expiry, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var seconds))
        {
            await context.WriteTextAsync(403, "text/plain", "URL signature mismatch");
            return;
        }

        var fault = faults.Pick(ServerKind.Cdn, $"{image.Id}/{rendition}", path, image, _ => true);
        if (seconds <= options.Clock.GetUtcNow().ToUnixTimeSeconds() || fault?.Kind == FaultKind.Expired403)
        {
            await context.WriteTextAsync(403, "text/plain", "URL signature expired");
            return;
        }

        switch (fault?.Kind)
        {
            case FaultKind.ConnectionReset: context.EndWithoutAnswer(); return;
            case FaultKind.NotFound404: await context.WriteTextAsync(404, "text/plain", "Not Found"); return;
            case FaultKind.BadRequest400: await context.WriteTextAsync(400, "text/plain", "Bad URL hash"); return;
            case FaultKind.Html503: await context.WriteTextAsync(503, "text/html; charset=utf-8", Answers.Html503Page); return;
            case FaultKind.Html200: await context.WriteTextAsync(200, "text/html; charset=utf-8", Answers.LoginPage); return;
        }

        var bytes = world.Photos.For(image.Photo, rendition).Bytes;
        if (fault is not null && PictureFaults.Alters(fault.Kind))
        {
            bytes = PictureFaults.Alter(bytes, fault.Kind);
            _altered[(image.Number, rendition)] = fault.Kind;
        }
        else
        {
            _altered.TryRemove((image.Number, rendition), out _);
        }

        context.Response.ContentType = "image/jpeg";
        context.Response.ContentLength = bytes.Length;
        if (HttpMethods.IsHead(context.Request.Method)) return;
        switch (fault?.Kind)
        {
            case FaultKind.Truncated:
                await context.Response.Body.WriteAsync(bytes.AsMemory(0, bytes.Length / 2), context.RequestAborted);
                await context.Response.Body.FlushAsync(context.RequestAborted);
                context.Abort();
                break;
            case FaultKind.Trickle:
                await TrickleAsync(context, bytes, fault.TrickleBytesPerSecond);
                break;
            default:
                await context.Response.Body.WriteAsync(bytes, context.RequestAborted);
                break;
        }
    }

    private static async Task TrickleAsync(HttpContext context, byte[] bytes, int bytesPerSecond)
    {
        var step = Math.Max(1, bytesPerSecond / 4);
        for (var sent = 0; sent < bytes.Length; sent += step)
        {
            await context.Response.Body.WriteAsync(bytes.AsMemory(sent, Math.Min(step, bytes.Length - sent)), context.RequestAborted);
            await context.Response.Body.FlushAsync(context.RequestAborted);
            await Task.Delay(TimeSpan.FromSeconds((double)step / bytesPerSecond), context.RequestAborted);
        }
    }
}

/// <summary>The faults that change a picture's bytes.</summary>
internal static class PictureFaults
{
    private const string Xmp =
        "<?xpacket begin=\"\uFEFF\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?><x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">"
        + "<rdf:Description rdf:about=\"\" xmlns:xmp=\"http://ns.adobe.com/xap/1.0/\" xmp:Rating=\"4\" xmp:CreatorTool=\"A camera app\"/></rdf:RDF></x:xmpmeta><?xpacket end=\"w\"?>";

    public static bool Alters(FaultKind kind) => kind
        is FaultKind.TruncatedWithRightLength or FaultKind.Empty or FaultKind.TrailingBytes or FaultKind.CorruptExif or FaultKind.ExistingXmp;

    public static byte[] Alter(byte[] jpeg, FaultKind kind) => kind switch
    {
        FaultKind.TruncatedWithRightLength => jpeg[..(jpeg.Length / 2)],
        FaultKind.Empty => [],
        FaultKind.TrailingBytes => [.. jpeg, .. new byte[700], 0xFF, 0xD8, 0xFF, 0xD9, .. "left over"u8],
        FaultKind.CorruptExif => WithSegment(jpeg, CorruptExif()),
        FaultKind.ExistingXmp => WithSegment(jpeg, [.. "http://ns.adobe.com/xap/1.0/\0"u8, .. Encoding.UTF8.GetBytes(Xmp)]),
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "This fault does not change the picture."),
    };

    /// <summary>Puts an APP1 segment behind the start of the picture and the JFIF header, which must stay first.</summary>
    private static byte[] WithSegment(byte[] jpeg, byte[] content)
    {
        var at = 2;
        if (jpeg[2] == 0xFF && jpeg[3] == 0xE0) at += 2 + BinaryPrimitives.ReadUInt16BigEndian(jpeg.AsSpan(4));
        var length = content.Length + 2;
        return [.. jpeg[..at], 0xFF, 0xE1, (byte)(length >> 8), (byte)length, .. content, .. jpeg[at..]];
    }

    /// <summary>An EXIF block as seen in the wild: a sound first directory, whose Exif directory claims more entries than the block has bytes.</summary>
    private static byte[] CorruptExif()
    {
        var description = "{\"applied_s236562\":true}\0"u8;
        const int Directory = 8, Entries = 2, Values = Directory + 2 + (12 * Entries) + 4;
        var tiff = new byte[Values + description.Length + 3];
        "II*\0"u8.CopyTo(tiff);
        BinaryPrimitives.WriteInt32LittleEndian(tiff.AsSpan(4), Directory);
        BinaryPrimitives.WriteInt16LittleEndian(tiff.AsSpan(Directory), Entries);
        Entry(0, tag: 0x010E, type: 2, count: description.Length, value: Values);
        Entry(1, tag: 0x8769, type: 4, count: 1, value: Values + description.Length + 1);
        description.CopyTo(tiff.AsSpan(Values));
        BinaryPrimitives.WriteInt16LittleEndian(tiff.AsSpan(Values + description.Length + 1), 50);
        return [.. "Exif\0\0"u8, .. tiff];

        void Entry(int index, ushort tag, short type, int count, int value)
        {
            var entry = tiff.AsSpan(Directory + 2 + (12 * index));
            BinaryPrimitives.WriteUInt16LittleEndian(entry, tag);
            BinaryPrimitives.WriteInt16LittleEndian(entry[2..], type);
            BinaryPrimitives.WriteInt32LittleEndian(entry[4..], count);
            BinaryPrimitives.WriteInt32LittleEndian(entry[8..], value);
        }
    }
}
