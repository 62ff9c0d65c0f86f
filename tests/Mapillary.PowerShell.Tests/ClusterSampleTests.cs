using k8s;
using k8s.Models;
using YamlDotNet.Core;

namespace Mapillary.PowerShell.Tests;

/// <summary>The samples for schedulers, read as these read them.</summary>
public class ClusterSampleTests
{
    private static readonly string[] Manifests = Read("kubernetes.yaml").Split("\n---\n");

    [Fact]
    public void The_Kubernetes_job_has_only_fields_of_its_types_and_says_what_each_exit_code_means()
    {
        var volume = KubernetesYaml.Deserialize<V1PersistentVolumeClaim>(Manifests[0], strict: true);
        var job = KubernetesYaml.Deserialize<V1Job>(Manifests[1], strict: true);

        Assert.Equal(2, Manifests.Length);
        Assert.Equal(("v1", "PersistentVolumeClaim"), (volume.ApiVersion, volume.Kind));
        Assert.Equal(["ReadWriteMany"], volume.Spec.AccessModes);
        Assert.Equal(("batch/v1", "Job", "Indexed", "Never"), (job.ApiVersion, job.Kind, job.Spec.CompletionMode, job.Spec.Template.Spec.RestartPolicy));
        Assert.True(job.Spec.BackoffLimitPerIndex > 0);
        // The API refuses both together.
        Assert.Null(job.Spec.BackoffLimit);

        var container = Assert.Single(job.Spec.Template.Spec.Containers);
        Assert.Collection(
            job.Spec.PodFailurePolicy.Rules,
            token =>
            {
                Assert.Equal(("FailJob", "In", container.Name), (token.Action, token.OnExitCodes.OperatorProperty, token.OnExitCodes.ContainerName));
                Assert.Equal([3], token.OnExitCodes.Values);
            },
            disruption =>
            {
                Assert.Equal("Ignore", disruption.Action);
                var condition = Assert.Single(disruption.OnPodConditions);
                Assert.Equal(("DisruptionTarget", "True"), (condition.Type, condition.Status));
            });

        var command = container.Command.ToList();
        Assert.Equal(["pwsh", "-NoProfile", "-NonInteractive", "-File"], command.Take(4));
        Assert.Equal("$(JOB_COMPLETION_INDEX)", command[command.IndexOf("-Index") + 1]);
        Assert.Equal($"{job.Spec.Completions}", command[command.IndexOf("-Count") + 1]);
        Assert.Equal(Assert.Single(container.VolumeMounts).MountPath, command[command.IndexOf("-Destination") + 1]);
        var claim = Assert.Single(job.Spec.Template.Spec.Volumes);
        Assert.Equal((container.VolumeMounts[0].Name, volume.Metadata.Name), (claim.Name, claim.PersistentVolumeClaim.ClaimName));
        Assert.Equal(("mapillary", "token"), container.Env.Where(e => e.Name == "MAPILLARY_TOKEN").Select(e => (e.ValueFrom.SecretKeyRef.Name, e.ValueFrom.SecretKeyRef.Key)).Single());
    }

    [Theory]
    [InlineData("backoffLimitPerIndex", "backoffLimitPerIndices")]
    [InlineData("onExitCodes", "onExitCode")]
    [InlineData("secretKeyRef", "secretRef")]
    public void A_field_that_the_types_do_not_have_would_be_noticed(string field, string misspelled) =>
        Assert.ThrowsAny<YamlException>(() => KubernetesYaml.Deserialize<V1Job>(Manifests[1].Replace(field + ":", misspelled + ":", StringComparison.Ordinal), strict: true));

    [Fact]
    public void Each_field_that_needs_a_version_says_which()
    {
        var lines = Manifests[1].Split('\n');
        foreach (var field in (string[])["backoffLimitPerIndex", "podFailurePolicy"])
            Assert.Matches(@"# .*\b1\.\d\d\b", lines[Array.FindIndex(lines, l => l.Trim().StartsWith(field + ":", StringComparison.Ordinal)) - 1]);
    }

    [Fact]
    public void The_Slurm_script_goes_back_into_the_queue_by_itself_and_counts_shards_not_tasks()
    {
        var lines = Read("slurm.sh").Split('\n');
        foreach (var option in (string[])["--signal=B:USR1@60", "--requeue", "--open-mode=append"]) Assert.Contains("#SBATCH " + option, lines);
        Assert.Contains("export NO_COLOR=1", lines);
        Assert.DoesNotContain(lines, l => !l.StartsWith('#') && l.Contains("SLURM_ARRAY_TASK_COUNT", StringComparison.Ordinal));
        // Slurm takes no option below the first command.
        Assert.True(Array.FindLastIndex(lines, l => l.StartsWith("#SBATCH", StringComparison.Ordinal)) < Array.FindIndex(lines, l => l.Length > 0 && l[0] != '#'));
    }

    private static string Read(string sample) => File.ReadAllText(Path.Combine(Repository.Root, "samples", "cluster", sample)).ReplaceLineEndings("\n");
}
