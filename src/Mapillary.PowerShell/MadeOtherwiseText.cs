using System.Globalization;
using Mapillary.Backup;
using Mapillary.Imaging.Forms;
using Mapillary.Saving;

namespace Mapillary.PowerShell;

/// <summary>What is said of images that are there and were made with other options: how many, what differs, how to change them.</summary>
internal static class MadeOtherwiseText
{
    /// <summary>The lines, each with one thing.</summary>
    /// <param name="others">The images.</param>
    /// <param name="wanted">The options of the run.</param>
    /// <param name="again">How to fetch them again.</param>
    public static IEnumerable<string> Lines(MadeOtherwise others, SaveOptions wanted, string again)
    {
        var differs = string.Join(", ", Differences(others, wanted).Where(d => d.Count > 0).Select(d => $"{d.What} ({Number(d.Count)})"));
        yield return $"'{others.CollectionPath}': {Number(others.Images)} of the images here were made with other options and stay as they are: "
            + $"{differs}.";
        yield return $"To fetch them again{(others.InTars == 0 ? "" : ", as what is in tars cannot be changed")}: {again}";
        if (wanted.Restore is not { } restore || others.Restorable == 0) yield break;
        var not = others.InTars == 0 ? "" : $" (not of {Number(others.InTars)} in tars)";
        yield return $"To change only the metadata, of all files of this collection, these {Number(others.Restorable)} among them{not}: "
            + NextCommand.ToRestore(others.CollectionPath, restore);
    }

    private static (string What, long Count)[] Differences(MadeOtherwise others, SaveOptions wanted) =>
    [
        (wanted.Restore is null ? "without -NoExif" : "with -NoExif", others.Metadata),
        ($"another -Geometry than {wanted.Restore?.Position}", others.Position),
        ($"another -TimeZone than {wanted.Restore?.TimeZone?.Id ?? "UTC"}", others.TimeZone),
        ($"another -WebpQuality than {Number((wanted.Form as WebpForm)?.Quality ?? 0)}", others.WebpQuality),
        ($"another -Layout than {wanted.Layout}", others.Layout),
    ];

    private static string Number(long number) => number.ToString("N0", CultureInfo.InvariantCulture);
}
