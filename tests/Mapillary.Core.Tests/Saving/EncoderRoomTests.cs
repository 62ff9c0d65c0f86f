using System.Buffers.Binary;
using Mapillary.Collections;
using Mapillary.Download;
using Mapillary.Graph;
using Mapillary.Imaging.Forms;
using Mapillary.Saving;

namespace Mapillary.Tests.Collections;

public class EncoderRoomTests
{
    private static readonly TimeSpan HangsAfter = TimeSpan.FromMinutes(2);

    /// <summary>A whole JPEG by all that is looked at, of a frame of this size and next to nothing in it.</summary>
    private static byte[] Jpeg(int width, int height, int length)
    {
        byte[] head = [0xFF, 0xD8, 0xFF, 0xC0, 0, 11, 8, 0, 0, 0, 0, 1, 1, 0x11, 0, 0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 63, 0];
        BinaryPrimitives.WriteUInt16BigEndian(head.AsSpan(7), (ushort)height);
        BinaryPrimitives.WriteUInt16BigEndian(head.AsSpan(9), (ushort)width);
        return [.. head, .. new byte[length - head.Length - 2], 0xFF, 0xD9];
    }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task More_pixels_than_a_file_can_hold_are_given_to_no_encoder()
    {
        using var room = new EncoderRoom(2);

        var error = await Assert.ThrowsAsync<EncodingException>(() => room.EncodeAsync(Jpeg(16383, 16383, 150), _ => throw new InvalidOperationException("It was encoded."), Stop));

        Assert.Contains("16383 × 16383 pixels", error.Message, StringComparison.Ordinal);
        Assert.Contains("150 bytes", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pictures_wait_for_each_other_by_their_pixels()
    {
        using var room = new EncoderRoom(2);
        var (large, small) = (Jpeg(9500, 9000, 120_000), Jpeg(4000, 3000, 20_000));
        var (first, second, third) = (new Work(), new Work(), new Work());

        var both = new[] { room.EncodeAsync(small, first.RunAsync, Stop), room.EncodeAsync(small, second.RunAsync, Stop) };
        await Task.WhenAll(first.Begun, second.Begun).WaitAsync(HangsAfter, Stop);
        var alone = room.EncodeAsync(large, third.RunAsync, Stop);
        first.End();
        await both[0];
        Assert.False(third.Begun.IsCompleted);
        second.End();
        await third.Begun.WaitAsync(HangsAfter, Stop);
        third.End();

        await Task.WhenAll([.. both, alone]);
    }

    [Fact]
    public async Task A_picture_larger_than_all_the_room_is_encoded_alone()
    {
        using var room = new EncoderRoom(1);
        var work = new Work();
        work.End();

        await room.EncodeAsync(Jpeg(16383, 16383, 300_000), work.RunAsync, Stop);

        Assert.True(work.Begun.IsCompletedSuccessfully);
    }

    /// <summary>It took an encoder 2.4 GB and ten seconds.</summary>
    [Fact]
    public async Task A_picture_that_claims_more_than_it_can_hold_is_saved_as_it_was_served()
    {
        var bomb = Jpeg(16383, 16383, 150);
        await using var place = await Workplace.OpenAsync();
        await using var server = new StubServer(_ => StubServer.Answer(200, bomb));
        var image = MapillaryImage.Parse($$"""{"id":"7","thumb_original_url":"{{server.Address}}7"}""");
        using var saver = place.Saver(new SaveOptions { User = "anna", Form = new WebpForm(), Restore = null }, rules: new FetchRules { LoopbackAllowed = true });

        var saved = Assert.Single(await Workplace.ToListAsync(saver.SaveAsync(Stream(image), Stop)));

        Assert.Equal((SavedImageStatus.Saved, ".jpg"), (saved.Status, Path.GetExtension(saved.Path)));
        Assert.Equal(bomb, File.ReadAllBytes(saved.Path!));
        Assert.Contains("16383 × 16383 pixels", Assert.Single(place.Log.Warned), StringComparison.Ordinal);
    }

    private static async IAsyncEnumerable<MapillaryImage> Stream(MapillaryImage image)
    {
        await Task.Yield();
        yield return image;
    }

    /// <summary>An encoder that ends when a test says so.</summary>
    private sealed class Work
    {
        private readonly TaskCompletionSource _begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource<ConvertedImage> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Begun => _begun.Task;

        public Task<ConvertedImage> RunAsync(CancellationToken cancellationToken)
        {
            _begun.TrySetResult();
            return _ended.Task.WaitAsync(cancellationToken);
        }

        public void End() => _ended.TrySetResult(null!);
    }
}
