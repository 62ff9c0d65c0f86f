using System.Globalization;
using System.Management.Automation;
using Mapillary.Graph;

namespace Mapillary.PowerShell.Commands;

/// <summary>
/// <para type="synopsis">Lists sequences: how many images, when, where, how long a way, by which camera.</para>
/// <para type="description">
/// A sequence that is asked for by its id is emitted as soon as it has been read. The sequences of a user, an area or a listing are emitted, the
/// newest first, when that has been read to its end: they may run into each other, so that none is known to be whole before.
/// </para>
/// </summary>
[Cmdlet(VerbsCommon.Get, "MapillarySequence", DefaultParameterSetName = UserSet)]
[OutputType(typeof(MapillarySequence))]
public sealed class GetMapillarySequenceCommand : AreaCommand
{
    private readonly HashSet<string> _asked = new(StringComparer.Ordinal);

    /// <summary>One or many user names. With an area, only their images there count.</summary>
    [Parameter(ParameterSetName = UserSet, Mandatory = true, Position = 0, ValueFromPipelineByPropertyName = true)]
    [Parameter(ParameterSetName = BoxSet, Position = 0, ValueFromPipelineByPropertyName = true)]
    [Parameter(ParameterSetName = PolygonSet, Position = 0, ValueFromPipelineByPropertyName = true)]
    [Parameter(ParameterSetName = NearSet, Position = 0, ValueFromPipelineByPropertyName = true)]
    [ValidateNotBlank]
    [ArgumentCompleter(typeof(UserCompleter))]
    public string[] User { get; set; } = [];

    /// <summary>
    /// Sequence ids; case matters. Blank ones and those that begin with # are skipped, as in a list of ids in a file. One that comes
    /// several times is emitted once.
    /// </summary>
    [Parameter(ParameterSetName = SequenceSet, Mandatory = true, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [AllowNull]
    [AllowEmptyString]
    [AllowEmptyCollection]
    [ArgumentCompleter(typeof(SequenceCompleter))]
    public string?[]? SequenceId { get; set; } = [];

    /// <summary>Only images of this area count, west,south,east,north in degrees.</summary>
    /// <remarks>Not in the default set: PowerShell prefers that one, and would ask for its mandatory -User.</remarks>
    [Parameter(ParameterSetName = BoxSet, Mandatory = true)]
    [Parameter(ParameterSetName = SequenceSet)]
    [Parameter(ParameterSetName = PathSet)]
    [Parameter(ParameterSetName = LiteralPathSet)]
    [Parameter(ParameterSetName = FileSet)]
    [BoundingBoxTransformation]
    [ArgumentCompleter(typeof(NoCompleter))]
    public BoundingBox? BoundingBox { get; set; }

    /// <inheritdoc/>
    protected override void OnBegin()
    {
        if (ParameterSetName == SequenceSet) RequireNames(nameof(SequenceId), Sequences);
        base.OnBegin();
    }

    /// <inheritdoc/>
    protected override void OnProcess()
    {
        if (IsOfArea(User))
        {
            WriteArea();
            return;
        }

        switch (ParameterSetName)
        {
            case UserSet or BoxSet or PolygonSet or NearSet:
                RefuseAreaOptions();
                foreach (var user in Referred(User, Reference.User)) WriteUser(user);
                break;
            case SequenceSet:
                foreach (var sequence in Referred(NameList.Read(Sequences), Reference.Sequence).Where(_asked.Add)) WriteSequence(sequence);
                break;
            default:
                foreach (var path in GivenPaths()) WriteListing(path);
                break;
        }
    }

    private IEnumerable<string> Sequences => (SequenceId ?? []).OfType<string>();

    private protected override BoundingBox? Box => BoundingBox;

    private void WriteArea()
    {
        var census = new SequenceCensus();
        ForEachInArea(image => census.Add(image));
        Write(census, $"{GivenArea}");
    }

    private void WriteUser(string user)
    {
        var census = new SequenceCensus();
        ForEachListed($"user '{user}'", new ImageListing(Graph).OfUserAsync(user, Filter, cancellationToken: Stopped), image => census.Add(image));
        if (census.Images == 0) WriteWarning(NothingListed.OfUser(user, Filter));
        Write(census, $"user '{user}'");
    }

    private void WriteSequence(string sequence)
    {
        if (Filter.ForSequence(sequence) is not { } filter) return;
        var census = new SequenceCensus();
        ForEachListed($"sequence '{sequence}'", new ImageListing(Graph).OfSequenceAsync(sequence, filter, Stopped), image => census.Add(image, sequence));
        if (census.Images == 0) WriteWarning(NothingListed.OfSequence(sequence, filter));
        Write(census, $"sequence '{sequence}'");
    }

    private void WriteListing(string path)
    {
        var census = new SequenceCensus();
        // Of half a listing no sequence is known to be whole.
        if (!ForEachRecord(path, Filter, image => census.Add(image))) return;
        if (census.Images == 0) WriteWarning(NothingListed.OfListing(path, Filter));
        Write(census, $"'{path}'");
    }

    private void Write(SequenceCensus census, string source)
    {
        if (census.WithoutSequence > 0)
        {
            WriteWarning(string.Create(
                CultureInfo.InvariantCulture,
                $"{census.WithoutSequence:N0} of the images of {source} {(census.WithoutSequence == 1 ? "belongs to no sequence and is" : "belong to no sequence and are")} in none of these; Get-MapillaryImage lists them."));
        }

        foreach (var sequence in census.ToSequences()) WriteObject(sequence);
    }
}
