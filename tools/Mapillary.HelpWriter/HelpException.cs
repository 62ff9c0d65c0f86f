namespace Mapillary.HelpWriter;

/// <summary>A page that no help can be made of.</summary>
internal sealed class HelpException(string file, int line, string message) : Exception(message)
{
    public string File => file;

    public int Line => line;
}
