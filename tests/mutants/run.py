#!/usr/bin/env python3
"""Weakens one bound at a time and reports what the tests do not notice.

    tests/mutants/run.py                  # every mutant of mutants.txt
    tests/mutants/run.py interval.rs add  # those whose file or text has one of the words

A mutant replaces one piece of text of one file in a copy of the repository; the work tree is never written to. It is
killed if a test fails, or does not end. Exit 1 if one survives, does not build, or is not found in its file; 2 if the
tests fail without any.

mutants.txt: blank lines separate; `#` begins a comment.

    [src/rigor/rounding.rs]              the file of the mutants that follow
    tests: --lib rigor; --test intervals what to run: arguments of `cargo test --release`, in this order

    @ pub fn add_up                      optional: look from here on
    - if exact { sum }                   the text, within a line, found once (the first one after @)
    + if true { sum }                    what it becomes

Without `tests:` those of the line above, which is the default. Files of src/rigor are built alone, without the rest of the
library, if they allow it: seconds a mutant. Artefacts are kept in target/mutants.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
TABLE = Path(__file__).with_name("mutants.txt")
TESTS = "--lib rigor; --test intervals"
SECONDS = 300


@dataclass
class Mutant:
    line: int
    file: str
    tests: list
    after: str
    old: str
    new: str

    def __str__(self):
        where = f" ({self.after})" if self.after else ""
        return f"{self.file}{where}: {self.old}  ->  {self.new}"

    def applied(self, text):
        """The text with the replacement; None where it is not found just once."""
        start = text.find(self.after) if self.after else 0
        if start < 0 or self.old not in text[start:] or (not self.after and text.count(self.old) != 1):
            return None
        return text[:start] + text[start:].replace(self.old, self.new, 1)


def read(table):
    mutants, file, tests, after, old = [], None, TESTS, "", None
    for number, line in enumerate(table.read_text().splitlines(), 1):
        if line.startswith("["):
            file, tests = line[1 : line.index("]")], TESTS
        elif line.startswith("tests:"):
            tests = line[len("tests:") :]
        elif line.startswith("@ "):
            after = line[2:]
        elif line.startswith("- "):
            old = line[2:]
        elif line.startswith("+"):
            if file is None or old is None:
                sys.exit(f"{table}:{number}: no file or no '-' before")
            mutants.append(Mutant(number, file, [t.split() for t in tests.split(";")], after, old, line[2:]))
            after, old = "", None
        elif line.strip() and not line.startswith("#"):
            sys.exit(f"{table}:{number}: what is this?")
    return mutants


def copy(to):
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=REPOSITORY, check=True, capture_output=True, text=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (REPOSITORY / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, to / name)


class Copy:
    """A copy of the repository, of which all or only src/rigor is built."""

    def __init__(self, root, alone):
        self.root = root
        copy(root)
        if alone:
            (root / "src/lib.rs").write_text("//! Verified arithmetic.\n\npub mod rigor;\n")
            (root / "src/main.rs").write_text("//! Nothing.\n\nfn main() {}\n")

    def cargo(self, test, *more):
        environment = os.environ | {"CARGO_TARGET_DIR": str(REPOSITORY / "target" / "mutants"), "RUST_BACKTRACE": "0"}
        name, words = (test[:1], test[1:]) if test[0] == "--lib" else (test[:2], test[2:])
        command = ["cargo", "test", "--release", "--quiet", *name, *more, *words]
        try:
            done = subprocess.run(command, cwd=self.root, env=environment, capture_output=True, text=True,
                                  timeout=SECONDS if not more else None)
        except subprocess.TimeoutExpired:
            return False, "no end"
        return done.returncode == 0, done.stdout + done.stderr

    def passes(self, test):
        """True, False, or None where it does not build; and what was said."""
        built, said = self.cargo(test, "--no-run")
        return self.cargo(test) if built else (None, said)


def main():
    words = sys.argv[1:]
    mutants = [m for m in read(TABLE) if not words or any(w in str(m) for w in words)]
    wrong = []
    with tempfile.TemporaryDirectory(prefix="smale-mutants-") as scratch:
        copies = {}

        def build(alone):
            if alone not in copies:
                root = Path(scratch) / ("alone" if alone else "all")
                root.mkdir()
                copies[alone] = Copy(root, alone)
            return copies[alone]

        passed = {}
        for mutant in mutants:
            alone = mutant.file.startswith("src/rigor/")
            for test in mutant.tests:
                key = (alone, tuple(test))
                if key not in passed:
                    passed[key] = build(alone).passes(test)
                    if alone and passed[key][0] is None:
                        passed[key] = build(False).passes(test)
                        copies[True] = copies[False]
                    if not passed[key][0]:
                        print(f"cargo test {' '.join(test)} fails without a mutant:\n{passed[key][1]}")
                        return 2
            place = build(alone)
            path = place.root / mutant.file
            text = path.read_text()
            mutated = mutant.applied(text)
            if mutated is None:
                verdict = "NOT FOUND"
            else:
                path.write_text(mutated)
                verdict = "SURVIVES"
                for test in mutant.tests:
                    result, _ = place.passes(test)
                    if not result:
                        verdict = "does not build" if result is None else "killed"
                        break
                path.write_text(text)
            print(f"{verdict:9} {TABLE.name}:{mutant.line} {mutant}", flush=True)
            if verdict != "killed":
                wrong.append(mutant)
    print(f"{len(mutants) - len(wrong)} of {len(mutants)} killed")
    return 1 if wrong else 0


sys.exit(main())
