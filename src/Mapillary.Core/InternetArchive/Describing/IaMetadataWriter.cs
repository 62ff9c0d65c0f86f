using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Mapillary.Collections;
using Mapillary.Collections.Files;
using Mapillary.Collections.Records;

namespace Mapillary.InternetArchive.Describing;

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
    public static string Write(IaMetadata metadata, IaMetadataFormat format, string? destination) => Write(metadata, format, destination, out _);

    /// <summary>Writes the metadata; what was there before of the same form is replaced, where it is another.</summary>
    /// <param name="metadata">What to write.</param>
    /// <param name="format">The form.</param>
    /// <param name="destination">The folder (Rip) or the file; a folder that exists gets the file under its usual name. Null: inside the collection.</param>
    /// <param name="isUnchanged">Whether all of it was there already, and nothing was written.</param>
    /// <returns>The path of the folder or file.</returns>
    /// <exception cref="CollectionException">It cannot be written.</exception>
    public static string Write(IaMetadata metadata, IaMetadataFormat format, string? destination, out bool isUnchanged)
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
                isUnchanged = !WriteRip(metadata, new CollectionFolder(path), "");
                return path;
            }

            var (folder, place) = CollectionFolder.Of(path);
            isUnchanged = !(format switch
            {
                IaMetadataFormat.Rip => WriteRip(metadata, folder, place + "/"),
                IaMetadataFormat.Csv => WriteCsv(metadata, folder, place),
                _ => WriteJson(metadata, folder, place),
            });
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CollectionException.NotWritable(path, e);
        }

        return path;
    }

    /// <returns>Whether anything changed.</returns>
    private static bool WriteRip(IaMetadata metadata, CollectionFolder folder, string prefix)
    {
        var isChanged = false;
        var tags = metadata.Tags.ToDictionary(t => t.Name, t => t.Values);
        foreach (var name in IaMetadata.TagNames)
        {
            var tagFolder = prefix + name;
            var values = tags.GetValueOrDefault(name, []);
            for (var i = 0; i < values.Count; i++)
            {
                var bytes = Utf8.GetBytes(values[i]);
                isChanged |= WriteChanged(folder, string.Create(CultureInfo.InvariantCulture, $"{tagFolder}/{i}"), stream => stream.Write(bytes));
            }

            // rip numbers values from 0 by how many files there are: whatever an earlier run left behind them must go.
            folder.RefuseLink(tagFolder);
            if (Directory.Exists(folder.PathOf(tagFolder))) isChanged |= RemoveStale(folder, tagFolder, values.Count);
        }

        return isChanged;
    }

    /// <summary>Writes a file, unless the same is there.</summary>
    /// <returns>Whether it was written.</returns>
    private static bool WriteChanged(CollectionFolder folder, string place, Action<Stream> write)
    {
        // Hashed and not kept: a table may have a row for each of a million images.
        if (folder.FindLength(place) is not null && HashOf(write).SequenceEqual(HashOf(Read))) return false;
        WholeFile.Write(folder, place, write);
        return true;

        void Read(Stream hash)
        {
            using var file = folder.OpenRead(place);
            file.CopyTo(hash);
        }
    }

    private static byte[] HashOf(Action<Stream> write)
    {
        using var sha256 = SHA256.Create();
        using (var hash = new CryptoStream(Stream.Null, sha256, CryptoStreamMode.Write)) write(hash);
        return sha256.Hash!;
    }

    /// <returns>Whether there was anything.</returns>
    private static bool RemoveStale(CollectionFolder folder, string tagFolder, int count)
    {
        var isChanged = false;
        foreach (var file in Directory.EnumerateFiles(folder.PathOf(tagFolder)).Select(f => Path.GetFileName(f)).ToList())
        {
            var isValue = int.TryParse(file, NumberStyles.None, CultureInfo.InvariantCulture, out var number);
            if (!(isValue ? number >= count : file.EndsWith(WholeFile.PartSuffix, StringComparison.Ordinal))) continue;
            folder.Delete($"{tagFolder}/{file}");
            isChanged = true;
        }

        if (!Directory.EnumerateFileSystemEntries(folder.PathOf(tagFolder)).Any()) folder.DeleteFolder(tagFolder);
        return isChanged;
    }

    /// <summary>
    /// The first row carries the metadata, because archive.org takes it when the item is made; the others name their file. Paths are
    /// relative to the collection, where <c>ia</c> is to be run, and <c>REMOTE_NAME</c> keeps their folders
    /// (https://archive.org/developers/internetarchive/cli.html, "Bulk Uploading").
    /// </summary>
    /// <returns>Whether anything changed.</returns>
    private static bool WriteCsv(IaMetadata metadata, CollectionFolder folder, string place) => WriteChanged(folder, place, stream =>
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

    /// <returns>Whether anything changed.</returns>
    private static bool WriteJson(IaMetadata metadata, CollectionFolder folder, string place) => WriteChanged(folder, place, stream =>
    {
        using var json = new Utf8JsonWriter(new LineFeedStream(stream), new JsonWriterOptions { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
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
