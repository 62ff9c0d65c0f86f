using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Mapillary.Collections;

namespace Mapillary.InternetArchive;

/// <summary>The forms in which uploaders read metadata.</summary>
public enum IaMetadataFormat
{
    /// <summary><c>.meta/&lt;tag&gt;/&lt;n&gt;</c>, a file a value, as the uploader <c>rip</c> reads it.</summary>
    Rip,

    /// <summary>A table for <c>ia upload --spreadsheet</c>, a row a file.</summary>
    Csv,

    /// <summary>One JSON object; elements with several values are arrays.</summary>
    Json,
}

/// <summary>Writes a collection's metadata to disk.</summary>
public static class IaMetadataWriter
{
    /// <summary>The folder of the Rip form in a collection.</summary>
    public const string RipFolder = CollectionFiles.IaFolder;

    /// <summary>The name of the Csv form in a collection.</summary>
    public const string CsvName = CollectionFiles.IaTable;

    /// <summary>The name of the Json form in a collection.</summary>
    public const string JsonName = CollectionFiles.IaJson;

    /// <summary>Without a byte order mark: readers would take it for a part of the first column's name.</summary>
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false);

    /// <summary>Writes the metadata; what was there before of the same form is replaced.</summary>
    /// <param name="metadata">What to write.</param>
    /// <param name="format">The form.</param>
    /// <param name="destination">The folder (Rip) or the file; a folder that exists gets the file under its usual name. Null: inside the collection.</param>
    /// <returns>The path of the folder or file.</returns>
    /// <exception cref="CollectionException">It cannot be written.</exception>
    public static string Write(IaMetadata metadata, IaMetadataFormat format, string? destination)
    {
        ArgumentNullException.ThrowIfNull(metadata);
        var name = format switch
        {
            IaMetadataFormat.Rip => RipFolder,
            IaMetadataFormat.Csv => CsvName,
            IaMetadataFormat.Json => JsonName,
            _ => throw new ArgumentOutOfRangeException(nameof(format), format, null),
        };
        var path = destination is null ? Path.Combine(metadata.CollectionPath, name) : Path.GetFullPath(destination);
        if (format != IaMetadataFormat.Rip && destination is not null && Directory.Exists(path)) path = Path.Combine(path, name);
        try
        {
            // The folder that the user names is his; what is below it, or in the collection, may be somebody else's.
            if (format == IaMetadataFormat.Rip && destination is not null)
            {
                WriteRip(metadata, new CollectionFolder(path), "");
                return path;
            }

            var (folder, place) = CollectionFolder.Of(path);
            switch (format)
            {
                case IaMetadataFormat.Rip: WriteRip(metadata, folder, place + "/"); break;
                case IaMetadataFormat.Csv: WriteCsv(metadata, folder, place); break;
                default: WriteJson(metadata, folder, place); break;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CollectionException.NotWritable(path, e);
        }

        return path;
    }

    private static void WriteRip(IaMetadata metadata, CollectionFolder folder, string prefix)
    {
        var tags = metadata.Tags.ToDictionary(t => t.Name, t => t.Values);
        foreach (var name in IaMetadata.TagNames)
        {
            var tagFolder = prefix + name;
            var values = tags.GetValueOrDefault(name, []);
            for (var i = 0; i < values.Count; i++)
            {
                var bytes = Utf8.GetBytes(values[i]);
                WholeFile.Write(folder, string.Create(CultureInfo.InvariantCulture, $"{tagFolder}/{i}"), stream => stream.Write(bytes));
            }

            // rip numbers values from 0 by how many files there are: whatever an earlier run left behind them must go.
            folder.RefuseLink(tagFolder);
            if (Directory.Exists(folder.PathOf(tagFolder))) RemoveStale(folder, tagFolder, values.Count);
        }
    }

    private static void RemoveStale(CollectionFolder folder, string tagFolder, int count)
    {
        foreach (var file in Directory.EnumerateFiles(folder.PathOf(tagFolder)).Select(f => Path.GetFileName(f)).ToList())
        {
            var isValue = int.TryParse(file, NumberStyles.None, CultureInfo.InvariantCulture, out var number);
            if (isValue ? number >= count : file.EndsWith(WholeFile.PartSuffix, StringComparison.Ordinal)) folder.Delete($"{tagFolder}/{file}");
        }

        if (!Directory.EnumerateFileSystemEntries(folder.PathOf(tagFolder)).Any()) folder.DeleteFolder(tagFolder);
    }

    /// <summary>
    /// The first row carries the metadata, because archive.org takes it when the item is made; the others name their file. Paths are
    /// relative to the collection, where <c>ia</c> is to be run, and <c>REMOTE_NAME</c> keeps their folders
    /// (https://archive.org/developers/internetarchive/cli.html, "Bulk Uploading").
    /// </summary>
    private static void WriteCsv(IaMetadata metadata, CollectionFolder folder, string place) => WholeFile.Write(folder, place, stream =>
    {
        using var writer = new StreamWriter(stream, Utf8, 1 << 16, leaveOpen: true);
        var columns = metadata.Tags.SelectMany(Columns).ToList();
        CsvRow.Write(writer, ["identifier", "file", "REMOTE_NAME", .. columns.Select(c => c.Name)]);
        var values = columns.Select(c => c.Value);
        foreach (var file in ItemFile.Of(metadata.CollectionPath))
        {
            CsvRow.Write(writer, [metadata.Identifier, file.Name, file.Name, .. values]);
            values = columns.Select(_ => "");
        }
    });

    private static IEnumerable<(string Name, string Value)> Columns(IaTag tag) => tag.Values.Count == 1
        ? [(tag.Name, tag.Values[0])]
        : tag.Values.Select((value, i) => (string.Create(CultureInfo.InvariantCulture, $"{tag.Name}[{i}]"), value));

    private static void WriteJson(IaMetadata metadata, CollectionFolder folder, string place) => WholeFile.Write(folder, place, stream =>
    {
        using var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
        json.WriteStartObject();
        json.WriteString("identifier", metadata.Identifier);
        foreach (var tag in metadata.Tags)
        {
            if (tag.Values.Count == 1)
            {
                json.WriteString(tag.Name, tag.Values[0]);
                continue;
            }

            json.WriteStartArray(tag.Name);
            foreach (var value in tag.Values) json.WriteStringValue(value);
            json.WriteEndArray();
        }

        json.WriteEndObject();
    });
}
