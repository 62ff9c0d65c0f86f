using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Mapillary.Collections;
using Mapillary.Collections.Records;
using Mapillary.Graph;
using Mapillary.Imaging.Forms;
using Mapillary.InternetArchive.Describing;
using Mapillary.Saving;

namespace Mapillary.Tests.Collections;

/// <summary>What a collection says about the area that it is limited to, whatever is added to it.</summary>
public sealed class AreaTests : IDisposable
{
    private static readonly BoundingBox Area = new(10, 50, 11, 51);

    private readonly string _folder = Directory.CreateTempSubdirectory("mapillary-area-").FullName;
    private readonly RecordingLog _log = new();

    private string Collection => Path.Combine(_folder, "mapillary-anna-original");

    [Fact]
    public void Images_of_the_area_that_somebody_chose_leave_it_limited_and_complete()
    {
        Add(new AccountListing(Area), Complete, ("1", 10.5));

        Add(listing: null, ends: null, ("2", 10.7));

        var state = CollectionState.Read(Collection)!;
        Assert.Equal((Area, CollectionExtent.Complete, 2), (state.Area, state.Extent, state.Images));
        Assert.Empty(_log.Warned);
    }

    [Fact]
    public void One_image_from_elsewhere_makes_it_a_selection_neither_of_the_area_nor_of_the_whole_account()
    {
        Add(new AccountListing(Area), Complete, ("1", 10.5));

        Add(listing: null, ends: null, ("2", 10.7), ("3", 12));

        var state = CollectionState.Read(Collection)!;
        Assert.Equal((null, CollectionExtent.Selection, 3), (state.Area, state.Extent, state.Images));
        Assert.Contains(Area.ToString(), Assert.Single(_log.Warned), StringComparison.Ordinal);
        var description = IaMetadata.Describe(Collection, SilentLog.Instance, TestContext.Current.CancellationToken).Description;
        Assert.DoesNotContain("Limited", description, StringComparison.Ordinal);
        Assert.Contains("selection", description, StringComparison.Ordinal);
    }

    [Fact]
    public void A_kill_right_after_an_image_from_elsewhere_leaves_no_false_claim()
    {
        Add(new AccountListing(Area), Complete, ("1", 10.5));
        using var writer = Open(listing: null);

        writer.List(Image("3", 12));

        // What is on the disk now is what a kill would leave.
        Assert.Null(CollectionState.Read(Collection)!.Area);
    }

    [Fact]
    public void A_run_over_the_whole_account_that_was_interrupted_has_not_completed_it()
    {
        Add(new AccountListing(Area), Complete, ("1", 10.5));

        Add(new AccountListing(null, MayWiden: true), ends: null, ("2", 12));

        Assert.Equal((null, false), (CollectionState.Read(Collection)!.Area, CollectionState.Read(Collection)!.Complete));
    }

    [Fact]
    public void A_listing_of_the_whole_account_does_not_go_on_where_one_of_the_area_was()
    {
        Add(new AccountListing(Area), writer => writer.ListedUpTo("cursor of the area"), ("1", 10.5));
        using (var again = Open(new AccountListing(Area))) Assert.Equal("cursor of the area", again.State.Cursor);

        using var all = Open(new AccountListing(null, MayWiden: true));

        Assert.Null(all.State.Cursor);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("10,50,10.5,51")]
    public void Another_listing_is_refused_also_where_a_killed_run_left_no_count(string? area)
    {
        Add(new AccountListing(Area), ends: null, ("1", 10.5));
        File.WriteAllText(Path.Combine(Collection, CollectionState.FileName), $$"""{"user":"anna","quality":"original","bounding_box":"{{Area}}","listed":0}""");

        var refused = Assert.Throws<CollectionException>(() => Open(new AccountListing(area is null ? null : BoundingBox.Parse(area))));

        Assert.Equal((CollectionFault.OtherArea, Area), (refused.Fault, refused.RecordedArea));
    }

    [Fact]
    public void An_area_that_is_none_is_a_damaged_file()
    {
        Directory.CreateDirectory(Collection);
        File.WriteAllText(Path.Combine(Collection, CollectionState.FileName), """{"user":"anna","quality":"original","bounding_box":"$(rm x)"}""");

        Assert.Contains("damaged", Assert.Throws<InvalidDataException>(() => CollectionState.Read(Collection)).Message, StringComparison.Ordinal);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static void Complete(CollectionWriter writer) => Assert.True(writer.Complete());

    private CollectionWriter Open(AccountListing? listing) =>
        CollectionWriter.Open(Collection, new CollectionName("anna", ImageQuality.Original, PictureForm.AsServed), CollectionLayout.Sequence, listing, _log);

    private void Add(AccountListing? listing, Action<CollectionWriter>? ends, params (string Id, double Longitude)[] images)
    {
        using var writer = Open(listing);
        foreach (var (id, longitude) in images)
        {
            var place = $"{writer.List(Image(id, longitude))}.jpg";
            var picture = Encoding.ASCII.GetBytes(id);
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(Collection, place))!);
            File.WriteAllBytes(Path.Combine(Collection, place), picture);
            writer.Finish(new ManifestEntry(id, place, picture.Length, Convert.ToHexString(SHA256.HashData(picture)), null));
        }

        ends?.Invoke(writer);
    }

    private static MapillaryImage Image(string id, double longitude) => MapillaryImage.Parse(string.Create(
        CultureInfo.InvariantCulture, $$$"""{"id":"{{{id}}}","sequence":"s","geometry":{"type":"Point","coordinates":[{{{longitude}}},50.5]}}"""));
}
