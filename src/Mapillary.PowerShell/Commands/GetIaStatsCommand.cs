using System.Management.Automation;
using Mapillary.InternetArchive.Client;
using Mapillary.InternetArchive.Statistics;
using Mapillary.Services;

namespace Mapillary.PowerShell.Commands;

/// <summary>
/// <para type="synopsis">Tells what of Mapillary is on archive.org already.</para>
/// <para type="description">Counts the collections of this module and of mapillary-downloader. Kept for a day; also answers without network.</para>
/// </summary>
[Cmdlet(VerbsCommon.Get, "IaStats")]
[OutputType(typeof(IaStatistics), typeof(IaCollectionInfo))]
public sealed class GetIaStatsCommand : MapillaryCommand
{
    /// <summary>Asks archive.org although what was kept is fresh.</summary>
    [Parameter]
    public SwitchParameter Refresh { get; set; }

    /// <summary>Emits an object a collection instead of the totals.</summary>
    [Parameter]
    public SwitchParameter Detailed { get; set; }

    /// <inheritdoc/>
    protected override void OnEnd()
    {
        using var archive = new ArchiveClient(ServiceEndpoints.FromEnvironment().Archive, log: Log);
        var statistics = Await(IaStatistics.GetAsync(archive, new IaStatisticsCache(IaStatisticsCache.DefaultPath), Refresh, Log, cancellationToken: Stopped));
        if (Detailed) WriteObject(statistics.Items, enumerateCollection: true);
        else WriteObject(statistics);
    }
}
