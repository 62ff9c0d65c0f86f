using Mapillary.Collections;
using Mapillary.Saving;

namespace Mapillary.Tests.Backup;

/// <summary>What a person is told of how a run goes and how it ended.</summary>
public class RunSummaryTests
{
    [Theory]
    [InlineData(0, "0 s")]
    [InlineData(59, "59 s")]
    [InlineData(60, "1 min")]
    [InlineData(3_725, "1 h 2 min")]
    [InlineData(7_201, "2 h")]
    [InlineData(86_400 + 7_260, "1 day 2 h")]
    [InlineData(3 * 86_400, "3 days")]
    public void A_time_has_two_units_at_most(int seconds, string words) => Assert.Equal(words, RunRate.InWords(TimeSpan.FromSeconds(seconds)));

    [Fact]
    public void The_time_left_goes_by_the_last_minute_alone()
    {
        var clock = new VirtualClock(runsAhead: false);
        var rate = new RunRate(clock);
        // An hour of one image a second, and then two minutes of ten.
        for (var i = 1; i <= 3600; i++) Second(i);
        for (var i = 1; i <= 120; i++) Second(3600 + (10 * i));

        Assert.Equal(10, rate.Images, 0.2);
        Assert.Equal("1 min 40 s", rate.TimeFor(1_000));

        void Second(int images)
        {
            clock.Advance(TimeSpan.FromSeconds(1));
            rate.Note(images, images * 1_000);
        }
    }

    [Fact]
    public void Before_anything_is_known_no_time_is_told()
    {
        var rate = new RunRate(new VirtualClock(runsAhead: false));
        rate.Note(5, 5);

        Assert.Null(rate.TimeFor(100));
        Assert.Equal(0, rate.Bytes);
    }

    [Fact]
    public void Losses_of_one_kind_are_one_line_with_what_to_do()
    {
        var tally = new RunTally();
        foreach (var id in new[] { "1", "2", "3" }) tally.Add(new SavedImage { Id = id, Status = SavedImageStatus.Failed, Error = $"Image {id}: the server sent it too slowly (5 attempts).", CollectionPath = "x" });
        tally.Add(new SavedImage { Id = "4", Status = SavedImageStatus.Unavailable, Error = "Image 4: Mapillary does not have it any more, or does not show it.", CollectionPath = "x" });
        tally.Add(new SavedImage { Id = "5", Status = SavedImageStatus.Saved, Length = 2_048, CollectionPath = "x" });

        var lines = RunSummary.Counts(tally.Ledger, tally.Bytes, tally.PresentBytes).Concat(RunSummary.Advice(tally.Losses, "do it again"));

        Assert.Equal(
            [
                "Saved                  1     2.0 KiB",
                "Present                0",
                "Unavailable            1",
                "Failed                 3",
                "3 × the server sent it too slowly (5 attempts). (such as image 1) Run the same command again: only these are fetched.",
                "1 × Mapillary does not have it any more, or does not show it. (such as image 4) Mapillary does not have these; there is nothing to do, unless a smaller rendition is enough.",
                "Next: do it again",
            ],
            lines);
    }

    [Fact]
    public void That_there_is_nothing_new_is_good_news() =>
        Assert.Equal("Nothing new: all 12 are here.", RunSummary.Counts(new Ledger(0, 12, 0, 0), 0, 1).First());

    [Theory]
    [InlineData(0, 0, 0, 0, "No images came in; nothing was saved.")]
    [InlineData(1200, 0, 0, 0, "1,200 of 1,200 images saved.")]
    [InlineData(1, 0, 0, 0, "1 of 1 image saved.")]
    [InlineData(3, 5, 0, 0, "8 of 8 images are here, 3 of them new.")]
    [InlineData(3, 5, 1, 2, "8 of 11 images are here, 3 of them new; 1 unavailable; 2 failed.")]
    [InlineData(3, 0, 0, 2, "3 of 5 images saved; 2 failed.")]
    [InlineData(0, 5, 0, 2, "5 of 7 images are here, 0 of them new; 2 failed.")]
    [InlineData(0, 1, 0, 0, "Nothing new: the image is here.")]
    [InlineData(0, 5, 2, 0, "Nothing new: 5 of 7 images are here, and Mapillary does not have the rest.")]
    [InlineData(0, 0, 2, 0, "0 of 2 images saved; 2 unavailable.")]
    public void What_a_run_came_to_is_a_sentence(long saved, long present, long unavailable, long failed, string sentence) =>
        Assert.Equal(sentence, RunSummary.Outcome(new Ledger(saved, present, unavailable, failed)));
}
