using System.Diagnostics.CodeAnalysis;
using System.Management.Automation;
using Mapillary.Collections;
using Mapillary.Download;
using Mapillary.Graph;
using Mapillary.Imaging.Forms;
using Mapillary.InternetArchive.Client;
using Mapillary.InternetArchive.Uploading;
using Mapillary.Saving;
using Mapillary.Tiles;

namespace Mapillary.PowerShell;

/// <summary>The one place where what went wrong gets the error id and category that scripts rely on.</summary>
internal static class ErrorRecords
{
    /// <summary>The error record of an exception of the Core; none for what would be a fault of our own.</summary>
    public static bool TryOf(Exception exception, object? target, [NotNullWhen(true)] out ErrorRecord? error)
    {
        if (exception is ReferenceException reference)
        {
            error = OfReference(reference, target);
            return true;
        }

        // PowerShell shows the text and the advice: none where the text says what to do.
        (string Id, ErrorCategory Category, string? Advice)? kind = exception switch
        {
            GraphException e => e.Fault switch
            {
                GraphFault.NoToken => ("TokenMissing", ErrorCategory.AuthenticationError, null),
                GraphFault.TokenRefused => ("TokenRefused", ErrorCategory.AuthenticationError, null),
                GraphFault.NotFound => ("ImageNotFound", ErrorCategory.ObjectNotFound, "Check the id. Deleted and hidden images cannot be downloaded."),
                GraphFault.BadRequest => ("RequestRefused", ErrorCategory.InvalidArgument, null),
                GraphFault.RateLimited => ("RateLimited", ErrorCategory.LimitsExceeded, "Wait some minutes and run the same command again; it goes on where it was."),
                GraphFault.TooMuchData => ("TooMuchData", ErrorCategory.LimitsExceeded, "Ask for a smaller area or a shorter time."),
                GraphFault.Blocked => ("Blocked", ErrorCategory.SecurityError, null),
                GraphFault.Intercepted => ("Intercepted", ErrorCategory.ConnectionError, null),
                GraphFault.BadAnswer => ("BadAnswer", ErrorCategory.InvalidResult, "Run the same command again later."),
                _ => ("MapillaryUnreachable", ErrorCategory.ConnectionError, "Check the network and run the same command again; it goes on where it was."),
            },
            DownloadException e => e.IsUnavailable
                ? ("ImageUnavailable", ErrorCategory.ObjectNotFound, null)
                : ("DownloadFailed", ErrorCategory.ReadError, "Run the same command again; only what failed is fetched."),
            CollectionException e => e.Fault switch
            {
                CollectionFault.InUse => ("CollectionInUse", ErrorCategory.ResourceBusy, null),
                CollectionFault.NotWritable => ("DestinationNotWritable", ErrorCategory.WriteError, "Make room or choose another -Destination, then run the same command again."),
                CollectionFault.OtherArea => ("CollectionOfOtherArea", ErrorCategory.InvalidData, null),
                CollectionFault.OtherShard => ("CollectionOfOtherShard", ErrorCategory.InvalidData, null),
                CollectionFault.Incomplete => ("CollectionIncomplete", ErrorCategory.InvalidData, null),
                _ => ("CollectionMismatch", ErrorCategory.InvalidData, e.Advice is { } advice ? AdviceText.Of(advice) : null),
            },
            ArchiveException { Fault: ArchiveFault.KeysRefused } => ("KeysRefused", ErrorCategory.AuthenticationError, null),
            ArchiveException { Fault: ArchiveFault.Intercepted } => ("Intercepted", ErrorCategory.ConnectionError, null),
            ArchiveException { Fault: ArchiveFault.Refused } => ("ArchiveRefused", ErrorCategory.PermissionDenied, null),
            ArchiveException { Fault: ArchiveFault.RateLimited } => ("ArchiveBusy", ErrorCategory.LimitsExceeded, "Run the same command again in some hours; it goes on where it was."),
            ArchiveException => ("ArchiveUnreachable", ErrorCategory.ConnectionError, "Check the network and try again."),
            EncoderMissingException => ("EncoderMissing", ErrorCategory.NotInstalled, null),
            EncodingException => ("EncodingFailed", ErrorCategory.InvalidData, null),
            FormatException => ("InvalidValue", ErrorCategory.InvalidArgument, null),
            InvalidDataException e => ("InvalidData", ErrorCategory.InvalidData, e.AdviceOf() is { } advice ? AdviceText.Of(advice) : null),
            UnauthorizedAccessException => ("AccessDenied", ErrorCategory.PermissionDenied, null),
            FileExistsException => ("FileExists", ErrorCategory.ResourceExists, "Use -Force to replace it."),
            IOException => ("FileError", ErrorCategory.WriteError, null),
            _ => null,
        };
        error = kind is null ? null : Make(exception, kind.Value.Id, kind.Value.Category, target ?? (exception as CollectionException)?.Path, kind.Value.Advice);
        return error is not null;
    }

    public static ErrorRecord Of(Exception exception, object? target) =>
        TryOf(exception, target, out var error) ? error : throw new ArgumentException($"There is no error record for {exception.GetType()}.", nameof(exception));

    /// <summary>What does not stand for what is expected, with the command that asks for what it looks like.</summary>
    private static ErrorRecord OfReference(ReferenceException e, object? target)
    {
        var value = e.Value is null ? "" : CommandText.ForPowerShell(e.Value);
        var hint = e.Found switch
        {
            ReferenceKind.Image when e.Expected == ReferenceKind.Sequence =>
                $" This names an image; its sequence is (Get-MapillaryImage -Id {value}).SequenceId, and Get-MapillaryImage -Id {value} gets the image alone.",
            ReferenceKind.Image => $" This names an image: Get-MapillaryImage -Id {value}.",
            ReferenceKind.Sequence => $" It looks like a sequence id, for which there is -SequenceId: Get-MapillaryImage -SequenceId {value}.",
            ReferenceKind.User => $" It looks like a user name, for which there is -User: Get-MapillaryImage -User {value}.",
            ReferenceKind.AccessToken => " Tokens are given as -Token.",
            _ => "",
        };
        var said = new ArgumentException(e.Message + hint, e);
        return e.Expected switch
        {
            ReferenceKind.Image => Make(said, "NotAnImageId", ErrorCategory.InvalidArgument, target, null),
            ReferenceKind.Sequence => Make(said, "NotASequenceId", ErrorCategory.InvalidArgument, target, null),
            _ => Make(said, "NotAUser", ErrorCategory.InvalidArgument, target, null),
        };
    }

    /// <summary>The same with what to do, which the exception does not know.</summary>
    public static ErrorRecord Of(Exception exception, object? target, string? advice) =>
        Of(exception, target) is var error && advice is not null ? Advised(error, advice) : error;

    /// <param name="path">What was given.</param>
    /// <param name="literallyThere">Whether something has exactly that name, and was not found because of its brackets.</param>
    public static ErrorRecord PathNotFound(string path, bool literallyThere = false) => Make(
        new ItemNotFoundException(literallyThere ? $"No file or folder matches '{path}', where [ and ] are wildcards." : $"There is no file or folder '{path}'."),
        "PathNotFound", ErrorCategory.ObjectNotFound, path, literallyThere ? "One has exactly this name: use -LiteralPath." : null);

    public static ErrorRecord NotOnDisk(string path) => Make(
        new ArgumentException($"'{path}' is not a path in the file system."), "NotInFileSystem", ErrorCategory.InvalidArgument, path, "Give the whole path, or go to a folder with Set-Location first.");

    public static ErrorRecord NotSaved(SavedImage image) => image.Status == SavedImageStatus.Unavailable
        ? Make(new InvalidOperationException(image.Error), "ImageUnavailable", ErrorCategory.ObjectNotFound, image, null)
        : Make(
            new InvalidOperationException(image.Error), "DownloadFailed", ErrorCategory.ReadError, image,
            "Run the same command again; only what failed is fetched. Test-MapillaryImage tells more.");

    /// <summary>A tile that could not be read; the images of the others come all the same.</summary>
    public static ErrorRecord TileNotRead(AreaAnswer answer) => Make(
        answer.Problem!, "TileNotRead", ErrorCategory.ReadError, answer.What, "Run the same command again: of the tiles only those that are missing are asked for.");

    public static ErrorRecord NotUploaded(PublishedFile file) => Make(
        new InvalidOperationException($"{file}: {file.Error}"), "UploadFailed", ErrorCategory.WriteError, file,
        "Run the same command again; only what is missing is uploaded. Test-MapillaryCollection finds what is damaged.");

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
