#!/bin/bash
# One Mapillary account as an array of Slurm tasks, each of which saves one shard:
#
#   export MAPILLARY_TOKEN='MLY|...'; sbatch slurm.sh
#   sbatch --array=1,3 slurm.sh          # those that failed, again
#
# The states of the tasks are those of Save-Shard.ps1: COMPLETED when all images are there or gone, else FAILED with the exit code
# 1 (nothing could be done), 2 (something is left: run the task again) or 3 (the token).
#
#SBATCH --job-name=mapillary
#SBATCH --array=1-4%2
#SBATCH --time=08:00:00
#SBATCH --cpus-per-task=2
#SBATCH --mem=2G
# A task whose time is nearly over is told so, 60 seconds before, and puts itself back into the queue.
#SBATCH --signal=B:USR1@60
#SBATCH --requeue
# A task that runs again goes on with its log.
#SBATCH --open-mode=append
#SBATCH --output=mapillary-%A_%a.log

user=anna
# How many shards there are, in all. Not SLURM_ARRAY_TASK_COUNT: with --array=1,3 that is 2, and shard 1/2 is not shard 1/4.
# Keep it until all shards are done; --array goes from 1 to it.
shards=4
# A folder that all nodes see.
destination=${MAPILLARY_DESTINATION:-$HOME/archive}
# Slurm runs a copy of this file, so that Save-Shard.ps1 is looked for where sbatch was called.
script=${SAVE_SHARD:-$SLURM_SUBMIT_DIR/Save-Shard.ps1}

export NO_COLOR=1

task=${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}
requeue() {
    echo "The time of task $task is nearly over; it goes back into the queue."
    # This ends the task here; what is on the disk stays, and the next run goes on with it.
    scontrol requeue "$task"
}
trap requeue USR1

# In the background: bash does not look at signals while it runs something else.
pwsh -NoProfile -NonInteractive -File "$script" -User "$user" -Shard "$SLURM_ARRAY_TASK_ID/$shards" -Destination "$destination" "$@" &
saving=$!

# A signal ends the waiting, not the saving.
while :; do
    wait "$saving"
    code=$?
    kill -0 "$saving" 2> /dev/null || break
done
exit "$code"
