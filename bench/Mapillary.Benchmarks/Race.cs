using System.Globalization;

namespace Mapillary.Benchmarks;

/// <summary>One of those that do the same work.</summary>
/// <param name="Name">What stands in the table.</param>
/// <param name="RunAsync">Prepares, which is not measured, and runs once.</param>
/// <param name="Rounds">The most rounds it takes part in; slow ones need no more.</param>
internal sealed record Contender(string Name, Func<Task<Measured>> RunAsync, int Rounds = int.MaxValue);

/// <summary>A target and whether it was met.</summary>
/// <param name="Text">What was aimed at.</param>
/// <param name="Found">What was found.</param>
/// <param name="Limit">The most that it may be.</param>
internal sealed record Goal(string Text, double Found, double Limit)
{
    public bool IsMet => Found <= Limit;

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{(IsMet ? "met" : "FALLS SHORT")}: {Text}; found {Found:0.###}");
}

/// <summary>
/// Contenders in turn, in one run, because machines drift: in each round all of them, every second round in reverse order; the first
/// round warms up and does not count. Ratios are those within a round, to the peer, which is the last in the list.
/// </summary>
internal sealed class Race(Bench bench, string name, string title, IReadOnlyList<Contender> contenders)
{
    private readonly List<(Contender Contender, int Round, Measured Measured)> _runs = [];

    private Contender Standard => contenders[^1];

    /// <summary>Runs and prints the table.</summary>
    public async Task RunAsync()
    {
        for (var round = 0; round <= bench.Pairs; round++)
        {
            await bench.EmptyTrashAsync();
            foreach (var contender in round % 2 == 0 ? contenders : contenders.Reverse())
            {
                if (contender.Rounds < int.MaxValue && (round == 0 || round > contender.Rounds)) continue;
                Console.Error.WriteLine($"{name}, {(round == 0 ? "warm-up" : $"round {round} of {bench.Pairs}")}: {contender.Name}");
                var measured = await contender.RunAsync();
                if (round > 0) _runs.Add((contender, round, measured));
            }
        }

        Console.WriteLine();
        Console.WriteLine($"{name}: {title}");
        Console.WriteLine($"{"",-46}{"wall s",9}{"CPU s",9}{"peak MB",9}{"x wall",9}{"x CPU",9}");
        foreach (var contender in contenders)
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{contender.Name,-46}{MedianOf(contender, m => m.Wall),9:0.00}{MedianOf(contender, m => m.Cpu),9:0.00}{MedianOf(contender, m => m.PeakBytes) / 1e6,9:0}{Ratio(contender, m => m.Wall),9:0.00}{Ratio(contender, m => m.Cpu),9:0.00}"));
        }
    }

    /// <summary>The median of a contender's runs.</summary>
    public double MedianOf(Contender contender, Func<Measured, double> what) => Median(_runs.Where(r => r.Contender == contender).Select(r => what(r.Measured)));

    /// <summary>The median of the ratios to the peer, each within a round.</summary>
    public double Ratio(Contender contender, Func<Measured, double> what) => Ratio(contender, Standard, what);

    /// <summary>The median of the ratios between two, each within a round.</summary>
    public double Ratio(Contender one, Contender other, Func<Measured, double> what) => Median(
        from run in _runs
        where run.Contender == one
        from peer in _runs
        where peer.Contender == other && peer.Round == run.Round
        select what(run.Measured) / what(peer.Measured));

    /// <summary>The value in the middle; the mean of two where there is none.</summary>
    public static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToList();
        return sorted.Count == 0 ? double.NaN : (sorted[(sorted.Count - 1) / 2] + sorted[sorted.Count / 2]) / 2;
    }
}
