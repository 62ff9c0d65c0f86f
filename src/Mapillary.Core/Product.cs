using System.Reflection;

namespace Mapillary;

/// <summary>What this software calls itself in what it writes.</summary>
public static class Product
{
    /// <summary>The version, such as 0.1.0.</summary>
    public static string Version { get; } = typeof(Product).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];

    /// <summary>Name and version.</summary>
    public static string Name { get; } = $"Mapillary for PowerShell {Version}";
}
