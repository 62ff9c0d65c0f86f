using System.Globalization;
using Mapillary.Emulator;
using Mapillary.Graph;

namespace Mapillary.Tests.Graph;

public class SequenceCensusTests
{
    [Fact]
    public async Task The_sequences_of_a_user_are_those_that_were_uploaded()
    {
        await using var place = await Workplace.OpenAsync(new EmulatorOptions { Users = [new EmulatedUser { Name = "anna", Images = 95, Sequences = 7 }], PageLimit = 20 });
        var census = new SequenceCensus();
        foreach (var image in await Workplace.ToListAsync(place.Listing.OfUserAsync("anna", ImageFilter.None))) Assert.True(census.Add(image));

        var sequences = census.ToSequences();

        Assert.Equal(95, census.Images);
        Assert.Equal(0, census.WithoutSequence);
        Assert.Equal(sequences.OrderByDescending(s => s.First), sequences);
        Assert.Equal(place.Emulator.World.Sequences.Select(s => s.Id).Order(), sequences.Select(s => s.SequenceId).Order());
        foreach (var uploaded in place.Emulator.World.Sequences)
        {
            var sequence = sequences.Single(s => s.Id == uploaded.Id);
            Assert.Equal(uploaded.Images.Count, sequence.Images);
            Assert.Equal(uploaded.Images[0].TrueCapturedAt, sequence.First!.Value.ToUnixTimeMilliseconds());
            Assert.Equal(uploaded.Images[^1].TrueCapturedAt, sequence.Last!.Value.ToUnixTimeMilliseconds());
            Assert.Equal("anna", sequence.Creator);
            Assert.Equal(uploaded.Images[0].Record.CameraType, sequence.CameraType);
            Assert.Equal(uploaded.Images[0].Record.IsPano, sequence.IsPanorama);
            // The emulator's tracks have eight metres from image to image, on a globe.
            var onGlobe = (uploaded.Images.Count - 1) * 0.008;
            Assert.Equal(onGlobe, sequence.LengthKm, onGlobe / 100);
            Assert.All(uploaded.Images, i => Assert.True(sequence.Bounds!.Contains(new GeoPoint(Rounded(i.Record.ComputedGeometry!.Value.Latitude), Rounded(i.Record.ComputedGeometry.Value.Longitude)))));
        }

        // As the API prints them, with 14 digits.
        static double Rounded(double degrees) => double.Parse(degrees.ToString("G14", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
    }

    // As PROJ's geod has them on WGS-84.
    [Theory]
    [InlineData(0, 13, 1, 13, 110.574389)]
    [InlineData(89, 13, 90, 13, 111.693865)]
    [InlineData(0, 179.5, 0, -179.5, 111.319491)]
    [InlineData(52.5, 13.4, 52.51, 13.42, 1.755721)]
    [InlineData(-33.9, 18.4, -33.9005, 18.4, 0.05546)]
    [InlineData(51.5074, -0.1278, 48.8566, 2.3522, 343.92312)]
    public void Distances_are_those_on_the_ellipsoid(double latitude, double longitude, double toLatitude, double toLongitude, double kilometres) =>
        Assert.Equal(kilometres, SequenceCensus.Distance(new GeoPoint(latitude, longitude), new GeoPoint(toLatitude, toLongitude)), kilometres / 20_000);

    [Fact]
    public void The_way_is_the_same_in_whatever_order_a_listing_has_it_and_however_often()
    {
        MapillaryImage[] images =
        [
            Image("1", 1000, (0, 0)), Image("2", 2000, (0, 1)), Image("3", 3000, null), Image("4", null, (80, 80)), Image("5", 4000, (1, 1)), Image("6", 4000, (1, 1)),
        ];

        foreach (var order in new IEnumerable<MapillaryImage>[] { images, images.AsEnumerable().Reverse(), [.. images, .. images], images.OrderBy(i => i.Id is "2" or "5") })
        {
            var census = new SequenceCensus();
            foreach (var image in order) census.Add(image);
            var sequence = Assert.Single(census.ToSequences());
            Assert.Equal(6, sequence.Images);
            // A degree of the equator is 111.319 km, one of a meridian from there 110.574 km.
            Assert.Equal(221.894, sequence.LengthKm, 0.01);
            Assert.Equal(new BoundingBox(0, 0, 80, 80), sequence.Bounds);
            Assert.Equal(DateTimeOffset.FromUnixTimeMilliseconds(1000), sequence.First);
            Assert.Equal(DateTimeOffset.FromUnixTimeMilliseconds(4000), sequence.Last);
        }
    }

    [Fact]
    public void What_records_do_not_say_is_not_made_up()
    {
        var census = new SequenceCensus();
        census.Add(MapillaryImage.Parse("""{"id":"1","sequence":"s"}"""));
        census.Add(MapillaryImage.Parse("""{"id":"2"}"""));

        var sequence = Assert.Single(census.ToSequences());

        Assert.Equal(new MapillarySequence { Id = "s", Images = 1, Panoramas = 0, LengthKm = 0 }, sequence);
        Assert.Equal(1, census.WithoutSequence);
        Assert.Equal(2, census.Images);
    }

    private static MapillaryImage Image(string id, long? time, (double Latitude, double Longitude)? at) =>
        new() { Id = id, Json = "{}", SequenceId = "s", CapturedAt = time is { } t ? DateTimeOffset.FromUnixTimeMilliseconds(t) : null, Geometry = at is { } p ? new GeoPoint(p.Latitude, p.Longitude) : null };
}
