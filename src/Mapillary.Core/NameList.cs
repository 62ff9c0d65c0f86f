namespace Mapillary;

/// <summary>Lists of user names or ids as people keep them: one a line, with blank lines and remarks that begin with <c>#</c>.</summary>
public static class NameList
{
    /// <summary>The names of a list, without what is around them.</summary>
    public static IEnumerable<string> Read(IEnumerable<string> lines) => lines.Select(l => l.Trim()).Where(l => l.Length > 0 && l[0] != '#');
}
