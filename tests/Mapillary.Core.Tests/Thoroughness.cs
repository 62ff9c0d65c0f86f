namespace Mapillary.Tests;

/// <summary>
/// How much of what is alike a test tries: some of it when the tests run at hand, all of it where <c>MAPILLARY_THOROUGH=1</c>, as <c>.ci/run</c>
/// has it.
/// </summary>
public static class Thoroughness
{
    /// <summary>Whether all is to be tried.</summary>
    public static bool IsFull { get; } = Environment.GetEnvironmentVariable("MAPILLARY_THOROUGH") == "1";

    /// <summary>A number of tries.</summary>
    /// <param name="some">At hand.</param>
    /// <param name="all">In full.</param>
    public static int Of(int some, int all) => IsFull ? all : some;
}
