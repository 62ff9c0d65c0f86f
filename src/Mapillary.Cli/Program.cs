return await Mapillary.Cli.CommandLine.RunAsync(args);
