using System.Diagnostics;

namespace Mapillary.Reliability.Tests;

/// <summary>A network whose IPv6 leads nowhere: a namespace of its own, where the services' name has an IPv6 address that nobody has, and 127.0.0.1.</summary>
public sealed class DeadNetworkTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("mapillary-net-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_backup_goes_by_IPv4_where_IPv6_is_dead()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Only Linux has network namespaces.");
        // Frames to a neighbour that the other end of the cable is not: sent, and never answered.
        const string Network = """
            ip link set lo up && ip link add v0 type veth peer name v1 && ip link set v0 up && ip link set v1 up &&
            ip -6 addr add 2001:db8::2/64 dev v0 nodad && ip -6 neigh add 2001:db8::1 lladdr 02:00:00:00:00:09 dev v0 &&
            printf '2001:db8::1 localhost\n127.0.0.1 localhost\n' > hosts && mount --bind hosts /etc/hosts
            """;
        var (code, _, refusal) = await InNamespaceAsync(Network);
        Assert.SkipWhen(code != 0, $"No network can be made here: {refusal.Trim()}");

        var (exitCode, output, error) = await InNamespaceAsync($$"""
            {{Network}} || exit 99
            mkfifo input && (sleep 300 > input & echo $! > sleeper)
            {{Quoted(DotNet)}} {{Quoted(Of("Mapillary.Emulator.dll"))}} --user anna --images 6 --exit-with-stdin < input > services &
            until [ -s services ]; do sleep 0.1; done
            place() { sed "s/.*$1=http:..127.0.0.1:\([0-9]*\).*/\1/; q" services; }
            export MAPILLARY_GRAPH_API_ENDPOINT="http://localhost:$(place graph)/" ARCHIVE_ORG_ENDPOINT="http://localhost:$(place archive)/"
            export MAPILLARY_TOKEN="$(sed 's/.*token=\([^ ]*\).*/\1/; q' services)"
            timeout 120 {{Quoted(DotNet)}} {{Quoted(Of("mapillary.dll"))}} backup anna --quality 256 --output data
            code=$?
            kill "$(cat sleeper)"
            wait
            exit $code
            """);

        Assert.True(exitCode == 0, $"{exitCode}: {output}{error}");
        Assert.Contains("complete", output, StringComparison.Ordinal);
        Assert.DoesNotContain("Waiting", error, StringComparison.Ordinal);
    }

    private static string DotNet => Environment.ProcessPath is { } self && Path.GetFileNameWithoutExtension(self) == "dotnet" ? self : "dotnet";

    private static string Of(string program) => Path.Combine(AppContext.BaseDirectory, program);

    private static string Quoted(string text) => $"'{text.Replace("'", "'\\''", StringComparison.Ordinal)}'";

    private async Task<(int ExitCode, string Output, string Error)> InNamespaceAsync(string script)
    {
        var start = new ProcessStartInfo("unshare", ["--net", "--mount", "sh", "-c", script]) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = _folder };
        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Assert.Skip("unshare is not installed.");
            throw;
        }

        using (process)
        {
            var error = process.StandardError.ReadToEndAsync();
            var output = await process.StandardOutput.ReadToEndAsync();
            await process.WaitForExitAsync();
            return (process.ExitCode, output, await error);
        }
    }
}
