#!/usr/bin/env bash
# The same sweep by one process and under HyperQueue by two workers: the same bytes.
#
#   hyperqueue.sh SMALE
#
# Needs Python 3 with venv; HyperQueue is installed into a folder that goes again. Says so and ends well where that cannot be.
set -euo pipefail

smale=$(realpath "$1")
here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

if ! python3 -m venv "$scratch/venv" ||
    ! "$scratch/venv/bin/pip" install --quiet --disable-pip-version-check --retries 1 --timeout 10 hyperqueue; then
    echo "not run under HyperQueue: it cannot be installed"
    exit 0
fi

"$smale" sweep --quiet "$here/data-size.toml" --out "$scratch/alone"
"$smale" plan --quiet "$here/data-size.toml" --out "$scratch/queue"
timeout 120 "$scratch/venv/bin/python" "$here/submit.py" "$smale" "$scratch/queue" 2
"$smale" merge "$scratch/queue"
for file in grid.parquet grid.csv points.parquet; do
    cmp "$scratch/alone/$file" "$scratch/queue/$file"
done
echo "by one process and under HyperQueue: the same bytes"
