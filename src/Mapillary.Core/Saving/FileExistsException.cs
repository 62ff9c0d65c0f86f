namespace Mapillary.Saving;

/// <summary>A file is there already, and was not to be replaced.</summary>
public sealed class FileExistsException(string path) : IOException($"'{path}' is there already; it was not replaced.");
