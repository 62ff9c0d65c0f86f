namespace Mapillary.Emulator;

/// <summary>Numbers that look random and are always the same: each is a hash of what it is for.</summary>
internal static class Chance
{
    /// <summary>64 well mixed bits of three numbers (the finalizer of SplitMix64, applied in turn).</summary>
    public static ulong Bits(long seed, long a, long b = 0) => Mix(Mix(Mix((ulong)seed) + (ulong)a) + (ulong)b);

    /// <summary>64 well mixed bits of a number and a text.</summary>
    public static ulong Bits(long seed, string text)
    {
        var bits = (ulong)seed;
        foreach (var letter in text) bits = Mix(bits + letter);
        return Mix(bits);
    }

    /// <summary>A number from 0 to below 1.</summary>
    public static double Share(long seed, long a, long b = 0) => (Bits(seed, a, b) >> 11) * (1.0 / (1UL << 53));

    /// <summary>A number from 0 to below 1.</summary>
    public static double Share(long seed, string text, long b) => Share((long)Bits(seed, text), b);

    private static ulong Mix(ulong z)
    {
        z += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
