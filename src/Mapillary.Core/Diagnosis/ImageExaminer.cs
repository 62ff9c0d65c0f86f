using System.Globalization;
using System.Net;
using Mapillary.Download;
using Mapillary.Graph;
using Mapillary.Imaging.Exif;
using Mapillary.Imaging.Jpeg;
using Mapillary.Imaging.Metadata;
using Mapillary.Services;

namespace Mapillary.Diagnosis;

/// <summary>
/// Finds out what is wrong with an image. Every question is asked once, of the API and of the image server, and the answer taken as it
/// is: a diagnosis is no download. Any number of calls may run at once.
/// </summary>
public sealed class ImageExaminer : IDisposable
{
    private static readonly ImageQuality[] Qualities = [ImageQuality.Thumb256, ImageQuality.Thumb1024, ImageQuality.Thumb2048, ImageQuality.Original];

    private readonly GraphClient? _graph;
    private readonly ImageServerProbe _probe;

    /// <summary>Makes an examiner.</summary>
    /// <param name="endpoints">Where the services are.</param>
    /// <param name="token">The access token; null where there is none, and the records at hand are all there is.</param>
    /// <param name="log">Told each request.</param>
    public ImageExaminer(ServiceEndpoints endpoints, AccessToken? token, IRunLog log)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        if (token is not null) _graph = new GraphClient(endpoints.Graph, token, new RetryRules { Attempts = 1, RateLimitAttempts = 1 }, log);
        _probe = new ImageServerProbe(FetchRules.For(endpoints), log);
    }

    /// <summary>Examines an image.</summary>
    /// <param name="id">The image id.</param>
    /// <param name="given">Its record, where one is at hand; without a token it is the one that is looked at.</param>
    /// <param name="wanted">The renditions that the image server is asked for.</param>
    /// <param name="cancellationToken">Stops at once.</param>
    /// <exception cref="GraphException">
    /// No image can be examined: the token is missing and no record given, or is refused; this address is blocked, or has asked too often.
    /// </exception>
    public async Task<ImageDiagnosis> ExamineAsync(string id, MapillaryImage? given, IReadOnlyCollection<ImageQuality> wanted, CancellationToken cancellationToken)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(id);
        ArgumentNullException.ThrowIfNull(wanted);
        var findings = new List<ImageFinding>();
        var (hasRecord, record, problem) = await AskForRecordAsync(id, given, findings, cancellationToken);
        if (record is null) return new ImageDiagnosis { Id = id, HasRecord = hasRecord, RecordProblem = problem, Findings = findings };

        var missing = LookAt(record, findings);
        var now = DateTimeOffset.UtcNow;
        if (hasRecord == true && given is not null && wanted.Any(q => IsDead(given.UrlOf(q), now)))
        {
            findings.Add(new ImageFinding(FindingSeverity.Information, "The addresses in the given record have expired; Mapillary gave new ones.",
                "Nothing to do: saving asks for new ones by itself."));
        }

        var renditions = await Task.WhenAll(Qualities.Select(q => LookAtAsync(record, q, wanted.Contains(q), cancellationToken)));
        foreach (var rendition in renditions.Where(r => wanted.Contains(ImageQualityNames.Parse(r.State.Quality)))) Judge(rendition, renditions, record, isFresh: hasRecord == true, now, findings);
        return new ImageDiagnosis
        {
            Id = id,
            HasRecord = hasRecord,
            RecordProblem = problem,
            Image = record,
            MissingFields = missing,
            Renditions = [.. renditions.Select(r => r.State)],
            Findings = findings,
        };
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _graph?.Dispose();
        _probe.Dispose();
    }

    private async Task<(bool? HasRecord, MapillaryImage? Record, string? Problem)> AskForRecordAsync(string id, MapillaryImage? given, List<ImageFinding> findings, CancellationToken cancellationToken)
    {
        if (_graph is null)
        {
            if (given is null) throw new GraphException(GraphFault.NoToken, "Asking Mapillary for an image needs an access token.");
            findings.Add(new ImageFinding(FindingSeverity.Information, "Mapillary was not asked whether it still has the image, because there is no access token; the findings are those of the given record.",
                $"Set {AccessToken.EnvironmentVariable} to ask it."));
            return (null, given, null);
        }

        try
        {
            return (true, await _graph.GetImageAsync(id, cancellationToken), null);
        }
        catch (GraphException e) when (e.Fault is GraphFault.NotFound)
        {
            findings.Add(new ImageFinding(FindingSeverity.Error, "Mapillary does not have the image, or does not show it.",
                "Check the id. Deleted and hidden images cannot be downloaded, and count as Unavailable."));
            return (false, null, e.Message);
        }
        catch (GraphException e) when (e.Fault is GraphFault.BadRequest)
        {
            findings.Add(new ImageFinding(FindingSeverity.Error, "Mapillary does not accept it as an image id.", "Check the id: it consists of digits."));
            return (false, null, e.Message);
        }
        catch (GraphException e) when (e.Fault is GraphFault.Transient or GraphFault.BadAnswer or GraphFault.TooMuchData)
        {
            findings.Add(new ImageFinding(FindingSeverity.Error, "It is not known whether Mapillary has the image.", "Ask again in some minutes."));
            return (null, given, e.Message);
        }
    }

    /// <returns>The fields that are not there.</returns>
    private static List<string> LookAt(MapillaryImage record, List<ImageFinding> findings)
    {
        var isSphere = record.CameraType is "spherical" or "equirectangular";
        (string Field, bool IsThere)[] fields =
        [
            ("captured_at", record.CapturedAt is not null), ("geometry", record.Geometry is not null), ("computed_geometry", record.ComputedGeometry is not null),
            ("altitude", record.Altitude is not null), ("compass_angle", record.CompassAngle is not null), ("computed_compass_angle", record.ComputedCompassAngle is not null),
            ("camera_type", record.CameraType is not null), ("camera_parameters", record.CameraParameters is not null || isSphere), ("make", record.Make is not null),
            ("model", record.Model is not null), ("width", record.Width is not null), ("height", record.Height is not null), ("exif_orientation", record.ExifOrientation is not null),
            ("creator", record.Creator is not null), ("sequence", record.SequenceId is not null),
        ];
        var missing = fields.Where(f => !f.IsThere).Select(f => f.Field).ToList();
        switch (record.CapturedAt)
        {
            case null:
                findings.Add(new ImageFinding(FindingSeverity.Warning, "The record has no capture time: the file gets none, and goes into the folder of unknown dates."));
                break;
            case { } time when !CaptureTime.IsPossible(time):
                findings.Add(new ImageFinding(FindingSeverity.Warning, string.Create(CultureInfo.InvariantCulture, $"The capture time, {time.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC, cannot be right: the camera's clock was wrong."),
                    "It is written as Mapillary has it. Correct it in the file if you know the right one."));
                break;
        }

        if (record.Latitude is null) findings.Add(new ImageFinding(FindingSeverity.Warning, "The record has no position: none is written into the file."));
        var others = missing.Except(["captured_at"]).Where(f => record.Latitude is not null || f is not ("geometry" or "computed_geometry")).ToList();
        if (others.Count > 0)
            findings.Add(new ImageFinding(FindingSeverity.Information, $"The record lacks {string.Join(", ", others)}; what Mapillary does not know is not written into the file."));
        return missing;
    }

    private async Task<Rendition> LookAtAsync(MapillaryImage record, ImageQuality quality, bool isWanted, CancellationToken cancellationToken)
    {
        var url = record.UrlOf(quality);
        var state = new RenditionState
        {
            Quality = quality.ToName(),
            IsOffered = !string.IsNullOrEmpty(url),
            Expires = WebAddress.TryParse(url, out var address) ? ImageAddress.FindExpiry(address) : null,
        };
        if (!isWanted || !state.IsOffered) return new Rendition(state);

        var answer = await _probe.AskPictureAsync(record, quality, cancellationToken);
        state = state with { WasAsked = true, Status = (int?)answer.Status, Length = answer.Length };
        if (answer.Problem is not null) return new Rendition(state with { Fault = answer.Problem });
        if (answer.Status != HttpStatusCode.OK) return new Rendition(state with { Fault = "refused" });
        if (JpegCheck.FindFault(answer.Body!.Value.Span) is { } fault) return new Rendition(state with { Fault = fault });
        return Read(answer.Body.Value, state);
    }

    private static Rendition Read(ReadOnlyMemory<byte> picture, RenditionState state)
    {
        var header = JpegHeader.Read(picture.Span);
        List<string> metadata = [];
        string? exifFault = null;
        if (header.Exif.Count > 0) metadata.Add("EXIF");
        foreach (var bytes in header.ExifBlocks(picture))
        {
            var block = ExifBlock.Parse(bytes);
            if (block?.ValueOf(ExifDirectory.Gps, ExifTag.GpsLatitude).IsEmpty == false && !metadata.Contains("GPS")) metadata.Add("GPS");
            exifFault ??= block is null ? "cannot be read" : block.Faults.Count > 0 ? "has broken parts" : null;
        }

        if (header.HasColorProfile) metadata.Add("ICC");
        if (header.Xmp.Count > 0) metadata.Add("XMP");
        return new Rendition(state with { Width = header.Width, Height = header.Height, Metadata = metadata }, exifFault);
    }

    private static void Judge(Rendition rendition, Rendition[] all, MapillaryImage record, bool isFresh, DateTimeOffset now, List<ImageFinding> findings)
    {
        var state = rendition.State;
        var name = state.Quality;
        if (!state.IsOffered)
        {
            var largest = all.LastOrDefault(r => r.State.IsOffered)?.State.Quality;
            findings.Add(new ImageFinding(FindingSeverity.Error, $"{(isFresh ? "Mapillary offers" : "The record has")} no rendition '{name}'.",
                largest is { } other ? $"The largest on offer is '{other}'." : isFresh ? "Ask again in some days: a new upload has none until it is processed." : "Ask Mapillary for the record: it may have been written without addresses."));
            return;
        }

        if (state.IsWhole)
        {
            if (rendition.ExifFault is not null)
                findings.Add(new ImageFinding(FindingSeverity.Information, $"The EXIF block of rendition '{name}' {rendition.ExifFault}.", "Nothing to do: saving writes a valid one."));
            if (PictureSize.FindShortfall(record, ImageQualityNames.Parse(name), state.Width ?? 0, state.Height ?? 0) is { } shortfall)
            {
                findings.Add(new ImageFinding(FindingSeverity.Warning, $"Rendition '{name}' may be a placeholder: {shortfall}.",
                    "Ask again in some days, or choose another quality."));
            }
            else if (state.Quality == ImageQuality.Original.ToName() && (record.Width, record.Height) is ( > 0 and var width, > 0 and var height)
                && (state.Width, state.Height) != (width, height) && (state.Width, state.Height) != (height, width))
                findings.Add(new ImageFinding(FindingSeverity.Information, $"The full size served is {state.Width} x {state.Height} pixels, that of the upload {width} x {height}."));
            return;
        }

        var (text, advice) = state.Status switch
        {
            403 or 404 or 410 when state.Expires <= now && !isFresh => ($"has expired (HTTP {state.Status})", "Ask with a token: saving then asks Mapillary for a new address by itself."),
            403 or 404 or 410 => ($"is refused by the image server (HTTP {state.Status})", isFresh
                ? "The address is fresh, so the picture is gone or not there yet; it counts as Unavailable. Try again some days later."
                : "Ask with a token: Mapillary may give another address."),
            429 => ("was not sent: the image server asks for fewer requests (HTTP 429)", "Wait some minutes; saving waits by itself."),
            >= 500 => ($"was not sent: the image server fails (HTTP {state.Status})", "Ask again in some minutes; saving tries again by itself."),
            >= 300 and < 400 => ($"was not sent: the image server redirects elsewhere (HTTP {state.Status})", "This network address may be blocked. If all images get this answer, wait some hours."),
            200 => ($"is not a complete picture: {state.Fault}", "Ask again; saving tries several times. If it stays like this, choose another quality."),
            null => ($"could not be downloaded: {state.Fault}", "Check the network and ask again."),
            _ => ($"was not sent: the image server answers HTTP {state.Status}", "Ask again later."),
        };
        findings.Add(new ImageFinding(FindingSeverity.Error, $"Rendition '{name}' {text}.", advice));
    }

    private static bool IsDead(string? url, DateTimeOffset now) => WebAddress.TryParse(url, out var address) && ImageAddress.HasExpired(address, now);

    private sealed record Rendition(RenditionState State, string? ExifFault = null);
}
