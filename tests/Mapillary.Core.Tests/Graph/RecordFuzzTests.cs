using System.Globalization;
using System.Text;
using Mapillary.Collections;
using Mapillary.Collections.Places;
using Mapillary.Download;
using Mapillary.Graph;
using Mapillary.Imaging;
using Mapillary.Imaging.Jpeg;
using Mapillary.Imaging.Metadata;
using Mapillary.Tests.Imaging;

namespace Mapillary.Tests.Graph;

/// <summary>
/// Records with hostile values: whatever comes in, it is no record, or one that all can be done with that is done with records.
/// MAPILLARY_FUZZ sets the number of records, MAPILLARY_FUZZ_SEED another sequence of them.
/// </summary>
public class RecordFuzzTests
{
    private const int FewestRecords = 4_000;

    private const string Sound =
        """{"id":"900000000000017","altitude":12.5,"atomic_scale":1,"camera_parameters":[0.85,-6.6499673206348e-05,0],"camera_type":"perspective","captured_at":1704103200123,"compass_angle":361.5,"computed_altitude":2.5,"computed_compass_angle":0,"computed_geometry":{"type":"Point","coordinates":[13.4,52.5]},"computed_rotation":[1.5,0.25,-0.5],"creator":{"username":"anna","id":"77"},"exif_orientation":6,"geometry":{"type":"Point","coordinates":[13.5,52.6]},"height":3000,"is_pano":false,"make":"GoPro","model":"Max","merge_cc":4.546427159383e+18,"mesh":{"id":"5","url":"u"},"organization":{"id":"6"},"quality_score":0.5,"sequence":"AbC","sfm_cluster":{"id":"8","url":"v"},"thumb_256_url":"https://a.fbcdn.net/x?oe=65FA9E45","thumb_1024_url":"b","thumb_2048_url":"c","thumb_original_url":"d","width":4000}""";

    private static readonly ImageQuality[] Qualities = Enum.GetValues<ImageQuality>();

    private static readonly RestoreOptions[] Options =
        [RestoreOptions.Default, .. new[] { "Pacific/Kiritimati", "America/St_Johns" }.Select(zone => RestoreOptions.Default with { TimeZone = TimeZoneInfo.FindSystemTimeZoneById(zone), Position = PositionSource.Original })];

    private static int Records => int.TryParse(Environment.GetEnvironmentVariable("MAPILLARY_FUZZ"), CultureInfo.InvariantCulture, out var records) ? records : FewestRecords;

    private static int Seed => int.TryParse(Environment.GetEnvironmentVariable("MAPILLARY_FUZZ_SEED"), CultureInfo.InvariantCulture, out var seed) ? seed : 7;

    [Fact]
    public Task A_record_of_any_values_is_none_or_one_that_can_be_worked_with() => MemoryLimit.RunAsync(() =>
    {
        var picture = JpegFixture.Photos["exif after icc"];
        var (refused, asked) = (0, 0);
        for (var i = 0; i < Records; i++)
        {
            var random = new Random(unchecked(Seed * 1_000_003 + i));
            var record = HostileRecords.Next(random, Sound);
            try
            {
                MapillaryImage image;
                try
                {
                    image = ImageRecordReader.ReadImage(record);
                }
                catch (FormatException)
                {
                    refused++;
                    continue;
                }

                if (Use(image, picture, Options[i % Options.Length])) asked++;
                // What is written into a listing is read back from there as the same.
                var kept = MapillaryImage.Parse(image.Json.ReplaceLineEndings(" "));
                Assert.Equal((image.Id, image.SequenceId, image.CapturedAt, image.Latitude, image.Make), (kept.Id, kept.SequenceId, kept.CapturedAt, kept.Latitude, kept.Make));
            }
            catch (Exception e)
            {
                Assert.Fail($"Record {i} of seed {Seed}: {e}\n{Encoding.UTF8.GetString(record)}");
            }
        }

        Assert.InRange(refused, 1, Records - 1);
        Assert.InRange(asked, 1, Records - 1);
        return Task.CompletedTask;
    });

    [Fact]
    public Task A_page_of_such_records_loses_no_sound_one() => MemoryLimit.RunAsync(() =>
    {
        for (var i = 0; i < Records / 20; i++)
        {
            var random = new Random(unchecked(Seed * 1_000_003 + i));
            // Damage to its bytes costs a page; every other value costs its record.
            var values = Enumerable.Range(0, 5).Select(_ => $"{{\"id\":{HostileRecords.Value(random)},\"{HostileRecords.Fields[random.Next(HostileRecords.Fields.Length)]}\":{HostileRecords.Value(random)}}}");
            var page = $"{{\"{(random.Next(2) == 0 ? "x" : "\\ud800")}\":{HostileRecords.Value(random)},\"data\":[{string.Join(',', values)},{HostileRecords.Value(random)},{Sound}]}}";

            var read = ImagePage.Parse(Encoding.UTF8.GetBytes(page));

            Assert.True(read.Images.Count + read.Malformed == 7 && read.Images[^1].Id == "900000000000017", $"Page {i} of seed {Seed}: {page}");
        }

        return Task.CompletedTask;
    });

    /// <returns>Whether one of its addresses would be asked.</returns>
    private static bool Use(MapillaryImage image, byte[] picture, RestoreOptions options)
    {
        foreach (var name in new[] { SafeName.ForId(image.Id), SafeName.ForId(image.SequenceId ?? "x"), SafeName.ForUser(image.Creator ?? "x"), SafeName.ForCaseTwin(SafeName.ForId(image.Id)) })
            Assert.True(name.Length is > 0 and <= 255 && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.') && name.Trim('.').Length > 0, name);
        Assert.NotEmpty(ImagePlaces.DateName(image.CapturedAt));

        var restored = MetadataRestorer.RestoreJpeg(picture, image, options);
        byte[] file = [.. restored.Pieces.SelectMany(p => p.ToArray())];
        Assert.Null(JpegCheck.FindFault(file));
        Assert.NotNull(restored.DescribeChanges());
        Assert.False(MetadataRestorer.RestoreJpeg(file, image, options).Changed);

        var isAsked = false;
        foreach (var quality in Qualities)
        {
            if (!ImageAddress.TryAccept(image.UrlOf(quality) ?? "", loopbackAllowed: true, out var address, out var refusal))
            {
                Assert.NotEmpty(refusal);
                continue;
            }

            Assert.True(address.Host.EndsWith("fbcdn.net", StringComparison.OrdinalIgnoreCase) || address.IsLoopback, address.ToString());
            Assert.False(ImageAddress.HasExpired(address, DateTimeOffset.UnixEpoch) && ImageAddress.FindExpiry(address) > DateTimeOffset.UnixEpoch);
            isAsked = true;
        }

        return isAsked;
    }
}
