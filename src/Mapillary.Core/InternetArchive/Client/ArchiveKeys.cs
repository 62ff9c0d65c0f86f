using System.Diagnostics;

namespace Mapillary.InternetArchive.Client;

/// <summary>
/// The pair of keys with which archive.org lets its members upload (https://archive.org/account/s3.php). It goes into the
/// authorization header of requests to archive.org's upload service alone; nothing here shows it.
/// </summary>
[DebuggerDisplay("(keys)")]
public sealed class ArchiveKeys
{
    /// <summary>The environment variable of the access key.</summary>
    public const string AccessVariable = "IA_ACCESS_KEY";

    /// <summary>The environment variable of the secret key.</summary>
    public const string SecretVariable = "IA_SECRET_KEY";

    internal const string WhereFrom = "Members of archive.org find theirs at https://archive.org/account/s3.php.";

    private readonly string _access;
    private readonly string _secret;

    private ArchiveKeys(string access, string secret)
    {
        _access = access;
        _secret = secret;
    }

    /// <summary>What the header of the same name says.</summary>
    internal string Authorization => $"LOW {_access}:{_secret}";

    /// <summary>Takes a pair of keys; blanks around them are skipped.</summary>
    /// <exception cref="ArchiveException">One is empty, or holds what no key holds.</exception>
    public static ArchiveKeys Parse(string? access, string? secret)
    {
        var keys = new ArchiveKeys(access?.Trim() ?? "", secret?.Trim() ?? "");
        if (keys._access.Length == 0 || keys._secret.Length == 0)
            throw new ArchiveException(ArchiveFault.KeysRefused, $"There are no keys for uploading to archive.org. Set {AccessVariable} and {SecretVariable}, or give both as a credential. {WhereFrom}");
        return keys._access.Concat(keys._secret).All(c => c is > ' ' and <= '~' and not ':')
            ? keys
            : throw new ArchiveException(ArchiveFault.KeysRefused, $"The keys for uploading to archive.org hold characters that no key has. {WhereFrom}");
    }

    /// <summary>The keys of the environment.</summary>
    /// <exception cref="ArchiveException">There are none.</exception>
    public static ArchiveKeys FromEnvironment() => Parse(Environment.GetEnvironmentVariable(AccessVariable), Environment.GetEnvironmentVariable(SecretVariable));

    /// <inheritdoc/>
    public override string ToString() => "(keys)";
}
