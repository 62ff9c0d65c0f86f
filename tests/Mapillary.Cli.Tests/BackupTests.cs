using System.Diagnostics;
using System.Formats.Tar;
using System.Text.Json;
using System.Text.RegularExpressions;
using Mapillary.Emulator;

namespace Mapillary.Cli.Tests;

public class BackupTests
{
    [Fact]
    public async Task Users_may_stand_in_a_file_with_remarks_and_none_is_backed_up_twice()
    {
        await using var run = await ConsoleRun.OpenAsync(new EmulatorOptions { Users = [new EmulatedUser { Name = "anna", Images = 3 }, new EmulatedUser { Name = "ben", Images = 2 }] });
        await File.WriteAllLinesAsync(Path.Combine(run.Folder, "users.txt"), ["# mine", "", " ben ", "anna"], TestContext.Current.CancellationToken);

        var (exitCode, output, error) = await run.RunAsync("backup", "anna", "--users-from", "users.txt");

        Assert.True(exitCode == 0, error);
        Assert.Equal(["anna: complete", "ben: complete"], output.TrimEnd().Split('\n').Where(l => l[0] != ' ').Select(l => l.Split(',')[0]));
        Assert.Equal(1, (await run.RunAsync("backup")).ExitCode);
        Assert.Equal(1, (await run.RunAsync("backup", "--users-from", "nothing-here.txt")).ExitCode);
    }

    [Fact]
    public async Task A_list_of_users_that_names_none_is_an_error()
    {
        await using var run = await ConsoleRun.OpenAsync();
        await File.WriteAllLinesAsync(Path.Combine(run.Folder, "users.txt"), ["# nobody yet", ""], TestContext.Current.CancellationToken);

        var (exitCode, output, error) = await run.RunAsync("backup", "--users-from", "users.txt");

        Assert.Equal((1, "", "error: There is no user name in 'users.txt'."), (exitCode, output, error.Trim()));
    }

    [Fact]
    public async Task A_backup_leaves_a_whole_collection_and_says_so()
    {
        await using var run = await ConsoleRun.OpenAsync();

        var (exitCode, output, error) = await run.RunAsync("backup", "anna");

        Assert.True(exitCode == 0, error);
        var collection = Path.Combine(run.Folder, "mapillary_data", "mapillary-anna-original");
        Assert.Contains("anna: complete, listed 40 = saved 40 + present 0 + unavailable 0 + failed 0", output, StringComparison.Ordinal);
        Assert.Equal(40, EntriesIn(collection));
        Assert.Equal("data", File.ReadAllText(Path.Combine(collection, ".meta", "mediatype", "0")));
    }

    [Fact]
    public async Task The_command_to_go_on_with_does_go_on_in_a_shell_and_runs_nothing_else()
    {
        if (OperatingSystem.IsWindows())
        {
            Assert.Skip("The command is for a POSIX shell.");
            return;
        }

        const string User = "-an'na\u2019; touch pwned; \u2019$(touch pwned)\n`touch pwned`\u001b";
        const string Output = "$(touch pwned)'; touch pwned; '\u2018";
        await using var run = await ConsoleRun.OpenAsync(new EmulatorOptions { Users = [new EmulatedUser { Name = User, Images = 9 }] });
        var (_, first, _) = await run.RunAsync("backup", "--output", Output, "--maximum-images", "5", "--", User);
        var next = Regex.Match(first, "^  Next: (mapillary backup .*)$", RegexOptions.Multiline).Groups[1].Value;
        var program = Path.Combine(run.Folder, "mapillary");
        await File.WriteAllTextAsync(program, "#!/bin/sh\nprintf '%s\\0' \"$@\" > words\n", TestContext.Current.CancellationToken);
        File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserExecute);

        using (var shell = Process.Start(new ProcessStartInfo("bash", ["--norc", "-c", $"PATH=.:$PATH; {next}"]) { WorkingDirectory = run.Folder })!) await shell.WaitForExitAsync(TestContext.Current.CancellationToken);
        string[] words = (await File.ReadAllTextAsync(Path.Combine(run.Folder, "words"), TestContext.Current.CancellationToken)).Split('\0')[..^1];
        var (exitCode, second, error) = await run.RunAsync(words);

        Assert.Equal(["backup", "--output", Output, "--maximum-images", "5", "--", User], words);
        Assert.True(exitCode == 0, error);
        Assert.Contains("saved 4 + present 5", second, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFiles(run.Folder, "pwned", SearchOption.AllDirectories));
        Assert.DoesNotContain(first + second + error, c => char.IsControl(c) && c != '\n');
    }

    [Fact]
    public async Task No_program_is_needed_for_WebP()
    {
        await using var run = await ConsoleRun.OpenAsync(new EmulatorOptions { Users = [new EmulatedUser { Name = "anna", Images = 3 }] });
        run.Variables["PATH"] = run.Folder;

        var (exitCode, _, error) = await run.RunAsync("backup", "anna", "--webp", "--no-tar");

        Assert.True(exitCode == 0, error);
        Assert.Equal(3, Directory.GetFiles(Path.Combine(run.Folder, "mapillary_data", "mapillary-anna-original-webp"), "*.webp", SearchOption.AllDirectories).Length);
    }

    [Fact]
    public async Task A_second_run_fetches_nothing()
    {
        await using var run = await ConsoleRun.OpenAsync();
        await run.RunAsync("backup", "anna");
        var fetches = run.Fetches;

        var (exitCode, output, _) = await run.RunAsync("backup", "anna");

        Assert.Equal(0, exitCode);
        Assert.Contains("present 40", output, StringComparison.Ordinal);
        Assert.Equal(fetches, run.Fetches);
    }

    [Fact]
    public async Task Images_that_are_there_and_were_made_in_another_way_are_counted_with_the_ways_to_change_them()
    {
        await using var run = await ConsoleRun.OpenAsync(new EmulatorOptions { Users = [new EmulatedUser { Name = "anna", Images = 3 }] });
        await run.RunAsync("backup", "anna", "--no-exif", "--no-tar");

        var (exitCode, _, error) = await run.RunAsync("backup", "anna", "--no-tar");

        Assert.Equal(0, exitCode);
        var folder = Path.Combine(run.Folder, "mapillary_data");
        var collection = CommandText.ForPowerShell(Path.Combine(folder, "mapillary-anna-original"));
        string[] expected =
        [
            "warning: anna: 3 of the images here were made in another way and stay as they are. What differs: metadata (3).",
            $"warning: anna: To fetch them again, in PowerShell: Get-MapillaryImage -LiteralPath {collection} | Save-MapillaryImage -Destination {CommandText.ForPowerShell(folder)} -Force",
            $"warning: anna: To change only the metadata, of all files of this collection, these 3 among them, in PowerShell: Set-MapillaryExif -LiteralPath {collection} -MetadataPath {collection}",
        ];
        Assert.Equal(expected, error.Split('\n').Where(l => l.StartsWith("warning:", StringComparison.Ordinal)));
        Assert.DoesNotContain("warning:", (await run.RunAsync("backup", "anna", "--no-exif", "--no-tar")).Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Options_reach_the_job()
    {
        await using var run = await ConsoleRun.OpenAsync();

        var (exitCode, _, error) = await run.RunAsync("backup", "anna", "--output", "out", "--quality", "256", "--workers", "3", "--group-by", "sequence", "--no-exif", "--include-archived");

        Assert.True(exitCode == 0, error);
        var collection = Path.Combine(run.Folder, "out", "mapillary-anna-256");
        Assert.Equal(3, Directory.GetFiles(collection, "*.tar").Length);
        Assert.Equal(40, EntriesIn(collection));
        Assert.DoesNotContain(run.Emulator.Requests, r => r.Server == ServerKind.Archive);
    }

    [Theory]
    [InlineData(null, "No Mapillary access token", "https://www.mapillary.com/dashboard/developers")]
    [InlineData("MLY|1|fedcba9876543210fedcba9876543210", "refused the access token", "https://www.mapillary.com/dashboard/developers")]
    public async Task Without_a_good_token_nothing_is_written(string? token, string what, string where)
    {
        await using var run = await ConsoleRun.OpenAsync();

        var (exitCode, _, error) = await run.EndAsync(run.Start(token, ["backup", "anna"]));

        Assert.Equal(1, exitCode);
        Assert.Contains(what, error, StringComparison.Ordinal);
        Assert.Contains(where, error, StringComparison.Ordinal);
        Assert.DoesNotContain("fedcba9876543210", error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Path.Combine(run.Folder, "mapillary_data")));
    }

    [Fact]
    public async Task An_unknown_user_is_named_and_leaves_no_folder()
    {
        await using var run = await ConsoleRun.OpenAsync();

        var (exitCode, _, error) = await run.RunAsync("backup", "nobody");

        // A misspelled name is no success.
        Assert.Equal(2, exitCode);
        Assert.Contains("'nobody'", error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Path.Combine(run.Folder, "mapillary_data")));
    }

    [Fact]
    public async Task The_help_shows_each_default_once_and_as_it_is_typed()
    {
        await using var run = await ConsoleRun.OpenAsync();

        var (exitCode, output, _) = await run.RunAsync("backup", "--help");

        Assert.Equal(0, exitCode);
        Assert.Contains("[default: original]", output, StringComparison.Ordinal);
        Assert.Contains("[default: date]", output, StringComparison.Ordinal);
        Assert.DoesNotContain("(default", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--bbox", "1,2,3", "'1,2,3' is not a bounding box")]
    [InlineData("--quality", "512", "'512' is not an image quality")]
    [InlineData("--workers", "0", "'0' is not a number of workers")]
    [InlineData("--group-by", "user", "'user' is not a way to group")]
    [InlineData("--frobnicate", "x", "--frobnicate")]
    [InlineData("--no-tar", "--group-by=sequence", "--group-by does nothing with --no-tar")]
    public async Task Wrong_usage_names_the_value_and_does_nothing(string option, string value, string expected)
    {
        await using var run = await ConsoleRun.OpenAsync();

        var (exitCode, _, error) = await run.RunAsync("backup", "anna", option, value);

        Assert.Equal(1, exitCode);
        Assert.Contains(expected, error, StringComparison.Ordinal);
        Assert.Empty(run.Emulator.Requests);
    }

    [Fact]
    public async Task A_user_may_be_an_address_and_one_that_is_none_fails_by_name_while_the_others_go_on()
    {
        await using var run = await ConsoleRun.OpenAsync();

        var (exitCode, _, error) = await run.RunAsync(
            "backup", "https://www.mapillary.com/app/?pKey=1", "MLY|1|fedcba9876543210", "https://www.mapillary.com/app/user/anna", "--quality", "256", "--no-tar", "--no-check-ia");

        Assert.Equal(2, exitCode);
        Assert.Contains("'www.mapillary.com/app/' is no user name", error, StringComparison.Ordinal);
        Assert.Contains("--token", error, StringComparison.Ordinal);
        Assert.DoesNotContain("fedcba9876543210", error, StringComparison.Ordinal);
        Assert.Contains("Write --include-archived instead", error, StringComparison.Ordinal);
        Assert.DoesNotContain(run.Emulator.Requests, r => r.Server == ServerKind.Archive);
        Assert.Equal(40, Directory.GetFiles(Path.Combine(run.Folder, "mapillary_data", "mapillary-anna-256"), "*.jpg", SearchOption.AllDirectories).Count(f => !f.EndsWith("__ia_thumb__.jpg", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_folder_that_cannot_be_written_is_named_before_anything_is_fetched()
    {
        await using var run = await ConsoleRun.OpenAsync();
        File.WriteAllText(Path.Combine(run.Folder, "mapillary_data"), "in the way");

        var (exitCode, _, error) = await run.RunAsync("backup", "anna");

        Assert.Equal(1, exitCode);
        Assert.Contains("mapillary_data", error, StringComparison.Ordinal);
        Assert.Equal(0, run.Fetches);
    }

    [Fact]
    public async Task A_missing_encoder_is_said_before_anything_is_fetched()
    {
        await using var run = await ConsoleRun.OpenAsync();
        var program = CopyOfProgram(run);

        var (exitCode, _, error) = await run.EndAsync(run.Start(run.Emulator.Token, ["backup", "anna", "--webp"], program));

        Assert.Equal(1, exitCode);
        Assert.Contains(Path.Combine(program, "runtimes"), error, StringComparison.Ordinal);
        Assert.Contains("missing", error, StringComparison.Ordinal);
        Assert.Empty(run.Emulator.Requests);
    }

    /// <summary>As a copy that was broken off leaves it, or a virus scanner.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(100)]
    [InlineData(4096)]
    [InlineData(-1)]
    public async Task A_library_of_the_encoder_that_is_empty_or_cut_is_one_error_before_the_first_request(int length)
    {
        await using var run = await ConsoleRun.OpenAsync();
        var program = CopyOfProgram(run);
        foreach (var native in Directory.EnumerateFiles(Path.Combine(AppContext.BaseDirectory, "runtimes"), "libvips*", SearchOption.AllDirectories))
        {
            var copy = Path.Combine(program, Path.GetRelativePath(AppContext.BaseDirectory, native));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(native, copy);
        }

        var library = Directory.EnumerateFiles(Path.Combine(program, "runtimes"), "libvips*", SearchOption.AllDirectories).Single();
        // Minus one stands for half of it.
        using (var file = File.OpenWrite(library)) file.SetLength(length < 0 ? file.Length / 2 : length);

        var (exitCode, output, error) = await run.EndAsync(run.Start(run.Emulator.Token, ["backup", "anna", "--webp"], program));

        Assert.Equal((1, ""), (exitCode, output));
        Assert.StartsWith($"error: The encoder's library, '{library}', cannot be loaded: ", Assert.Single(error.Split('\n', StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);
        Assert.Empty(run.Emulator.Requests);
    }

    [Fact]
    public async Task Redirected_output_is_UTF_8_whatever_the_terminal_takes()
    {
        await using var run = await ConsoleRun.OpenAsync(new EmulatorOptions { Users = [new EmulatedUser { Name = "Jürgen", Images = 2 }] });
        run.Variables["LC_ALL"] = "de_DE.ISO-8859-1";

        var process = run.Start(run.Emulator.Token, ["backup", "Jürgen", "ЖЖ"]);
        process.StandardError.Close();
        using var output = new MemoryStream();
        await process.StandardOutput.BaseStream.CopyToAsync(output);
        await process.WaitForExitAsync();

        var text = new System.Text.UTF8Encoding(false, throwOnInvalidBytes: true).GetString(output.ToArray());
        Assert.StartsWith("Jürgen: complete", text, StringComparison.Ordinal);
        Assert.Contains("\nЖЖ: no images", text.ReplaceLineEndings("\n"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_name_of_a_list_in_the_code_page_of_Windows_is_refused_with_what_to_do_and_the_others_go_on()
    {
        await using var run = await ConsoleRun.OpenAsync();
        var list = Path.Combine(run.Folder, "users.txt");
        File.WriteAllBytes(list, System.Text.Encoding.Latin1.GetBytes("Jürgen\r\nanna\r\n"));

        var (exitCode, output, error) = await run.RunAsync("backup", "--users-from", list);

        Assert.Equal(2, exitCode);
        Assert.Contains("save it as UTF-8", error, StringComparison.Ordinal);
        Assert.StartsWith("anna: complete", output, StringComparison.Ordinal);
        Assert.DoesNotContain(run.Emulator.Requests, r => r.PathAndQuery.Contains("rgen", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Failed_images_are_named_and_the_collection_stays_in_staging()
    {
        await using var run = await ConsoleRun.OpenAsync(new EmulatorOptions
        {
            Users = [new EmulatedUser { Name = "anna", Images = 20 }, new EmulatedUser { Name = "ben", Images = 5 }],
            // An address that is never asked fails at once, without the waits of a failing server.
            ModifyRecord = (image, record) =>
            {
                if (image.Ordinal == 3) record.Literal["thumb_original_url"] = "\"https://elsewhere.example/x\"";
            },
        });

        var (exitCode, output, error) = await run.RunAsync("backup", "anna", "ben");

        Assert.Equal(2, exitCode);
        Assert.Contains("https://elsewhere.example", error, StringComparison.Ordinal);
        Assert.Contains("anna: incomplete", output, StringComparison.Ordinal);
        Assert.Contains("ben: complete", output, StringComparison.Ordinal);
        Assert.True(Directory.Exists(Path.Combine(run.Folder, "mapillary_data", ".staging", "mapillary-anna-original")));
        Assert.True(Directory.Exists(Path.Combine(run.Folder, "mapillary_data", "mapillary-ben-original")));
    }

    [Fact]
    public async Task A_stop_rule_ends_the_run_with_2_and_its_reason_and_the_next_run_goes_on()
    {
        await using var run = await ConsoleRun.OpenAsync();

        var (exitCode, output, error) = await run.RunAsync("backup", "anna", "--maximum-images", "15", "--maximum-size", "50GB", "--maximum-duration", "08:00", "--minimum-free-space", "1KB");
        var (again, rest, _) = await run.RunAsync("backup", "anna");

        Assert.True(exitCode == 2, error);
        Assert.Contains("anna: stopped, because 15 images were saved", output, StringComparison.Ordinal);
        Assert.Equal(0, again);
        Assert.Contains("saved 25 + present 15", rest, StringComparison.Ordinal);
        Assert.Equal(40, EntriesIn(Path.Combine(run.Folder, "mapillary_data", "mapillary-anna-original")));
    }

    [Theory]
    [InlineData("--maximum-images", "0")]
    [InlineData("--maximum-size", "fifty")]
    [InlineData("--maximum-duration", "8")]
    [InlineData("--minimum-free-space", "0")]
    public async Task A_stop_rule_that_means_nothing_is_named(string option, string value)
    {
        await using var run = await ConsoleRun.OpenAsync();

        var (exitCode, _, error) = await run.RunAsync("backup", "anna", option, value);

        Assert.Equal(1, exitCode);
        Assert.Contains($"'{value}'", error, StringComparison.Ordinal);
        Assert.Empty(run.Emulator.Requests);
    }

    [Fact]
    public async Task Interrupted_it_ends_with_130_and_the_next_run_goes_on()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows sends no SIGTERM.");
        await using var run = await ConsoleRun.OpenAsync(new EmulatorOptions
        {
            Users = [new EmulatedUser { Name = "anna", Images = 300 }],
            CdnLatency = TimeSpan.FromMilliseconds(40),
        });
        var some = new TaskCompletionSource();
        run.Emulator.Answered += r =>
        {
            if (r.Server == ServerKind.Cdn && run.Fetches >= 30) some.TrySetResult();
        };

        var process = run.Start(run.Emulator.Token, ["backup", "anna", "--workers", "4"]);
        await some.Task;
        using (System.Diagnostics.Process.Start("kill", ["-TERM", process.Id.ToString()])) { }
        var (exitCode, _, error) = await run.EndAsync(process);

        Assert.Equal(130, exitCode);
        Assert.Contains("Nothing is lost", error, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFiles(run.Folder, "*.part", SearchOption.AllDirectories));
        var (again, output, _) = await run.RunAsync("backup", "anna", "--workers", "16");
        Assert.Equal(0, again);
        Assert.Contains("listed 300", output, StringComparison.Ordinal);
        Assert.DoesNotContain("present 0", output, StringComparison.Ordinal);
        Assert.Equal(300, EntriesIn(Path.Combine(run.Folder, "mapillary_data", "mapillary-anna-original")));
    }

    [Fact]
    public async Task Statistics_are_text_or_json()
    {
        await using var run = await ConsoleRun.OpenAsync(new EmulatorOptions { GeneratedArchivedItems = 250 });

        var (exitCode, text, _) = await run.RunAsync("stats");
        var (jsonExitCode, json, _) = await run.RunAsync("stats", "--json");

        Assert.Equal((0, 0), (exitCode, jsonExitCode));
        var expected = run.Emulator.ArchivedItems.Where(i => Regex.IsMatch(i.Identifier, "^mapillary-.+-(256|1024|2048|original)(-webp)?$")).ToList();
        using var document = JsonDocument.Parse(json);
        Assert.Equal(expected.Count, document.RootElement.GetProperty("collections").GetInt32());
        Assert.Equal(expected.Sum(i => i.ItemSize), document.RootElement.GetProperty("bytes").GetInt64());
        Assert.Contains(expected.Count.ToString(), text, StringComparison.Ordinal);
    }

    /// <summary>The program without the libraries of any system, which have folders of their own.</summary>
    private static string CopyOfProgram(ConsoleRun run)
    {
        var program = Directory.CreateDirectory(Path.Combine(run.Folder, "program")).FullName;
        foreach (var file in Directory.GetFiles(AppContext.BaseDirectory)) File.Copy(file, Path.Combine(program, Path.GetFileName(file)));
        return program;
    }

    private static int EntriesIn(string collection)
    {
        var entries = 0;
        foreach (var path in Directory.EnumerateFiles(collection, "*.tar"))
        {
            using var tar = new TarReader(File.OpenRead(path));
            while (tar.GetNextEntry() is not null) entries++;
        }

        return entries;
    }
}
