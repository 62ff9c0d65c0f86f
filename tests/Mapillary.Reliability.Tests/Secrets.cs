using System.IO.Compression;
using System.Text;
using Mapillary.Cli.Tests;
using Mapillary.Emulator;

namespace Mapillary.Reliability.Tests;

/// <summary>
/// The token and the keys of the Internet Archive, and the search for them: the token belongs into the Authorization header of requests
/// to the Graph API, and nowhere else.
/// </summary>
public static class Secrets
{
    private const string AccessKey = "IaAccessKey0Reliability";
    private const string SecretKey = "IaSecretKey0Reliability";

    /// <summary>Gives a run the keys too, as the environment of one who uploads has them.</summary>
    public static ConsoleRun WithKeys(this ConsoleRun run)
    {
        run.Variables["IA_ACCESS_KEY"] = AccessKey;
        run.Variables["IA_SECRET_KEY"] = SecretKey;
        return run;
    }

    /// <summary>The part of the token that is secret; it stands in every form of it but base64.</summary>
    private static readonly string TokenSecret = Tokens.Valid.Split('|')[2];

    private static readonly string[] Forms =
    [
        TokenSecret, AccessKey, SecretKey,
        .. new[] { Tokens.Valid, AccessKey, SecretKey }.SelectMany(Base64Forms).Distinct(),
    ];

    /// <summary>Searches all files, compressed ones unpacked, all requests, and what was said.</summary>
    public static void AssertKept(EmulatorHost emulator, string folder, params IEnumerable<string> said)
    {
        Assert.Empty(emulator.Violations);
        foreach (var file in Tree.Files(folder))
        {
            AssertFree(file, Path.GetFileName(file));
            AssertFree(Encoding.Latin1.GetString(Unpacked(file)), file);
        }

        foreach (var request in emulator.Requests)
        {
            var what = $"{request.Server} {request.Method} {request.PathAndQuery.Split('?')[0]}";
            AssertFree(request.PathAndQuery, what);
            foreach (var (name, value) in request.Headers)
            {
                if (request.Server == ServerKind.Graph && name == "Authorization") Assert.Equal($"OAuth {Tokens.Valid}", value);
                else AssertFree($"{name}: {value}", $"{what}, header {name}");
            }
        }

        foreach (var text in said) AssertFree(text, "what was said");
    }

    /// <summary>Fails where a text holds a secret, without showing it.</summary>
    public static void AssertFree(string text, string what)
    {
        foreach (var form in Forms) Assert.False(text.Contains(form, StringComparison.OrdinalIgnoreCase), $"A secret is in {what}.");
    }

    private static byte[] Unpacked(string file)
    {
        if (!file.EndsWith(".gz", StringComparison.Ordinal)) return File.ReadAllBytes(file);
        using var packed = new GZipStream(File.OpenRead(file), CompressionMode.Decompress);
        using var content = new MemoryStream();
        packed.CopyTo(content);
        return content.ToArray();
    }

    /// <summary>What base64 makes of a text at each of the three places where it can begin in a longer one; the ends, which depend on the neighbours, left off.</summary>
    private static IEnumerable<string> Base64Forms(string secret)
    {
        for (var before = 0; before < 3; before++)
        {
            var encoded = Convert.ToBase64String(Encoding.ASCII.GetBytes(new string(' ', before) + secret));
            yield return encoded.TrimEnd('=')[4..^3];
        }
    }
}
