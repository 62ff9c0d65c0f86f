namespace Mapillary.PowerShell.Tests;

/// <summary>Tests that count what the services are asked: none may run beside others, which ask the same ones.</summary>
[CollectionDefinition("Alone", DisableParallelization = true)]
public sealed class Alone;
