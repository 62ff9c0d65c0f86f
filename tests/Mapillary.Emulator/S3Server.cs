using System.Security;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Mapillary.Emulator;

/// <summary>archive.org's S3-like API, as far as uploads need it.</summary>
internal sealed partial class S3Server(EmulatorOptions options, ItemStore items, FaultPlan faults, Func<Uri> node)
{
    private static readonly FaultKind[] OfCheckLimit = [FaultKind.Html503, FaultKind.ConnectionReset, FaultKind.OverLimit, FaultKind.CheckLimitFails];

    public Task AnswerAsync(HttpContext context) => context.Request switch
    {
        { Method: "PUT" } => PutAsync(context),
        { Method: "GET", Path.Value: "/" } when context.Request.Query.ContainsKey("check_limit") => CheckLimitAsync(context),
        _ => ErrorAsync(context, 405, "MethodNotAllowed", "The specified method is not allowed against this resource."),
    };

    private async Task PutAsync(HttpContext context)
    {
        var request = context.Request;
        var target = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        if ((options.S3Redirects || options.S3RedirectTo is not null) && context.Connection.LocalPort != node().Port)
        {
            context.Response.Headers.Location = $"{(options.S3RedirectTo ?? node()).GetLeftPart(UriPartial.Authority)}{target}";
            await ErrorAsync(context, 307, "TemporaryRedirect", "Please re-send this request to the specified temporary endpoint.");
            return;
        }

        // Not Request.Path, which leaves %2F as it is and takes dots for steps.
        var segments = target.Split('?')[0].TrimStart('/').Split('/').Select(Uri.UnescapeDataString).ToList();
        var (identifier, name) = (segments[0], string.Join('/', segments.Skip(1)));
        if (Refusal(request, identifier, name) is var (status, code, message))
        {
            await ErrorAsync(context, status, code, message);
            return;
        }

        // As shown by the official client (https://github.com/bibanon/tubeup/issues/70), which joins message and resource.
        if (items.FindStored(identifier) is { IsForeign: true })
        {
            await ErrorAsync(context, 403, "AccessDenied", "Access Denied", "You lack sufficient privileges to write to this item.");
            return;
        }

        var path = $"/{identifier}/{name}";
        var length = (int)request.ContentLength!.Value;
        var fault = faults.Pick(
            ServerKind.S3, $"PUT {path}", path, null, rule => rule.Kind switch
            {
                FaultKind.OverLimit or FaultKind.CheckLimitFails => false,
                FaultKind.WrongBytesStored => length > 0,
                FaultKind.ExpectationFailed417 => request.Headers.Expect.Count > 0,
                _ => true,
            });
        switch (fault?.Kind)
        {
            case FaultKind.ConnectionReset: context.EndWithoutAnswer(); return;
            case FaultKind.Html503: await context.WriteTextAsync(503, "text/html; charset=utf-8", Answers.Html503Page); return;
            case FaultKind.ExpectationFailed417: await context.WriteTextAsync(417, "text/html", "<html><head><title>417 Expectation Failed</title></head></html>"); return;
            case FaultKind.Spam503:
                // As recorded in https://github.com/bibanon/tubeup/issues/135.
                await ErrorAsync(context, 503, "SlowDown", "Please reduce your request rate.",
                    $"Your upload of {identifier} from username emulator@example.org appears to be spam. If you believe this is a mistake, contact info@archive.org and include this entire message in your email.");
                return;
            case FaultKind.SlowDown503:
                if (fault.RetryAfterSeconds is { } seconds) context.Response.Headers.RetryAfter = $"{seconds}";
                await ErrorAsync(context, 503, "SlowDown", "Please reduce your request rate.");
                return;
        }

        var content = new byte[fault?.Kind == FaultKind.ConnectionCutInBody ? length / 2 : length];
        try
        {
            await request.Body.ReadExactlyAsync(content, context.RequestAborted);
        }
        catch (IOException)
        {
            // The client went away.
            context.EndWithoutAnswer();
            return;
        }

        if (fault?.Kind == FaultKind.ConnectionCutInBody)
        {
            context.EndWithoutAnswer();
            return;
        }

        items.NotePut(identifier, name);
        if (fault?.Kind == FaultKind.BadDigest400 || !IsDigestOf(content, request.Headers.ContentMD5))
        {
            await ErrorAsync(context, 400, "BadDigest", "The Content-MD5 you specified did not match what we received.");
            return;
        }

        if (fault?.Kind == FaultKind.WrongBytesStored) content[length / 2] ^= 1;
        items.Store(identifier, name, content, queuedDerive: request.Headers["x-archive-queue-derive"] != "0", MetadataOf(request.Headers));
        switch (fault?.Kind)
        {
            case FaultKind.ResetAfterStored: context.EndWithoutAnswer(); break;
            case FaultKind.ErrorAfterStored: await ErrorAsync(context, 500, "InternalError", "We encountered an internal error. Please try again."); break;
            default:
                context.Response.ContentLength = 0;
                await context.Response.StartAsync(context.RequestAborted);
                break;
        }
    }

    private async Task CheckLimitAsync(HttpContext context)
    {
        var bucket = context.Request.Query["bucket"].ToString();
        var fault = faults.Pick(ServerKind.S3, "GET /", $"/?check_limit=1&bucket={bucket}", null, rule => OfCheckLimit.Contains(rule.Kind));
        switch (fault?.Kind)
        {
            case FaultKind.ConnectionReset: context.EndWithoutAnswer(); return;
            case FaultKind.Html503: await context.WriteTextAsync(503, "text/html; charset=utf-8", Answers.Html503Page); return;
            case FaultKind.CheckLimitFails: await context.WriteTextAsync(500, "text/html; charset=utf-8", Answers.Html503Page); return;
        }

        var isOver = fault?.Kind == FaultKind.OverLimit;
        var answer = new JsonObject
        {
            ["accesskey"] = context.Request.Query["accesskey"].ToString(),
            ["bucket"] = bucket,
            ["detail"] = new JsonObject
            {
                ["accesskey_ration"] = 100,
                ["accesskey_tasks_queued"] = isOver ? 100 : 0,
                ["bucket_ration"] = 25,
                ["bucket_tasks_queued"] = isOver ? 25 : 0,
                ["limit_reason"] = isOver ? "bucket has exceeded its ration" : "",
            },
            ["over_limit"] = isOver ? 1 : 0,
        };
        await context.WriteTextAsync(200, "application/json", answer.ToJsonString());
    }

    /// <summary>Why an upload is not even read, null where it is.</summary>
    private (int Status, string Code, string Message)? Refusal(HttpRequest request, string identifier, string name)
    {
        if (Keys().Match(request.Headers.Authorization.ToString()) is not { Success: true } keys)
            return (403, "AccessDenied", "Access Denied: a header 'authorization: LOW accesskey:secret' is needed.");
        if (keys.Groups["access"].Value != Tokens.S3AccessKey) return (403, "InvalidAccessKeyId", "The access key you provided does not exist in our records.");
        if (keys.Groups["secret"].Value != Tokens.S3SecretKey) return (403, "SignatureDoesNotMatch", "The secret key you provided is not that of the access key.");
        if (!Identifier().IsMatch(identifier)) return (400, "InvalidBucketName", "The specified bucket is not valid.");
        if (name.Split('/').Any(step => step is "" or "." or "..")) return (400, "InvalidURI", "A file needs a name, and its folders do, too.");
        if (request.Headers.TransferEncoding.Count > 0) return (501, "NotImplemented", "Transfer-Encoding: chunked is not supported.");
        if (request.ContentLength is not { } length) return (411, "MissingContentLength", "You must provide the Content-Length HTTP header.");
        if (length > Array.MaxLength) return (400, "EntityTooLarge", "The emulator keeps files in memory.");
        if (items.FindStored(identifier) is { } item) return item.IsDark ? (403, "AccessDenied", "Access Denied: the item is dark.") : null;
        return request.Headers["x-archive-auto-make-bucket"] == "1" ? null : (404, "NoSuchBucket", "The specified bucket does not exist.");
    }

    /// <summary>Whether a Content-MD5 (hexadecimal, as archive.org takes it, or the standard's base64) fits or there is none.</summary>
    private static bool IsDigestOf(byte[] content, string? digest)
    {
        if (string.IsNullOrEmpty(digest)) return true;
#pragma warning disable CA5351 // The protocol's digest.
        var md5 = MD5.HashData(content);
#pragma warning restore CA5351
        return digest.Equals(Convert.ToHexString(md5), StringComparison.OrdinalIgnoreCase) || digest == Convert.ToBase64String(md5);
    }

    /// <summary>The metadata that an upload asks for, with what every item has.</summary>
    private static Dictionary<string, IReadOnlyList<string>> MetadataOf(IHeaderDictionary headers)
    {
        var metadata = headers
            .Select(h => (Match: MetadataHeader().Match(h.Key), Value: h.Value.ToString()))
            .Where(h => h.Match.Success)
            .Select(h => (
                Name: h.Match.Groups["name"].Value.ToLowerInvariant().Replace("--", "_", StringComparison.Ordinal),
                Number: int.TryParse(h.Match.Groups["number"].Value, out var number) ? number : 0,
                Value: UriValue().Match(h.Value) is { Success: true } uri ? Uri.UnescapeDataString(uri.Groups["value"].Value) : h.Value))
            .Where(m => m.Name is not ("identifier" or "uploader"))
            .GroupBy(m => m.Name)
            .ToDictionary(g => g.Key, IReadOnlyList<string> (g) => g.OrderBy(m => m.Number).Select(m => m.Value).ToList());
        metadata.TryAdd("mediatype", ["data"]);
        metadata.TryAdd("collection", ["opensource_media"]);
        return metadata;
    }

    private static Task ErrorAsync(HttpContext context, int status, string code, string message, string? reason = null)
    {
        var resource = SecurityElement.Escape(reason ?? context.Request.Path.Value);
        return context.WriteTextAsync(
            status,
            "application/xml",
            $"<?xml version='1.0' encoding='UTF-8'?>\n<Error><Code>{code}</Code><Message>{message}</Message><Resource>{resource}</Resource><RequestId>{context.TraceIdentifier}</RequestId></Error>");
    }

    [GeneratedRegex("^LOW (?<access>[^:]+):(?<secret>.+)$")]
    private static partial Regex Keys();

    [GeneratedRegex(@"^[A-Za-z0-9][A-Za-z0-9_.-]{2,99}\z")]
    private static partial Regex Identifier();

    [GeneratedRegex("^x-archive-meta(?<number>[0-9]*)-(?<name>.+)$", RegexOptions.IgnoreCase)]
    private static partial Regex MetadataHeader();

    [GeneratedRegex(@"^uri\((?<value>.*)\)$")]
    private static partial Regex UriValue();
}
