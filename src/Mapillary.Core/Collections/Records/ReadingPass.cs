namespace Mapillary.Collections.Records;

/// <summary>
/// A reading of a listing or a manifest from its beginning to its end, each line parsed. Of a million images that takes seconds, and a job
/// reads each file once; whoever wants to know that counts here.
/// </summary>
internal static class ReadingPass
{
    /// <summary>Told the path of the file, when it has been read to its end. From any thread.</summary>
    public static event Action<string>? Ended;

    public static void End(string path) => Ended?.Invoke(path);
}
