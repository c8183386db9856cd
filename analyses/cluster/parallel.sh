#!/usr/bin/env bash
# A sweep with GNU parallel: on this machine, or over ssh on all that a file names, one a line, where they share a disk.
#
#   smale plan data-size.toml --out plan
#   ./parallel.sh plan
#   ./parallel.sh plan machines.txt
set -euo pipefail

plan=$(realpath "$1")
smale=${SMALE:-$(command -v smale)}
where=()
if [[ $# -gt 1 ]]; then
    where=(--sshloginfile "$2")
fi
last=$(($(sed -n 's/^  "tasks": \([0-9]*\),$/\1/p' "$plan/manifest.json") - 1))
seq 0 "$last" | parallel "${where[@]}" --bar "$smale" run --quiet --threads 1 --task {} "$plan"
"$smale" merge "$plan"
