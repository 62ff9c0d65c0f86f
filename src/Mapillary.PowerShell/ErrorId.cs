using System.Management.Automation;
using System.Runtime.CompilerServices;

namespace Mapillary.PowerShell;

/// <summary>
/// The ids of all errors, each with its category: what scripts rely on. A new one gets a line here and a row in <c>docs/errors.md</c>, which
/// says what happened and what to do; a test compares the two.
/// </summary>
internal sealed class ErrorId
{
    public static readonly ErrorId AccessDenied = new(ErrorCategory.PermissionDenied);
    public static readonly ErrorId ArchiveBusy = new(ErrorCategory.LimitsExceeded);
    public static readonly ErrorId ArchiveRefused = new(ErrorCategory.PermissionDenied);
    public static readonly ErrorId ArchiveUnreachable = new(ErrorCategory.ConnectionError);
    public static readonly ErrorId BadAnswer = new(ErrorCategory.InvalidResult);
    public static readonly ErrorId Blocked = new(ErrorCategory.SecurityError);
    public static readonly ErrorId CollectionIncomplete = new(ErrorCategory.InvalidData);
    public static readonly ErrorId CollectionInUse = new(ErrorCategory.ResourceBusy);
    public static readonly ErrorId CollectionMismatch = new(ErrorCategory.InvalidData);
    public static readonly ErrorId CollectionOfOtherArea = new(ErrorCategory.InvalidData);
    public static readonly ErrorId CollectionOfOtherShard = new(ErrorCategory.InvalidData);
    public static readonly ErrorId DestinationNotWritable = new(ErrorCategory.WriteError);
    public static readonly ErrorId DownloadFailed = new(ErrorCategory.ReadError);
    public static readonly ErrorId EncoderMissing = new(ErrorCategory.NotInstalled);
    public static readonly ErrorId EncodingFailed = new(ErrorCategory.InvalidData);
    public static readonly ErrorId FileNotRead = new(ErrorCategory.ReadError, "FileError");
    public static readonly ErrorId FileNotWritten = new(ErrorCategory.WriteError, "FileError");
    public static readonly ErrorId FileExists = new(ErrorCategory.ResourceExists);
    public static readonly ErrorId FileReadOnly = new(ErrorCategory.PermissionDenied);
    public static readonly ErrorId ImageNotFound = new(ErrorCategory.ObjectNotFound);
    public static readonly ErrorId ImageUnavailable = new(ErrorCategory.ObjectNotFound);
    public static readonly ErrorId Intercepted = new(ErrorCategory.ConnectionError);
    public static readonly ErrorId InvalidData = new(ErrorCategory.InvalidData);
    public static readonly ErrorId InvalidValue = new(ErrorCategory.InvalidArgument);
    public static readonly ErrorId JpegNotSupported = new(ErrorCategory.NotImplemented);
    public static readonly ErrorId KeysRefused = new(ErrorCategory.AuthenticationError);
    public static readonly ErrorId MapFormatUnknown = new(ErrorCategory.InvalidArgument);
    public static readonly ErrorId MapillaryUnreachable = new(ErrorCategory.ConnectionError);
    public static readonly ErrorId NotAFolder = new(ErrorCategory.InvalidArgument);
    public static readonly ErrorId NotAJpeg = new(ErrorCategory.InvalidArgument);
    public static readonly ErrorId NotAnImageId = new(ErrorCategory.InvalidArgument);
    public static readonly ErrorId NotAPicture = new(ErrorCategory.InvalidArgument);
    public static readonly ErrorId NotASequenceId = new(ErrorCategory.InvalidArgument);
    public static readonly ErrorId NotAUser = new(ErrorCategory.InvalidArgument);
    public static readonly ErrorId NothingNamed = new(ErrorCategory.InvalidArgument);
    public static readonly ErrorId NotInFileSystem = new(ErrorCategory.InvalidArgument);
    public static readonly ErrorId ParameterConflict = new(ErrorCategory.InvalidArgument);
    public static readonly ErrorId PathMissing = new(ErrorCategory.InvalidArgument);
    public static readonly ErrorId PathNotFound = new(ErrorCategory.ObjectNotFound);
    public static readonly ErrorId RateLimited = new(ErrorCategory.LimitsExceeded);
    public static readonly ErrorId RecordMissing = new(ErrorCategory.ObjectNotFound);
    public static readonly ErrorId RequestRefused = new(ErrorCategory.InvalidArgument);
    public static readonly ErrorId TileNotRead = new(ErrorCategory.ReadError);
    public static readonly ErrorId TokenMissing = new(ErrorCategory.AuthenticationError);
    public static readonly ErrorId TokenRefused = new(ErrorCategory.AuthenticationError);
    public static readonly ErrorId TooLargeForWebp = new(ErrorCategory.LimitsExceeded);
    public static readonly ErrorId TooMuchData = new(ErrorCategory.LimitsExceeded);
    public static readonly ErrorId UploadFailed = new(ErrorCategory.WriteError);

    private ErrorId(ErrorCategory category, [CallerMemberName] string name = "") => (Name, Category) = (name, category);

    /// <summary>The id, as it begins <c>FullyQualifiedErrorId</c>.</summary>
    public string Name { get; }

    /// <summary>The category of all errors with this id.</summary>
    public ErrorCategory Category { get; }
}
