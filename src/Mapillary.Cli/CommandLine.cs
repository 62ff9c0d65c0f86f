using System.CommandLine;
using System.Text.RegularExpressions;
using Mapillary.Collections;
using Mapillary.Download;
using Mapillary.Graph;
using Mapillary.Imaging.Forms;
using Mapillary.InternetArchive.Client;

namespace Mapillary.Cli;

/// <summary><c>mapillary</c>: the console front end, for machines without PowerShell.</summary>
public static partial class CommandLine
{
    /// <summary>Runs the program.</summary>
    /// <param name="arguments">What stands behind its name.</param>
    /// <returns>One of <see cref="ExitCode"/>.</returns>
    public static async Task<int> RunAsync(IReadOnlyList<string> arguments)
    {
        ArgumentNullException.ThrowIfNull(arguments);
        StandardStreams.Guard();
        var root = new RootCommand("Downloads street photos from Mapillary into a complete archive.") { BackupCommand.Create(), RepairCommand.Create(), StatsCommand.Create() };
        // No user name is a file of further arguments.
        var parsed = root.Parse(arguments, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (parsed.Errors.Count > 0) return WrongUsage(parsed.Errors[0].Message, parsed);

        using var interruption = new Interruption();
        var work = Task.Run(() => parsed.InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null }, interruption.Token));
        await Task.WhenAny(work, interruption.OverdueAsync());
        // Work that does not end in time is left behind: no file has its final name before it is whole.
        var exitCode = work.IsCompleted ? await work : ExitCode.Interrupted;
        if (exitCode == ExitCode.Interrupted) new Screen().Warn("Interrupted. Nothing is lost: the same command goes on where this one was.");
        return exitCode;
    }

    /// <summary>Says what is wrong with the arguments.</summary>
    internal static int WrongUsage(string message, ParseResult parsed)
    {
        var screen = new Screen();
        screen.Error(Token().Replace(message, "(access token)"));
        var command = parsed.CommandResult.Command;
        screen.Warn($"Nothing was done. '{(command is RootCommand ? "mapillary" : $"mapillary {command.Name}")} --help' shows what is expected.");
        return ExitCode.NothingDone;
    }

    /// <summary>Runs a command; what can go wrong outside this program is said in words and is an exit code.</summary>
    internal static async Task<int> GuardAsync(Screen screen, Func<Task<int>> run, CancellationToken cancellationToken)
    {
        try
        {
            return await run();
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return ExitCode.Interrupted;
        }
        catch (Exception e) when (e is GraphException or DownloadException or CollectionException or ArchiveException or EncoderMissingException
            or FormatException or InvalidDataException or IOException or UnauthorizedAccessException)
        {
            screen.Error(e.Message);
            if (AdviceText.Of(e) is { } advice) screen.Error(advice);
            return ExitCode.NothingDone;
        }
        finally
        {
            screen.Clear();
        }
    }

    /// <summary>An option whose value the Core reads; what it has to say about a wrong one is what the user is told.</summary>
    internal static Option<T> Option<T>(string name, string value, string description, T otherwise, Func<string, T> parse) => new(name)
    {
        HelpName = value,
        Description = description,
        DefaultValueFactory = _ => otherwise,
        CustomParser = result =>
        {
            try
            {
                return parse(result.Tokens.Single().Value);
            }
            catch (FormatException e)
            {
                result.AddError(e.Message);
                return otherwise;
            }
        },
    };

    // One that was put where none belongs must not end in somebody's log.
    [GeneratedRegex(@"MLY\|[^\s']*")]
    private static partial Regex Token();
}
