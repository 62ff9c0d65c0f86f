using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Mapillary.Collections.Files;

/// <summary>The process that holds a <see cref="HeldFile"/>, as the file says it.</summary>
internal sealed record LockHolder
{
    public required string Host { get; init; }

    /// <summary>
    /// What tells processes of one number on one host apart: the system's start and the name space of the numbers; empty where that is not known.
    /// </summary>
    public required string System { get; init; }

    public required int Process { get; init; }

    /// <summary>When it began, as the system counts; empty where that is not known.</summary>
    public required string Begun { get; init; }

    public required string Token { get; init; }

    public DateTimeOffset Heartbeat { get; init; }

    public static LockHolder Self() => new()
    {
        Host = Environment.MachineName,
        System = SystemHere(),
        Process = Environment.ProcessId,
        Begun = BegunOf(Environment.ProcessId) ?? "",
        Token = Guid.NewGuid().ToString("N"),
    };

    public static LockHolder? Parse(ReadOnlySpan<byte> bytes)
    {
        try
        {
            var holder = JsonSerializer.Deserialize(bytes.TrimEnd("\n\0 "u8), HolderJson.Default.LockHolder);
            return holder is { Host: not null, System: not null, Begun: not null, Token: not null } ? holder : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>The file's content. Each time is as long as any other, so that it is written over in one step.</summary>
    public byte[] ToBytes(DateTimeOffset now)
    {
        var seconds = new DateTimeOffset(now.Ticks - (now.Ticks % TimeSpan.TicksPerSecond), TimeSpan.Zero);
        return [.. JsonSerializer.SerializeToUtf8Bytes(this with { Heartbeat = seconds }, HolderJson.Default.LockHolder), (byte)'\n'];
    }

    /// <summary>Whether the process lives, where it is one of this system; null where only its heartbeat can tell.</summary>
    public bool? IsHere() =>
        Host == Environment.MachineName && System == SystemHere() && Begun.Length > 0 ? BegunOf(Process) == Begun : null;

    /// <summary>When a process of this system began; null where there is none.</summary>
    private static string? BegunOf(int process)
    {
        try
        {
            if (OperatingSystem.IsLinux())
            {
                // proc_pid_stat(5): starttime is the 22nd value; the second, in parentheses, may hold anything.
                var status = File.ReadAllText(FormattableString.Invariant($"/proc/{process}/stat"));
                var values = status[(status.LastIndexOf(')') + 2)..].Split(' ');
                // A process that ended and whose parent has not looked yet does nothing any more.
                return values[0] is "Z" or "X" ? null : values[19];
            }

            using var running = global::System.Diagnostics.Process.GetProcessById(process);
            return running.StartTime.ToUniversalTime().Ticks.ToString(CultureInfo.InvariantCulture);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or InvalidOperationException
            or global::System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }

    /// <summary>What tells this start of the system from any other: Linux has a number for it, elsewhere it is the time.</summary>
    public static string SystemStart() =>
        BootId() ?? (DateTimeOffset.UtcNow - TimeSpan.FromMilliseconds(Environment.TickCount64)).ToString("u", CultureInfo.InvariantCulture);

    /// <summary>Whether a text tells this start of the system. Clocks are set now and then.</summary>
    public static bool IsSameStart(string start)
    {
        const int fewMinutes = 5;
        var now = SystemStart();
        if (start == now) return true;
        return DateTimeOffset.TryParse(start, CultureInfo.InvariantCulture, out var one)
            && DateTimeOffset.TryParse(now, CultureInfo.InvariantCulture, out var other)
            && (one - other).Duration() < TimeSpan.FromMinutes(fewMinutes);
    }

    /// <summary>Containers may bear the same name on the same machine, and machines on different ones.</summary>
    private static string SystemHere() => BootId() is { } boot ? $"{boot} {new FileInfo("/proc/self/ns/pid").LinkTarget}" : "";

    private static string? BootId()
    {
        if (!OperatingSystem.IsLinux()) return null;
        try
        {
            return File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(LockHolder))]
internal sealed partial class HolderJson : JsonSerializerContext;
