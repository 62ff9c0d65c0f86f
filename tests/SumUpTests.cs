using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Microsoft.Build.Framework;
using Microsoft.Build.Utilities;

/// <summary>
/// Adds up what the test projects' runs wrote, and says why tests were skipped, each reason once. MSBuild compiles this file on
/// its own (Directory.Solution.targets).
/// </summary>
/// <remarks>
/// A Pester suite runs as one test, with the results of its own tests beside it (NUnit 3): these count, and not the one. One that
/// failed while none of its tests did counts as well, for then something outside of them broke.
/// </remarks>
public class SumUpTests : Task
{
    private static readonly XNamespace Trx = "http://microsoft.com/schemas/VisualStudio/TeamTest/2010";

    private readonly SortedDictionary<string, int> _skipped = new SortedDictionary<string, int>(StringComparer.Ordinal);
    private int _passed;
    private int _failed;

    /// <summary>The folder of the results.</summary>
    [Required]
    public string Folder { get; set; }

    /// <summary>The test projects; each has a folder of its name there.</summary>
    [Required]
    public string[] Projects { get; set; }

    /// <inheritdoc/>
    public override bool Execute()
    {
        foreach (var project in Projects)
        {
            var folder = Path.Combine(Folder, project);
            var runs = Directory.Exists(folder) ? Directory.GetFiles(folder, "*.trx", SearchOption.AllDirectories) : new string[0];
            if (runs.Length == 0)
            {
                Log.LogMessage(MessageImportance.High, project + " wrote no results: its run broke.");
                _failed++;
            }

            foreach (var run in runs) AddRun(run, project);
        }

        foreach (var reason in _skipped) Log.LogMessage(MessageImportance.High, reason.Value + " skipped: " + reason.Key);
        Log.LogMessage(MessageImportance.High, _passed + " passed, " + _failed + " failed, " + _skipped.Values.Sum() + " skipped");
        return true;
    }

    private void AddRun(string path, string project)
    {
        var suites = Directory.GetFiles(Path.GetDirectoryName(path), "*.Tests.ps1.xml", SearchOption.AllDirectories).ToLookup(Path.GetFileName);
        foreach (var result in XDocument.Load(path).Descendants(Trx + "UnitTestResult"))
        {
            var outcome = (string)result.Attribute("outcome");
            var suite = suites[Regex.Match((string)result.Attribute("testName"), @"\w+\.Tests\.ps1").Value + ".xml"].FirstOrDefault();
            if (suite != null)
            {
                var failedBefore = _failed;
                AddSuite(suite);
                if (outcome == "Failed" && _failed == failedBefore) _failed++;
            }
            else if (outcome == "Passed") _passed++;
            else if (outcome == "NotExecuted") Skip((string)result.Descendants(Trx + "Message").FirstOrDefault() ?? (string)result.Descendants(Trx + "StdOut").FirstOrDefault(), project);
            else _failed++;
        }
    }

    private void AddSuite(string path)
    {
        foreach (var test in XDocument.Load(path).Descendants("test-case"))
        {
            var result = (string)test.Attribute("result");
            if (result == "Passed") _passed++;
            else if (result == "Skipped") Skip(Regex.Replace((string)test.Element("reason") ?? "", "^.*?is skipped, because ", "").Trim(), Path.GetFileNameWithoutExtension(path));
            else _failed++;
        }
    }

    private void Skip(string reason, string where)
    {
        var line = (string.IsNullOrEmpty(reason) ? "no reason was given" : reason.Trim().TrimEnd('.')) + " (" + where + ")";
        _skipped[line] = _skipped.TryGetValue(line, out var count) ? count + 1 : 1;
    }
}
