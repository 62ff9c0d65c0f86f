using System.Text;
using Microsoft.AspNetCore.Http;

namespace Mapillary.Emulator;

/// <summary>Ways to answer that the servers share.</summary>
internal static class Answers
{
    public const string Html503Page = "<!DOCTYPE html><html><head><title>Error</title></head><body><h1>Sorry, something went wrong.</h1></body></html>";

    public const string Html504Page = "<html><head><title>504 Gateway Time-out</title></head><body><h1>504 Gateway Time-out</h1></body></html>";

    public const string LoginPage = "<!DOCTYPE html><html><head><title>Log in</title></head><body><form method=\"post\">You must log in to continue.</form></body></html>";

    /// <summary>What the network of a hotel or a train shows in place of every page until one has logged in.</summary>
    public const string NetworkLoginPage = "<html><head><title>Welcome to Hotel Wi-Fi</title></head><body><form>Room number</form></body></html>";

    /// <summary>Ends the connection, and marks the request as one that got no answer.</summary>
    public static void EndWithoutAnswer(this HttpContext context)
    {
        context.Items[typeof(Answers)] = "none";
        context.Abort();
    }

    /// <summary>Answers nothing until the client goes away.</summary>
    public static async Task WaitForClientAsync(this HttpContext context)
    {
        context.Items[typeof(Answers)] = "none";
        await Task.Delay(Timeout.Infinite, context.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
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
