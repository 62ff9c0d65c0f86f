using System.Text.Json;
using Mapillary.Services;

namespace Mapillary.Graph;

/// <summary>One page of an image listing.</summary>
/// <param name="Images">The records, in the API's order.</param>
/// <param name="Malformed">How many entries of the page were no image records.</param>
/// <param name="After">The cursor of the page's end, where the API gives one.</param>
/// <param name="Next">The address of the next page, without the token that the API may put in; null on the last one.</param>
internal sealed record ImagePage(IReadOnlyList<MapillaryImage> Images, int Malformed, string? After, string? Next)
{
    /// <exception cref="JsonException">The body is cut or not JSON.</exception>
    /// <exception cref="GraphException">It has more records than a page has.</exception>
    public static ImagePage Parse(ReadOnlySpan<byte> body)
    {
        var images = new List<MapillaryImage>();
        var malformed = 0;
        string? after = null, next = null;
        var sawData = false;

        var reader = new Utf8JsonReader(body, JsonAnswer.AnyDepth);
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject) throw new JsonException("The page is not an object.");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            // As it stands: a name may be written so that it is no text.
            var isData = reader.ValueSpan.SequenceEqual("data"u8);
            var isPaging = reader.ValueSpan.SequenceEqual("paging"u8);
            reader.Read();
            if (isData && reader.TokenType == JsonTokenType.StartArray)
            {
                sawData = true;
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
                {
                    if (images.Count + malformed == GraphClient.LargestPage)
                        throw new GraphException(GraphFault.BadAnswer, $"Mapillary's answer has more than {GraphClient.LargestPage} records, the maximum of a page; the rest was not read.");
                    try
                    {
                        if (reader.TokenType == JsonTokenType.StartObject)
                        {
                            images.Add(ImageRecordReader.ReadImage(ref reader, body));
                            continue;
                        }

                        reader.Skip();
                    }
                    catch (FormatException)
                    {
                        // The reader stands at the end of the record: only this one is lost, and counted.
                    }

                    malformed++;
                }
            }
            else if (isPaging && reader.TokenType == JsonTokenType.StartObject)
            {
                using var paging = JsonAnswer.ParseValue(ref reader);
                next = JsonAnswer.Text(paging.RootElement, "next") is { } address ? WithoutToken(address) : null;
                after = paging.RootElement.TryGetProperty("cursors", out var cursors) ? JsonAnswer.Text(cursors, "after") : null;
            }
            else
            {
                reader.Skip();
            }
        }

        if (!sawData) throw new JsonException("The page has no data.");
        return new ImagePage(images, malformed, after, next);
    }

    private static string WithoutToken(string address)
    {
        var query = address.IndexOf('?', StringComparison.Ordinal) + 1;
        return query == 0 ? address : address[..query] + string.Join('&', address[query..].Split('&')
            .Where(p => !Uri.UnescapeDataString(p).StartsWith("access_token=", StringComparison.OrdinalIgnoreCase)));
    }
}
