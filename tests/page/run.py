#!/usr/bin/env python3
"""Opens pages of results in headless Chromium, uses them, and compares what they show with the files beside them.

    tests/page/run.py SMALE STUDY...      # runs each study with the program SMALE, into a folder that goes
    tests/page/run.py SMALE --pictures DIR STUDY...   # keeps screenshots

Exit 1 if a page shows anything else than its files, 2 if there is no browser.
"""

import collections
import csv
import json
import math
import random
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

# Milliseconds from the beginning of the load until the page is drawn and answers.
READY = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now()))))"

# Where a point is on the screen.
PLACE = """(() => { const canvas = document.getElementById("connections"); canvas.scrollIntoView({ block: "center" });
    const box = canvas.getBoundingClientRect(), [x, y] = smale.state().pixel[%d]; return [box.left + x, box.top + y]; })()"""


def projected(folder, said):
    """The portrait shows the projection: places that differ from its table by the scale of each axis alone, and all of its orbits."""
    with (folder / "projection.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    points = [r for r in rows if r["what"] == "point"]
    assert len(points) == len(said["portrait"])
    for axis, column in enumerate(("abscissa", "ordinate")):
        pairs = sorted((float(r[column]), p[axis]) for r, p in zip(points, said["portrait"]))
        (low, first), (high, last) = pairs[0], pairs[-1]
        for value, pixel in pairs:
            expected = first + (last - first) * (value - low) / ((high - low) or 1)
            assert abs(pixel - expected) < 0.01, f"{said['axes'][axis]}: {pixel} for {expected}"
    if (folder / "orbits.csv").exists():
        with (folder / "orbits.csv").open(newline="") as file:
            orbits = collections.Counter(int(r["connection"]) for r in csv.DictReader(file))
    else:
        orbits = collections.Counter(int(r["number"]) for r in rows if r["what"] == "connection")
    shown = collections.Counter()
    for number, count in said["orbits"]:
        shown[number] += count
    assert shown == orbits, "other orbits"


def check(name, folder, page):
    page.open((folder / "report.html").absolute().as_uri())
    ready = page.value(READY)
    clicked = []
    for i in range(min(12, page.value("smale.state().ids.length"))):
        page.click(*page.value(PLACE % i))
        clicked.append({"id": page.value(f"smale.state().ids[{i}]"), **page.value(SHOWN)})
    said = page.value((HERE / "drive.js").read_text())
    summary = json.loads((folder / "summary.json").read_text())
    assert page.complaints() == [], page.complaints()
    assert said["title"] == summary["title"], said["title"]
    assert said["figures"] == sum(f.endswith(".svg") for f in summary["files"]), said["figures"]
    assert said["images"] == said["figures"], f"{said['images']} of {said['figures']} figures are seen"
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
    if (folder / "projection.csv").exists():
        projected(folder, said)
    itinerary = folder / "itinerary.json"
    if itinerary.exists():
        itinerary = json.loads(itinerary.read_text())
        sizes = [(len(i["nodes"]), len(i["links"])) for i in itinerary["intervals"] or []]
        assert [(i["nodes"], i["edges"]) for i in said.get("intervals", [])] == sizes, said
        assert not itinerary["cuts"] or said["jumped"] == 1
    if "table" in said:
        lines = (folder / said["table"]).read_text().splitlines()
        assert said["heads"] == lines[0].split(","), said["heads"]
        values = [number(v) for v in said["up"]]
        if not any(map(math.isnan, values)):
            assert values == sorted(values), values
            assert len(values) < len(lines) - 1 or [number(v) for v in said["down"]] == sorted(values, reverse=True)
        assert sorted(said["download"].splitlines()) == sorted(lines), "the download is not the table"
    print(f"{name}: {len(said.get('ids', []))} points, {said['figures']} figures, ready after {ready:.0f} ms")


def hostile(scratch):
    """A title and a file name that want to be more than text."""
    name = "x'\"><script>alert(1)<script> \u202eevil \U0001f600 " + "long " * 40
    data = scratch / "a <b> & c.csv"
    data.write_text("0,0\n1,0\n0.3,1\n")
    study = scratch / "hostile.toml"
    text = f"title = {json.dumps(name, ensure_ascii=False)}\n[landscape]\nkind = \"mixture\"\ndata = {json.dumps(data.name)}\nsigma = 0.3\n"
    study.write_text(text)
    return study


def large(scratch, count=2000, dim=64):
    """A folder with thousands of points, as a run would write it: a chain of minima with saddles between, in the corners of a cube."""
    folder = scratch / "large"
    folder.mkdir()
    draw = random.Random(7)
    minima = (count + 1) // 2
    nodes, links = [], []
    for i in range(count):
        index = int(i >= minima)
        x = [round(draw.gauss(0, 1), 6) for _ in range(dim)]
        eigenvalues = sorted(draw.uniform(0.1, 9) for _ in range(dim))
        if index:
            eigenvalues[0] *= -1
        nodes.append({"id": i, "index": index, "energy": index + 0.5 * draw.random(), "x": x, "eigenvalues": eigenvalues,
                      "level": "checked", "gradient_norm": 1e-14, "radius": 1e-13})
    for i in range(minima, count):
        for k, end in enumerate((i - minima, i - minima + 1 if i - minima + 1 < minima else 0)):
            links.append({"source": i, "target": end, "key": 0, "sign": 1 - 2 * k, "level": "checked", "residual": 0.0})
    graph = {"directed": True, "multigraph": True, "graph": {"title": "Large"}, "nodes": nodes, "links": links, "edges": links}
    (folder / "graph.json").write_text(json.dumps(graph))
    head = ["id", "index", "energy", *(f"x{i}" for i in range(dim))]
    rows = [[n["id"], n["index"], n["energy"], *n["x"]] for n in nodes]
    (folder / "critical_points.csv").write_text("\n".join(",".join(map(str, r)) for r in [head, *rows]) + "\n")
    files = ["critical_points.csv", "graph.json", "summary.json"]
    summary = {"smale": 1, "title": "Large", "version": "0", "kind": "mixture", "dimension": dim, "files": files,
               "counts": [minima, count - minima]}
    (folder / "summary.json").write_text(json.dumps(summary))
    return folder


def main():
    smale, *rest = sys.argv[1:]
    pictures = None
    if rest[:1] == ["--pictures"]:
        pictures, rest = Path(rest[1]), rest[2:]
        pictures.mkdir(parents=True, exist_ok=True)
    if not browser.path():
        print("there is no Chromium to open pages with", file=sys.stderr)
        sys.exit(2)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
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
            folder = large(scratch)
            subprocess.run([smale, "report", folder, "--quiet"], check=True, stdout=subprocess.DEVNULL)
            check("2000 points in 64 dimensions", folder, page)
        finally:
            page.close()


if __name__ == "__main__":
    try:
        main()
    except AssertionError as error:
        sys.exit(f"{error}")
