using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Mapillary.PowerShell.Tests;

/// <summary>What a view shows can be filtered by: each of its columns is a property of that name.</summary>
public partial class ViewTests(Engine engine, ViewTests.LookingSession looking) : IClassFixture<ViewTests.LookingSession>
{
    private static readonly IEnumerable<XElement> All =
        XDocument.Load(Repository.File("src", "Mapillary.PowerShell", "Mapillary.Format.ps1xml")).Descendants("View");

    public static TheoryData<string> Views() => [.. All.Where(v => v.Descendants("Label").Any()).Select(v => v.Element("Name")!.Value)];

    [Theory]
    [MemberData(nameof(Views))]
    public void Each_column_of_a_view_is_a_property_of_that_name_and_shows_its_value(string name)
    {
        var view = All.Single(v => v.Element("Name")!.Value == name);
        var type = view.Descendants("TypeName").Single().Value;
        var properties = looking.Session
            .Run($"[System.Runtime.CompilerServices.RuntimeHelpers]::GetUninitializedObject([{type}]).PSObject.Properties.Name")
            .ThrowIfFailed().Output.Select(o => (string)o.BaseObject).ToHashSet(StringComparer.Ordinal);

        var columns = view.Descendants("TableColumnHeader").Select(h => h.Element("Label")!.Value)
            .Zip(view.Descendants("TableColumnItem"))
            .Concat(view.Descendants("ListItem").Concat(view.Descendants("GroupBy")).Select(i => (i.Element("Label")!.Value, i)))
            .ToList();

        Assert.Equal(view.Descendants("TableColumnHeader").Count(), view.Descendants("TableColumnItem").Count());
        Assert.Equal(view.Descendants("Label").Count(), columns.Count);
        Assert.All(columns, column =>
        {
            var (label, item) = column;
            Assert.Contains(label, properties);
            // The condition under which a line of a list is shown says nothing of what it shows.
            var shown = item.Element("PropertyName")?.Value is { } property ? [property] : Shown().Matches(item.Element("ScriptBlock")!.Value).Select(m => m.Groups[1].Value);
            Assert.Contains(label, shown);
        });
    }

    [Fact]
    public void What_failed_is_found_by_the_column_that_shows_it()
    {
        using var session = engine.Open("columns");

        var outcome = session.Run("""
            $r = Backup-MapillaryUser ben -Destination ./archive -IncludeArchived
            @($r | Where-Object Saved -EQ 6).Count
            @($r | Where-Object Failed -GT 0).Count
            @($r | Where-Object Status -EQ complete).Count
            """).ThrowIfFailed();

        Assert.Equal([1, 0, 1], outcome.Output.Select(o => o.BaseObject));
    }

    [Theory]
    [MemberData(nameof(Views))]
    public void A_column_that_takes_what_is_left_of_80_characters_has_room_for_its_heading(string name)
    {
        var headers = All.Single(v => v.Element("Name")!.Value == name).Descendants("TableColumnHeader").ToList();
        var open = headers.Where(h => h.Element("Width") is null).Select(h => h.Element("Label")!.Value).ToList();
        var left = 80 - headers.Sum(h => ((int?)h.Element("Width") ?? 0) + 1) + 1;

        Assert.True(open.Count < 2, "PowerShell would halve what is left.");
        // Where nothing is left, the column is not there.
        Assert.All(open, label => Assert.True(left <= 0 || left >= label.Length, $"{label} has {left} characters"));
    }

    /// <summary>The last column is squeezed into what is left; a number that is cut would be another one.</summary>
    [Fact]
    public void No_width_of_the_screen_cuts_a_number_or_a_time_of_the_table_of_images()
    {
        using var session = engine.Open("widths");

        var outcome = session.Run("""
            $image = Get-MapillaryImage -User anna -MaxPages 1 | Select-Object -First 1
            foreach ($width in 80..160) {
                $row = ($image | Out-String -Width $width) -split '\r?\n' | Where-Object { $_.StartsWith($image.Id) }
                $id, $time, $latitude, $longitude, $texts = $row.Trim() -split ' +'
                if ($time, $latitude, $longitude -match '\u2026' -or $time -notlike '*Z' -or $texts.Count -gt 3) { "$width $row" }
            }
            """).ThrowIfFailed();

        Assert.Empty(outcome.Output.Select(o => o.BaseObject));
    }

    [GeneratedRegex(@"\$_\??\.([A-Z]\w*)")]
    private static partial Regex Shown();

    /// <summary>A session that looks at types.</summary>
    public sealed class LookingSession(Engine engine) : IDisposable
    {
        public Session Session { get; } = engine.Open("views");

        public void Dispose() => Session.Dispose();
    }
}
