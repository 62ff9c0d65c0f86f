using System.Globalization;
using System.Runtime.InteropServices;
using Mapillary.Emulator;

const int BadArguments = 1;
const int TokenLeaked = 3;

if (args.Any(a => a is "--help" or "-h" or "-?"))
{
    Console.WriteLine(CommandLine.Usage);
    return 0;
}

CommandLine commandLine;
EmulatorHost emulator;
try
{
    commandLine = CommandLine.Parse(args);
    emulator = await EmulatorHost.StartAsync(commandLine.Options);
}
catch (Exception e) when (e is FormatException or ArgumentException or IOException or InvalidDataException or UnauthorizedAccessException)
{
    await Console.Error.WriteLineAsync(e.Message);
    if (e is FormatException) await Console.Error.WriteLineAsync(CommandLine.Usage);
    return BadArguments;
}

if (commandLine.Verbose)
    emulator.Answered += r => Console.Error.WriteLine($"{r.Server} {r.StatusCode} {r.Method} {WithoutSecrets(r.PathAndQuery)}");

var stop = new TaskCompletionSource();
using var onTerminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
using var onInterrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
string Address(Uri endpoint) => endpoint.GetLeftPart(UriPartial.Authority);
Console.WriteLine(
    $"graph={Address(emulator.GraphEndpoint)} cdn={Address(emulator.CdnEndpoint)} archive={Address(emulator.ArchiveEndpoint)} s3={Address(emulator.S3Endpoint)} "
    + $"s3node={Address(emulator.S3NodeEndpoint)} tiles={Address(emulator.TilesEndpoint)} token={emulator.Token} accesskey={emulator.S3AccessKey} secretkey={emulator.S3SecretKey}");
if (commandLine.ExitWithStdin) _ = Task.Run(ObeyAsync);
await stop.Task;
try
{
    await emulator.DisposeAsync();
    return 0;
}
catch (TokenLeakedException e)
{
    await Console.Error.WriteLineAsync(e.Message);
    return TokenLeaked;
}

// What stands on standard input, until it ends: "withdraw USER N" takes the user's first images away, "restore USER" brings them back.
async Task ObeyAsync()
{
    while (await Console.In.ReadLineAsync() is { } line)
    {
        var words = line.Split(' ');
        var images = emulator.World.Users.FirstOrDefault(u => words.Length > 1 && u.Name == words[1])?.Images.Select(i => i.Id) ?? [];
        foreach (var id in words is ["withdraw", _, var count] ? images.Take(int.Parse(count, CultureInfo.InvariantCulture)).ToList() : [.. images])
        {
            if (words[0] == "withdraw") emulator.World.Withdraw(id);
            else emulator.World.Restore(id);
        }

        Console.WriteLine("done");
    }

    stop.TrySetResult();
}

static string WithoutSecrets(string pathAndQuery) => pathAndQuery
    .Replace(Uri.EscapeDataString(Tokens.Valid), "TOKEN", StringComparison.Ordinal)
    .Replace(Tokens.S3AccessKey, "ACCESSKEY", StringComparison.Ordinal);

void Stop(PosixSignalContext context)
{
    context.Cancel = true;
    stop.TrySetResult();
}
