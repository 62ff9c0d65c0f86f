namespace Mapillary.Cli;

/// <summary>What the process tells the one who started it.</summary>
public static class ExitCode
{
    /// <summary>All there; also where nothing was to be had.</summary>
    public const int AllThere = 0;

    /// <summary>Nothing could be done: wrong usage, the token, the disk, a missing program.</summary>
    public const int NothingDone = 1;

    /// <summary>Not all there: some images or users could not be had, or a stop rule ended the run. The next run goes on.</summary>
    public const int SomeFailed = 2;

    /// <summary>Ended by Ctrl+C or SIGTERM; as shells have it, 128 and the number of SIGINT.</summary>
    public const int Interrupted = 130;
}
