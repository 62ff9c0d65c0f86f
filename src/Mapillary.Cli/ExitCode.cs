namespace Mapillary.Cli;

/// <summary>What the process tells the one who started it.</summary>
public static class ExitCode
{
    /// <summary>Everything is there.</summary>
    public const int AllThere = 0;

    /// <summary>Nothing could be done: wrong usage, the token, the disk, a missing program.</summary>
    public const int NothingDone = 1;

    /// <summary>
    /// Something is missing: some images or users failed, a user has no images or does not exist, or a stop rule ended the run. The next run
    /// goes on.
    /// </summary>
    public const int SomeFailed = 2;

    /// <summary>Ended by Ctrl+C, SIGTERM or SIGHUP; as shells have it, 128 and the number of SIGINT.</summary>
    public const int Interrupted = 130;
}
