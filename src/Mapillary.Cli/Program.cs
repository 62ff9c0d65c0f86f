using System.Text;

// Redirected output is UTF-8 on every system: in the code page of a console, letters of names would be lost.
if (Console.IsOutputRedirected) Console.SetOut(Utf8(Console.OpenStandardOutput()));
if (Console.IsErrorRedirected) Console.SetError(Utf8(Console.OpenStandardError()));
return await Mapillary.Cli.CommandLine.RunAsync(args);

static StreamWriter Utf8(Stream stream) => new(stream, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false)) { AutoFlush = true };
