#!/usr/bin/env python3
"""Counts the instructions of small pieces of work under valgrind and compares them with those on record.

    python benches/instructions.py [--record]

Instructions do not depend on what else the machine does, and under valgrind neither on its processor: it shows programs one with AVX2.
They do depend on the compiler, so counts on record from another are shown but not held against the program. Fails if a piece takes
more than 5 % more than on record; fewer are shown. --record writes benches/instructions.json anew.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile

PIECES = ["gradient", "product", "hessian", "pruned", "graph", "proof"]
TOLERANCE = 0.05
HERE = pathlib.Path(__file__).resolve().parent


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    program = build()
    compiler = subprocess.run(["rustc", "--version"], check=True, capture_output=True, text=True).stdout.strip()
    counts = {piece: count(program, piece) for piece in PIECES}
    record = HERE / "instructions.json"
    if options.record:
        record.write_text(json.dumps({"compiler": compiler, "instructions": counts}, indent=2) + "\n")
        return
    known = json.loads(record.read_text())
    same = known["compiler"] == compiler
    worse = []
    for piece, now in counts.items():
        ratio = now / known["instructions"][piece]
        print(f"{piece:10} {now:>14,} {ratio:8.3f} times the record")
        if ratio > 1 + TOLERANCE:
            worse.append(piece)
    if not same:
        print(f"on record from {known['compiler']}, this is {compiler}: nothing is concluded")
    elif worse:
        sys.exit(f"more instructions than on record: {', '.join(worse)} (--record, if that is meant)")


def build():
    command = ["cargo", "bench", "--quiet", "--bench", "instructions", "--no-run", "--message-format=json"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True, cwd=HERE.parent).stdout.splitlines()
    targets = [json.loads(line) for line in lines if line.startswith("{")]
    return next(t["executable"] for t in targets if t.get("target", {}).get("name") == "instructions" and t.get("executable"))


def count(program, piece):
    with tempfile.TemporaryDirectory() as scratch:
        command = [
            "valgrind", "--tool=callgrind", "--collect-atstart=no", "--toggle-collect=instructions::measured*",
            f"--callgrind-out-file={scratch}/out", program, piece,
        ]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stderr
    found = int(re.search(r"Collected : (\d+)", said).group(1))
    if found == 0:
        sys.exit(f"{piece}: nothing was counted")
    return found


if __name__ == "__main__":
    main()
