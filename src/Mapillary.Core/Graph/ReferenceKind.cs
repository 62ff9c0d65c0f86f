namespace Mapillary.Graph;

/// <summary>What a text that people type or paste can stand for.</summary>
public enum ReferenceKind
{
    /// <summary>An image, by its id.</summary>
    Image,

    /// <summary>A sequence, by its id.</summary>
    Sequence,

    /// <summary>A user, by name.</summary>
    User,

    /// <summary>An access token, which stands for nobody and is shown nowhere.</summary>
    AccessToken,
}
