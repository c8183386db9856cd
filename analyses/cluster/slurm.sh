#!/usr/bin/env bash
# A sweep under Slurm: one array job for the tasks, one job that merges them when all have ended.
#
#   smale plan data-size.toml --out plan
#   ./slurm.sh plan                # all tasks
#   ./slurm.sh plan 3,17-20        # some of them: what smale merge calls missing
set -euo pipefail

plan=$1
smale=${SMALE:-smale}
if [[ $# -gt 1 ]]; then
    tasks=$2
else
    last=$(($(sed -n 's/^  "tasks": \([0-9]*\),$/\1/p' "$plan/manifest.json") - 1))
    tasks=0-$last
fi
cores=${CORES:-2}

# No more than 200 at a time; a task that is killed at its limit of time is begun again by hand, with the same command.
job=$(sbatch --parsable --job-name=sweep --array="$tasks%200" --cpus-per-task="$cores" --time=04:00:00 \
    --output="$plan/slurm-%A_%a.log" \
    --wrap "'$smale' run --threads $cores --task \$SLURM_ARRAY_TASK_ID '$plan'")
sbatch --job-name=sweep-merge --dependency="afterany:$job" --output="$plan/slurm-merge.log" \
    --wrap "'$smale' merge '$plan'"
