namespace Mapillary.Imaging.Exif;

/// <summary>One entry to write: a kept one, a new value, or, without either, the place of another directory.</summary>
/// <param name="Tag">The tag's number.</param>
/// <param name="Entry">The entry of the old block that is kept.</param>
/// <param name="Field">The new value.</param>
/// <param name="Moves">Whether the values of a kept entry get another place.</param>
internal readonly record struct ExifSlot(ushort Tag, ExifEntry? Entry, ExifField? Field, bool Moves = false);
