namespace Mapillary.Collections;

/// <summary>How a collection's pictures are laid out in folders.</summary>
public enum CollectionLayout
{
    /// <summary><c>2024-01-15/&lt;sequence&gt;/&lt;id&gt;.jpg</c>, the day in UTC.</summary>
    Date,

    /// <summary><c>&lt;sequence&gt;/&lt;id&gt;.jpg</c>.</summary>
    Sequence,

    /// <summary>
    /// <c>20240115_093012_&lt;sequence, 8 letters&gt;/20240115_093012_120.jpg</c>, the times in UTC, down to the millisecond. The folder
    /// bears that of the sequence's image that is listed first. What another image's name would be gets <c>_&lt;id&gt;</c> behind;
    /// images without a time are <c>unknown-date_&lt;sequence, 8 letters&gt;/&lt;id&gt;.jpg</c>.
    /// </summary>
    Time,
}
