using System.Globalization;

namespace Mapillary.Benchmarks;

/// <summary>What this process and its children have used of the processors, in user and system mode, in seconds.</summary>
internal static class ProcessorTime
{
    /// <summary>Linux counts in hundredths of a second for programs (proc(5), sysconf(_SC_CLK_TCK)).</summary>
    private const double TicksASecond = 100;

    // utime, stime, cutime and cstime, counted from behind the name, which may have blanks.
    private const int UserTime = 11;

    public static double OfThis() => Sum(UserTime, UserTime + 2);

    /// <summary>The same with that of the children that have ended.</summary>
    public static double WithChildren() => Sum(UserTime, UserTime + 4);

    private static double Sum(int from, int to)
    {
        var stat = File.ReadAllText("/proc/self/stat");
        return stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[from..to].Sum(t => double.Parse(t, CultureInfo.InvariantCulture)) / TicksASecond;
    }
}
