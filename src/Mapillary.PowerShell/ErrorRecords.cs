using System.Diagnostics.CodeAnalysis;
using System.Management.Automation;
using Mapillary.Collections;
using Mapillary.Download;
using Mapillary.Graph;
using Mapillary.Imaging;
using Mapillary.InternetArchive;

namespace Mapillary.PowerShell;

/// <summary>The one place where what went wrong gets the error id and category that scripts rely on.</summary>
internal static class ErrorRecords
{
    /// <summary>The error record of an exception of the Core; none for what would be a fault of our own.</summary>
    public static bool TryOf(Exception exception, object? target, [NotNullWhen(true)] out ErrorRecord? error)
    {
        (string Id, ErrorCategory Category, string? Advice)? kind = exception switch
        {
            GraphException e => e.Fault switch
            {
                GraphFault.NoToken => ("TokenMissing", ErrorCategory.AuthenticationError, "Get a token at https://www.mapillary.com/dashboard/developers and set $env:MAPILLARY_TOKEN."),
                GraphFault.TokenRefused => ("TokenRefused", ErrorCategory.AuthenticationError, "Get a new token at https://www.mapillary.com/dashboard/developers."),
                GraphFault.NotFound => ("ImageNotFound", ErrorCategory.ObjectNotFound, "Check the id. What was deleted or is hidden cannot be had."),
                GraphFault.BadRequest => ("RequestRefused", ErrorCategory.InvalidArgument, null),
                GraphFault.RateLimited => ("RateLimited", ErrorCategory.LimitsExceeded, "Wait some minutes and run the same command again; it goes on where it was."),
                GraphFault.TooMuchData => ("TooMuchData", ErrorCategory.LimitsExceeded, "Ask for a smaller area or a shorter time."),
                GraphFault.Blocked => ("Blocked", ErrorCategory.SecurityError, "Wait some hours before the next run; trying on extends the block."),
                GraphFault.BadAnswer => ("BadAnswer", ErrorCategory.InvalidResult, "Run the same command again later."),
                _ => ("MapillaryUnreachable", ErrorCategory.ConnectionError, "Check the network and run the same command again; it goes on where it was."),
            },
            DownloadException e => e.IsUnavailable
                ? ("ImageUnavailable", ErrorCategory.ObjectNotFound, null)
                : ("DownloadFailed", ErrorCategory.ReadError, "Run the same command again; only what failed is fetched."),
            CollectionException e => e.Fault switch
            {
                CollectionFault.InUse => ("CollectionInUse", ErrorCategory.ResourceBusy, "Wait until the other run is done, or end it."),
                CollectionFault.NotWritable => ("DestinationNotWritable", ErrorCategory.WriteError, "Make room or choose another -Destination, then run the same command again."),
                CollectionFault.OtherArea => ("CollectionOfOtherArea", ErrorCategory.InvalidData, null),
                CollectionFault.Incomplete => ("CollectionIncomplete", ErrorCategory.InvalidData, null),
                _ => ("CollectionMismatch", ErrorCategory.InvalidData, null),
            },
            ArchiveException { Fault: ArchiveFault.KeysRefused } =>
                ("KeysRefused", ErrorCategory.AuthenticationError, "Find your keys at https://archive.org/account/s3.php and set $env:IA_ACCESS_KEY and $env:IA_SECRET_KEY, or give them as -Credential."),
            ArchiveException { Fault: ArchiveFault.Refused } => ("ArchiveRefused", ErrorCategory.PermissionDenied, null),
            ArchiveException { Fault: ArchiveFault.RateLimited } => ("ArchiveBusy", ErrorCategory.LimitsExceeded, "Run the same command again in some hours; it goes on where it was."),
            ArchiveException => ("ArchiveUnreachable", ErrorCategory.ConnectionError, "Check the network and try again."),
            EncoderMissingException => ("EncoderMissing", ErrorCategory.NotInstalled, null),
            EncodingException => ("EncodingFailed", ErrorCategory.InvalidData, null),
            FormatException => ("InvalidValue", ErrorCategory.InvalidArgument, null),
            InvalidDataException => ("InvalidData", ErrorCategory.InvalidData, null),
            UnauthorizedAccessException => ("AccessDenied", ErrorCategory.PermissionDenied, null),
            IOException => ("FileError", ErrorCategory.WriteError, null),
            _ => null,
        };
        error = kind is null ? null : Make(exception, kind.Value.Id, kind.Value.Category, target ?? (exception as CollectionException)?.Path, kind.Value.Advice);
        return error is not null;
    }

    public static ErrorRecord Of(Exception exception, object? target) =>
        TryOf(exception, target, out var error) ? error : throw new ArgumentException($"There is no error record for {exception.GetType()}.", nameof(exception));

    /// <summary>The same with what to do, which the exception does not know.</summary>
    public static ErrorRecord Of(Exception exception, object? target, string? advice) =>
        Of(exception, target) is var error && advice is not null ? Advised(error, advice) : error;

    public static ErrorRecord PathNotFound(string path) => Make(
        new ItemNotFoundException($"There is no file or folder '{path}'."), "PathNotFound", ErrorCategory.ObjectNotFound, path, null);

    public static ErrorRecord NotOnDisk(string path) => Make(
        new ArgumentException($"'{path}' leads to no place in the file system."), "NotInFileSystem", ErrorCategory.InvalidArgument, path, "Give the whole path, or go to a folder with Set-Location first.");

    public static ErrorRecord NotSaved(SavedImage image) => image.Status == SavedImageStatus.Unavailable
        ? Make(new InvalidOperationException(image.Error), "ImageUnavailable", ErrorCategory.ObjectNotFound, image, null)
        : Make(new InvalidOperationException(image.Error), "DownloadFailed", ErrorCategory.ReadError, image, "Run the same command again; only what failed is fetched.");

    public static ErrorRecord NotUploaded(PublishedFile file) => Make(
        new InvalidOperationException($"{file}: {file.Error}"), "UploadFailed", ErrorCategory.WriteError, file, "Run the same command again; only what is missing is uploaded.");

    public static ErrorRecord Make(Exception exception, string id, ErrorCategory category, object? target, string? advice)
    {
        var error = Shown(new ErrorRecord(exception, id, category, target));
        return advice is null ? error : Advised(error, advice);
    }

    private static ErrorRecord Advised(ErrorRecord error, string advice)
    {
        error.ErrorDetails ??= new ErrorDetails(error.Exception.Message);
        error.ErrorDetails.RecommendedAction = advice;
        return error;
    }

    /// <summary>The same error, of which what is shown steers no terminal. Its exception and its target keep what they hold.</summary>
    public static ErrorRecord Shown(ErrorRecord error)
    {
        var message = ShownText.Line(error.Exception.Message);
        if (message != error.Exception.Message) error.ErrorDetails = new ErrorDetails(message);
        error.CategoryInfo.TargetName = ShownText.Line(error.CategoryInfo.TargetName);
        return error;
    }
}
