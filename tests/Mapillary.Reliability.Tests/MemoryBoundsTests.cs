using System.Text;
using System.Text.Json;
using Mapillary.Cli.Tests;
using Mapillary.Emulator;
using Mapillary.Tests;

namespace Mapillary.Reliability.Tests;

/// <summary>The program under a limit of 1 GB, against servers that send without end. It ends by itself, and names what it could not have.</summary>
[CollectionDefinition(nameof(MemoryBoundsTests), DisableParallelization = true)]
[Collection(nameof(MemoryBoundsTests))]
public class MemoryBoundsTests
{
    private const int Images = 12;

    private static readonly byte[] Mebibyte = new byte[1024 * 1024];

    private static async Task<ConsoleRun> OpenAsync(Func<int, Uri?>? address = null, Uri? graph = null)
    {
        var run = await BackupRun.OpenAsync(new EmulatorOptions
        {
            Users = [new EmulatedUser { Name = BackupRun.User, Images = Images }],
            ModifyRecord = (image, record) =>
            {
                if (address?.Invoke(image.Ordinal) is { } elsewhere) record.Literal["thumb_256_url"] = JsonSerializer.Serialize($"{elsewhere}{image.Id}");
            },
        });
        run.Variables[MemoryLimit.Variable.Key] = MemoryLimit.Variable.Value;
        if (graph is not null) run.Variables["MAPILLARY_GRAPH_API_ENDPOINT"] = graph.ToString();
        return run;
    }

    private static IEnumerable<byte[]> Endless(string headers)
    {
        yield return Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\nConnection: close\r\n{headers}\r\n");
        while (true) yield return Mebibyte;
    }

    [Theory]
    [InlineData("")]
    [InlineData("Content-Length: 70000000\r\n")]
    public async Task Bodies_without_end_fail_their_images_by_name(string headers)
    {
        await using var server = StubServer.OfPieces(_ => Endless(headers));
        await using var run = await OpenAsync(ordinal => ordinal % 2 == 0 ? server.Address : null);

        var (exitCode, output, error) = await run.EndByItselfAsync(run.Start(run.Emulator.Token, BackupRun.Arguments(webp: false)));

        Assert.True(exitCode == 2, $"{exitCode}: {output}{error}");
        Assert.Equal(Images / 2, BackupRun.Finished(run.Output()).Count);
        var failures = MatrixWorld.FailuresOf(BackupRun.Staging(run.Output()));
        Assert.Equal(run.Emulator.World.Images.Where(i => i.Ordinal % 2 == 0).Select(i => i.Id).Order(), failures.Keys.Order());
        Assert.All(failures.Values, f => Assert.NotEmpty(f.Reason));
    }

    [Theory]
    [InlineData("""{"data":[@0]}""", "0,")]
    [InlineData("""{"data":[{"id":"7",@"x":0}]}""", "\"x\":0,")]
    public async Task Pages_of_millions_of_tiny_values_end_the_run_and_not_its_memory(string page, string value)
    {
        var answer = StubServer.JsonOf(page, value, 60_000_000);
        await using var graph = new StubServer(r => r.Target.StartsWith("/images", StringComparison.Ordinal) ? answer : StubServer.Json("{}"));
        await using var run = await OpenAsync(graph: graph.Address);

        var (exitCode, output, error) = await run.EndByItselfAsync(run.Start(run.Emulator.Token, BackupRun.Arguments(webp: false)));

        Assert.True(exitCode is 1 or 2, $"{exitCode}: {output}{error}");
        Assert.DoesNotContain("OutOfMemory", output + error, StringComparison.Ordinal);
        Assert.DoesNotContain("Unhandled", output + error, StringComparison.Ordinal);
    }
}
