using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Loader;
using Mapillary.Imaging.Jpeg;
using NetVips;

namespace Mapillary.Imaging.Forms;

/// <summary>
/// libvips, with mozjpeg and libwebp in it, in this process: decodes JPEG and nothing else, and encodes WebP and JPEG. The
/// library comes with the module, for each system in a folder of its own.
/// </summary>
internal static class LibVips
{
    /// <summary>The systems that there is a library for, by .NET's names of them.</summary>
    public static readonly IReadOnlyList<string> Systems =
        ["win-x64", "win-arm64", "linux-x64", "linux-arm64", "linux-musl-x64", "linux-musl-arm64", "osx-x64", "osx-arm64"];

    // Measured: three bytes a pixel decoded, one and a half as libwebp has them, and what it works with.
    private const int WebpBytesPerPixel = 6;

    // The picture goes through in strips, but its coefficients, two bytes each, are held to find the shortest codes.
    private const int JpegBytesPerPixel = 4;

    private const int BytesPerCoefficient = 2;

    private static readonly Lazy<bool> Started = new(() =>
    {
        Start(FindLibrary(Folder, CurrentSystem));
        return true;
    });

    private static readonly long AvailableMemory = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;

    private static string CurrentSystem
    {
        get
        {
            var runtime = RuntimeInformation.RuntimeIdentifier;
            var isMusl = runtime.Contains("musl", StringComparison.Ordinal) || runtime.StartsWith("alpine", StringComparison.Ordinal);
            var system = OperatingSystem.IsWindows() ? "win" : OperatingSystem.IsMacOS() ? "osx" : OperatingSystem.IsLinux() ? isMusl ? "linux-musl" : "linux" : runtime;
            return $"{system}-{RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant()}";
        }
    }

    private static string Folder
    {
        [UnconditionalSuppressMessage("SingleFile", "IL3000", Justification = "A program in one file has its libraries beside it.")]
        get => Path.GetDirectoryName(typeof(LibVips).Assembly.Location) is { Length: > 0 } folder ? folder : AppContext.BaseDirectory;
    }

    /// <summary>Loads the library, where that has not been done yet.</summary>
    /// <exception cref="EncoderMissingException">There is none for this system, or it cannot be loaded.</exception>
    public static void RequireLibrary() => _ = Started.Value;

    /// <summary>Encodes a JPEG as WebP, without any metadata, on a thread of its own.</summary>
    /// <param name="jpeg">The file.</param>
    /// <param name="quality">0 (smallest) to 100 (best).</param>
    /// <param name="effort">0 (fastest) to 6 (smallest).</param>
    /// <param name="cancellationToken">Ends the work within a few milliseconds.</param>
    /// <exception cref="InvalidDataException">It is no readable JPEG.</exception>
    /// <exception cref="NotSupportedException">It is of a kind that is not decoded, or too large for this machine.</exception>
    /// <exception cref="EncodingException">The picture is damaged.</exception>
    /// <exception cref="EncoderMissingException">There is no library for this system, or it cannot be loaded.</exception>
    public static Task<byte[]> EncodeWebpAsync(ReadOnlyMemory<byte> jpeg, int quality, int effort, CancellationToken cancellationToken) =>
        EncodeAsync(jpeg, WebpBytesPerPixel, source => Codec.ToWebp(source, quality, effort, cancellationToken), cancellationToken);

    /// <summary>Compresses a JPEG again, without any metadata, on a thread of its own.</summary>
    /// <param name="jpeg">The file.</param>
    /// <param name="quality">1 (smallest) to 100 (best).</param>
    /// <param name="cancellationToken">Ends the work within a few milliseconds.</param>
    /// <exception cref="InvalidDataException">It is no readable JPEG.</exception>
    /// <exception cref="NotSupportedException">It is of a kind that is not decoded, or too large for this machine.</exception>
    /// <exception cref="EncodingException">The picture is damaged.</exception>
    /// <exception cref="EncoderMissingException">There is no library for this system, or it cannot be loaded.</exception>
    public static Task<byte[]> EncodeJpegAsync(ReadOnlyMemory<byte> jpeg, int quality, CancellationToken cancellationToken) =>
        EncodeAsync(jpeg, JpegBytesPerPixel, source => Codec.ToJpeg(source, quality, cancellationToken), cancellationToken);

    /// <summary>The library's file.</summary>
    /// <param name="folder">Where this assembly is.</param>
    /// <param name="system">The system, by .NET's name of it.</param>
    /// <exception cref="EncoderMissingException">There is none.</exception>
    internal static string FindLibrary(string folder, string system)
    {
        if (!Systems.Contains(system))
            throw new EncoderMissingException($"There is no encoder for this system ({system}). There is one for {string.Join(", ", Systems)}. Pictures can still be saved as Mapillary serves them.");
        var file = system.StartsWith("win-", StringComparison.Ordinal) ? "libvips-42.dll" : system.StartsWith("osx-", StringComparison.Ordinal) ? "libvips.42.dylib" : "libvips.so.42";
        var place = Path.Combine("runtimes", system, "native", file);
        // Compiled code is a folder deeper in a package; a program for one system has the library beside it.
        string[] places = [Path.Combine(folder, place), Path.Combine(folder, "..", place), Path.Combine(folder, file)];
        return Array.Find(places, File.Exists) is { } found
            ? Path.GetFullPath(found)
            : throw new EncoderMissingException($"The encoder's library, '{places[0]}', is missing. Install the module again; in the repository, build it on a {system} system.");
    }

    private static void Start(string library)
    {
        try
        {
            if (LibraryFile.IsCut(library)) throw new BadImageFormatException("it is cut. Install the module again.");
            // Before any of its code runs: it would look among the system's libraries, where there may be an older one. In a program compiled as a
            // whole it has run already, and has taken the library that lies beside the program.
            if (RuntimeFeature.IsDynamicCodeSupported)
            {
                var binding = AssemblyLoadContext.GetLoadContext(typeof(LibVips).Assembly)!.LoadFromAssemblyName(new("NetVips"));
                var handle = NativeLibrary.Load(library);
                NativeLibrary.SetDllImportResolver(binding, (_, _, _) => handle);
            }

            Codec.Start();
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException or EntryPointNotFoundException or IOException or UnauthorizedAccessException or VipsException)
        {
            throw new EncoderMissingException($"The encoder's library, '{library}', cannot be loaded: {e.Message.Trim()}", e);
        }
    }

    private static async Task<byte[]> EncodeAsync(ReadOnlyMemory<byte> jpeg, int bytesPerPixel, Func<ReadOnlyMemory<byte>, byte[]> encode, CancellationToken cancellationToken)
    {
        RequireLibrary();
        var frame = JpegFrame.Read(jpeg.Span);
        if (frame.Precision != 8) throw new NotSupportedException($"pictures of {frame.Precision} bits are not decoded.");
        // Only when all scans have been read is there a first line.
        if (!frame.IsSequential) bytesPerPixel += BytesPerCoefficient * frame.Components;
        var needed = (long)frame.Width * frame.Height * bytesPerPixel;
        if (needed > AvailableMemory)
            throw new PictureTooLargeException($"it needs {ByteSize.Format(needed)} of memory, and {ByteSize.Format(AvailableMemory)} are available.");

        return await Task.Factory.StartNew(() => encode(jpeg), cancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    /// <summary>All that touches NetVips: its first code that is compiled starts the library, so that none may be outside.</summary>
    private static class Codec
    {
        [MethodImpl(MethodImplOptions.NoInlining)]
        public static void Start()
        {
            if (!ModuleInitializer.VipsInitialized) throw ModuleInitializer.Exception ?? new VipsException("libvips does not start.");
            // Of what it can decode, this is the one format that comes from outside.
            NetVips.NetVips.BlockUntrusted = true;
            Operation.Block("VipsForeignLoad", true);
            Operation.Block("VipsForeignLoadJpeg", false);
            // As many pictures at once as processors, each on its own.
            NetVips.NetVips.Concurrency = 1;
            // No picture comes a second time.
            Cache.Max = 0;
            // They would go to the terminal; what matters of them is in the errors.
            Log.SetLogHandler("VIPS", Enums.LogLevelFlags.Warning, (_, _, _) => { });
        }

        [MethodImpl(MethodImplOptions.NoInlining)]
        public static byte[] ToWebp(ReadOnlyMemory<byte> jpeg, int quality, int effort, CancellationToken cancellationToken) => Convert(
            jpeg,
            image =>
            {
                if (image.Interpretation != Enums.Interpretation.Cmyk) return Save(image);
                // WebP has no such colours. Without a profile they are those of common print, as libvips knows them.
                using var screen = image.IccTransform("srgb", embedded: true, inputProfile: "cmyk", intent: Enums.Intent.Relative, blackPointCompensation: true);
                return Save(screen);

                byte[] Save(Image picture) => picture.WebpsaveBuffer(q: quality, effort: effort, keep: Enums.ForeignKeep.None);
            },
            cancellationToken);

        /// <summary>As <c>cjpeg -baseline -optimize</c> does it, colours at half the resolution.</summary>
        [MethodImpl(MethodImplOptions.NoInlining)]
        public static byte[] ToJpeg(ReadOnlyMemory<byte> jpeg, int quality, CancellationToken cancellationToken) => Convert(
            jpeg,
            image => image.JpegsaveBuffer(q: quality, optimizeCoding: true, subsampleMode: Enums.ForeignSubsample.On, keep: Enums.ForeignKeep.None),
            cancellationToken);

        private static byte[] Convert(ReadOnlyMemory<byte> jpeg, Func<Image, byte[]> save, CancellationToken cancellationToken)
        {
            try
            {
                using var source = Source.NewFromMemory(jpeg.Span);
                using var image = Image.JpegloadSource(source, access: Enums.Access.Sequential, failOn: Enums.FailOn.Warning);
                // Asked after each strip that is decoded, and each few percent that are encoded.
                image.SetProgress(true);
                image.SignalConnect(Enums.Signals.Eval, (Image.EvalDelegate)((evaluated, _) =>
                {
                    if (cancellationToken.IsCancellationRequested) evaluated.SetKill(true);
                }));
                return save(image);
            }
            catch (VipsException) when (cancellationToken.IsCancellationRequested)
            {
                throw new OperationCanceledException(cancellationToken);
            }
            catch (VipsException e) when (Reason(e).EndsWith("not implemented", StringComparison.Ordinal))
            {
                // The Windows build lacks arithmetic coding.
                throw new NotSupportedException($"on this system, pictures of that kind are not decoded ({Reason(e)}).");
            }
            catch (VipsException e)
            {
                throw new EncodingException($"the picture is damaged or of an unusual kind ({Reason(e)}).");
            }
        }

        /// <summary>The library's own words: first the operation that failed, then each part that said something, one a line.</summary>
        private static string Reason(VipsException e)
        {
            var lines = e.Message.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
            var words = lines.Skip(1).Select(l => l[(l.IndexOf(": ", StringComparison.Ordinal) is var colon and >= 0 ? colon + 2 : 0)..]).Distinct();
            return words.FirstOrDefault() ?? lines.FirstOrDefault() ?? "no reason was given";
        }
    }
}

/// <summary>There is no encoder for this system, or it cannot be loaded.</summary>
public sealed class EncoderMissingException : Exception
{
    /// <summary>Says why, and what to do.</summary>
    public EncoderMissingException(string message, Exception? innerException = null)
        : base(message, innerException)
    {
    }
}

/// <summary>A picture could not be encoded.</summary>
public sealed class EncodingException : Exception
{
    /// <summary>Says why.</summary>
    public EncodingException(string message)
        : base(message)
    {
    }
}
