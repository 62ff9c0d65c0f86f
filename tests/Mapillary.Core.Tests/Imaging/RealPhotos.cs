namespace Mapillary.Tests.Imaging;

/// <summary>Photos of real cameras, in a folder <c>shared/photos</c> that lies beside the checkout or above it; none where there is no such folder.</summary>
internal static class RealPhotos
{
    public static IReadOnlyList<string> Files { get; } = Find();

    private static string[] Find()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            var photos = Path.Combine(folder.FullName, "shared", "photos");
            if (Directory.Exists(photos)) return [.. Directory.GetFiles(photos, "*.jpg").Order(StringComparer.Ordinal)];
        }

        return [];
    }
}
