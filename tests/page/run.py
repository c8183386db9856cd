#!/usr/bin/env python3
"""Opens pages of results in headless Chromium, uses them, and compares what they show with the files beside them.

    tests/page/run.py SMALE STUDY...      # runs each study with the program SMALE, into a folder that goes
    tests/page/run.py SMALE --pictures DIR STUDY...   # keeps screenshots

Exit 1 if a page shows anything else than its files, 2 if there is no browser.
"""

import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path

import browser

HERE = Path(__file__).parent


def number(text):
    try:
        return float(text)
    except ValueError:
        return math.nan


# The chosen point, as the page shows it.
SHOWN = """({ chosen: smale.state().chosen, heading: document.getElementById("chosen").textContent,
    bars: document.querySelectorAll("#attributes rect").length,
    neighbours: [...document.querySelectorAll("#attributes button.link")].map((b) => b.textContent) })"""

# Where a point is on the screen.
PLACE = """(() => { const canvas = document.getElementById("connections"); canvas.scrollIntoView({ block: "center" });
    const box = canvas.getBoundingClientRect(), [x, y] = smale.state().pixel[%d]; return [box.left + x, box.top + y]; })()"""


def check(name, folder, page):
    page.open((folder / "report.html").absolute().as_uri())
    clicked = []
    for i in range(min(12, page.value("smale.state().ids.length"))):
        page.click(*page.value(PLACE % i))
        clicked.append({"id": page.value(f"smale.state().ids[{i}]"), **page.value(SHOWN)})
    said = page.value((HERE / "drive.js").read_text())
    summary = json.loads((folder / "summary.json").read_text())
    assert page.complaints() == [], page.complaints()
    assert said["title"] == summary["title"], said["title"]
    assert said["figures"] == sum(f.endswith(".svg") for f in summary["files"]), said["figures"]
    graph = folder / "graph.json"
    if graph.exists():
        graph = json.loads(graph.read_text())
        nodes = {n["id"]: n for n in graph["nodes"]}
        assert said["ids"] == list(nodes), "the points of the page are not those of graph.json"
        for click in clicked:
            node = nodes[click["chosen"]]
            assert f"Point {node['id']}:" in click["heading"], click
            assert click["bars"] == len(node["eigenvalues"]), click
            ends = [e["target"] for e in graph["links"] if e["source"] == node["id"]]
            ends += [e["source"] for e in graph["links"] if e["target"] == node["id"]]
            assert click["neighbours"] == [f"point {e}" for e in ends][:400], (click, ends)
        hit = sum(c["id"] == c["chosen"] for c in clicked)
        assert hit >= (len(clicked) + 1) // 2, f"clicks went astray: {clicked}"
        if len(nodes) > 1:
            assert said["next"] == said["ids"][1]
        assert not nodes or said["drawn"], "nothing is drawn"
    itinerary = folder / "itinerary.json"
    if itinerary.exists():
        itinerary = json.loads(itinerary.read_text())
        sizes = [(len(i["nodes"]), len(i["links"])) for i in itinerary["intervals"]]
        assert [(i["nodes"], i["edges"]) for i in said["intervals"]] == sizes, said["intervals"]
        assert not itinerary["cuts"] or said["jumped"] == 1
    if "table" in said:
        lines = (folder / said["table"]).read_text().splitlines()
        assert said["heads"] == lines[0].split(","), said["heads"]
        values = [number(v) for v in said["up"]]
        if not any(map(math.isnan, values)):
            assert values == sorted(values), values
            assert len(lines) > 201 or [number(v) for v in said["down"]] == sorted(values, reverse=True)
        assert sorted(said["download"].splitlines()) == sorted(lines), "the download is not the table"
    print(f"{name}: {len(said.get('ids', []))} points, {said['figures']} figures, ready after {said['ready']:.0f} ms")


def hostile(scratch):
    """A title and a file name that want to be more than text."""
    name = "x'\"><script>alert(1)<script> \u202eevil \U0001f600 " + "long " * 40
    data = scratch / "a <b> & c.csv"
    data.write_text("0,0\n1,0\n0.3,1\n")
    study = scratch / "hostile.toml"
    text = f"title = {json.dumps(name, ensure_ascii=False)}\n[landscape]\nkind = \"mixture\"\ndata = {json.dumps(data.name)}\nsigma = 0.3\n"
    study.write_text(text)
    return study


def main():
    smale, *rest = sys.argv[1:]
    pictures = None
    if rest[:1] == ["--pictures"]:
        pictures, rest = Path(rest[1]), rest[2:]
        pictures.mkdir(parents=True, exist_ok=True)
    if not browser.path():
        print("there is no Chromium to open pages with", file=sys.stderr)
        sys.exit(2)
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        page = browser.Browser(scratch / "profile")
        try:
            for study in [*map(Path, rest), hostile(scratch)]:
                folder = scratch / study.stem
                command = [smale, "run", study, "--out", folder, "--quiet"]
                run = subprocess.run(command, capture_output=True, text=True, check=False)
                assert run.returncode in (0, 3), run.stderr
                check(study.stem, folder, page)
                if pictures:
                    page.picture(pictures / f"{study.stem}.png")
        finally:
            page.close()


if __name__ == "__main__":
    try:
        main()
    except AssertionError as error:
        sys.exit(f"{error}")
