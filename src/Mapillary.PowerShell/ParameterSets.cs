namespace Mapillary.PowerShell;

/// <summary>The names of the parameter sets, each for what it is that a cmdlet is given. All files of the project know them by name alone.</summary>
internal static class ParameterSets
{
    public const string UserSet = "User";
    public const string SequenceSet = "Sequence";
    public const string IdSet = "Id";
    public const string ImageSet = "Image";
    public const string IdentifierSet = "Identifier";

    public const string PathSet = "Path";
    public const string LiteralPathSet = "LiteralPath";

    /// <summary>Files and folders as Get-ChildItem finds them.</summary>
    public const string FileSet = "File";

    /// <summary>An area that is a box.</summary>
    public const string BoxSet = "Area";

    /// <summary>An area that a file describes.</summary>
    public const string PolygonSet = "Polygon";

    /// <summary>An area around a place.</summary>
    public const string NearSet = "Near";
}
