using System.Text.Json.Nodes;
using Mapillary.Backup;
using Mapillary.Collections;
using Mapillary.Emulator;
using Mapillary.Graph;
using Mapillary.Saving;

namespace Mapillary.Tests.Backup;

/// <summary>A user who is called otherwise by now keeps the collection, and nothing of it is fetched again.</summary>
public class RenamedUserTests
{
    private const int Images = 30;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private static Task<Workplace> OpenAsync(EmulatorOptions? options = null) =>
        Workplace.OpenAsync((options ?? new EmulatorOptions()) with { Users = [new EmulatedUser { Name = "anna", Images = Images }, new EmulatedUser { Name = "ben", Images = 5 }], PageLimit = 10 });

    private static Task<BackupResult> BackUpAsync(Workplace place, string user, StopRules? rules = null) =>
        new UserBackup(place.Endpoints, AccessToken.Parse(place.Emulator.Token), place.Log, Workplace.QuickRetry).RunAsync(
            user,
            new BackupOptions { Save = new SaveOptions { Quality = ImageQuality.Thumb256, Destination = place.Folder, Budget = rules is null ? null : new RunBudget(rules) } },
            progress: null,
            Token);

    private static JsonObject State(string collection) => JsonNode.Parse(File.ReadAllText(Path.Combine(collection, "collection.json")))!.AsObject();

    [Fact]
    public async Task The_number_of_the_user_is_kept()
    {
        await using var place = await OpenAsync();

        var result = await BackUpAsync(place, "anna");

        Assert.Equal(place.Emulator.World.Users[0].Id, (string?)State(result.CollectionPath!)["creator_id"]);
        Assert.Empty(place.Log.Warned);
    }

    [Fact]
    public async Task The_number_that_a_run_which_died_has_not_noted_is_taken_from_the_records()
    {
        await using var place = await OpenAsync();
        Forget((await BackUpAsync(place, "anna")).CollectionPath!);

        var result = await BackUpAsync(place, "anna");

        Assert.Equal(place.Emulator.World.Users[0].Id, (string?)State(result.CollectionPath!)["creator_id"]);
        Assert.Equal(new Ledger(0, Images, 0, 0), result.Ledger);
    }

    [Theory]
    [InlineData("annika", false)]
    [InlineData("anna", false)]
    [InlineData("annika", true)]
    [InlineData("anna", true)]
    public async Task Whichever_name_is_asked_for_the_same_collection_goes_on(string askedFor, bool isOfEarlierVersion)
    {
        await using var place = await OpenAsync();
        var late = place.Emulator.World.Users[0].Images[0].Id;
        place.Emulator.World.Withdraw(late);
        var first = await BackUpAsync(place, "anna");
        if (isOfEarlierVersion) Forget(first.CollectionPath!);
        place.Emulator.World.Restore(late);
        place.Emulator.World.Rename("anna", "annika");

        var result = await BackUpAsync(place, askedFor);

        Assert.Equal(BackupStatus.Complete, result.Status);
        Assert.Equal(new Ledger(1, Images - 1, 0, 0), result.Ledger);
        Assert.Equal(first.CollectionPath, result.CollectionPath);
        Assert.Equal([first.CollectionPath!], Directory.GetDirectories(place.Folder, "mapillary-*"));
        Assert.Equal("anna", (string?)State(result.CollectionPath!)["user"]);
        Assert.Contains(place.Log.Warned, w => w.Contains("'anna'", StringComparison.Ordinal) && w.Contains("'annika'", StringComparison.Ordinal));
        Assert.Equal(Images, place.Fetches);
    }

    [Theory]
    [InlineData("annika")]
    [InlineData("anna")]
    public async Task A_backup_that_was_interrupted_before_the_new_name_goes_on(string askedFor)
    {
        await using var place = await OpenAsync();
        await BackUpAsync(place, "anna", new StopRules { MaximumImages = 12 });
        place.Emulator.World.Rename("anna", "annika");

        var result = await BackUpAsync(place, askedFor);

        Assert.Equal(BackupStatus.Complete, result.Status);
        Assert.Equal(new Ledger(Images - 12, 12, 0, 0), result.Ledger);
        Assert.Equal("mapillary-anna-256", Path.GetFileName(result.CollectionPath));
    }

    [Fact]
    public async Task A_name_in_other_letters_is_the_same_collection()
    {
        await using var place = await OpenAsync(new EmulatorOptions { IgnoresCaseOfNames = true });
        var first = await BackUpAsync(place, "anna");

        var result = await BackUpAsync(place, "ANNA");

        Assert.Equal(first.CollectionPath, result.CollectionPath);
        Assert.Equal(new Ledger(0, Images, 0, 0), result.Ledger);
        Assert.Single(Directory.GetDirectories(place.Folder, "mapillary-*"));
    }

    [Fact]
    public async Task Another_user_is_another_collection()
    {
        await using var place = await OpenAsync();
        await BackUpAsync(place, "anna");

        Assert.Equal(place.Collection("ben", "256"), (await BackUpAsync(place, "ben")).CollectionPath);
        Assert.Empty(place.Log.Warned);
    }

    [Fact]
    public async Task A_user_who_is_gone_is_told_as_before()
    {
        await using var place = await OpenAsync();
        await BackUpAsync(place, "anna");
        foreach (var image in place.Emulator.World.Users[0].Images) place.Emulator.World.Withdraw(image.Id);

        Assert.Equal(BackupStatus.Empty, (await BackUpAsync(place, "anna")).Status);
        Assert.Contains("no images", Assert.Single(place.Log.Warned), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Records_of_another_user_in_a_listing_are_said_once_and_saved()
    {
        await using var place = await OpenAsync(new EmulatorOptions
        {
            ModifyRecord = (image, record) =>
            {
                if (image.Ordinal is 3 or 4) record.Creator = ("mallory", "666");
            },
        });

        var result = await BackUpAsync(place, "anna");

        Assert.Equal(new Ledger(Images, 0, 0, 0), result.Ledger);
        Assert.Contains("another user, 'mallory' (number 666)", Assert.Single(place.Log.Warned), StringComparison.Ordinal);
        Assert.Equal(place.Emulator.World.Users[0].Id, (string?)State(result.CollectionPath!)["creator_id"]);
    }

    [Fact]
    public async Task Images_of_a_renamed_user_from_a_pipeline_go_into_the_same_collection()
    {
        await using var place = await OpenAsync();
        var options = new SaveOptions { Quality = ImageQuality.Thumb256 };
        await place.SaveAsync("anna", options);
        place.Emulator.World.Rename("anna", "annika");

        var saved = await place.SaveAsync("annika", options);

        Assert.All(saved, s => Assert.Equal((SavedImageStatus.Present, place.Collection("anna", "256")), (s.Status, s.CollectionPath)));
        Assert.Single(Directory.GetDirectories(place.Folder, "mapillary-*"));
    }

    [Fact]
    public async Task A_plan_knows_what_is_there_under_the_other_name()
    {
        await using var place = await OpenAsync();
        await BackUpAsync(place, "anna");
        place.Emulator.World.Rename("anna", "annika");
        var backup = new UserBackup(place.Endpoints, AccessToken.Parse(place.Emulator.Token), place.Log, Workplace.QuickRetry);

        var plan = await backup.PlanAsync("annika", new BackupOptions { Save = new SaveOptions { Quality = ImageQuality.Thumb256, Destination = place.Folder } }, progress: null, Token);

        Assert.Equal((Images, Images), (plan.Images, plan.Present));
    }

    /// <summary>Makes of the collection one of a version that kept no number.</summary>
    private static void Forget(string collection)
    {
        var state = State(collection);
        state.Remove("creator_id");
        File.WriteAllText(Path.Combine(collection, "collection.json"), state.ToJsonString());
    }
}
