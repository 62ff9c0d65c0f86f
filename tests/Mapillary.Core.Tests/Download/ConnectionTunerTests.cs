using Mapillary.Download;

namespace Mapillary.Tests.Download;

/// <summary>How many connections are found worth it on lines that are only reckoned, second by second, with no time passing.</summary>
public class ConnectionTunerTests
{
    private const double Megabyte = 1e6;
    private const int Most = 64;

    /// <param name="latency">Milliseconds until the first byte of a picture.</param>
    /// <param name="perConnection">What a server sends at most over one connection, in MB/s.</param>
    /// <param name="line">What the line holds, in MB/s.</param>
    [Theory]
    [InlineData(0, 40, 100)]
    [InlineData(20, 40, 100)]
    [InlineData(80, 40, 100)]
    [InlineData(200, 40, 100)]
    [InlineData(80, 2, 12)]
    [InlineData(200, 100, 3)]
    public void The_line_is_filled_without_being_told_a_number_and_without_many_more_connections_than_that_takes(int latency, double perConnection, double line)
    {
        var link = new Link(latency / 1000.0, perConnection * Megabyte, line * Megabyte);
        var best = Enumerable.Range(1, Most).Max(n => link.RateOf(n));
        var enough = Enumerable.Range(1, Most).First(n => link.RateOf(n) >= 0.9 * best);

        var (rate, connections, _) = link.Run(new ConnectionTuner(Most, link.Clock), pictures: 20_000);

        Assert.True(rate >= 0.85 * best, $"{rate / Megabyte:0.0} of {best / Megabyte:0.0} MB/s with {connections:0.0} connections; {enough} would do.");
        Assert.True(connections <= (2.5 * enough) + 2, $"{connections:0.0} connections, where {enough} would do.");
    }

    [Fact]
    public void More_than_allowed_are_never_used()
    {
        var link = new Link(0.2, 40 * Megabyte, 100 * Megabyte);

        var (_, connections, _) = link.Run(new ConnectionTuner(3, link.Clock), pictures: 2_000);

        Assert.InRange(connections, 1, 3);
    }

    [Fact]
    public void Servers_that_complain_above_a_number_are_soon_left_in_peace()
    {
        var link = new Link(0.08, 40 * Megabyte, 100 * Megabyte) { MostBorne = 10 };

        var (rate, connections, troubles) = link.Run(new ConnectionTuner(Most, link.Clock), pictures: 20_000);

        Assert.True(rate >= 0.6 * link.RateOf(10), $"{rate / Megabyte:0.0} of {link.RateOf(10) / Megabyte:0.0} MB/s");
        Assert.True(connections <= 11, $"{connections:0.0} connections");
        Assert.True(troubles < 200, $"{troubles} of 20,000 requests were complained of.");
    }

    [Fact]
    public void A_line_that_becomes_faster_or_slower_is_found_out()
    {
        var link = new Link(0.1, 5 * Megabyte, 10 * Megabyte);
        var tuner = new ConnectionTuner(Most, link.Clock);
        link.Run(tuner, pictures: 5_000);
        var narrow = tuner.Current;

        link.LineRate = 100 * Megabyte;
        link.Run(tuner, pictures: 20_000);
        var wide = link.Run(tuner, pictures: 10_000);

        Assert.True(wide.Rate >= 0.8 * link.RateOf(Most), $"{wide.Rate / Megabyte:0.0} of {link.RateOf(Most) / Megabyte:0.0} MB/s with {wide.Connections:0.0} connections after {narrow}.");
    }

    /// <summary>A line on which transfers share what it holds. Time is what is added up.</summary>
    /// <param name="latency">Seconds until the first byte.</param>
    /// <param name="perConnection">Bytes a second of one connection at most.</param>
    /// <param name="lineRate">Bytes a second of all.</param>
    private sealed class Link(double latency, double perConnection, double lineRate)
    {
        private const double MeanSize = 280_000;

        private readonly List<Transfer> _transfers = [];
        private readonly Random _random = new(7);

        public double LineRate { get; set; } = lineRate;

        /// <summary>With more transfers than these at once, the server complains.</summary>
        public int MostBorne { get; init; } = int.MaxValue;

        public VirtualClock Clock { get; } = new(runsAhead: false);

        /// <summary>What so many connections bring in the long run, in bytes a second.</summary>
        public double RateOf(int connections)
        {
            var each = MeanSize / (latency + (MeanSize / Math.Min(perConnection, LineRate)));
            return Math.Min(LineRate, connections * each);
        }

        /// <returns>Bytes a second and connections over the second half, and how often the server complained over all.</returns>
        public (double Rate, double Connections, int Troubles) Run(ConnectionTuner tuner, int pictures)
        {
            var (done, troubles, bytes, time, area) = (0, 0, 0.0, 0.0, 0.0);
            while (done < pictures)
            {
                while (_transfers.Count < tuner.Current)
                {
                    if (_transfers.Count >= MostBorne)
                    {
                        troubles++;
                        tuner.Trouble();
                        break;
                    }

                    _transfers.Add(new Transfer { Wait = latency, Size = MeanSize * (0.5 + _random.NextDouble()) });
                }

                var sending = _transfers.Count(t => t.Wait <= 0);
                var rate = sending == 0 ? 0 : Math.Min(perConnection, LineRate / sending);
                var step = Math.Max(1e-4, _transfers.Min(t => t.Wait > 0 ? t.Wait : (t.Size - t.Sent) / rate));
                Clock.Advance(TimeSpan.FromSeconds(step));
                if (done >= pictures / 2) (time, area) = (time + step, area + (step * _transfers.Count));
                foreach (var transfer in _transfers)
                {
                    if (transfer.Wait > 0) transfer.Wait -= step;
                    else transfer.Sent += rate * step;
                }

                foreach (var ended in _transfers.Where(t => t.Wait <= 0 && t.Sent >= t.Size - 1).ToList())
                {
                    _transfers.Remove(ended);
                    if (done++ >= pictures / 2) bytes += ended.Size;
                    tuner.Done((long)ended.Size, wasHeldUp: false);
                }
            }

            return (bytes / time, area / time, troubles);
        }

        private sealed class Transfer
        {
            public double Wait { get; set; }

            public double Size { get; init; }

            public double Sent { get; set; }
        }
    }
}
