using System.Globalization;
using Mapillary.Cli.Tests;
using Mapillary.Tests;

namespace Mapillary.Reliability.Tests;

/// <summary>
/// The end of a process as a power cut would be: of every file, what was written since it was flushed last is replaced by zeros, or is not there.
/// Names and folders are as they were.
/// </summary>
public sealed class PowerCut : IDisposable
{
    private readonly string _log = Path.GetTempFileName();
    private readonly string _boot = Path.GetTempFileName();

    /// <param name="run">The run whose next process is watched.</param>
    public PowerCut(ConsoleRun run)
    {
        run.Preload(PreloadLibrary.PowerCut);
        run.Variables[PreloadLibrary.PowerCutLog] = _log;
    }

    /// <summary>Damages what the process that was killed had not flushed; the next one finds that the machine was begun anew.</summary>
    /// <returns>How many files were damaged.</returns>
    public int Take(ConsoleRun run, Random random)
    {
        var lostFrom = ReadLog();
        var damaged = 0;
        foreach (var line in Workplace.Run("find", run.Output(), "-type", "f", "-printf", "%i %p\\n").Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var space = line.IndexOf(' ', StringComparison.Ordinal);
            if (!lostFrom.TryGetValue(ulong.Parse(line[..space], CultureInfo.InvariantCulture), out var from)) continue;
            using var file = new FileStream(line[(space + 1)..], FileMode.Open);
            var length = file.Length;
            if (from >= length) continue;
            file.SetLength(from);
            if (random.Next(2) == 0) file.SetLength(length);
            damaged++;
        }

        run.Variables[PreloadLibrary.PowerCutLog] = null;
        File.WriteAllText(_boot, "00000000-0000-4000-8000-000000000000\n");
        run.Variables[PreloadLibrary.PowerCutBoot] = _boot;
        return damaged;
    }

    public void Dispose()
    {
        File.Delete(_log);
        File.Delete(_boot);
    }

    /// <summary>Of each file, by its number, the first byte that was not on the disk.</summary>
    private Dictionary<ulong, long> ReadLog()
    {
        var lostFrom = new Dictionary<ulong, long>();
        foreach (var line in File.ReadLines(_log))
        {
            var words = line.Split(' ');
            var (file, at) = (ulong.Parse(words[1], CultureInfo.InvariantCulture), long.Parse(words[2], CultureInfo.InvariantCulture));
            switch (words[0])
            {
                case "S": lostFrom.Clear(); break;
                case "C" or "F": lostFrom.Remove(file); break;
                default: lostFrom[file] = Math.Min(at, lostFrom.GetValueOrDefault(file, long.MaxValue)); break;
            }
        }

        return lostFrom;
    }
}
