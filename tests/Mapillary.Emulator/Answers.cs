using System.Text;
using Microsoft.AspNetCore.Http;

namespace Mapillary.Emulator;

/// <summary>Ways to answer that the servers share.</summary>
internal static class Answers
{
    public const string Html503Page = "<!DOCTYPE html><html><head><title>Error</title></head><body><h1>Sorry, something went wrong.</h1></body></html>";

    public const string LoginPage = "<!DOCTYPE html><html><head><title>Log in</title></head><body><form method=\"post\">You must log in to continue.</form></body></html>";

    /// <summary>Ends the connection, and marks the request as one that got no answer.</summary>
    public static void EndWithoutAnswer(this HttpContext context)
    {
        context.Items[typeof(Answers)] = "none";
        context.Abort();
    }

    public static bool HasNone(HttpContext context) => context.Items.ContainsKey(typeof(Answers));

    public static async Task WriteTextAsync(this HttpContext context, int status, string contentType, string body)
    {
        var bytes = Encoding.UTF8.GetBytes(body);
        context.Response.StatusCode = status;
        context.Response.ContentType = contentType;
        context.Response.ContentLength = bytes.Length;
        if (!HttpMethods.IsHead(context.Request.Method)) await context.Response.Body.WriteAsync(bytes, context.RequestAborted);
    }
}
