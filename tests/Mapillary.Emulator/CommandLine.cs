using System.Globalization;

namespace Mapillary.Emulator;

/// <summary>What the emulator is told when it runs as a process.</summary>
internal sealed record CommandLine(EmulatorOptions Options, bool ExitWithStdin, bool Verbose)
{
    public const string Usage =
        """
        Mapillary, its image servers and archive.org on this machine, with made-up users and photos. Nothing leaves the machine.

        Mapillary.Emulator [--port N] [--user NAME [--images N] [--sequences N]] [--user ...] [options]

        It writes one line, and runs until Ctrl+C: graph=http://... cdn=... archive=... s3=... tiles=... token=... accesskey=... secretkey=...
        Set these environment variables to have the module ask it:
          MAPILLARY_GRAPH_API_ENDPOINT  graph      MAPILLARY_TOKEN  token
          ARCHIVE_ORG_ENDPOINT          archive    IA_ACCESS_KEY    accesskey
          ARCHIVE_ORG_S3_ENDPOINT       s3         IA_SECRET_KEY    secretkey
          MAPILLARY_TILES_ENDPOINT      tiles

          --port N            the Graph API's port, from 1 on; the other services have the next six (default: seven free ones)
          --user NAME         a user; without any there is 'anna'
          --images N          how many images the user before it has (default 30)
          --sequences N       in how many sequences (default: one for every 40 images)
          --photos DIR        serve these JPEGs instead of the built-in ones
          --seed N            another world (default 1)
          --page-limit N      rows of a page at most (default 2000)
          --latency-ms N      delay every answer
          --url-days N        how long picture addresses live (default 30; may be below 0)
          --fault [SERVER.]KIND:RATE[:TIMES[:EVERY]]   e.g. cdn.Html503:0.1:2; TIMES may be 'always' (default 1); EVERY is 3 for
                              the third different request or image, the sixth and so on (default 1)
          --odd NAME:RATE     e.g. MissingCameraType:0.05
          --archived N        made-up items on archive.org
          --item DIR          an item on archive.org of the folder's name, with the files that are in it when somebody asks
          --listed-after-reads N   reads of an item's metadata until an uploaded file is listed (default 0)
          --s3-redirects      answer uploads with a redirect to S3's node
          --exit-with-stdin   stop when standard input ends; a line 'withdraw NAME N' there deletes the user's first N images, and
                              'restore NAME' brings them back
          --verbose           a line for each request on standard error
          --help              this text

        It ends with 0, with 1 after a wrong argument, and with 3 when the token was sent to a service that must not see it.
        """;

    /// <exception cref="FormatException">An argument is wrong; the message says which.</exception>
    public static CommandLine Parse(IReadOnlyList<string> arguments)
    {
        var users = new List<EmulatedUser>();
        var faults = new List<FaultRule>();
        var oddities = new Dictionary<Oddity, double>();
        var options = new EmulatorOptions();
        var (exitWithStdin, verbose) = (false, false);
        for (var i = 0; i < arguments.Count; i++)
        {
            var name = arguments[i];
            string Value() => ++i < arguments.Count ? arguments[i] : throw new FormatException($"{name} needs a value.");
            int Number(int least) => int.TryParse(Value(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) && number >= least
                ? number
                : throw new FormatException($"{name} needs a whole number of at least {least}, not '{arguments[i]}'.");
            void ChangeUser(Func<EmulatedUser, EmulatedUser> change)
            {
                if (users.Count == 0) throw new FormatException($"{name} belongs behind a --user.");
                users[^1] = change(users[^1]);
            }

            switch (name)
            {
                case "--port": options = options with { Port = Number(0) }; break;
                case "--user": users.Add(new EmulatedUser { Name = Value() }); break;
                case "--images": { var n = Number(0); ChangeUser(u => u with { Images = n }); break; }
                case "--sequences": { var n = Number(1); ChangeUser(u => u with { Sequences = n }); break; }
                case "--photos": options = options with { Photos = Value() }; break;
                case "--seed": options = options with { Seed = Number(int.MinValue) }; break;
                case "--page-limit": options = options with { PageLimit = Number(1) }; break;
                case "--latency-ms":
                    var latency = TimeSpan.FromMilliseconds(Number(0));
                    options = options with { GraphLatency = latency, CdnLatency = latency, ArchiveLatency = latency };
                    break;
                case "--url-days": options = options with { UrlLifetime = TimeSpan.FromDays(Number(-10000)) }; break;
                case "--fault": faults.Add(Fault(Value())); break;
                case "--odd":
                    var (oddity, oddRate) = Pair(Value());
                    oddities[Name<Oddity>(oddity, "oddity")] = Share(oddRate);
                    break;
                case "--archived": options = options with { GeneratedArchivedItems = Number(0) }; break;
                case "--item":
                    var folder = Path.GetFullPath(Value());
                    options = options with { ArchivedItems = [.. options.ArchivedItems, new ArchivedItem { Identifier = Path.GetFileName(folder), Folder = folder }] };
                    break;
                case "--listed-after-reads": options = options with { ListedAfterReads = Number(0) }; break;
                case "--s3-redirects": options = options with { S3Redirects = true }; break;
                case "--exit-with-stdin": exitWithStdin = true; break;
                case "--verbose": verbose = true; break;
                default: throw new FormatException($"There is no argument {name}.");
            }
        }

        if (options.Port > 65529) throw new FormatException("--port needs room for seven ports: at most 65529.");
        if (users.Count > 0) options = options with { Users = users };
        return new CommandLine(options with { Faults = faults, Oddities = oddities }, exitWithStdin, verbose);
    }

    private static FaultRule Fault(string text)
    {
        var (kindText, rest) = Pair(text);
        var rateAndTimes = rest.Split(':');
        var dot = kindText.IndexOf('.', StringComparison.Ordinal);
        var kind = Name<FaultKind>(kindText[(dot + 1)..], "fault");
        var known = Enum.GetValues<ServerKind>().Where(s => FaultRule.Knows(s, kind)).ToList();
        var server = dot >= 0 ? Name<ServerKind>(kindText[..dot], "server")
            : known is [_] or [_, ServerKind.Tiles] ? known[0]
            : throw new FormatException($"{kind} needs a server: graph.{kind}, cdn.{kind}, archive.{kind}, s3.{kind} or tiles.{kind}.");
        if (!known.Contains(server)) throw new FormatException($"{server} has no fault {kind}.");
        int Number(string number) => int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var n) && n > 0
            ? n
            : throw new FormatException($"'{text}' is not KIND:RATE, KIND:RATE:TIMES or KIND:RATE:TIMES:EVERY.");
        if (rateAndTimes.Length > 3) throw new FormatException($"'{text}' is not KIND:RATE, KIND:RATE:TIMES or KIND:RATE:TIMES:EVERY.");
        return new FaultRule
        {
            Server = server,
            Kind = kind,
            Rate = Share(rateAndTimes[0]),
            Times = rateAndTimes.Length < 2 ? 1 : rateAndTimes[1] == "always" ? int.MaxValue : Number(rateAndTimes[1]),
            Every = rateAndTimes.Length < 3 ? 1 : Number(rateAndTimes[2]),
        };
    }

    private static (string First, string Tail) Pair(string text) =>
        text.Split(':', 2) is [var first, var tail] ? (first, tail) : throw new FormatException($"'{text}' needs a rate: {text}:0.1");

    private static double Share(string text) =>
        double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var share) && share <= 1
            ? share
            : throw new FormatException($"'{text}' is not a rate from 0 to 1.");

    private static T Name<T>(string text, string what)
        where T : struct, Enum =>
        Enum.GetNames<T>().Contains(text, StringComparer.OrdinalIgnoreCase)
            ? Enum.Parse<T>(text, ignoreCase: true)
            : throw new FormatException($"There is no {what} '{text}'. There are: {string.Join(", ", Enum.GetNames<T>())}.");
}
