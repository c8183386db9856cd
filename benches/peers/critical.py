#!/usr/bin/env python3
"""All minima and index-1 points of two mixtures: CPU seconds of pele, topsearch and smale, in one run, one thread.

    python critical.py --smale ../../target/release/smale

Environments are made (once) under --environments. See README.md for what is measured.
"""

import argparse
import csv
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
import venv
from pathlib import Path

from one_thread import NAMES

HERE = Path(__file__).resolve().parent
CASES = HERE.parent.parent / "tests" / "cases"
DEFAULT = ["planar-k30-s35", "twenty-0"]
PEERS = ["pele", "topsearch"]
# As the peers, which look for no points of higher index.
INDEX_ONE = "smale, to 1"
# As the peers, which prove nothing either.
UNPROVEN = "smale, to 1, unproven"
# And stopped, as they are, when the last known point is there.
STOPPED = "smale, stopped"
# And charged as they are: no start of the program, no files.
CHARGED = "smale, stopped, charged likewise"
ONE_THREAD = dict.fromkeys([*NAMES, "RAYON_NUM_THREADS"], "1")


def environment(folder, name):
    """The interpreter of an environment with the peer installed, or why there is none."""
    place = folder / name
    python = place / "bin" / "python"
    wanted = (HERE / f"requirements-{name}.txt").read_text()
    stamp = place / "installed.txt"
    if stamp.exists() and stamp.read_text() == wanted and python.exists():
        return python, None
    print(f"installing {name} into {place}", file=sys.stderr, flush=True)
    try:
        venv.create(place, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", HERE / f"requirements-{name}.txt"],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=1800)
    except (OSError, subprocess.SubprocessError) as error:
        lines = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
        return None, lines[-1] if lines else str(error)
    stamp.write_text(wanted)
    return python, None


def peer(python, name, case, seed, limit):
    """One run of a peer: its JSON line, or an error entry."""
    command = [python, HERE / f"run_{name}.py", case, "--seed", str(seed), "--limit", str(limit)]
    try:
        # The runner watches its own clock; one search that never returns is ended from here.
        done = subprocess.run(command, env=os.environ | ONE_THREAD, capture_output=True, text=True,
                              timeout=20 * limit + 120)
    except subprocess.TimeoutExpired:
        return {"tool": name, "seed": seed, "error": "a single call did not return in time"}
    lines = [line for line in done.stdout.splitlines() if line.startswith('{"tool"')]
    if done.returncode != 0 or not lines:
        reason = done.stderr.strip().splitlines()
        return {"tool": name, "seed": seed, "error": reason[-1] if reason else f"exit {done.returncode}"}
    return json.loads(lines[-1])


def smale(binary, case, seed, limit, highest=None, proves=True, searches=None):
    """`smale graph` on the case: user + system seconds of the whole process, start and files included. `highest` is the index up to which
    points are looked for, if not all that there are, and `searches` how many there may be."""
    tool = "smale" if highest is None else INDEX_ONE if proves else UNPROVEN if searches is None else STOPPED
    options = ("" if highest is None else f"max_index = {highest}\n") + ("" if proves else "prove = false\n")
    with open(case, "rb") as file:
        answer = tomllib.load(file)
    land = answer["landscape"]
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder / "points.csv").write_text("".join(",".join(map(repr, row)) + "\n" for row in land["points"]))
        study = f'title = "{answer["title"]}"\nseed = {seed}\n[landscape]\nkind = "mixture"\ndata = "points.csv"\n'
        study += f'sigma = {land["sigma"]!r}\n'
        if "confinement" in land:
            study += f'confinement = {land["confinement"]!r}\n'
        (folder / "study.toml").write_text(study + f"[critical]\n{options}[graph]\n")
        out = folder / "out"
        command = [binary, "graph", folder / "study.toml", "--out", out, "--threads", "1", "--quiet", "--json"]
        command += [] if searches is None else ["--limit", str(searches)]
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        try:
            done = subprocess.run(command, env=os.environ | ONE_THREAD, capture_output=True, text=True,
                                  timeout=20 * limit + 120)
        except subprocess.TimeoutExpired:
            return {"tool": tool, "seed": seed, "error": f"stopped after {20 * limit + 120:.0f} s"}
        wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        table = out / "critical_points.csv"
        if done.returncode != 0 or not table.exists():
            reason = done.stderr.strip().splitlines()
            return {"tool": tool, "seed": seed, "cpu_seconds": round(cpu, 4),
                    "error": reason[0] if reason else f"exit {done.returncode}"}
        with open(table, newline="") as file:
            rows = [(int(r["index"]), [float(v) for k, v in r.items() if k[0] == "x" and k[1:].isdigit()])
                    for r in csv.DictReader(file)]
    found, known, left = [], [], []
    for index in range(len(answer["counts"]) if highest is None else highest + 1):
        truth = [p["x"] for p in answer["points"] if p["index"] == index]
        given = [x for i, x in rows if i == index]
        radius = 0.02 * land["sigma"]
        near = [[sum((a - b) ** 2 for a, b in zip(t, x)) < radius**2 for x in given] for t in truth]
        found.append(sum(any(row) for row in near))
        known.append(len(truth))
        left.append(sum(not any(column) for column in zip(*near)) if near else len(given))
    try:
        summary = json.loads(done.stdout)
    except ValueError:
        summary = {}
    return {"tool": tool, "seed": seed, "complete": found == known and not any(left),
            "cpu_seconds": round(cpu, 4), "wall_seconds": round(wall, 4), "found": found, "known": known,
            "not_known": left, "edges": summary.get("edges"), "completeness": summary.get("completeness"),
            "morse_smale": summary.get("morse_smale"), "timings": summary.get("timings")}


def stopped(binary, case, seed, limit):
    """As the peers: no more searches than it takes until the last known point is there, which are found by halving first."""
    run = lambda searches: smale(binary, case, seed, limit, 1, False, searches)
    most = 1
    while most < 1 << 20 and not run(most).get("complete"):
        most *= 2
    least = most // 2
    while most - least > 1:
        middle_ = (least + most) // 2
        least, most = (least, middle_) if run(middle_).get("complete") else (middle_, most)
    return run(most) | {"searches": most}


def middle(runs):
    """Median CPU seconds of the complete runs, if at least half are complete."""
    times = [r["cpu_seconds"] for r in runs if r.get("complete")]
    return statistics.median(times) if times and 2 * len(times) >= len(runs) else None


def show(name, runs):
    bad = [r for r in runs if "error" in r]
    if len(bad) == len(runs):
        return f"{name:33} {bad[0]['error']}"
    good = [r for r in runs if "error" not in r]
    time_ = middle(runs)
    best = max(good, key=lambda r: sum(r["found"]))
    spent = f"{time_:9.3f} s" if time_ is not None else f"not complete after {best['cpu_seconds']:.1f} s:"
    extra = f", {sum(best['not_known'])} that are none" if any(best["not_known"]) else ""
    count = "+".join(map(str, best["found"])) + " of " + "+".join(map(str, best["known"]))
    complete = sum(bool(r.get("complete")) for r in runs)
    return f"{name:33} {spent}  {count}{extra}  ({complete} of {len(runs)} runs complete)"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", default=DEFAULT, help="names in tests/cases (without .toml)")
    parser.add_argument("--smale", type=Path, help="the smale binary (left out: only the peers are timed)")
    parser.add_argument("--repeats", type=int, default=3, help="seeds to run; medians are compared")
    parser.add_argument("--limit", type=float, default=60.0, help="CPU seconds a peer may take for a run")
    parser.add_argument("--environments", type=Path, default=Path.home() / ".cache" / "smale-peers")
    parser.add_argument("--json", type=Path, help="also write every run, one JSON line each, to this file")
    given = parser.parse_args()
    if given.smale and not given.smale.exists():
        parser.error(f"no such binary: {given.smale}")
    given.environments.mkdir(parents=True, exist_ok=True)
    pythons = {name: environment(given.environments.resolve(), name) for name in PEERS}
    print(f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}; one thread each")
    lines = []
    for name in given.cases:
        case = CASES / f"{name}.toml"
        if not case.exists():
            parser.error(f"no such case: {case}")
        with open(case, "rb") as file:
            head = tomllib.load(file)
        print(f"\n{head['title']}, counts {head['counts']}")
        ours = ["smale", INDEX_ONE, UNPROVEN, STOPPED, CHARGED]
        runs = {tool: [] for tool in [*PEERS, *ours]}
        # Tools take turns, so that a busy machine is busy for all of them.
        for seed in range(1, given.repeats + 1):
            for tool in PEERS:
                python, reason = pythons[tool]
                run = peer(python, tool, case, seed, given.limit) if python else {
                    "tool": tool, "seed": seed, "error": f"not installable: {reason}"}
                runs[tool].append(run)
            if given.smale:
                binary = given.smale.resolve()
                runs["smale"].append(smale(binary, case, seed, given.limit))
                runs[INDEX_ONE].append(smale(binary, case, seed, given.limit, 1))
                runs[UNPROVEN].append(smale(binary, case, seed, given.limit, 1, proves=False))
                run = stopped(binary, case, seed, given.limit)
                runs[STOPPED].append(run)
                if run.get("timings"):
                    spent = sum(run["timings"][stage] for stage in ("critical", "graph"))
                    runs[CHARGED].append(run | {"tool": CHARGED, "cpu_seconds": round(spent, 4)})
        for tool, list_ in runs.items():
            if list_:
                print(show(tool, list_), flush=True)
            lines += [{"case": name, **run} for run in list_]
        for mine in ours:
            own = middle(runs[mine])
            for tool in PEERS if own else []:
                theirs = middle(runs[tool])
                if theirs is not None:
                    print(f"{tool} / {mine}: {theirs / own:.1f}")
                else:
                    reached = [r["cpu_seconds"] for r in runs[tool] if "error" not in r]
                    print(f"{tool} / {mine}: " + (f"more than {min(reached) / own:.0f}" if reached else "no time"))
    if given.json:
        given.json.write_text("".join(json.dumps(line) + "\n" for line in lines))


if __name__ == "__main__":
    main()
