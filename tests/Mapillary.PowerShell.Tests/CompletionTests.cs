using System.Management.Automation;

namespace Mapillary.PowerShell.Tests;

/// <summary>PowerShell offers the names of files for whatever it knows nothing of; only where a file is meant it may.</summary>
public class CompletionTests(Engine engine)
{
    private static readonly string[] Paths = ["Path", "LiteralPath", "Destination", "MetadataPath", "Area"];

    [Fact]
    public void Only_paths_complete_to_the_names_of_files()
    {
        using var session = engine.Open("completion");
        var parameters = (
            from type in typeof(MapillaryCommand).Assembly.GetExportedTypes()
            where !type.IsAbstract && type.IsSubclassOf(typeof(MapillaryCommand))
            let command = new CommandMetadata(type)
            from parameter in command.Parameters.Values
            where !parameter.SwitchParameter
            select (Line: $"{command.Name} -{parameter.Name} ", parameter.Name)).ToList();
        var lines = string.Join(", ", parameters.Select(p => $"'{p.Line}'"));

        var offering = session.Run($$"""
            $null = New-Item -ItemType File -Name here.txt
            foreach ($line in {{lines}}) { if ((TabExpansion2 $line $line.Length).CompletionMatches.CompletionText -like '*here.txt*') { $line } }
            """).ThrowIfFailed().Output.Select(o => o.ToString());

        Assert.Equal(parameters.Where(p => Paths.Contains(p.Name)).Select(p => p.Line), offering);
    }
}
