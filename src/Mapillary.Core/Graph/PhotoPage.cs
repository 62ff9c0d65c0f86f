namespace Mapillary.Graph;

/// <summary>The page of an image on Mapillary's website.</summary>
internal static class PhotoPage
{
    /// <summary>What stands before the id in its address.</summary>
    public const string BeforeId = "https://www.mapillary.com/app/?pKey=";

    /// <summary>What stands behind the id.</summary>
    public const string BehindId = "&focus=photo";

    /// <summary>The address of an image's page.</summary>
    public static string Of(string id) => BeforeId + Uri.EscapeDataString(id) + BehindId;
}
