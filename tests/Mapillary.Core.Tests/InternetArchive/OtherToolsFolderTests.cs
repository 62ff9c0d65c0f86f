using System.Formats.Tar;
using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Mapillary.Collections;
using Mapillary.Collections.Places;
using Mapillary.Collections.Records;
using Mapillary.Collections.Tars;
using Mapillary.Graph;
using Mapillary.Imaging;
using Mapillary.Imaging.Forms;
using Mapillary.InternetArchive.Describing;
using Mapillary.Saving;
using MetadataExtractor;
using MetadataExtractor.Formats.Exif;

namespace Mapillary.Tests.InternetArchive;

/// <summary>Collections of <c>mapillary-downloader</c> go on with this module.</summary>
public class OtherToolsFolderTests
{
    private readonly KeptLog _log = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public static TheoryData<OtherToolsForm> Forms() =>
    [
        OtherToolsForm.Loose, OtherToolsForm.Packed, OtherToolsForm.Webp, OtherToolsForm.Packed | OtherToolsForm.Webp,
        OtherToolsForm.Packed | OtherToolsForm.Tarred, OtherToolsForm.Packed | OtherToolsForm.Tarred | OtherToolsForm.Webp,
    ];

    [Theory]
    [InlineData(TarGrouping.Sequence, OtherToolsForm.Loose, "7nfcwfvjdtphz7yj6zat6a:2 _x002d_-49xbCtIcKmxBbYALHRWA:1 u5WIQvkTXO7SbeL1l8UN6a:2 unknown-sequence:1")]
    [InlineData(TarGrouping.Sequence, OtherToolsForm.Packed | OtherToolsForm.Webp, "7nfcwfvjdtphz7yj6zat6a:2 _x002d_-49xbCtIcKmxBbYALHRWA:1 u5WIQvkTXO7SbeL1l8UN6a:2 unknown-sequence:1")]
    [InlineData(TarGrouping.Date, OtherToolsForm.Loose, "2024-01-15:1 2024-01-16:2 2024-02-29:2 unknown-date:1")]
    [InlineData(TarGrouping.Date, OtherToolsForm.Packed | OtherToolsForm.Webp, "2024-01-15:1 2024-01-16:2 2024-02-29:2 unknown-date:1")]
    public async Task Its_pictures_go_into_tars_and_all_else_stays_as_it_was(TarGrouping grouping, OtherToolsForm form, string expected)
    {
        using var folder = await OtherToolsFolder.MakeAsync(form);
        var before = folder.OtherFiles();

        var tars = Bundle(folder, grouping);

        Assert.Equal(expected, string.Join(' ', tars.Select(t => $"{t.Group}:{t.Entries}")));
        Assert.Equal(folder.Pictures, ReadTars(folder));
        Assert.Equal(before, folder.OtherFiles());
        Assert.Equal([Path.Combine(folder.Path, ".meta")], System.IO.Directory.EnumerateDirectories(folder.Path));
        Assert.Empty(Bundle(folder, grouping));
        Assert.Empty(_log.Warnings);
    }

    [Fact]
    public async Task Pictures_that_came_after_its_tars_go_into_one_of_their_own_and_those_that_are_in_one_already_into_none()
    {
        using var folder = await OtherToolsFolder.MakeAsync(OtherToolsForm.Packed | OtherToolsForm.Tarred);
        var tars = System.IO.Directory.GetFiles(folder.Path, "*.tar").ToDictionary(t => t, File.ReadAllBytes);
        Assert.Contains(Path.Combine(folder.Path, "2024-01-16.1.tar"), tars.Keys);
        // It died between its tar and the removal of the folder, twice, and a later run brought another image.
        var (first, second) = (folder.Pictures.First(p => p.Key.Contains("102.", StringComparison.Ordinal)), folder.Pictures.First(p => p.Key.Contains("103.", StringComparison.Ordinal)));
        foreach (var place in new[] { first, second }) folder.WritePicture(Path.GetFileNameWithoutExtension(place.Key), "2024-01-16", place.Key.Split('/')[1], null, place.Value);
        folder.WritePicture("900000000000110", "2024-01-16", "7nfcwfvjdtphz7yj6zat6a", OtherToolsFolder.FirstCapture.AddHours(2), "a picture"u8.ToArray());

        var tar = Assert.Single(Bundle(folder, TarGrouping.Date));

        Assert.Equal((Path.Combine(folder.Path, "2024-01-16.2.tar"), 1), (tar.Path, tar.Entries));
        Assert.All(tars, t => Assert.Equal(t.Value, File.ReadAllBytes(t.Key)));
        Assert.Equal(folder.Pictures, ReadTars(folder));
        Assert.False(System.IO.Directory.Exists(Path.Combine(folder.Path, "2024-01-16")));
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public async Task It_is_described_by_what_it_got_whatever_state_it_is_in(OtherToolsForm form)
    {
        using var folder = await OtherToolsFolder.MakeAsync(form);

        var metadata = IaMetadata.Describe(folder.Path, _log, Token);

        Assert.Equal(6, metadata.Images);
        Assert.Equal(("2024-01-15", "2024-01-15 - 2024-02-29"), (metadata.Date, metadata.Coverage));
        Assert.Equal((Path.GetFileName(folder.Path), "some-one"), (metadata.Identifier, metadata.Creator));
        Assert.StartsWith(
            "Street-level imagery from Mapillary user 'some-one'. Contains 6 images in original resolution captured between 2024-01-15 and 2024-02-29. 1 of them bears no capture time. ",
            metadata.Description, StringComparison.Ordinal);
        Assert.Equal(form.HasFlag(OtherToolsForm.Webp), metadata.Description.Contains("converted to WebP", StringComparison.Ordinal));
        Assert.Equal(form.HasFlag(OtherToolsForm.Tarred), metadata.Description.Contains("bundled in uncompressed tar files by day", StringComparison.Ordinal));
        Assert.Equal(!form.HasFlag(OtherToolsForm.Tarred), metadata.Description.Contains("folders by day of capture (UTC) and sequence", StringComparison.Ordinal));
        Assert.Contains(Path.GetFileName(folder.Listing) + " holds", metadata.Description, StringComparison.Ordinal);
        Assert.Contains("line 2", Assert.Single(_log.Warnings), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(TarGrouping.Sequence, "by sequence.")]
    [InlineData(TarGrouping.Date, "by day of capture (UTC).")]
    public async Task Bundled_by_this_module_it_is_described_so(TarGrouping grouping, string how)
    {
        using var folder = await OtherToolsFolder.MakeAsync(OtherToolsForm.Packed);
        Bundle(folder, grouping);

        var description = IaMetadata.Describe(folder.Path, _log, Token).Description;

        Assert.Equal("Images are bundled in uncompressed tar files " + how, Assert.Single(Regex.Matches(description, @"Images are [^.]*\.")).Value);
        Assert.DoesNotContain("Single images", description, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public async Task All_three_forms_of_its_metadata_say_the_same(OtherToolsForm form)
    {
        using var folder = await OtherToolsFolder.MakeAsync(form);
        var metadata = IaMetadata.Describe(folder.Path, _log, Token);
        var expected = metadata.Tags.ToDictionary(t => t.Name, t => string.Join('|', t.Values));

        var rip = IaMetadataWriter.Write(metadata, IaMetadataFormat.Rip, null);
        var csv = File.ReadAllLines(IaMetadataWriter.Write(metadata, IaMetadataFormat.Csv, null));
        using var json = JsonDocument.Parse(File.ReadAllBytes(IaMetadataWriter.Write(metadata, IaMetadataFormat.Json, null)));

        var inJson = json.RootElement.EnumerateObject().Where(p => p.Name != "identifier").ToDictionary(
            p => p.Name, p => p.Value.ValueKind == JsonValueKind.Array ? string.Join('|', p.Value.EnumerateArray().Select(v => v.GetString())) : p.Value.GetString()!);
        Assert.Equal(expected, inJson);

        // The way rip reads it: as many values as there are files, numbered from 0, each file to its last byte.
        var inRip = new Dictionary<string, string>();
        foreach (var tag in System.IO.Directory.EnumerateDirectories(rip))
        {
            Assert.Matches("^[A-Za-z0-9._-]+$", Path.GetFileName(tag));
            var values = Enumerable.Range(0, System.IO.Directory.GetFileSystemEntries(tag).Length).Select(n => File.ReadAllText(Path.Combine(tag, n.ToString(CultureInfo.InvariantCulture)))).ToList();
            Assert.DoesNotContain(values, v => v.Length == 0 || v.EndsWith('\n'));
            inRip[Path.GetFileName(tag)] = string.Join('|', values);
        }

        expected["mapillary_downloader"] = "0.12.0";
        Assert.Equal(expected, inRip);

        var columns = csv[0].Split(',');
        var rows = csv.Skip(1).Select(r => r.Split(',')[..3]).ToList();
        Assert.Contains("scanner[1]", columns);
        var files = System.IO.Directory.EnumerateFiles(folder.Path, "*", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(folder.Path, f).Replace('\\', '/'))
            .Where(f => !f.StartsWith('.') && !f.StartsWith("ia-metadata.", StringComparison.Ordinal)).Order(StringComparer.Ordinal);
        Assert.Equal(files, rows.Select(r => r[1]));
        Assert.All(rows, r => Assert.Equal(metadata.Identifier, r[0]));
    }

    [Theory]
    [InlineData(OtherToolsForm.Loose)]
    [InlineData(OtherToolsForm.Packed)]
    [InlineData(OtherToolsForm.Packed | OtherToolsForm.Webp)]
    public async Task Its_pictures_get_their_metadata_from_its_listing(OtherToolsForm form)
    {
        using var folder = await OtherToolsFolder.MakeAsync(form);
        var records = ImageRecords.Read(folder.Listing, _log).GroupBy(i => i.Id).ToDictionary(g => g.Key, g => g.Last());
        var files = System.IO.Directory.EnumerateFiles(folder.Path, "*", SearchOption.AllDirectories).Where(FileIdentity.IsImage).ToList();
        Assert.Equal(6, files.Count);

        using (var restorer = new FileRestorer(RestoreOptions.Default, _log))
        {
            foreach (var file in files) Assert.True((await restorer.RestoreAsync(file, records[FileIdentity.IdOf(file)], Token)).Changed);
        }

        foreach (var (id, day, sequence, captured) in OtherToolsFolder.Images)
        {
            var file = files.Single(f => FileIdentity.IdOf(f) == id);
            var directories = ImageMetadataReader.ReadMetadata(file);
            var position = directories.OfType<GpsDirectory>().Single().GetGeoLocation()!;
            Assert.Equal(52.5, position.Latitude, 1e-8);
            Assert.Equal(13.40 + int.Parse(id[^2..], CultureInfo.InvariantCulture) / 10_000.0, position.Longitude, 1e-8);
            Assert.Equal("Grün", directories.OfType<ExifIfd0Directory>().Single().GetString(ExifDirectoryBase.TagMake));
            var exif = directories.OfType<ExifSubIfdDirectory>().Single();
            Assert.Equal(captured?.ToString("yyyy:MM:dd HH:mm:ss", CultureInfo.InvariantCulture), exif.GetString(ExifDirectoryBase.TagDateTimeOriginal));
            if (captured is { } time) Assert.Equal(time, File.GetLastWriteTimeUtc(file));
        }
    }

    [Fact]
    public async Task A_user_whose_name_looks_encoded_is_not_taken_for_the_one_it_would_encode()
    {
        using var folder = await OtherToolsFolder.MakeAsync(OtherToolsForm.Packed, user: "J_x00fc_rgen");

        var metadata = IaMetadata.Describe(folder.Path, _log, Token);

        Assert.Equal("J_x00fc_rgen", metadata.Creator);
        Assert.NotEqual(new CollectionName("Jürgen", ImageQuality.Original, PictureForm.AsServed).ToString(), metadata.Identifier);
        Assert.Equal("J_x00fc_rgen", CollectionName.TryParse(metadata.Identifier)!.User);
        Assert.Contains(_log.Warnings, w => w.Contains(metadata.Identifier, StringComparison.Ordinal));
    }

    private List<SequenceTar> Bundle(OtherToolsFolder folder, TarGrouping grouping) =>
        [.. SequenceTarBundler.Bundle(folder.Path, null, grouping, keepSource: false, _log, Token)];

    private static Dictionary<string, byte[]> ReadTars(OtherToolsFolder folder)
    {
        var found = new Dictionary<string, byte[]>();
        foreach (var tar in System.IO.Directory.EnumerateFiles(folder.Path, "*.tar"))
        {
            using var reader = new TarReader(File.OpenRead(tar));
            while (reader.GetNextEntry(copyData: true) is { } entry)
            {
                using var content = new MemoryStream();
                entry.DataStream!.CopyTo(content);
                found.Add(entry.Name, content.ToArray());
            }
        }

        return found;
    }
}
