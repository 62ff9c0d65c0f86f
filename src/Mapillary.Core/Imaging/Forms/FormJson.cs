using System.Text.Json;
using System.Text.Json.Serialization;

namespace Mapillary.Imaging.Forms;

/// <summary>The fields of the forms as JSON.</summary>
[JsonSerializable(typeof(bool))]
[JsonSerializable(typeof(int))]
internal sealed partial class FormJson : JsonSerializerContext;
