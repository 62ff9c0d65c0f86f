using System.Globalization;
using Mapillary.Graph;

namespace Mapillary.Saving;

/// <summary>
/// What is doubtful about images that were saved all the same. A run tells each kind once, at its end, with the first images that it
/// concerns: thousands can have the same camera's wrong clock. What a file system will not do is told at once, and once.
/// </summary>
internal sealed class RunRemarks
{
    private const int MostNamed = 5;

    private readonly Remark _times = new();
    private readonly Remark _small = new();
    private int _toldRefusal;

    /// <summary>Notes an image, if its capture time cannot be right.</summary>
    public void NoteTime(MapillaryImage image)
    {
        if (image.CapturedAt is not { } time || CaptureTime.IsPossible(time)) return;
        _times.Add(string.Create(CultureInfo.InvariantCulture, $"{image.Id} ({time.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC)"));
    }

    /// <summary>Notes an image whose picture is much smaller than its record says.</summary>
    public void NoteSmallPicture(string id) => _small.Add(id);

    /// <summary>Tells that a file system would not set a file's time or permissions.</summary>
    /// <param name="path">The file.</param>
    /// <param name="refusal">Why; null where nothing was refused.</param>
    /// <param name="log">Told it.</param>
    public void NoteRefusal(string path, Exception? refusal, IRunLog log)
    {
        if (refusal is null || Interlocked.Exchange(ref _toldRefusal, 1) != 0) return;
        log.Warn($"The time of '{path}' could not be set, or its permissions: {refusal.Message} The file is whole, and has the time at which it was written. "
            + "Not every file system can do this; others of this run may be the same, and are not named.");
    }

    /// <summary>Tells each kind that there was.</summary>
    public void Tell(IRunLog log)
    {
        if (_times.ToText() is { } times)
        {
            log.Warn($"The capture time cannot be right of {times}. Files and records keep it as Mapillary has it; "
                + "descriptions and maps leave it out of the time that they span.");
        }

        if (_small.ToText() is { } small)
        {
            log.Warn($"The picture is much smaller than its record says of {small}. Mapillary may have sent a placeholder. "
                + "The files are kept, and marked in the manifest; try again some days later.");
        }
    }

    private sealed class Remark
    {
        private readonly List<string> _named = [];
        private long _count;

        public void Add(string image)
        {
            lock (_named)
            {
                _count++;
                if (_named.Count < MostNamed) _named.Add(image);
            }
        }

        /// <summary>"3 images: 1, 2, 3"; null where there is none.</summary>
        public string? ToText()
        {
            lock (_named)
            {
                if (_count == 0) return null;
                var text = string.Create(CultureInfo.InvariantCulture, $"{_count:N0} image{(_count == 1 ? "" : "s")}: {string.Join(", ", _named)}");
                return _count == _named.Count ? text : string.Create(CultureInfo.InvariantCulture, $"{text} and {_count - _named.Count:N0} more");
            }
        }
    }
}
