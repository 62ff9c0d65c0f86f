using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Language;
using Mapillary.Collections.Places;
using Mapillary.Graph;

namespace Mapillary.PowerShell;

/// <summary>Offers words that begin as what is typed so far, each as <see cref="CommandText"/> writes it.</summary>
public abstract class WordCompleter : IArgumentCompleter
{
    // All that PowerShell takes for quotes.
    private static readonly char[] Quotes = ['\'', '"', '\u2018', '\u2019', '\u201a', '\u201b', '\u201c', '\u201d', '\u201e'];

    /// <inheritdoc/>
    public IEnumerable<CompletionResult> CompleteArgument(string commandName, string parameterName, string wordToComplete, CommandAst commandAst, IDictionary fakeBoundParameters)
    {
        var begun = (wordToComplete ?? "").Trim(Quotes);
        foreach (var word in Words().Where(w => w.StartsWith(begun, StringComparison.OrdinalIgnoreCase)))
        {
            var shown = ShownText.Line(word);
            yield return new CompletionResult(CommandText.ForPowerShell(word), shown, CompletionResultType.ParameterValue, shown);
        }
    }

    /// <summary>All words that may stand here.</summary>
    protected abstract IEnumerable<string> Words();

    /// <summary>The current folder of the file system, also where PowerShell stands elsewhere, such as in the registry.</summary>
    private protected static string CurrentFolder()
    {
        using var shell = System.Management.Automation.PowerShell.Create(RunspaceMode.CurrentRunspace);
        return shell.AddCommand("Get-Location").AddParameter("PSProvider", "FileSystem").Invoke<PathInfo>()[0].ProviderPath;
    }
}

/// <summary>The users of the collections in the current folder.</summary>
public sealed class UserCompleter : WordCompleter
{
    /// <inheritdoc/>
    protected override IEnumerable<string> Words() => NearbyCollections.Users(CurrentFolder());
}

/// <summary>The sequences of the collections in the current folder.</summary>
public sealed class SequenceCompleter : WordCompleter
{
    /// <inheritdoc/>
    protected override IEnumerable<string> Words() => NearbyCollections.Sequences(CurrentFolder());
}

/// <summary>The camera types that the API names.</summary>
public sealed class CameraTypeCompleter : WordCompleter
{
    /// <inheritdoc/>
    protected override IEnumerable<string> Words() => CameraTypes.All;
}

/// <summary>The time zones, by their IANA names and by Windows' names, on every system.</summary>
public sealed class TimeZoneCompleter : WordCompleter
{
    /// <inheritdoc/>
    protected override IEnumerable<string> Words() => TimeZones.Names;
}

/// <summary>No words: for values that nobody can list, where PowerShell would else offer the names of files.</summary>
public sealed class NoCompleter : WordCompleter
{
    /// <inheritdoc/>
    protected override IEnumerable<string> Words() => [];
}
