using System.Globalization;
using System.IO.Compression;
using System.Text;
using System.Text.Json;
using Mapillary.Collections;
using Mapillary.Graph;
using Mapillary.Imaging.Forms;
using Mapillary.InternetArchive.Describing;

namespace Mapillary.Tests.InternetArchive;

public sealed class IaMetadataTests : IDisposable
{
    private const long NewYear2024 = 1_704_067_200_000;
    private const long Day = 86_400_000;

    private readonly TestFolder _folder = new();
    private readonly KeptLog _log = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Images_are_counted_by_the_manifest_and_each_once()
    {
        // Listed are 1 to 6, some twice; 4 has no rendition and 6 failed, so they are not there.
        var path = Collection("mapillary-anna-original", Listing((1, 0), (2, 9), (3, 3), (4, 99), (2, 9), (5, 1), (6, -99)), Manifest("1", "2", "3", "5", "2"));

        var metadata = Describe(path);

        Assert.Equal(4, metadata.Images);
        Assert.Equal((new DateOnly(2024, 1, 1), new DateOnly(2024, 1, 10)), (metadata.FirstCapture, metadata.LastCapture));
        Assert.StartsWith(
            "Street-level imagery from Mapillary user 'anna'. Contains 4 images in original resolution captured between 2024-01-01 and 2024-01-10.",
            metadata.Description, StringComparison.Ordinal);
        Assert.Empty(_log.Warnings);
    }

    [Fact]
    public void A_folder_that_mapillary_downloader_left_is_described_without_its_end_marker()
    {
        var path = OtherToolsCollection(finished: null);

        var metadata = Describe(path);

        Assert.Equal(3, metadata.Images);
        Assert.Equal("mapillary-some-one-2048-webp", metadata.Identifier);
        Assert.Equal("some-one", metadata.Creator);
        Assert.Equal(("2023-12-31", "2023-12-31 - 2024-01-01"), (metadata.Date, metadata.Coverage));
        Assert.Equal(
            "Street-level imagery from Mapillary user 'some-one'. Contains 3 images in 2048px resolution captured between 2023-12-31 and 2024-01-01."
            + " Images are bundled in uncompressed tar files by day of capture (UTC). Images were converted to WebP."
            + " metadata.jsonl.gz holds Mapillary's own record of each image, one a line.",
            metadata.Description);
        Assert.Equal(["mapillary_downloader", Product.Name], metadata.Scanner);
        Assert.Empty(_log.Warnings);
    }

    [Fact]
    public void What_mapillary_downloader_listed_but_did_not_get_is_not_counted()
    {
        var path = OtherToolsCollection(finished: """{"2048":["11","13"],"original":["11","12","13"]}""");

        Assert.Equal(2, Describe(path).Images);
    }

    [Theory]
    [InlineData("""{"original":["11"]}""")]
    [InlineData("""{"2048":[]}""")]
    [InlineData("[]")]
    [InlineData("{")]
    public void Where_mapillary_downloader_noted_nothing_its_listing_counts(string progress) =>
        Assert.Equal(3, Describe(OtherToolsCollection(progress)).Images);

    [Theory]
    [InlineData(1, "Contains 1 image in original resolution captured on 2024-01-01.")]
    [InlineData(12_345, "Contains 12,345 images in original resolution captured between 2024-01-01 and 2024-01-02.")]
    public void The_count_reads_well_and_is_the_same_in_every_culture(int count, string expected)
    {
        var before = CultureInfo.CurrentCulture;
        try
        {
            CultureInfo.CurrentCulture = new CultureInfo("ar-SA");
            var ids = Enumerable.Range(1, count).ToList();
            var path = Collection("mapillary-anna-original", Listing([.. ids.Select(i => (i, i % 2 == 0 ? 1 : 0))]), Manifest([.. ids.Select(i => i.ToString(CultureInfo.InvariantCulture))]));

            Assert.Contains(expected, Describe(path).Description, StringComparison.Ordinal);
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    [Fact]
    public void Without_a_capture_time_there_is_neither_date_nor_coverage()
    {
        var path = Collection("mapillary-anna-256", "{\"id\":\"1\"}\n{\"id\":\"2\",\"captured_at\":null}\n", Manifest("1", "2"));

        var metadata = Describe(path);

        Assert.Null(metadata.Date);
        Assert.Null(metadata.Coverage);
        Assert.DoesNotContain(metadata.Tags, t => t.Name is "date" or "coverage");
        Assert.Contains("Contains 2 images in 256px resolution.", metadata.Description, StringComparison.Ordinal);
        Assert.DoesNotContain("unknown", JsonSerializer.Serialize(metadata.Tags), StringComparison.Ordinal);
    }

    [Fact]
    public void Images_without_a_capture_time_are_not_said_to_have_one()
    {
        var path = Collection("mapillary-anna-256", Listing((1, 0), (2, 5)) + "{\"id\":\"3\"}\n", Manifest("1", "2", "3", "4"));

        Assert.Contains("2024-01-06. 2 of them bear no capture time.", Describe(path).Description, StringComparison.Ordinal);
    }

    [Fact]
    public void Impossible_capture_times_stay_out_of_the_dates_and_are_counted()
    {
        var wrong = string.Concat(new[] { "0", "1704067200", "-5000", "4086000000000" }.Select((time, i) => $"{{\"id\":\"{i + 10}\",\"captured_at\":{time}}}\n"));
        var path = Collection("mapillary-anna-256", Listing((1, 0), (2, 5)) + wrong, Manifest("1", "2", "10", "11", "12", "13"));

        var metadata = Describe(path);

        Assert.Equal(("2024-01-01", "2024-01-01 - 2024-01-06"), (metadata.Date, metadata.Coverage));
        Assert.Contains("Contains 6 images in 256px resolution captured between 2024-01-01 and 2024-01-06. 4 of them bear a capture time that cannot be right.", metadata.Description, StringComparison.Ordinal);
    }

    [Fact]
    public void The_description_says_how_the_images_lie_there()
    {
        var path = Collection("mapillary-anna-original", Listing((1, 0)), Manifest("1"));
        Assert.DoesNotContain("lie in", Describe(path).Description, StringComparison.Ordinal);

        _folder.Write("mapillary-anna-original/abc.2.tar", "");
        _folder.Write("mapillary-anna-original/unknown-date/s/1.jpg", "");
        Directory.CreateDirectory(Path.Combine(path, "empty"));

        var description = Describe(path).Description;
        Assert.Contains("tar files by sequence.", description, StringComparison.Ordinal);
        Assert.Contains("folders by day of capture (UTC) and sequence.", description, StringComparison.Ordinal);
        Assert.DoesNotContain("tar files by day", description, StringComparison.Ordinal);
        Assert.DoesNotContain("folders by sequence", description, StringComparison.Ordinal);
        Assert.DoesNotContain("WebP", description, StringComparison.Ordinal);
        Assert.DoesNotContain("EXIF", description, StringComparison.Ordinal);
    }

    [Fact]
    public void A_limited_or_incomplete_collection_is_said_to_be_one()
    {
        var path = Collection("mapillary-anna-original", Listing((1, 0), (2, 0)), Manifest("1"));
        _folder.Write("mapillary-anna-original/collection.json",
            """{"version":1,"user":"anna","quality":"original","bounding_box":"1,2,3,4","listed":2,"images":1,"failed":1,"complete":false,"updated":"2024-01-01T00:00:00+00:00"}""");

        Assert.Contains("Limited to the area 1,2,3,4 ", Describe(path).Description, StringComparison.Ordinal);
        Assert.Contains("not complete", Assert.Single(_log.Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_here_is_counted_by_the_manifest_also_where_a_run_was_killed_before_it_noted_anything()
    {
        var path = Collection("mapillary-anna-original", Listing((1, 0), (2, 0), (3, 0)), Manifest("1", "2"));
        _folder.Write("mapillary-anna-original/collection.json",
            """{"version":1,"user":"anna","quality":"original","listed":3,"images":0,"complete":false,"updated":"2024-01-01T00:00:00+00:00"}""");

        Describe(path);

        Assert.Contains("of 3 images listed so far, 2 are here", Assert.Single(_log.Warnings), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true, 2, "")]
    [InlineData(false, 2, "This is a selection, and may not be all of the user's images.")]
    [InlineData(false, 1, "The collection is not complete: images are missing.")]
    public void The_description_says_whether_the_images_are_a_selection_or_some_are_missing(bool complete, int images, string sentence)
    {
        var path = Collection("mapillary-anna-original", Listing((1, 0), (2, 0)), Manifest("1", "2"));
        _folder.Write("mapillary-anna-original/collection.json",
            $$"""{"version":1,"user":"anna","quality":"original","listed":2,"images":{{images}},"complete":{{(complete ? "true" : "false")}},"updated":"2024-01-01T00:00:00+00:00"}""");

        var metadata = Describe(path);

        Assert.Contains($"captured on 2024-01-01. {sentence}{(sentence.Length > 0 ? " " : "")}metadata.jsonl holds", metadata.Description, StringComparison.Ordinal);
        Assert.Equal(sentence.Length > 0, metadata.ForPart(2, 1).Description.Contains(sentence.Length > 0 ? sentence : "selection", StringComparison.Ordinal));
    }

    [Fact]
    public void Metadata_that_are_there_already_are_left_as_they_are()
    {
        var path = Collection("mapillary-anna-original", Listing((1, 0)), Manifest("1"));
        foreach (var format in Enum.GetValues<IaMetadataFormat>())
        {
            var metadata = Describe(path);
            IaMetadataWriter.Write(metadata, format, null, out var first);
            var written = IaMetadataWriter.Write(metadata, format, null, out var second);
            Assert.Equal((false, true), (first, second));

            File.WriteAllText(format == IaMetadataFormat.Rip ? Path.Combine(written, "title", "0") : written, "changed");
            IaMetadataWriter.Write(metadata, format, null, out var third);
            Assert.False(third);
        }

        var stale = Path.Combine(path, ".meta", "subject", "9");
        File.WriteAllText(stale, "");
        IaMetadataWriter.Write(Describe(path), IaMetadataFormat.Rip, null, out var isUnchanged);
        Assert.False(isUnchanged);
        Assert.False(File.Exists(stale));
    }

    [Fact]
    public void An_encoded_user_name_is_the_users_again_everywhere_but_in_the_identifier()
    {
        var path = Collection("mapillary-j_x00f6_rg-256", Listing((1, 0)), Manifest("1"));

        var metadata = Describe(path);

        Assert.Equal(("mapillary-j_x00f6_rg-256", "jörg", "https://www.mapillary.com/app/user/j%C3%B6rg"), (metadata.Identifier, metadata.Creator, metadata.Source));
    }

    [Fact]
    public void Another_tools_folder_whose_name_archive_org_refuses_gets_one_that_it_takes_and_a_warning()
    {
        var path = Collection("mapillary-jörg-256", Listing((1, 0)), manifest: null);

        Assert.Equal("mapillary-j_x00f6_rg-256", Describe(path).Identifier);
        Assert.Contains("mapillary-j_x00f6_rg-256", Assert.Single(_log.Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void A_name_too_long_for_archive_org_gets_an_identifier_that_fits()
    {
        var path = Collection($"mapillary-{new string('a', 90)}-original-webp", Listing((1, 0)), Manifest("1"));

        var identifier = Describe(path).Identifier;

        Assert.InRange(identifier.Length, 5, 100);
        Assert.Matches("^mapillary-[A-Za-z0-9._-]+-original-webp$", identifier);
    }

    [Theory]
    [InlineData("Jürgen!", "mapillary-J_x00fc_rgen_x0021_-2048-webp")]
    [InlineData("100%", "mapillary-100_x0025_-2048-webp")]
    [InlineData("a b/c", "mapillary-a_x0020_b_x002f_c-2048-webp")]
    [InlineData("-x-256", "mapillary-_x002d_x-256-2048-webp")]
    [InlineData("日本", "mapillary-_x65e5__x672c_-2048-webp")]
    public void A_user_name_that_fits_no_identifier_is_one_from_which_it_can_be_read(string user, string expected)
    {
        var path = Collection(new CollectionName(user, ImageQuality.Thumb2048, new WebpForm()).ToString(), Listing((1, 0)), Manifest("1"));

        var metadata = Describe(path);

        Assert.Equal(expected, metadata.Identifier);
        Assert.Matches("^[A-Za-z0-9][A-Za-z0-9._-]{2,99}$", metadata.Identifier);
        Assert.Equal(user, metadata.Creator);
        Assert.Equal(user, CollectionName.TryParse(metadata.Identifier)!.User);
        Assert.Empty(_log.Warnings);
    }

    [Fact]
    public void A_user_name_too_long_for_any_identifier_is_whole_in_the_metadata_and_its_own_in_the_identifier()
    {
        string[] users = [new('日', 60), new string('日', 59) + "本", new('a', 200), new string('a', 199) + "A"];
        var identifiers = users.Select(user =>
        {
            var name = new CollectionName(user, ImageQuality.Original, new WebpForm()).ToString();
            var path = Collection(name, Listing((1, 0)), Manifest("1"));
            _folder.Write($"{name}/collection.json", JsonSerializer.Serialize(new { version = 1, user, quality = "original", listed = 1, images = 1, failed = 0, complete = true, updated = "2024-01-01T00:00:00+00:00" }));
            var metadata = Describe(path);
            Assert.Matches("^[A-Za-z0-9][A-Za-z0-9._-]{2,99}$", metadata.Identifier);
            Assert.Equal((user, $"Mapillary images by {user}"), (metadata.Creator, metadata.Title));
            return metadata.Identifier;
        }).ToList();

        Assert.Equal(users.Length, identifiers.Distinct(StringComparer.OrdinalIgnoreCase).Count());
    }

    [Fact]
    public void Users_whose_names_differ_in_case_only_get_identifiers_that_do_not()
    {
        List<string> identifiers = [];
        foreach (var user in (string[])["anna", "Anna", "ANNA"])
        {
            var path = new CollectionName(user, ImageQuality.Original, PictureForm.AsServed).PathIn(_folder.Path);
            Collection(Path.GetFileName(path), Listing((1, 0)), Manifest("1"));
            var metadata = Describe(path);
            Assert.Equal(user, metadata.Creator);
            identifiers.Add(metadata.Identifier);
        }

        Assert.Equal(3, identifiers.Distinct(StringComparer.OrdinalIgnoreCase).Count());
    }

    [Theory]
    [InlineData("mapillary-Anna-original", "mapillary-anna-original")]
    [InlineData("mapillary-Jürgen!-original", "mapillary-J_x00fc_rgen_x0021_-original")]
    [InlineData("mapillary-jürgen!-original", "mapillary-J_x00fc_rgen_x0021_-original")]
    public void Two_collections_that_would_be_one_item_are_refused_and_both_are_named(string one, string other)
    {
        var path = Collection(one, Listing((1, 0)), manifest: null);
        Assert.SkipWhen(Directory.Exists(Path.Combine(_folder.Path, other)), "This file system takes the two names for one.");
        var second = Collection(other, Listing((2, 0)), Manifest("2"));

        foreach (var collection in (string[])[path, second])
        {
            var error = Assert.Throws<CollectionException>(() => Describe(collection));
            Assert.Equal(CollectionFault.Mismatch, error.Fault);
            Assert.Contains(path, error.Message, StringComparison.Ordinal);
            Assert.Contains(second, error.Message, StringComparison.Ordinal);
        }

        // A folder of that name that is no collection is in nobody's way, nor is another quality.
        File.Delete(Path.Combine(path, "metadata.jsonl"));
        Collection(one.Replace("original", "1024", StringComparison.Ordinal), Listing((1, 0)), manifest: null);
        Assert.Equal(other, Describe(second).Identifier);
    }

    [Theory]
    [InlineData("nowhere", null, "no such folder")]
    [InlineData("holiday", "metadata.jsonl", "its name")]
    [InlineData("mapillary-anna-4096", "metadata.jsonl", "its name")]
    [InlineData("mapillary-anna-original", "other.txt", "no metadata.jsonl")]
    public void What_is_no_collection_is_refused_with_what_was_expected(string folder, string? file, string why)
    {
        if (file is not null) _folder.Write($"{folder}/{file}", "{\"id\":\"1\"}\n");

        var error = Assert.Throws<CollectionException>(() => Describe(Path.Combine(_folder.Path, folder)));

        Assert.Equal(CollectionFault.Mismatch, error.Fault);
        Assert.Contains(why, error.Message, StringComparison.Ordinal);
        Assert.Contains("mapillary-<user>-<256|1024|2048|original>[-webp]", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Damaged_lines_are_warned_of_and_not_counted()
    {
        var path = Collection("mapillary-anna-original", Listing((1, 0), (2, 0)) + "{\"id\":\"3\n\n[]\n", Manifest("1", "2") + "{\"id\":\nnull\n{\"path\":\"x\"}\n");

        Assert.Equal(2, Describe(path).Images);
        Assert.Equal(5, _log.Warnings.Count);
    }

    [Theory]
    [InlineData("metadata.jsonl.gz")]
    [InlineData("manifest.jsonl.gz")]
    public void A_compressed_file_that_is_damaged_or_cut_is_an_error_and_no_smaller_count(string name)
    {
        var path = Collection("mapillary-anna-original", Listing([.. Enumerable.Range(1, 2000).Select(i => (i, i % 300))]), Manifest([.. Enumerable.Range(1, 2000).Select(i => $"{i}")]));
        Compress(path, "metadata.jsonl");
        Compress(path, "manifest.jsonl");
        Assert.Equal(2000, Describe(path).Images);
        var file = Path.Combine(path, name);
        var whole = File.ReadAllBytes(file);

        for (var length = 1; length < whole.Length; length += whole.Length / 20)
        {
            File.WriteAllBytes(file, whole[..length]);
            Assert.Throws<CollectionException>(() => Describe(path));
        }

        File.WriteAllText(file, "no gzip at all, whatever its name says");
        Assert.Throws<CollectionException>(() => Describe(path));
    }

    [Fact]
    public void The_rip_form_has_a_file_a_value_numbered_from_0_without_a_line_break_at_its_end()
    {
        var path = Collection("mapillary-anna-original", Listing((1, 0), (2, 365)), Manifest("1", "2"));
        var metadata = Describe(path);

        var meta = IaMetadataWriter.Write(metadata, IaMetadataFormat.Rip, null);

        Assert.Equal(Path.Combine(path, ".meta"), meta);
        var written = Directory.GetFiles(meta, "*", SearchOption.AllDirectories).ToDictionary(f => Path.GetRelativePath(meta, f).Replace('\\', '/'), File.ReadAllText);
        Assert.Equal(
            new Dictionary<string, string>
            {
                ["title/0"] = "Mapillary images by anna",
                ["description/0"] = metadata.Description,
                ["subject/0"] = "mapillary",
                ["subject/1"] = "street-view",
                ["subject/2"] = "computer-vision",
                ["subject/3"] = "geospatial",
                ["subject/4"] = "photography",
                ["creator/0"] = "anna",
                ["date/0"] = "2024-01-01",
                ["coverage/0"] = "2024-01-01 - 2024-12-31",
                ["licenseurl/0"] = "https://creativecommons.org/licenses/by-sa/4.0/",
                ["mediatype/0"] = "data",
                ["collection/0"] = "mapillary-images",
                ["source/0"] = "https://www.mapillary.com/app/user/anna",
                ["scanner/0"] = Product.Name,
                ["mapillary_powershell/0"] = Product.Version,
            }.OrderBy(e => e.Key, StringComparer.Ordinal),
            written.OrderBy(e => e.Key, StringComparer.Ordinal));
        Assert.Equal("anna"u8.ToArray(), File.ReadAllBytes(Path.Combine(meta, "creator", "0")));
    }

    [Fact]
    public void What_an_earlier_run_left_of_our_own_tags_goes_and_other_tags_stay()
    {
        var path = Collection("mapillary-anna-original", "{\"id\":\"1\"}\n", Manifest("1"));
        foreach (var stale in (string[])["scanner/1", "scanner/2", "subject/7", "subject/0.part", "date/0", "coverage/0"]) _folder.Write($"mapillary-anna-original/.meta/{stale}", "old");
        _folder.Write("mapillary-anna-original/.meta/mapillary_downloader/0", "0.12.0");
        _folder.Write("mapillary-anna-original/.meta/title/0", "an older, longer title");

        var meta = IaMetadataWriter.Write(Describe(path), IaMetadataFormat.Rip, null);

        Assert.Equal(["0"], Names(Path.Combine(meta, "scanner")));
        Assert.Equal(["0", "1", "2", "3", "4"], Names(Path.Combine(meta, "subject")));
        Assert.False(Directory.Exists(Path.Combine(meta, "date")));
        Assert.False(Directory.Exists(Path.Combine(meta, "coverage")));
        Assert.Equal("Mapillary images by anna", File.ReadAllText(Path.Combine(meta, "title", "0")));
        Assert.Equal("0.12.0", File.ReadAllText(Path.Combine(meta, "mapillary_downloader", "0")));

        static IEnumerable<string?> Names(string folder) => Directory.GetFileSystemEntries(folder).Select(Path.GetFileName).Order();
    }

    [Fact]
    public void The_table_has_a_row_a_file_and_the_metadata_in_the_first()
    {
        var path = Collection("mapillary-an_x0022__x002c_na-original", Listing((1, 0), (2, 5)), Manifest("1", "2"));
        foreach (var file in (string[])["2024-01-01.tar", "2024-01-06/s,1/2.jpg", ".lock", ".meta/title/0", "ia-metadata.json", "x.tar.part", "__ia_thumb__.jpg"])
            _folder.Write($"mapillary-an_x0022__x002c_na-original/{file}", "x");

        var csv = IaMetadataWriter.Write(Describe(path), IaMetadataFormat.Csv, null);
        IaMetadataWriter.Write(Describe(path), IaMetadataFormat.Csv, null);

        Assert.Equal(Path.Combine(path, "ia-metadata.csv"), csv);
        Assert.Equal((byte)'i', File.ReadAllBytes(csv)[0]);
        var rows = ReadCsv(File.ReadAllText(csv));
        var header = rows[0];
        Assert.Equal(["identifier", "file", "REMOTE_NAME", "title", "description", "subject[0]", "subject[1]", "subject[2]", "subject[3]", "subject[4]", "creator", "date"], header.Take(12));
        Assert.All(header, name => Assert.Matches(@"^[A-Za-z][.\-0-9A-Za-z_]+(\[[0-9]+\])?$", name));
        Assert.All(rows, row => Assert.Equal(header.Count, row.Count));
        Assert.Equal(["2024-01-01.tar", "2024-01-06/s,1/2.jpg", "__ia_thumb__.jpg", "manifest.jsonl", "metadata.jsonl"], rows.Skip(1).Select(r => r[1]));
        Assert.All(rows.Skip(1), row => Assert.Equal(("mapillary-an_x0022__x002c_na-original", row[1]), (row[0], row[2])));
        var first = header.Zip(rows[1]).ToDictionary(p => p.First, p => p.Second);
        Assert.Equal(("an\",na", "2024-01-01", "photography"), (first["creator"], first["date"], first["subject[4]"]));
        Assert.All(rows.Skip(2), row => Assert.All(row.Skip(3), value => Assert.Equal("", value)));
    }

    [Fact]
    public void The_JSON_holds_the_same_with_arrays_for_what_is_repeated()
    {
        var path = Collection("mapillary-j_x00f6_rg-1024-webp", Listing((1, 0)), Manifest("1"));
        var target = Path.Combine(_folder.Path, "out", "x.json");

        Assert.Equal(target, IaMetadataWriter.Write(Describe(path), IaMetadataFormat.Json, target));

        using var json = JsonDocument.Parse(File.ReadAllBytes(target));
        Assert.Equal("mapillary-j_x00f6_rg-1024-webp", json.RootElement.GetProperty("identifier").GetString());
        Assert.Equal(["mapillary", "street-view", "computer-vision", "geospatial", "photography"], json.RootElement.GetProperty("subject").EnumerateArray().Select(s => s.GetString()!));
        Assert.Equal("jörg", json.RootElement.GetProperty("creator").GetString());
        Assert.Contains("'jörg'", File.ReadAllText(target), StringComparison.Ordinal);
        Assert.Equal(Product.Version, json.RootElement.GetProperty("mapillary_powershell").GetString());
    }

    [Fact]
    public void A_folder_as_destination_gets_the_file_under_its_usual_name()
    {
        var path = Collection("mapillary-anna-original", Listing((1, 0)), Manifest("1"));
        var folder = Directory.CreateDirectory(Path.Combine(_folder.Path, "out")).FullName;

        Assert.Equal(Path.Combine(folder, "ia-metadata.csv"), IaMetadataWriter.Write(Describe(path), IaMetadataFormat.Csv, folder));
        Assert.Equal(Path.Combine(folder, "ia-metadata.json"), IaMetadataWriter.Write(Describe(path), IaMetadataFormat.Json, folder));
    }

    [Fact]
    public void A_destination_that_cannot_be_written_is_named()
    {
        var path = Collection("mapillary-anna-original", Listing((1, 0)), Manifest("1"));
        var file = _folder.Write("plain", "");

        foreach (var format in Enum.GetValues<IaMetadataFormat>())
        {
            var error = Assert.Throws<CollectionException>(() => IaMetadataWriter.Write(Describe(path), format, Path.Combine(file, "x", "y")));
            Assert.Equal(CollectionFault.NotWritable, error.Fault);
        }
    }

    [Fact]
    public void A_million_images_are_counted_without_holding_their_records()
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable("MAPILLARY_LONG_TESTS") == "1", "Set MAPILLARY_LONG_TESTS=1 to count a million images.");
        const int images = 1_000_000;
        var path = Path.Combine(_folder.Path, "mapillary-anna-original");
        Directory.CreateDirectory(path);
        using (var listing = new StreamWriter(Path.Combine(path, "metadata.jsonl")))
        using (var manifest = new StreamWriter(Path.Combine(path, "manifest.jsonl")))
        {
            for (var i = 0L; i < images; i++)
            {
                listing.Write($$"""{"id":"{{900_000_000_000_000 + i}}","captured_at":{{NewYear2024 + i}},"sequence":"s"}""" + "\n");
                manifest.Write($$"""{"id":"{{900_000_000_000_000 + i}}","path":"2024-01-01/s/{{i}}.jpg","bytes":1,"sha256":"{{new string('a', 64)}}"}""" + "\n");
            }
        }

        var before = GC.GetTotalMemory(forceFullCollection: true);
        var peak = 0L;
        using (var sampler = new Timer(_ => peak = Math.Max(peak, GC.GetTotalMemory(false)), null, 0, 20))
        {
            Assert.Equal(images, Describe(path).Images);
        }

        Assert.InRange(peak - before, 0, 200L << 20);
    }

    private IaMetadata Describe(string path) => IaMetadata.Describe(path, _log, TestContext.Current.CancellationToken);

    /// <summary>As <c>mapillary-downloader</c> 0.12 leaves a collection that it tarred and converted.</summary>
    private string OtherToolsCollection(string? finished)
    {
        const string name = "mapillary-some-one-2048-webp";
        var path = Collection(name,
            $$"""{"id": "11", "captured_at": {{NewYear2024 - 1}}, "thumb_2048_url": "https://x/1", "sequence": "a"}""" + "\n"
            + $$"""{"id": "12", "captured_at": {{NewYear2024}}, "thumb_2048_url": "https://x/2", "sequence": "a"}""" + "\n"
            + $$"""{"id": "12", "captured_at": {{NewYear2024}}, "thumb_2048_url": "https://x/2", "sequence": "a"}""" + "\n"
            + $$"""{"id": "13", "captured_at": {{NewYear2024 + 5}}, "sequence": "b"}""" + "\n"
            + """{"__complete__": true}""" + "\n",
            manifest: null);
        Compress(path, "metadata.jsonl");
        foreach (var file in (string[])["2023-12-31.tar", "2024-01-01.tar", "2024-01-01.2.tar", "__ia_thumb__.jpg", "download.log.20240101-120000", ".meta/mapillary_downloader/0"])
            _folder.Write($"{name}/{file}", "");
        if (finished is not null) _folder.Write($"{name}/progress.json", finished);
        return path;
    }

    private string Collection(string name, string listing, string? manifest)
    {
        _folder.Write($"{name}/metadata.jsonl", listing);
        if (manifest is not null) _folder.Write($"{name}/manifest.jsonl", manifest);
        return Path.Combine(_folder.Path, name);
    }

    private static string Listing(params (int Id, int Day)[] images) => string.Concat(images.Select(i =>
        string.Create(CultureInfo.InvariantCulture, $$"""{"id":"{{i.Id}}","captured_at":{{NewYear2024 + i.Day * Day}},"sequence":"s"}""") + "\n"));

    private static string Manifest(params string[] ids) => string.Concat(ids.Select(id => $$"""{"id":"{{id}}","path":"2024-01-01/s/{{id}}.jpg","bytes":1,"sha256":"00"}""" + "\n"));

    private static void Compress(string folder, string name)
    {
        var plain = Path.Combine(folder, name);
        using (var gzip = new GZipStream(File.Create(plain + ".gz"), CompressionLevel.Optimal)) gzip.Write(File.ReadAllBytes(plain));
        File.Delete(plain);
    }

    /// <summary>A reader of RFC 4180, written for this test.</summary>
    private static List<List<string>> ReadCsv(string text)
    {
        List<List<string>> rows = [];
        List<string> row = [];
        var field = new StringBuilder();
        var quoted = false;
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (quoted && c == '"' && i + 1 < text.Length && text[i + 1] == '"')
            {
                field.Append('"');
                i++;
            }
            else if (c == '"')
            {
                quoted = !quoted;
            }
            else if (!quoted && c is ',' or '\n')
            {
                row.Add(field.ToString());
                field.Clear();
                if (c == ',') continue;
                rows.Add(row);
                row = [];
            }
            else if (quoted || c != '\r')
            {
                field.Append(c);
            }
        }

        Assert.Empty(row);
        return rows;
    }
}
