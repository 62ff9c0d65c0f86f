using System.Management.Automation;
using Mapillary.Graph;

namespace Mapillary.PowerShell.Commands;

/// <summary>
/// <para type="synopsis">Lists images on Mapillary, or in the listing of an earlier run.</para>
/// <para type="description">Emits an object an image as soon as its page has arrived; the next page is fetched meanwhile.</para>
/// </summary>
[Cmdlet(VerbsCommon.Get, "MapillaryImage", DefaultParameterSetName = UserSet)]
[OutputType(typeof(MapillaryImage))]
public sealed class GetMapillaryImageCommand : ListingCommand
{
    private readonly List<string> _ids = [];

    /// <summary>One or many sequence ids; case matters. Blank ones and those that begin with # are skipped.</summary>
    [Parameter(ParameterSetName = SequenceSet, Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [AllowEmptyString]
    [ArgumentCompleter(typeof(SequenceCompleter))]
    public string[] SequenceId { get; set; } = [];

    /// <summary>Image ids, or addresses of images. Blank ones and those that begin with # are skipped, as in a list of ids in a file.</summary>
    [Parameter(ParameterSetName = IdSet, Mandatory = true, ValueFromPipeline = true)]
    [AllowEmptyString]
    [AllowEmptyCollection]
    [ImageIdTransformation]
    [ArgumentCompleter(typeof(NoCompleter))]
    public string[] Id { get; set; } = [];

    /// <summary>An area, west,south,east,north in degrees: the images there. With -User only that user's.</summary>
    /// <remarks>Not in the default set: PowerShell prefers that one, and would ask for its mandatory -User.</remarks>
    [Parameter(ParameterSetName = BoxSet, Mandatory = true)]
    [BoundingBoxTransformation]
    [ArgumentCompleter(typeof(NoCompleter))]
    public BoundingBox? BoundingBox { get; set; }

    /// <summary>The most pages of 2,000 images to ask for, a user.</summary>
    [Parameter(ParameterSetName = UserSet)]
    [Parameter(ParameterSetName = BoxSet)]
    [Parameter(ParameterSetName = PolygonSet)]
    [Parameter(ParameterSetName = NearSet)]
    [ValidateRange(1, int.MaxValue)]
    [ArgumentCompleter(typeof(NoCompleter))]
    public int? MaxPages { get; set; }

    /// <summary>
    /// Lists a large account in so many windows of capture time at once; the images then come in no particular order, and those without a
    /// capture time do not come. 1, one page after another, without it. Not with -MaxPages.
    /// </summary>
    [Parameter(ParameterSetName = UserSet)]
    [Parameter(ParameterSetName = BoxSet)]
    [Parameter(ParameterSetName = PolygonSet)]
    [Parameter(ParameterSetName = NearSet)]
    [ValidateRange(1, 16)]
    [ArgumentCompleter(typeof(NoCompleter))]
    public int ListingParallelism { get; set; } = 1;

    /// <inheritdoc/>
    protected override void OnBegin()
    {
        if (ParameterSetName == IdSet) RequireNames(nameof(Id), Id);
        if (ParameterSetName == SequenceSet) RequireNames(nameof(SequenceId), SequenceId);
        // A number of pages is one of a listing in order.
        RefuseWith(nameof(ListingParallelism), nameof(MaxPages), ListingParallelism > 1 && MaxPages is not null);
        base.OnBegin();
    }

    /// <inheritdoc/>
    protected override void OnProcess()
    {
        if (IsOfArea)
        {
            RefuseUserOptions();
            ForEachInArea(WriteObject);
            return;
        }

        switch (ParameterSetName)
        {
            case UserSet or BoxSet or PolygonSet or NearSet:
                RefuseAreaOptions();
                foreach (var user in Referred(User, Reference.User)) WriteUser(user);
                break;
            case SequenceSet:
                foreach (var sequence in Referred(NameList.Read(SequenceId), Reference.Sequence)) WriteSequence(sequence);
                break;
            case IdSet:
                _ids.AddRange(Referred(NameList.Read(Id), Reference.Image));
                while (_ids.Count >= GraphClient.IdsARequest) WriteIds(GraphClient.IdsARequest);
                break;
            default:
                foreach (var path in GivenPaths()) WriteListing(path);
                break;
        }
    }

    /// <inheritdoc/>
    protected override void OnEnd()
    {
        if (_ids.Count > 0) WriteIds(_ids.Count);
        base.OnEnd();
    }

    /// <summary>An area is searched as a whole: what tells how a user's pages are asked for has no meaning there.</summary>
    private void RefuseUserOptions()
    {
        foreach (var name in new[] { nameof(MaxPages), nameof(ListingParallelism) }.Where(MyInvocation.BoundParameters.ContainsKey))
        {
            RefuseConflict(name, $"-{name} works only with -User, which is missing.", $"Name a user with -User, or leave -{name} out.");
        }
    }

    private protected override BoundingBox? Box => BoundingBox;

    private void WriteUser(string user)
    {
        var listing = new ImageListing(Graph);
        var images = ListingParallelism > 1
            ? listing.OfUserInWindowsAsync(user, Filter, ListingParallelism, Stopped)
            : listing.OfUserAsync(user, Filter, MaxPages, Stopped);
        Write($"user '{user}'", images, () => NothingListed.OfUser(user, Filter));
    }

    private void WriteSequence(string sequence)
    {
        if (Filter.ForSequence(sequence) is not { } filter) return;
        Write($"sequence '{sequence}'", new ImageListing(Graph).OfSequenceAsync(sequence, filter, Stopped), () => NothingListed.OfSequence(sequence, filter));
    }

    private void WriteListing(string path)
    {
        var any = false;
        var isRead = ForEachRecord(path, Filter, image =>
        {
            any = true;
            WriteObject(image);
        });
        if (isRead && !any) WriteWarning(NothingListed.OfListing(path, Filter));
    }

    private void Write(string source, IAsyncEnumerable<MapillaryImage> images, Func<string> ofNone)
    {
        var any = false;
        ForEachListed(source, images, image =>
        {
            any = true;
            WriteObject(image);
        });
        if (!any) WriteWarning(ofNone());
    }

    private void WriteIds(int count)
    {
        var batch = _ids.GetRange(0, count);
        _ids.RemoveRange(0, count);
        ForEachListed("ids", new ImageListing(Graph).ByIdAsync(batch, Stopped), answer =>
        {
            if (answer.Image is null) WriteError(ErrorRecords.Of(answer.Problem!, answer.Id));
            else if (Filter.Wants(answer.Image)) WriteObject(answer.Image);
        });
    }
}
