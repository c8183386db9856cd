#!/usr/bin/env python3
"""Reads exported graphs with the programs they are for, and compares what these say with graph.json.

    pip install networkx igraph pyarrow vtk
    tests/export/run.py SMALE STUDY...      # runs each study with the program SMALE, into a folder that goes

Exit 1 if any of them reads anything else.
"""

import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path

import igraph
import networkx as nx
import pyarrow.parquet
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkIOXML import vtkXMLPolyDataReader


def same(a, b):
    return a == b or (isinstance(a, float) and isinstance(b, float) and math.isnan(a) and math.isnan(b))


def expected(graph):
    """Nodes by id, edges as a sorted list, with the attributes that every format has."""
    nodes, edges = {}, []
    for n in graph["nodes"]:
        kept = {k: n[k] for k in ("index", "energy", "barrier", "level") if k in n}
        nodes[n["id"]] = {**kept, **{f"x{i}": v for i, v in enumerate(n["x"])}}
    for e in graph["links"]:
        edges.append((e["source"], e["target"], e["sign"], e["level"], e.get("barrier")))
    return nodes, sorted(edges, key=str)


def compare(name, nodes, edges, truth):
    wanted, links = truth
    assert set(nodes) == set(wanted), f"{name}: other nodes"
    for i, node in wanted.items():
        for key, value in node.items():
            assert same(nodes[i].get(key), value), f"{name}: node {i}, {key}: {nodes[i].get(key)} for {value}"
    assert sorted(edges, key=str) == links, f"{name}: other edges"
    print(f"  {name}: {len(nodes)} nodes, {len(edges)} edges")


def of_networkx(name, graph, truth):
    nodes = {int(i): data for i, data in graph.nodes(data=True)}
    edges = [(int(a), int(b), d["sign"], d["level"], d.get("barrier")) for a, b, d in graph.edges(data=True)]
    compare(name, nodes, edges, truth)


def check(folder):
    raw = json.loads((folder / "graph.json").read_text())
    truth = expected(raw)
    if tuple(map(int, nx.__version__.split(".")[:2])) >= (3, 4):
        graph = nx.node_link_graph(raw, edges="links")
    else:
        graph = nx.node_link_graph(raw)
    for _, data in graph.nodes(data=True):
        data.update({f"x{i}": v for i, v in enumerate(data.pop("x"))})
    of_networkx("json, networkx", graph, truth)
    of_networkx("graphml, networkx", nx.read_graphml(folder / "graph.graphml"), truth)
    of_networkx("gexf, networkx", nx.read_gexf(folder / "graph.gexf"), truth)

    graph = igraph.Graph.Read_GraphML(str(folder / "graph.graphml"))
    known = lambda data: {k: int(v) if k in ("index", "sign") else v for k, v in data.items()}
    nodes = {int(v["label"]): known(v.attributes()) for v in graph.vs}
    # igraph knows no absent number.
    value = lambda v: None if v is None or math.isnan(v) else v
    edges = [(int(graph.vs[e.source]["label"]), int(graph.vs[e.target]["label"]), int(e["sign"]), e["level"], value(e["barrier"]))
             for e in graph.es]
    compare("graphml, igraph", nodes, edges, truth)

    rows = pyarrow.parquet.read_table(folder / "nodes.parquet").to_pylist()
    nodes = {r["id"]: {**r, **{f"x{i}": v for i, v in enumerate(r["x"])}} for r in rows}
    rows = pyarrow.parquet.read_table(folder / "edges.parquet").to_pylist()
    edges = [(r["source"], r["target"], r["sign"], r["level"], r["barrier"]) for r in rows]
    compare("parquet, pyarrow", nodes, edges, truth)

    reader = vtkXMLPolyDataReader()
    reader.SetFileName(str(folder / "graph.vtp"))
    reader.Update()
    data = reader.GetOutput()
    assert reader.GetErrorCode() == 0
    array = lambda of, name: vtk_to_numpy(of.GetArray(name)) if of.HasArray(name) else None
    count = len(truth[0])
    assert (data.GetNumberOfVerts(), data.GetNumberOfLines()) == (count, len(truth[1]))
    assert list(array(data.GetPointData(), "index")[:count]) == [n["index"] for n in truth[0].values()]
    energy = array(data.GetPointData(), "energy")
    for k in range(count, data.GetNumberOfCells()):
        line = data.GetCell(k)
        ends = [line.GetPointId(0), line.GetPointId(line.GetNumberOfPoints() - 1)]
        edge = raw["links"][k - count]
        assert ends == [edge["source"], edge["target"]], f"vtk: {ends}"
        if energy is not None:
            assert energy[ends[0]] > energy[ends[1]]
    print(f"  vtk: {data.GetNumberOfPoints()} points")


def main():
    smale, *studies = sys.argv[1:]
    with tempfile.TemporaryDirectory() as scratch:
        for study in studies:
            results, exported = (Path(scratch) / f"{Path(study).stem}.{name}" for name in ("results", "export"))
            run = subprocess.run([smale, "graph", study, "--out", results, "--quiet"], check=False)
            assert run.returncode in (0, 3)
            subprocess.run([smale, "export", results, "--out", exported, "--quiet"], check=True, stdout=subprocess.DEVNULL)
            print(Path(study).stem)
            check(exported)


if __name__ == "__main__":
    try:
        main()
    except AssertionError as error:
        sys.exit(f"not the same: {error}")
