using System.Collections.Concurrent;
using System.Management.Automation;
using System.Threading.Channels;
using Mapillary.Graph;

namespace Mapillary.PowerShell;

/// <summary>
/// What all cmdlets of this module share: work that goes on beside the pipeline speaks through one mailbox, which the pipeline's
/// thread empties; every way out cancels that work and waits for it.
/// </summary>
public abstract class MapillaryCommand : PSCmdlet, IDisposable
{
    /// <summary>How long the way out waits for cancelled work; it ends within milliseconds unless the disk hangs.</summary>
    private static readonly TimeSpan LongestWayOut = TimeSpan.FromSeconds(10);

    private readonly CancellationTokenSource _stop = new();
    private readonly BlockingCollection<Action> _mailbox = [];
    private Task _work = Task.CompletedTask;
    private string? _saidParameterSet;

    /// <summary>Makes the cmdlet.</summary>
    protected MapillaryCommand() => Log = new MailboxLog(this);

    /// <summary>Cancelled on every way out.</summary>
    protected internal CancellationToken Stopped => _stop.Token;

    /// <summary>Writes to the verbose and warning streams, from any thread.</summary>
    protected IRunLog Log { get; }

    /// <summary>Whether only what would be done is to be told.</summary>
    protected bool IsWhatIf =>
        MyInvocation.BoundParameters.TryGetValue("WhatIf", out var value) ? value is SwitchParameter { IsPresent: true } : LanguagePrimitives.IsTrue(GetVariableValue("WhatIfPreference"));

    private bool AsksFirst => MyInvocation.BoundParameters.TryGetValue("Confirm", out var value)
        ? value is SwitchParameter { IsPresent: true }
        : LanguagePrimitives.ConvertTo<ConfirmImpact>(GetVariableValue("ConfirmPreference", ConfirmImpact.High)) is ConfirmImpact.Low or ConfirmImpact.Medium;

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Cancels what goes on and waits for it.</summary>
    /// <param name="disposing">Whether this is a real disposal.</param>
    protected virtual void Dispose(bool disposing)
    {
        if (disposing) Cancel(_work);
    }

    /// <summary>The cmdlet's own start.</summary>
    protected virtual void OnBegin()
    {
    }

    /// <summary>The cmdlet's own work on one input.</summary>
    protected virtual void OnProcess()
    {
    }

    /// <summary>The cmdlet's own end.</summary>
    protected virtual void OnEnd()
    {
    }

    /// <inheritdoc/>
    protected sealed override void BeginProcessing() => Guard(OnBegin);

    /// <inheritdoc/>
    protected sealed override void ProcessRecord() => Guard(() =>
    {
        SayParameterSet();
        OnProcess();
    });

    /// <inheritdoc/>
    protected sealed override void EndProcessing() => Guard(OnEnd);

    /// <inheritdoc/>
    protected sealed override void StopProcessing() => _stop.Cancel();

    // What the streams and questions are told, a person sees: names and answers from outside steer no terminal there. Errors are made
    // by ErrorRecords, and progress by ProgressLine, which see to the same.

    /// <summary>Writes to the verbose stream.</summary>
    protected new void WriteVerbose(string text) => base.WriteVerbose(ShownText.Line(text));

    /// <summary>Writes to the warning stream.</summary>
    protected new void WriteWarning(string text) => base.WriteWarning(ShownText.Line(text));

    /// <summary>Writes a line for people to the information stream.</summary>
    protected void WriteInformation(string text) => WriteInformation(ShownText.Line(text), ["Mapillary"]);

    /// <summary>
    /// Tells the person at the prompt what a run came to, without being asked for it, as Write-Host does. It is no output, and where
    /// the output of the process goes into a file or another program, it does not stand between: it is an information record like others.
    /// </summary>
    protected void Tell(string text)
    {
        var shown = ShownText.Line(text);
        if (Console.IsOutputRedirected || MyInvocation.BoundParameters.ContainsKey("InformationAction")) WriteInformation(shown);
        else WriteInformation(new HostInformationMessage { Message = shown }, ["PSHOST", "Mapillary"]);
    }

    /// <summary>Asks whether to do something with a target.</summary>
    protected new bool ShouldProcess(string target, string action) => base.ShouldProcess(ShownText.Line(target), ShownText.Line(action));

    /// <summary>
    /// Asks whether to do something with one of many targets. Where nobody is asked, nothing is said: verbose has a line for each target when
    /// it is done, and this would be a second one.
    /// </summary>
    protected bool ShouldProcessEach(string target, string action) => !(IsWhatIf || AsksFirst) || ShouldProcess(target, action);

    /// <summary>Asks whether to do something, in words of one or several lines, of which what comes from outside breaks none.</summary>
    protected new bool ShouldProcess(string verboseDescription, string verboseWarning, string caption) =>
        base.ShouldProcess(ShownText.Lines(verboseDescription), ShownText.Line(verboseWarning), caption);

    /// <summary>Starts the cmdlet's one work beside the pipeline.</summary>
    protected void Start(Func<Task> work) => _work = Task.Run(work, CancellationToken.None);

    /// <summary>Waits for that work, doing meanwhile what is posted.</summary>
    protected void AwaitWork() => Await(_work);

    /// <summary>Has the pipeline's thread do something soon; for the threads beside it.</summary>
    protected internal void Post(Action action) => _mailbox.Add(action, CancellationToken.None);

    /// <summary>Does what was posted so far.</summary>
    protected void EmptyMailbox()
    {
        while (_mailbox.TryTake(out var action)) action();
    }

    /// <summary>Waits for a task, doing meanwhile what is posted.</summary>
    protected T Await<T>(Task<T> task)
    {
        Await((Task)task);
        return task.GetAwaiter().GetResult();
    }

    /// <inheritdoc cref="Await{T}(Task{T})"/>
    protected void Await(Task task)
    {
        ArgumentNullException.ThrowIfNull(task);
        if (!task.IsCompleted)
        {
            task.ContinueWith(_ => Post(() => { }), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            try
            {
                while (!task.IsCompleted) _mailbox.Take()();
            }
            catch
            {
                // A write was refused, which ends the cmdlet: what is awaited must not go on behind its back.
                Cancel(task);
                throw;
            }
        }

        EmptyMailbox();
        task.GetAwaiter().GetResult();
    }

    /// <summary>Hands an input to the work beside the pipeline, waiting until there is room; meanwhile what is posted is done.</summary>
    protected void Feed<T>(ChannelWriter<T> inputs, T input)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        while (!inputs.TryWrite(input))
        {
            Await(Task.WhenAny(inputs.WaitToWriteAsync(Stopped).AsTask(), _work));
            // Work that has ended takes nothing more: it tells why.
            if (_work.IsCompleted) Await(_work);
        }

        EmptyMailbox();
    }

    /// <summary>Tells the work beside the pipeline that no input follows, and waits for its end.</summary>
    protected void Finish<T>(ChannelWriter<T> inputs)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        inputs.Complete();
        AwaitWork();
    }

    /// <summary>Goes through a stream on the pipeline's thread; its source is let go on every way out.</summary>
    protected void ForEach<T>(IAsyncEnumerable<T> items, Action<T> each)
    {
        ArgumentNullException.ThrowIfNull(items);
        ArgumentNullException.ThrowIfNull(each);
        var enumerator = items.GetAsyncEnumerator(Stopped);
        try
        {
            while (Next())
            {
                each(enumerator.Current);
                EmptyMailbox();
            }
        }
        finally
        {
            // Not pumped: on the way out nothing can be written any more.
            enumerator.DisposeAsync().AsTask().GetAwaiter().GetResult();
        }

        bool Next()
        {
            var next = enumerator.MoveNextAsync();
            return next.IsCompletedSuccessfully ? next.Result : Await(next.AsTask());
        }
    }

    /// <summary>The file system path of a path as PowerShell understands it; one that leads elsewhere, such as into the environment, ends the cmdlet.</summary>
    protected string FileSystemPath(string path)
    {
        var onDisk = SessionState.Path.GetUnresolvedProviderPathFromPSPath(path, out var provider, out _);
        if (!IsOnDisk(provider, onDisk)) ThrowTerminatingError(ErrorRecords.NotOnDisk(path));
        return onDisk;
    }

    /// <summary>The existing files and folders that paths name; those that name none become errors.</summary>
    /// <param name="paths">The paths.</param>
    /// <param name="literal">Whether wildcards are taken literally.</param>
    protected IEnumerable<string> ExistingPaths(IEnumerable<string?>? paths, bool literal)
    {
        foreach (var path in paths ?? [])
        {
            // An image that was not saved has no path; what to say of it was said.
            if (string.IsNullOrEmpty(path)) continue;
            IReadOnlyCollection<string> found;
            try
            {
                ProviderInfo provider;
                found = literal ? [SessionState.Path.GetUnresolvedProviderPathFromPSPath(path, out provider, out _)] : GetResolvedProviderPathFromPSPath(path, out provider);
                if (found.Any(p => !IsOnDisk(provider, p)))
                {
                    WriteError(ErrorRecords.NotOnDisk(path));
                    continue;
                }
            }
            catch (ItemNotFoundException)
            {
                found = [];
            }
            catch (WildcardPatternException) when (IsThere(path))
            {
                found = [];
            }
            catch (Exception e) when (e is SessionStateException or WildcardPatternException)
            {
                WriteError(ErrorRecords.Shown(new ErrorRecord(((IContainsErrorRecord)e).ErrorRecord, e)));
                continue;
            }

            var any = false;
            foreach (var item in found.Where(p => File.Exists(p) || Directory.Exists(p)))
            {
                any = true;
                yield return item;
            }

            if (!any) WriteError(ErrorRecords.PathNotFound(path, !literal && IsThere(path)));
        }
    }

    /// <summary>The same for a pair of parameters, of which one takes wildcards.</summary>
    /// <param name="paths">Paths with wildcards; null or empty where they were not given.</param>
    /// <param name="literalPaths">Paths that are taken literally; null or empty where they were not given.</param>
    protected IEnumerable<string> ExistingPaths(IEnumerable<string?>? paths, IEnumerable<string?>? literalPaths) =>
        ExistingPaths(paths, literal: false).Concat(ExistingPaths(literalPaths, literal: true));

    /// <summary>What texts stand for; one that does not stand for what is expected becomes an error, and the others go on.</summary>
    /// <param name="texts">What was typed or pasted.</param>
    /// <param name="read">Reads one, such as <see cref="Reference.Image"/>.</param>
    private protected IEnumerable<string> Referred(IEnumerable<string> texts, Func<string, string> read)
    {
        foreach (var text in texts)
        {
            string found;
            try
            {
                found = read(text);
            }
            catch (ReferenceException e)
            {
                WriteError(ErrorRecords.Of(e, e.Found == ReferenceKind.AccessToken ? null : text));
                continue;
            }

            yield return found;
        }
    }

    /// <summary>Works on one of several inputs: what goes wrong becomes an error about it, and the others go on.</summary>
    /// <param name="target">What is worked on.</param>
    /// <param name="work">The work.</param>
    private protected void Isolated(string target, Action work)
    {
        try
        {
            work();
        }
        catch (Exception e) when (e is not OperationCanceledException && ErrorRecords.TryOf(e, target, out _))
        {
            WriteError(ErrorRecords.Of(e, target));
        }
    }

    /// <summary>Ends the cmdlet because of parameters that can only be a mistake together.</summary>
    /// <param name="parameter">One of them.</param>
    /// <param name="why">What is wrong.</param>
    /// <param name="advice">What to do.</param>
    private protected void RefuseConflict(string parameter, string why, string advice) =>
        ThrowTerminatingError(ErrorRecords.Make(new ArgumentException(why), ErrorId.ParameterConflict, parameter, advice));

    /// <summary>Refuses a parameter that does nothing without another one.</summary>
    /// <param name="parameter">The parameter.</param>
    /// <param name="other">The other one.</param>
    /// <param name="hasOther">Whether that is there.</param>
    private protected void RefuseWithout(string parameter, string other, bool hasOther)
    {
        if (!hasOther && MyInvocation.BoundParameters.ContainsKey(parameter))
            RefuseConflict(parameter, $"-{parameter} does nothing without -{other}.", $"Add -{other}, or leave -{parameter} out.");
    }

    /// <summary>Refuses a parameter that does nothing beside another one.</summary>
    /// <param name="parameter">The parameter.</param>
    /// <param name="other">The other one.</param>
    /// <param name="hasOther">Whether that is there.</param>
    private protected void RefuseWith(string parameter, string other, bool hasOther)
    {
        if (hasOther && MyInvocation.BoundParameters.ContainsKey(parameter))
            RefuseConflict(parameter, $"-{parameter} does nothing with -{other}.", "Leave one of the two out.");
    }

    /// <summary>Tells with -Debug how the input was understood; what comes down the pipeline may be understood in other ways.</summary>
    private void SayParameterSet()
    {
        if (_saidParameterSet == ParameterSetName) return;
        _saidParameterSet = ParameterSetName;
        WriteDebug($"{MyInvocation.MyCommand.Name}: parameter set {ParameterSetName}.");
    }

    /// <summary>Whether a file or folder has exactly this name, which was taken for a pattern.</summary>
    private bool IsThere(string path)
    {
        var exact = SessionState.Path.GetUnresolvedProviderPathFromPSPath(path, out var provider, out _);
        return IsOnDisk(provider, exact) && Path.Exists(exact);
    }

    private static bool IsOnDisk(ProviderInfo provider, string path) => provider.Name == "FileSystem" && Path.IsPathFullyQualified(path);

    /// <summary>Waits for what was cancelled: its outcome was handled where it was awaited, or nobody wants it any more.</summary>
    private void Cancel(Task task)
    {
        _stop.Cancel();
        _ = Task.WhenAny(task, Task.Delay(LongestWayOut)).GetAwaiter().GetResult();
    }

    private void Guard(Action step)
    {
        try
        {
            step();
            EmptyMailbox();
        }
        catch (PipelineStoppedException)
        {
            throw;
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            throw new PipelineStoppedException();
        }
        catch (Exception e) when (ErrorRecords.TryOf(e, null, out var error))
        {
            EmptyMailbox();
            ThrowTerminatingError(error);
        }
    }

    private sealed class MailboxLog(MapillaryCommand command) : IRunLog
    {
        public void Say(string message) => command.Post(() => command.WriteVerbose(message));

        public void Warn(string message) => command.Post(() => command.WriteWarning(message));

        public void Warn(string message, Advice advice) => Warn($"{message} {AdviceText.Of(advice)}");
    }
}
