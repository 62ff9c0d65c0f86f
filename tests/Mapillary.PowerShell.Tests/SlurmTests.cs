using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.RegularExpressions;
using Mapillary.Backup;
using Mapillary.Emulator;
using Mapillary.Graph;
using Mapillary.Saving;
using Mapillary.Services;
using Mapillary.Tests;

namespace Mapillary.PowerShell.Tests;

/// <summary><c>samples/cluster/slurm.sh</c> on a real Slurm: see <see cref="SlurmCluster"/>.</summary>
public sealed partial class SlurmTests
{
    private const int Images = 400;
    private const int Shards = 4;

    /// <summary>How many images of a shard that is held are served before the others keep it waiting.</summary>
    private const int ServedOfHeld = 15;

    [Fact]
    public async Task Killed_requeued_and_over_its_time_no_task_loses_an_image_and_all_parts_become_one()
    {
        Assert.SkipUnless(Thoroughness.IsFull, "It takes a minute; MAPILLARY_THOROUGH=1 runs it.");
        Assert.SkipWhen(SlurmCluster.WhyNot() is not null, SlurmCluster.WhyNot() ?? "");
        var held = new ConcurrentDictionary<int, bool>(Enumerable.Range(1, Shards - 1).ToDictionary(n => n, _ => true));
        var (asked, served) = (new int[Shards + 1], new int[Shards + 1]);
        await using var emulator = await EmulatorHost.StartAsync(new EmulatorOptions
        {
            Users = [new EmulatedUser { Name = "anna", Images = Images, Sequences = 40 }],
            // Pictures of a shard that is held come so slowly that its task is alive for as long as the test wants.
            Faults = [new FaultRule { Server = ServerKind.Cdn, Kind = FaultKind.Trickle, Times = int.MaxValue, Which = t => ShardOf(t.Image!) is var n && held.ContainsKey(n) && Interlocked.Increment(ref asked[n]) > ServedOfHeld }],
        }, TestContext.Current.CancellationToken);
        emulator.Answered += r =>
        {
            if (r.Server == ServerKind.Cdn && r.ImageId is { } id) Interlocked.Increment(ref served[ShardOf(emulator.World.Image(id))]);
        };
        await using var slurm = await SlurmCluster.StartAsync(emulator);

        var job = await slurm.SubmitAsync();

        // SIGKILL: the task fails, with bash's number for it, and is run again by its number.
        await slurm.UntilAsync("task 1 has saved some", () => Volatile.Read(ref served[1]) >= ServedOfHeld);
        slurm.KillProcessOf(1);
        Assert.Equal(("FAILED", "137:0", 0), Summary(await slurm.EndOfAsync(job, 1)));
        held.TryRemove(1, out _);

        await slurm.UntilAsync("task 2 has saved some", () => Volatile.Read(ref served[2]) >= ServedOfHeld);
        await slurm.RunAsync("scontrol", "requeue", $"{job}_2");
        await slurm.UntilAsync("task 2 is in the queue again", async () => (await slurm.TaskAsync(job, 2))["JobState"] != "RUNNING");
        held.TryRemove(2, out _);

        // Its last minute has begun: Slurm sends the signal that the script asked for, and the script requeues its task.
        await slurm.UntilAsync("task 3 has saved some", () => Volatile.Read(ref served[3]) >= ServedOfHeld);
        await slurm.RunAsync("scontrol", "update", $"JobId={job}_3", "TimeLimit=1");
        await slurm.UntilAsync("task 3 is in the queue again", async () => (await slurm.TaskAsync(job, 3))["Restarts"] != "0");
        held.TryRemove(3, out _);

        var again = await slurm.SubmitAsync("--array=1");
        Assert.Equal(("COMPLETED", "0:0", 0), Summary(await slurm.EndOfAsync(again, 1)));
        Assert.Equal(("COMPLETED", "0:0", 1), Summary(await slurm.EndOfAsync(job, 2)));
        var (state, exitCode, restarts) = Summary(await slurm.EndOfAsync(job, 3));
        Assert.Equal(("COMPLETED", "0:0"), (state, exitCode));
        Assert.True(restarts > 0);
        Assert.Equal(("COMPLETED", "0:0", 0), Summary(await slurm.EndOfAsync(job, 4)));

        // A log goes on where the run before ended, and has no colours.
        var logs = Enumerable.Range(1, Shards).Select(n => File.ReadAllText(Path.Combine(slurm.Folder, $"mapillary-{(n == 1 ? again : job)}_{n}.log"))).ToList();
        Assert.All(logs, log => Assert.Contains("All images are there or gone", log, StringComparison.Ordinal));
        Assert.All(logs, log => Assert.DoesNotContain('\e', log));
        Assert.Contains($"The time of task {job}_3 is nearly over; it goes back into the queue.", logs[2], StringComparison.Ordinal);
        Assert.Equal([1, 2, restarts + 1, 1], logs.Select(log => SavingLine().Count(log)));

        // All images, none twice, and merged the same as one machine makes of them.
        var parts = Enumerable.Range(1, Shards).Select(n => Path.Combine(slurm.Archive, $"{n}of{Shards}", "mapillary-anna-original")).ToList();
        var pictures = parts.SelectMany(p => Directory.EnumerateFiles(p, "*.jpg", SearchOption.AllDirectories)).Select(f => Path.GetFileNameWithoutExtension(f)).ToList();
        Assert.Equal((Images, Images), (pictures.Count, pictures.Distinct().Count()));
        var check = await CollectionMerge.RunAsync(
            parts, Path.Combine(slurm.Archive, "all"), Shards, [], 2, progress: null, SilentLog.Instance, TestContext.Current.CancellationToken);
        Assert.Equal((true, true, Images, 0), (check.IsIntact, check.ListedToEnd, check.Images, check.Pending));
        var endpoints = new ServiceEndpoints { Graph = emulator.GraphEndpoint, Archive = emulator.ArchiveEndpoint, ArchiveS3 = emulator.S3Endpoint };
        var single = await new UserBackup(endpoints, AccessToken.Parse(emulator.Token), SilentLog.Instance).RunAsync(
            "anna", new BackupOptions { Tar = null, Save = new SaveOptions { Destination = Path.Combine(slurm.Folder, "single") } }, null, TestContext.Current.CancellationToken);
        var expected = CollectionContents.Of(single.CollectionPath!);
        // What a backup makes besides the collection itself.
        foreach (var extra in expected.Keys.Where(k => k == "__ia_thumb__.jpg" || k.StartsWith(".meta", StringComparison.Ordinal)).ToList()) expected.Remove(extra);
        Assert.Equal(expected, CollectionContents.Of(check.Path));
    }

    private static int ShardOf(EmulatedImage image) =>
        Enumerable.Range(1, Shards).Single(n => Shard.Parse($"{n}/{Shards}").HasSequence(image.Sequence.Id));

    private static (string State, string ExitCode, int Restarts) Summary(IReadOnlyDictionary<string, string> task) =>
        (task["JobState"], task["ExitCode"], int.Parse(task["Restarts"], System.Globalization.CultureInfo.InvariantCulture));

    [GeneratedRegex(@": Saving to ")]
    private static partial Regex SavingLine();
}

/// <summary>
/// A Slurm of its own: the daemons of Debian's <c>slurm-wlm</c> and <c>munge</c>, as the user who runs the test, with all their files in a folder.
/// Four virtual nodes are this machine, each a <c>slurmd -N</c> with a port of its own at 127.0.0.1, and each has two processors and
/// 4 GB whatever the machine has.
/// </summary>
public sealed partial class SlurmCluster : IAsyncDisposable
{
    private static readonly string[] Programs = ["munged", "slurmctld", "slurmd", "sbatch", "scontrol", "sinfo"];

    /// <summary>Longer than anything takes, also on a machine that has other work: a task that is requeued, and one whose time is looked at each half minute.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(4);

    private readonly List<Process> _daemons = [];
    private readonly EmulatorHost _emulator;

    private SlurmCluster(EmulatorHost emulator) => _emulator = emulator;

    /// <summary>Where jobs are submitted, and their logs lie.</summary>
    public string Folder { get; } = Directory.CreateTempSubdirectory("mapillary-slurm-").FullName;

    /// <summary>Where the tasks save.</summary>
    public string Archive => Path.Combine(Folder, "archive");

    /// <summary>What is missing; null where nothing is.</summary>
    public static string? WhyNot() => Programs.FirstOrDefault(p => Find(p) is null) is { } missing ? $"{missing} is not installed (Debian: slurm-wlm, munge)." : null;

    public static async Task<SlurmCluster> StartAsync(EmulatorHost emulator)
    {
        var cluster = new SlurmCluster(emulator);
        try
        {
            await cluster.StartAsync();
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>Submits the sample, as a user does.</summary>
    /// <returns>The number of the job.</returns>
    public async Task<string> SubmitAsync(params string[] options)
    {
        var output = await RunAsync("sbatch", [.. options, Path.Combine(Folder, "slurm.sh"), "-Module", Repository.File("Mapillary.psd1"), "-MinimumFreeSpace", "1"]);
        return SubmittedLine().Match(output) is { Success: true } match ? match.Groups[1].Value : throw new InvalidOperationException(output);
    }

    /// <summary>What Slurm says of a task of an array.</summary>
    public async Task<IReadOnlyDictionary<string, string>> TaskAsync(string job, int task)
    {
        foreach (var line in (await RunAsync("scontrol", "show", "job", "--oneliner", job)).Split('\n'))
        {
            var fields = Field().Matches(line).DistinctBy(m => m.Groups[1].Value).ToDictionary(m => m.Groups[1].Value, m => m.Groups[2].Value);
            // Of those that have not begun there is one line for all.
            if (fields.TryGetValue("ArrayTaskId", out var id) && id == $"{task}") return fields;
        }

        return new Dictionary<string, string> { ["JobState"] = "PENDING", ["Restarts"] = "0", ["ExitCode"] = "0:0" };
    }

    /// <summary>Waits until a task has ended.</summary>
    public async Task<IReadOnlyDictionary<string, string>> EndOfAsync(string job, int task)
    {
        IReadOnlyDictionary<string, string> now = new Dictionary<string, string>();
        await UntilAsync($"task {job}_{task} has ended", async () => (now = await TaskAsync(job, task))["JobState"] is not ("PENDING" or "RUNNING" or "COMPLETING" or "REQUEUED"));
        return now;
    }

    /// <summary>Ends the PowerShell that saves a shard, at once.</summary>
    public void KillProcessOf(int shard)
    {
        string[] words = [Path.Combine(Folder, "Save-Shard.ps1"), "-Shard", $"{shard}/"];
        var found = Directory.EnumerateDirectories("/proc").Select(p => Path.GetFileName(p)).Where(p => p.All(char.IsAsciiDigit))
            .Where(id => CommandOf(id) is var command && words.All(w => command.Contains(w, StringComparison.Ordinal))).ToList();
        Assert.NotEmpty(found);
        // A pwsh that is a script waits for the one that it starts.
        using var process = Process.GetProcessById(found.Max(id => int.Parse(id, System.Globalization.CultureInfo.InvariantCulture)));
        process.Kill();
    }

    public Task UntilAsync(string what, Func<bool> isSo) => UntilAsync(what, () => Task.FromResult(isSo()));

    public async Task UntilAsync(string what, Func<Task<bool>> isSo)
    {
        for (var watch = Stopwatch.StartNew(); !await isSo();)
        {
            if (watch.Elapsed > Longest) Assert.Fail($"Waited in vain until {what}.\n{await RunAsync("scontrol", "show", "job")}\n{Logs()}");
            await Task.Delay(TimeSpan.FromMilliseconds(200), TestContext.Current.CancellationToken);
        }
    }

    /// <summary>Runs a program of Slurm.</summary>
    /// <returns>What it wrote.</returns>
    public async Task<string> RunAsync(string program, params string[] arguments)
    {
        var (exitCode, output) = await PowerShellProgram.RunAsync(Start(program, arguments), TestContext.Current.CancellationToken);
        Assert.True(exitCode == 0, $"{program} {string.Join(' ', arguments)} ended with {exitCode}: {output}\n{Logs()}");
        return output;
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            // What jobs are left end with their nodes.
            if (_daemons.Count > 1) await PowerShellProgram.RunAsync(Start("scancel", ["--full", "--user", Environment.UserName]), CancellationToken.None);
        }
        finally
        {
            foreach (var daemon in Enumerable.Reverse(_daemons))
            {
                daemon.Kill(entireProcessTree: true);
                await daemon.WaitForExitAsync();
                daemon.Dispose();
            }
        }

        Directory.Delete(Folder, recursive: true);
    }

    private async Task StartAsync()
    {
        foreach (var sample in (string[])["slurm.sh", "Save-Shard.ps1"]) File.Copy(Repository.File("samples", "cluster", sample), Path.Combine(Folder, sample));
        var host = Environment.MachineName;
        var ports = FreePorts(5);
        var nodes = string.Join('\n', Enumerable.Range(1, 4).Select(n => $"NodeName=n{n} NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[n]} CPUs=2 RealMemory=4096"));
        await File.WriteAllTextAsync(Path.Combine(Folder, "slurm.conf"), $"""
            ClusterName=mapillary
            SlurmctldHost={host}(127.0.0.1)
            SlurmctldPort={ports[0]}
            CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
            SlurmUser={Environment.UserName}
            SlurmdUser={Environment.UserName}
            AuthType=auth/munge
            CredType=cred/munge
            # How long a task that goes back into the queue waits there; 120 seconds by default.
            AuthInfo=socket={Folder}/munge.socket,cred_expire=5
            StateSaveLocation={Folder}/state
            SlurmctldPidFile={Folder}/slurmctld.pid
            SlurmdSpoolDir={Folder}/spool.%n
            SlurmdPidFile={Folder}/slurmd.%n.pid
            ProctrackType=proctrack/linuxproc
            TaskPlugin=task/none
            MpiDefault=none
            JobAcctGatherType=jobacct_gather/none
            AccountingStorageType=accounting_storage/none
            JobCompType=jobcomp/filetxt
            JobCompLoc={Folder}/completed
            SchedulerType=sched/builtin
            SchedulerParameters=sched_interval=1
            SelectType=select/cons_tres
            SelectTypeParameters=CR_CPU_Memory
            SlurmdParameters=config_overrides
            ReturnToService=2
            KillWait=5
            # The machine may have other work to do.
            MessageTimeout=90
            BatchStartTimeout=200
            {nodes}
            PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP

            """, TestContext.Current.CancellationToken);
        var key = Path.Combine(Folder, "munge.key");
        await File.WriteAllBytesAsync(key, System.Security.Cryptography.RandomNumberGenerator.GetBytes(1024), TestContext.Current.CancellationToken);
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(key, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        Directory.CreateDirectory(Path.Combine(Folder, "state"));
        // A munged is content with a folder that only this user can enter when it is told to be.
        StartDaemon("munged", "--foreground", "--force", $"--key-file={key}", $"--socket={Folder}/munge.socket", $"--pid-file={Folder}/munged.pid", $"--seed-file={Folder}/munged.seed");
        await UntilAsync("munged is there", () => File.Exists($"{Folder}/munge.socket"));
        StartDaemon("slurmctld", "-D");
        for (var n = 1; n <= 4; n++)
        {
            Directory.CreateDirectory(Path.Combine(Folder, $"spool.n{n}"));
            StartDaemon("slurmd", "-D", "-N", $"n{n}");
        }

        await UntilAsync("four nodes are there", async () =>
        {
            var (exitCode, output) = await PowerShellProgram.RunAsync(Start("sinfo", ["--noheader", "--Node", "--format=%T"]), TestContext.Current.CancellationToken);
            return exitCode == 0 && output.Split('\n', StringSplitOptions.RemoveEmptyEntries) is { Length: 4 } states && states.All(s => s.Trim() == "idle");
        });
    }

    private void StartDaemon(string program, params string[] arguments)
    {
        var start = Start(program, arguments);
        start.RedirectStandardOutput = start.RedirectStandardError = true;
        var daemon = Process.Start(start)!;
        _daemons.Add(daemon);
        var log = new StreamWriter(Path.Combine(Folder, $"{program}{_daemons.Count}.daemon.log")) { AutoFlush = true };
        daemon.OutputDataReceived += Write;
        daemon.ErrorDataReceived += Write;
        daemon.BeginOutputReadLine();
        daemon.BeginErrorReadLine();

        void Write(object sender, DataReceivedEventArgs e)
        {
            lock (log) log.WriteLine(e.Data);
        }
    }

    private ProcessStartInfo Start(string program, IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(Find(program)!, arguments) { WorkingDirectory = Folder };
        start.Environment["SLURM_CONF"] = Path.Combine(Folder, "slurm.conf");
        start.Environment["PATH"] = Path.GetDirectoryName(PowerShellProgram.Path) + Path.PathSeparator + Environment.GetEnvironmentVariable("PATH");
        start.Environment["DOTNET_ROOT"] = PowerShellProgram.DotnetRoot;
        start.Environment["MAPILLARY_DESTINATION"] = Archive;
        start.Environment["MAPILLARY_GRAPH_API_ENDPOINT"] = _emulator.GraphEndpoint.ToString();
        start.Environment["MAPILLARY_TOKEN"] = _emulator.Token;
        return start;
    }

    private string Logs() =>
        string.Join('\n', Directory.EnumerateFiles(Folder, "*.log").Order(StringComparer.Ordinal).Select(f => $"== {Path.GetFileName(f)}\n{string.Join('\n', File.ReadLines(f).TakeLast(40))}"));

    private static string CommandOf(string id)
    {
        try
        {
            return File.ReadAllText($"/proc/{id}/cmdline").Replace('\0', ' ');
        }
        catch (IOException)
        {
            // It has ended meanwhile.
            return "";
        }
    }

    private static int[] FreePorts(int count)
    {
        var listeners = Enumerable.Range(0, count).Select(_ => new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0)).ToList();
        listeners.ForEach(l => l.Start());
        var ports = listeners.Select(l => ((System.Net.IPEndPoint)l.LocalEndpoint).Port).ToArray();
        listeners.ForEach(l => l.Stop());
        return ports;
    }

    /// <summary>Daemons are on the path of root alone.</summary>
    private static string? Find(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Concat(["/usr/sbin", "/usr/local/sbin"]).Select(p => Path.Combine(p, program)).FirstOrDefault(File.Exists);

    [GeneratedRegex(@"Submitted batch job ([0-9]+)")]
    private static partial Regex SubmittedLine();

    [GeneratedRegex(@"(\w+)=(\S*)")]
    private static partial Regex Field();
}
