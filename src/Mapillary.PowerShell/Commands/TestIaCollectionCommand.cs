using System.Management.Automation;
using Mapillary.Collections;
using Mapillary.Graph;
using Mapillary.Imaging.Forms;
using Mapillary.InternetArchive.Client;
using Mapillary.Services;

namespace Mapillary.PowerShell.Commands;

/// <summary>
/// <para type="synopsis">Tells whether collections are on archive.org already.</para>
/// <para type="description">Emits $true or $false for each. Where it cannot be told, that is an error, never $false. What was taken down there counts as absent.</para>
/// </summary>
[Cmdlet(VerbsDiagnostic.Test, "IaCollection", DefaultParameterSetName = UserSet)]
[OutputType(typeof(bool))]
public sealed class TestIaCollectionCommand : MapillaryCommand
{
    private const string UserSet = "User";
    private const string IdentifierSet = "Identifier";

    private ArchiveClient? _archive;

    /// <summary>User names.</summary>
    [Parameter(ParameterSetName = UserSet, Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ValidateNotBlank]
    [ArgumentCompleter(typeof(UserCompleter))]
    public string[] User { get; set; } = [];

    /// <summary>The rendition of the users' collections.</summary>
    [Parameter(ParameterSetName = UserSet)]
    [ValidateSet("256", "1024", "2048", "Original")]
    public string Quality { get; set; } = "Original";

    /// <summary>Asks for the collections of WebP pictures.</summary>
    [Parameter(ParameterSetName = UserSet)]
    public SwitchParameter Webp { get; set; }

    /// <summary>The names of items, instead of users.</summary>
    [Parameter(ParameterSetName = IdentifierSet, Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [ValidateNotBlank]
    [ArgumentCompleter(typeof(NoCompleter))]
    public string[] Identifier { get; set; } = [];

    /// <inheritdoc/>
    protected override void OnBegin() => _archive = new ArchiveClient(ServiceEndpoints.FromEnvironment().Archive, log: Log);

    /// <inheritdoc/>
    protected override void OnProcess()
    {
        var identifiers = ParameterSetName == IdentifierSet
            ? Identifier
            : Referred(User, Reference.User).Select(user => new CollectionName(user, ImageQualityNames.Parse(Quality), Webp ? new WebpForm() : PictureForm.AsServed).ToString());
        foreach (var identifier in identifiers)
        {
            try
            {
                WriteObject(Await(_archive!.ExistsAsync(identifier, Stopped)));
            }
            catch (ArchiveException e)
            {
                WriteError(ErrorRecords.Of(e, identifier));
            }
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        if (disposing) _archive?.Dispose();
    }
}
