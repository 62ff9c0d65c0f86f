using System.Diagnostics;
using System.Text;
using System.Text.Json;

namespace Mapillary.Tests;

/// <summary>Names that try to run something in the shell that they are pasted into, and shells that tell what they took them for.</summary>
internal static class HostileWords
{
    /// <summary>Leaves a file behind in bash and in PowerShell.</summary>
    private const string Payload = "touch pwned";

    private static readonly string[] Quotes =
    [
        "'", "''", "\"", "\"\"", "`", "\\", "\u2018", "\u2019", "\u201a", "\u201b", "\u201c", "\u201d", "\u201e", "'\u2019", "\u2019'", "'\"'", "\"'\"", "\\'", "`\"", "$'", "\\",
    ];

    private static readonly string[] Separators = [";", "|", "||", "&", "&&", "\n", "\r", "\r\n", "\u2028", "\u0085", "\u0003", "\u0004", "\u0015", ")", "}", ">x;", ",", "#\n"];

    private static readonly string[] Whole =
    [
        "", " ", "-", "--", "-rf", "--help", "\u2013x", "\u2014x", "\u2015x", "@", "@x", "@(touch pwned)", "#x", "$x", "$(touch pwned)", "${x}", "`touch pwned`", "~", "~root", "*", "?", "[a]", "{a,b}", "!!", "!touch",
        "%PATH%", "^x", "=ls", "a=b", "a,b", "(touch pwned)", "&touch pwned", "<x", ">x", "1e3", "0x1F", "1kb", "007", "$null", "$true", "a\0b", "\0", "\u001b[2Jx", "\u009b2J", "\u202egnp", "\ud800", "a\udc00b",
        "\ufeff", "\u00a0", "\u3000", "tab\there", "line\nbreak", "end\n", "\nbegin", "👩‍👩‍👧‍👦", "日本語", "Jürgen", "\U000e0041", "C:\\Windows\\", "\\\\server\\share", "%s%n", "o'neil", "a b", "x.y/z-w_v",
    ];

    /// <summary>Each quote with each way to begin a command, and what is drawn from all of it.</summary>
    public static IReadOnlyList<string> All { get; } =
    [
        .. Whole,
        .. from quote in Quotes from separator in Separators select $"a{quote}{separator}{Payload}{separator}{quote}",
        .. Drawn(new Random(14)).Take(200),
    ];

    /// <summary>Has bash run commands line by line in a folder, where <c>show</c> and <c>ia</c> tell which words they were given.</summary>
    public static List<string[]?> InBash(string folder, IReadOnlyList<string> lines)
    {
        File.WriteAllLines(Path.Combine(folder, "lines"), lines, new UTF8Encoding(false));
        File.WriteAllText(Path.Combine(folder, "script"), """
            show() { printf 'W%s\0' "$@"; }
            ia() { show ia "$@"; }
            while IFS= read -r line; do eval "$line"; printf 'E\0'; done < lines
            """.ReplaceLineEndings("\n"));
        var output = Run("bash", folder, "--norc", "script");
        var answers = new List<string[]?>();
        var words = new List<string>();
        foreach (var part in output.Split('\0').SkipLast(1))
        {
            if (part[0] == 'W')
            {
                words.Add(part[1..]);
                continue;
            }

            answers.Add(words.Count == 0 ? null : [.. words]);
            words.Clear();
        }

        return answers;
    }

    /// <summary>The same in PowerShell.</summary>
    public static List<string[]?> InPowerShell(string folder, IReadOnlyList<string> lines)
    {
        File.WriteAllLines(Path.Combine(folder, "lines"), lines, new UTF8Encoding(false));
        // What it hands back is numbers: half a pair of surrogates is in no UTF-8.
        File.WriteAllText(Path.Combine(folder, "script.ps1"), """
            function show { @{ Words = @($args | ForEach-Object { -join ([char[]]"$_" | ForEach-Object { '{0:x4}' -f [int]$_ }) }) } }
            function ia { show ia @args }
            $answers = [System.Collections.Generic.List[string[]]]::new()
            foreach ($line in [System.IO.File]::ReadAllLines("$PWD/lines")) {
                $found = try { Invoke-Expression $line } catch { }
                $answers.Add(@($found | Where-Object { $_ -is [hashtable] } | ForEach-Object { $_.Words }))
            }

            [System.IO.File]::WriteAllText("$PWD/answers", (ConvertTo-Json -InputObject $answers -Depth 3 -Compress))
            """);
        Run(PowerShellProgram.Path, folder, "-NoProfile", "-NonInteractive", "-File", "script.ps1");
        return [.. JsonSerializer.Deserialize<string[][]>(File.ReadAllText(Path.Combine(folder, "answers")))!
            .Select(words => words.Length == 0 ? null : words.Select(Decode).ToArray())];

        static string Decode(string word) => new([.. word.Chunk(4).Select(c => (char)Convert.ToInt32(new string(c), 16))]);
    }

    /// <summary>Runs a shell in a folder, in which nothing new may be afterwards; skips the test where there is no such shell.</summary>
    private static string Run(string shell, string folder, params string[] arguments)
    {
        var start = new ProcessStartInfo(shell, arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = Encoding.UTF8,
        };
        start.Environment["LC_ALL"] = "C.UTF-8";
        start.Environment["DOTNET_ROOT"] = PowerShellProgram.DotnetRoot;
        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Assert.Skip($"{shell} is not installed.");
            throw;
        }

        using (process)
        {
            var error = process.StandardError.ReadToEndAsync();
            var output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            Assert.True(process.ExitCode == 0, $"{shell} ended with {process.ExitCode}: {error.Result}");
            Assert.Empty(Directory.EnumerateFileSystemEntries(folder).Select(Path.GetFileName).Except(["lines", "script", "script.ps1", "answers"]));
            return output;
        }
    }

    private static IEnumerable<string> Drawn(Random random)
    {
        string[] parts = [.. Quotes, .. Separators, "a", " ", "$(", ")", "`", "$", "-", Payload, $";{Payload};", "\0", "\u001b", "é"];
        while (true) yield return string.Concat(Enumerable.Range(0, random.Next(2, 9)).Select(_ => parts[random.Next(parts.Length)]));
    }
}
