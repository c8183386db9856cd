#!/usr/bin/env python3
"""Weakens one bound of src/rigor at a time and reports what the tests do not notice.

    tests/mutants/run.py                  # every mutant of mutants.txt
    tests/mutants/run.py interval.rs add  # those whose file or text has one of the words

A mutant replaces one piece of text of one file. It is killed if a test fails, or does not end. Exit 1 if one survives,
does not build, or is not found in its file; 2 if the tests fail without any.

src/rigor is built alone but for src/linalg, with the tests of its own and those of tests/ that need nothing else, in a crate of its own
under target/mutants; the work tree is never written to. All mutants of a file are built at once: each function contains
its mutants beside itself, and the environment tells which is meant. Mutants of what is no function, as constants, are
built one by one.

mutants.txt: blank lines separate; `#` begins a comment.

    [src/rigor/rounding.rs]      the file of the mutants that follow
    tests: rigor:: intervals::   what to run: words of the tests' names

    @ pub fn add_up              optional: look from here on
    - if exact { sum }           the text, within a line, found once (the first one after @)
    + if true { sum }            what it becomes

Not in the table, since no test can tell: a step that others make up for. Each rounding outwards moves a bound by a whole
unit in the last place, and a result is off by half of one: of several that follow each other any single one can be missed.
Besides,

- in `isolated_zero` the discriminant and the inequality that is checked imply each other, as do the radius, the distance
  within which the bounds hold, and the distance of uniqueness;
- comparisons that only an equality of rounded bounds would tell from their weaker form (a defect of one, an image that
  touches its box, a norm of one): the bounds never meet;
- what is refused for being infinite or no number, where it would only have led to a bound that is infinite;
- spectra: `q max |w|`, the root of `1 + q` and the upper end of `[1 - q, 1 + q]`: the eigenvalues lie within |R| over the
  smallest singular value of V of w (Cao, Xie & Li 1996, "A sharp version of Kahan's theorem on clustered eigenvalues"), which
  is less; the rounding of `w v` and of the difference, below the other roundings and the bound of the product;
- definiteness: the rounding of the shifted diagonal (one unit of the n + 1 of the error of the factorisation), and what
  `eigenvalues_exceed` takes from its shift, which was enlarged by as much before;
- inertia: the factor for the sum of the entries beside the diagonal, which are of the size of roundings, or of radii;
- tubes: `f(c)`, which is the mean value form's change from an end, where f is zero; whether the rate's norm is below one, since its error
  is no interval else; the value of the coordinate that is set, which Newton's method keeps;
- branch and prune: what chooses splits and guesses; which box of uniqueness a growing one tries first.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
TABLE = Path(__file__).with_name("mutants.txt")
CRATE = REPOSITORY / "target" / "mutants"
SEPARATE = ["intervals/main.rs", "points/verified_linear_algebra.rs", "points/branch_and_prune.rs"]
TESTS = ["rigor::", "intervals::"]
SECONDS = 60
MAIN = """//! Verified arithmetic, with mutants.
#![allow(warnings)]

pub mod linalg;
pub mod rigor;

/// The mutant that is meant; none for 0.
pub(crate) fn mutant() -> u32 {
    static MUTANT: std::sync::LazyLock<u32> =
        std::sync::LazyLock::new(|| std::env::var("MUTANT").ok().and_then(|m| m.parse().ok()).unwrap_or(0));
    *MUTANT
}

#[cfg(test)]
extern crate self as smale;
"""


@dataclass
class Mutant:
    line: int
    file: str
    tests: list
    after: str
    old: str
    new: str
    verdict: str = ""

    def __str__(self):
        where = f" ({self.after})" if self.after else ""
        return f"{self.file}{where}: {self.old}  ->  {self.new}"

    def place(self, text):
        """Where the piece of text begins; None where it is not found just once."""
        start = text.find(self.after) if self.after else 0
        if start < 0 or self.old not in text[start:] or (not self.after and text.count(self.old) != 1):
            return None
        return text.index(self.old, start)

    def applied(self, text):
        place = self.place(text)
        return text[:place] + self.new + text[place + len(self.old) :]


def read(table):
    mutants, file, tests, after, old = [], None, TESTS, "", None
    for number, line in enumerate(table.read_text().splitlines(), 1):
        if line.startswith("["):
            file, tests = line[1 : line.index("]")], TESTS
        elif line.startswith("tests:"):
            tests = line[len("tests:") :].split()
        elif line.startswith("@ "):
            after = line[2:]
        elif line.startswith("- "):
            old = line[2:]
        elif line.startswith("+"):
            if file is None or old is None:
                sys.exit(f"{table}:{number}: no file or no '-' before")
            mutants.append(Mutant(number, file, tests, after, old, line[2:]))
            after, old = "", None
        elif line.strip() and not line.startswith("#"):
            sys.exit(f"{table}:{number}: what is this?")
    return mutants


def functions(lines):
    """The first and last line of the body of each function, as it is formatted; those evaluated by the compiler not."""
    found = []
    for at, line in enumerate(lines):
        header = re.match(r"( *)(pub(\([^)]*\))? )?fn ", line)
        if not header or line.endswith(";"):
            continue
        indent = header[1]
        opening = at
        while not (lines[opening].endswith("{") and (opening == at or re.match(indent + r"[^ ]", lines[opening]))):
            opening += 1
        closing = next(k for k in range(opening, len(lines)) if lines[k] == indent + "}")
        found.append((opening + 1, closing))
    return found


def with_mutants(text, mutants):
    """The file with its mutants, by number, each beside the function that it is in; the mutants that are in none; and
    for each line the mutant that it is of, or 0."""
    lines = text.splitlines()
    bodies = functions(lines)
    inside, outside = {}, []
    for number, mutant in mutants:
        line = text[: mutant.place(text)].count("\n")
        around = [body for body in bodies if body[0] <= line < body[1]]
        if around:
            inside.setdefault(max(around), []).append((number, mutant.applied(text).splitlines()))
        else:
            outside.append((number, mutant))
    out, owners, at = [], [], 0

    def write(lines, owner=0):
        out.extend(lines)
        owners.extend([owner] * len(lines))

    for (first, last), variants in sorted(inside.items()):
        write(lines[at:first])
        write(["match crate::mutant() {"])
        for number, variant in variants:
            write([f"{number} => {{"], number)
            write(variant[first:last], number)
            write(["}"], number)
        write(["_ => {"])
        write(lines[first:last])
        write(["}", "}"])
        at = last
    write(lines[at:])
    return "\n".join(out).replace("#[inline(always)]", "#[inline]") + "\n", outside, owners


def prepare():
    """The crate of src/rigor and its tests."""
    shutil.rmtree(CRATE / "src", ignore_errors=True)
    shutil.rmtree(CRATE / "tests", ignore_errors=True)
    shutil.copytree(REPOSITORY / "src/rigor", CRATE / "src/rigor")
    # What guesses are made with.
    shutil.copytree(REPOSITORY / "src/linalg", CRATE / "src/linalg")
    shutil.copy2(REPOSITORY / "src/linalg.rs", CRATE / "src/linalg.rs")
    shutil.copytree(REPOSITORY / "tests", CRATE / "tests", ignore=shutil.ignore_patterns("mutants", "fixtures"))
    manifest = (REPOSITORY / "Cargo.toml").read_text()
    manifest = re.sub(r"\[(\[bin\]|\[bench\]|workspace)\]\n(.+\n)*", "", manifest).replace("[package]", "[package]\nautotests = false")
    # Its own code is built fast, what it depends on as always.
    manifest, _, profiles = manifest.partition("[profile.release]\n")
    manifest += "[profile.release]\n" + profiles.partition("\n\n")[0].rstrip() + "\n"
    manifest += 'opt-level = 1\nincremental = true\n\n[profile.release.package."*"]\nopt-level = 3\n'
    (CRATE / "Cargo.toml").write_text(manifest + "\n[workspace]\n")
    shutil.copy2(REPOSITORY / "Cargo.lock", CRATE / "Cargo.lock")
    modules = [f'#[cfg(test)]\n#[path = "../tests/{name}"]\nmod {name.removesuffix("/main.rs").removesuffix(".rs").split("/")[-1]};\n' for name in SEPARATE]
    (CRATE / "src/lib.rs").write_text(MAIN + "\n".join(modules))


def build():
    """The program of the tests, or None, and what the compiler said."""
    command = ["cargo", "test", "--release", "--lib", "--no-run", "--offline", "--message-format=json"]
    environment = os.environ | {"CARGO_TARGET_DIR": str(REPOSITORY / "target")}
    done = subprocess.run(command, cwd=CRATE, env=environment, capture_output=True, text=True)
    said = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    programs = [m["executable"] for m in said if m.get("executable") and m["target"]["name"] == "smale"]
    errors = [m["message"] for m in said if m["reason"] == "compiler-message" and m["message"]["level"] == "error"]
    return (programs[-1] if done.returncode == 0 and programs else None), errors, done.stderr


def run(program, tests, number):
    """Do the tests pass? And what they said."""
    environment = os.environ | {"MUTANT": str(number), "RUST_BACKTRACE": "0"}
    try:
        done = subprocess.run([program, "--quiet", *tests], cwd=CRATE, env=environment, capture_output=True, text=True,
                              timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return False, "no end"
    return done.returncode == 0, done.stdout + done.stderr


def judge(mutant, program, number):
    mutant.verdict = "SURVIVES" if run(program, mutant.tests, number)[0] else "killed"
    report(mutant)


def report(mutant):
    print(f"{mutant.verdict:9} {TABLE.name}:{mutant.line} {mutant}", flush=True)


def of_file(file, mutants):
    """Judges the mutants of a file; False if the tests fail without."""
    path = CRATE / file
    text = path.read_text()
    numbered = []
    for mutant in mutants:
        if mutant.place(text) is None:
            mutant.verdict = "NOT FOUND"
            report(mutant)
        else:
            numbered.append((mutant.line, mutant))
    program = None
    while program is None:
        mixed, outside, owners = with_mutants(text, numbered)
        path.write_text(mixed)
        begun = time.time()
        program, errors, said = build()
        spans = [s for e in errors for s in e["spans"] if s["file_name"] == file]
        wrong = {owners[s["line_start"] - 1] for s in spans if s["is_primary"]} - {0}
        if program is None and not wrong:
            print(f"{file} does not build:\n{said}" + "\n".join(e["rendered"] for e in errors))
            return False
        for number, mutant in numbered:
            if number in wrong:
                mutant.verdict = "NO BUILD"
                report(mutant)
        numbered = [(n, m) for n, m in numbered if n not in wrong]
    begun, built = time.time(), time.time() - begun
    for tests in {tuple(m.tests) for m in mutants}:
        passed, said = run(program, tests, 0)
        if not passed:
            print(f"{file}: the tests {tests} fail without a mutant:\n{said}")
            return False
    print(f"# {file}: built in {built:.0f} s, tests {time.time() - begun:.1f} s", flush=True)
    apart = {number for number, _ in outside}
    for number, mutant in numbered:
        if number not in apart:
            judge(mutant, program, number)
    for number, mutant in outside:
        path.write_text(mutant.applied(text))
        program, _, _ = build()
        if program is None:
            mutant.verdict = "NO BUILD"
            report(mutant)
        else:
            judge(mutant, program, 0)
    path.write_text(text)
    return True


def main():
    words = sys.argv[1:]
    mutants = [m for m in read(TABLE) if not words or any(w in str(m) for w in words)]
    prepare()
    for file in dict.fromkeys(m.file for m in mutants):
        if not of_file(file, [m for m in mutants if m.file == file]):
            return 2
    survivors = [m for m in mutants if m.verdict != "killed"]
    for mutant in survivors:
        report(mutant)
    print(f"{len(mutants) - len(survivors)} of {len(mutants)} killed")
    return 1 if survivors else 0


sys.exit(main())
