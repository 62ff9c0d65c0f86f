using Mapillary.Collections;
using Mapillary.Graph;
using Mapillary.InternetArchive.Client;

namespace Mapillary.Backup;

/// <summary>What went wrong in a backup, by whom it concerns.</summary>
public static class BackupFailure
{
    /// <summary>Whether the others' backups may go on: one user's trouble does not end them, nor does a file that another program holds; a refused token or a full disk does.</summary>
    public static bool IsOfOneUser(Exception exception) => exception switch
    {
        ArchiveException => true,
        GraphException graph => graph.Fault is not (GraphFault.NoToken or GraphFault.TokenRefused or GraphFault.Blocked or GraphFault.Intercepted),
        CollectionException collection => collection.Fault != CollectionFault.NotWritable,
        FileHeldException => true,
        _ => false,
    };
}
