using System.Management.Automation;
using Mapillary.Collections;
using Mapillary.Graph;

namespace Mapillary.PowerShell.Tests;

/// <summary>
/// The mandatory parameters of each parameter set choose that set, and PowerShell asks for no other: given by name, by position, and, where
/// they take it, by the pipeline. The cases are made from the cmdlets' own metadata.
/// </summary>
public class BindingTests(Engine engine, BindingTests.SampleSession samples) : IClassFixture<BindingTests.SampleSession>
{
    /// <summary>How many parameter sets there are, so that none is left out unseen.</summary>
    private const int ParameterSets = 50;

    /// <summary>What each parameter is given, in PowerShell. Paths differ: some cmdlets want pictures, some collections.</summary>
    private static readonly Dictionary<string, string> Samples = new(StringComparer.Ordinal)
    {
        ["User"] = "'anna'",
        ["SequenceId"] = "$images[0].SequenceId",
        ["Id"] = "$images[0].Id",
        ["BoundingBox"] = "$box",
        ["Area"] = "'box.geojson'",
        ["Near"] = "$near",
        ["Radius"] = "50",
        ["Identifier"] = "'mapillary-anna-original'",
        ["Path"] = "$saved[0].CollectionPath",
        ["LiteralPath"] = "$saved[0].CollectionPath",
        ["Destination"] = "'merged'",
        ["ConvertTo-Webp Path"] = "$saved[0].Path",
        ["ConvertTo-Webp LiteralPath"] = "$saved[0].Path",
        ["Set-MapillaryExif Path"] = "$saved[0].Path",
        ["Set-MapillaryExif LiteralPath"] = "$saved[0].Path",
        [nameof(MapillaryImage)] = "$images[0]",
        [nameof(SavedImage)] = "$saved[0]",
        [nameof(FileSystemInfo)] = "(Get-Item $saved[0].CollectionPath)",
    };

    /// <summary>What a set cannot do without although PowerShell does not ask for it.</summary>
    private static readonly Dictionary<string, string> Besides = new(StringComparer.Ordinal)
    {
        ["Set-MapillaryExif Image"] = " -Path $saved[0].Path",
    };

    public static TheoryData<string, string, string> Cases() => new(
        from type in typeof(MapillaryCommand).Assembly.GetExportedTypes()
        where !type.IsAbstract && type.IsSubclassOf(typeof(MapillaryCommand))
        let command = new CommandMetadata(type)
        from set in SetsOf(command)
        from line in LinesOf(command, set)
        select (command.Name, set, line));

    [Fact]
    public void Every_parameter_set_is_covered() =>
        Assert.Equal(ParameterSets, Cases().Select(c => (c.Data.Item1, c.Data.Item2)).Distinct().Count());

    [Theory]
    [MemberData(nameof(Cases))]
    public void What_a_set_must_be_given_chooses_it(string command, string set, string line)
    {
        var outcome = samples.Session.Run($"$DebugPreference = 'Continue'; {line}");

        Assert.DoesNotContain(outcome.Errors, e => e.Exception is ParameterBindingException);
        Assert.Contains($"{command}: parameter set {set}.", outcome.Debug);
    }

    [Fact]
    public void An_area_alone_lists_what_is_there_and_with_a_user_only_that_users_images()
    {
        using var session = engine.Open("area");

        var outcome = session.Run("""
            $image = Get-MapillaryImage -User anna -MaxPages 1 | Select-Object -First 1
            $west, $south = ($image.Longitude - 0.001), ($image.Latitude - 0.001)
            $there = @(Get-MapillaryImage -BoundingBox $west, $south, ($west + 0.002), ($south + 0.002))
            $annas = @(Get-MapillaryImage anna -BoundingBox "$west,$south,$($west + 0.002),$($south + 0.002)")
            $bens = @(Get-MapillaryImage -User ben -BoundingBox $west, $south, ($west + 0.002), ($south + 0.002) -MaxPages 1)
            $there.Id -contains $image.Id
            $annas.Id -contains $image.Id
            $bens.Count
            """).ThrowIfFailed();

        Assert.Equal([true, true, 0], outcome.Output.Select(o => o.BaseObject));
    }

    [Fact]
    public void Pasted_addresses_stand_for_the_ids_and_names_in_them()
    {
        using var session = engine.Open("addresses");

        var outcome = session.Run("""
            $image = Get-MapillaryImage -User anna -MaxPages 1 | Select-Object -First 1
            $address = "https://www.mapillary.com/app/?pKey=$($image.Id)&focus=photo"
            "$address ", "www.mapillary.com/app/?pKey=$($image.Id)" | Get-MapillaryImage | ForEach-Object Id
            (Get-MapillaryImage -Id $address).Id
            (Test-MapillaryImage $address -Quality 256).Id
            $image.Id
            foreach ($user in '@ben', 'https://www.mapillary.com/app/user/ben', 'mapillary.com/app/user/ben') {
                @(Get-MapillaryImage $user).Count
                (Get-MapillarySequence $user).Images
                (Measure-MapillaryDownload -User $user -Rate 1MB).Images
            }
            (Backup-MapillaryUser 'https://www.mapillary.com/app/user/ben' -Quality 256).User
            Test-IaCollection '@ben' -Quality 2048 -Webp
            """).ThrowIfFailed();

        var values = outcome.Output.Select(o => o.BaseObject).ToList();
        Assert.Single(values.Take(5).Distinct());
        Assert.All(values.Skip(5).Take(9), count => Assert.Equal(6L, Convert.ToInt64(count)));
        Assert.Equal(["ben", false], values.Skip(14));
    }

    [Theory]
    [InlineData("-MaxPages 3")]
    [InlineData("-ListingParallelism 4")]
    public void Pages_of_an_area_can_only_be_a_mistake(string parameter)
    {
        using var session = engine.Open("area");

        var outcome = session.Run($"Get-MapillaryImage -BoundingBox 13.1,55.6,13.12,55.62 {parameter}");

        Assert.Equal("ParameterConflict,Mapillary.PowerShell.Commands.GetMapillaryImageCommand", Assert.Single(outcome.Errors).FullyQualifiedErrorId);
        Assert.Contains("-User", outcome.Errors[0].ToString(), StringComparison.Ordinal);
    }

    /// <summary>A session with the values of <see cref="Samples"/>.</summary>
    public sealed class SampleSession : IDisposable
    {
        public SampleSession(Engine engine)
        {
            Session = engine.Open("binding");
            Session.Run("""
                $images = @(Get-MapillaryImage -User anna -MaxPages 1)
                $saved = @($images[0, 1] | Save-MapillaryImage -Quality 256)
                $west, $south = ($images[0].Longitude - 0.001), ($images[0].Latitude - 0.001)
                $box = $west, $south, ($west + 0.002), ($south + 0.002)
                $near = $images[0].Latitude, $images[0].Longitude
                $ring = @($west, $south), @(($west + 0.002), $south), @(($west + 0.002), ($south + 0.002)), @($west, $south)
                @{ type = 'Polygon'; coordinates = @(, $ring) } | ConvertTo-Json -Depth 9 | Set-Content box.geojson
                """).ThrowIfFailed();
        }

        public Session Session { get; }

        public void Dispose() => Session.Dispose();
    }

    private static IEnumerable<string> SetsOf(CommandMetadata command)
    {
        var named = command.Parameters.Values.SelectMany(p => p.ParameterSets.Keys).Where(s => s != ParameterAttribute.AllParameterSets).Distinct().ToList();
        return named.Count > 0 ? named : [ParameterAttribute.AllParameterSets];
    }

    private static IEnumerable<string> LinesOf(CommandMetadata command, string set)
    {
        var mandatory = (from parameter in command.Parameters.Values
                         let place = parameter.ParameterSets.GetValueOrDefault(set) ?? parameter.ParameterSets.GetValueOrDefault(ParameterAttribute.AllParameterSets)
                         where place?.IsMandatory == true
                         select (parameter.Name, Place: place, Value: SampleOf(command, parameter))).ToList();
        var tail = Besides.GetValueOrDefault($"{command.Name} {set}") + (command.SupportsShouldProcess ? " -WhatIf" : "");
        yield return $"{command.Name}{string.Concat(mandatory.Select(p => $" -{p.Name} {p.Value}"))}{tail}";
        foreach (var one in mandatory)
        {
            var others = $"{string.Concat(mandatory.Where(p => p.Name != one.Name).Select(p => $" -{p.Name} {p.Value}"))}{tail}";
            if (one.Place.Position >= 0) yield return $"{command.Name} {one.Value}{others}";
            if (one.Place.ValueFromPipeline) yield return $"{one.Value} | {command.Name}{others}";
            if (one.Place.ValueFromPipelineByPropertyName) yield return $"[pscustomobject]@{{ {one.Name} = {one.Value} }} | {command.Name}{others}";
        }
    }

    private static string SampleOf(CommandMetadata command, ParameterMetadata parameter)
    {
        var type = parameter.ParameterType.GetElementType() ?? parameter.ParameterType;
        return Samples.GetValueOrDefault($"{command.Name} {parameter.Name}")
            ?? Samples.GetValueOrDefault(parameter.Name)
            ?? Samples.GetValueOrDefault(type.Name)
            ?? throw new KeyNotFoundException($"There is no sample for -{parameter.Name} of {command.Name}.");
    }
}
