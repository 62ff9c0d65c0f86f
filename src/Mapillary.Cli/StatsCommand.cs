using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Serialization;
using Mapillary.InternetArchive.Client;
using Mapillary.InternetArchive.Statistics;
using Mapillary.Services;

namespace Mapillary.Cli;

/// <summary><c>mapillary stats</c>: what Get-IaStats does, without PowerShell.</summary>
internal static class StatsCommand
{
    private static readonly Option<bool> Refresh = new("--refresh") { Description = "Asks archive.org even if the cached numbers are less than a day old." };

    private static readonly Option<bool> AsJson = new("--json") { Description = "Writes JSON, with each collection." };

    public static Command Create()
    {
        var command = new Command("stats", "Shows what of Mapillary is already on archive.org.") { Refresh, AsJson };
        command.SetAction((parsed, cancellationToken) =>
        {
            var screen = new Screen();
            return CommandLine.GuardAsync(screen, () => RunAsync(parsed, screen, cancellationToken), cancellationToken);
        });
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parsed, Screen screen, CancellationToken cancellationToken)
    {
        using var archive = new ArchiveClient(ServiceEndpoints.FromEnvironment().Archive, log: screen);
        var cache = new IaStatisticsCache(IaStatisticsCache.DefaultPath);
        var statistics = await IaStatistics.GetAsync(archive, cache, parsed.GetValue(Refresh), screen, cancellationToken: cancellationToken);
        Console.Out.Write(parsed.GetValue(AsJson) ? JsonSerializer.Serialize(statistics, StatisticsJson.Default.IaStatistics) + Environment.NewLine : statistics.ToText());
        if (StandardStreams.LostOutput is not { } reason) return ExitCode.AllThere;
        // To show them is all that was to be done.
        screen.Error($"The numbers could not be shown: {reason.TrimEnd('.')}.");
        return ExitCode.NothingDone;
    }
}

/// <summary>The statistics as JSON.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true)]
[JsonSerializable(typeof(IaStatistics))]
internal sealed partial class StatisticsJson : JsonSerializerContext;
