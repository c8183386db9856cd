#!/usr/bin/env python3
"""The graph of random planar mixtures by a discrete gradient on a grid, beside smale's: same points, same incidences?

    python discrete.py --smale ../../target/release/smale

The discrete side is this file's own, since no package that pip installs computes Morse-Smale graphs of grids. It shares
nothing with smale but the formula of the energy:
  gradient     V. Robins, P. J. Wood, A. P. Sheppard, Theory and algorithms for constructing discrete Morse complexes from
               grayscale digital images, IEEE PAMI 33 (2011), algorithm 1 (ProcessLowerStars) on a cubical grid
  separatrices the gradient paths down from each critical edge to critical vertices and up to critical faces
  cancelling   pairs by growing persistence, H. Edelsbrunner, J. Harer, A. Zomorodian, Hierarchical Morse-Smale complexes
               for piecewise linear 2-manifolds, Discrete Comput. Geom. 30 (2003), while a pair is less persistent than
               h^2 |Hessian| / 2 there: what sampling at distance h can feign in a valley turned against the grid
Where the two differ scipy integrates the orbit (LSODA, 1e-11, checked by Radau), and its end says which is right.
"""

import argparse
import csv
import heapq
import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path

import numba
import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import linear_sum_assignment

# K and sigma of the twenty; the seed of number i is 7000 + i.
SIGMAS = (0.25, 0.3, 0.35, 0.4, 0.5)
SIZES = (10, 15, 20, 30)
EXIT = -1


class Mixture:
    """E(x) = -log (1/K) sum_k exp(-|x - y_k|^2 / (2 sigma^2))."""

    def __init__(self, points, sigma):
        self.points, self.sigma = points, sigma

    def logs(self, x):
        return -((x[..., None, :] - self.points) ** 2).sum(-1) / (2 * self.sigma**2)

    def energy(self, x):
        a = self.logs(x)
        top = a.max(-1)
        return math.log(len(self.points)) - top - np.log(np.exp(a - top[..., None]).sum(-1))

    def moments(self, x):
        a = self.logs(x)
        w = np.exp(a - a.max())
        w /= w.sum()
        return w, w @ self.points

    def gradient(self, x):
        return (x - self.moments(x)[1]) / self.sigma**2

    def hessian(self, x):
        w, mean = self.moments(x)
        d = self.points - mean
        return (np.eye(len(x)) - (w[:, None] * d).T @ d / self.sigma**2) / self.sigma**2


# ---------------------------------------------------------------- discrete gradient


@numba.njit(cache=True)
def lower_stars(rank):
    """Partner of each cell (flat place in the doubled grid), itself if critical; vertices at even places."""
    rows, columns = rank.shape
    height, width = 2 * rows - 1, 2 * columns - 1
    mate = np.full(height * width, -1, np.int64)
    # Edges of a star in the order right, up, left, down (first coordinate first); face q lies between edges q and q + 1.
    step = np.array([[1, 0], [0, 1], [-1, 0], [0, -1]])
    other = np.empty(4, np.int64)
    edge = np.empty(4, np.bool_)
    face = np.empty(4, np.bool_)
    for i in range(rows):
        for j in range(columns):
            here = 2 * i * width + 2 * j
            r = rank[i, j]
            any_edge = False
            for d in range(4):
                a, b = i + step[d, 0], j + step[d, 1]
                edge[d] = 0 <= a < rows and 0 <= b < columns and rank[a, b] < r
                other[d] = rank[a, b] if edge[d] else -1
                any_edge = any_edge or edge[d]
            if not any_edge:
                mate[here] = here
                continue
            corner = np.full(4, -1, np.int64)
            for q in range(4):
                e, f = q, (q + 1) % 4
                face[q] = False
                if edge[e] and edge[f]:
                    c = rank[i + step[e, 0] + step[f, 0], j + step[e, 1] + step[f, 1]]
                    if c < r:
                        face[q], corner[q] = True, c

            edge_done = np.zeros(4, np.bool_)
            face_done = np.zeros(4, np.bool_)
            in_one = np.zeros(4, np.bool_)
            in_zero_edge = np.zeros(4, np.bool_)
            in_zero_face = np.zeros(4, np.bool_)

            first = -1
            for d in range(4):
                if edge[d]:
                    in_zero_edge[d] = True
                    if first < 0 or other[d] < other[first]:
                        first = d
            in_zero_edge[first] = False
            edge_done[first] = True
            place = (2 * i + step[first, 0]) * width + 2 * j + step[first, 1]
            mate[here], mate[place] = place, here
            fresh = first
            while True:
                # Faces on both sides of the edge that was settled last.
                for q in (fresh, (fresh + 3) % 4):
                    if face[q] and not face_done[q] and not in_zero_face[q]:
                        free = (0 if edge_done[q] else 1) + (0 if edge_done[(q + 1) % 4] else 1)
                        if free == 1:
                            in_one[q] = True
                # The least face of the first queue: by its vertices, highest first.
                fresh = -1
                while True:
                    best = -1
                    for q in range(4):
                        if in_one[q] and (
                            best < 0 or before(face_key(q, other, corner), face_key(best, other, corner))
                        ):
                            best = q
                    if best < 0:
                        break
                    in_one[best] = False
                    e, f = best, (best + 1) % 4
                    if edge_done[e] and edge_done[f]:
                        in_zero_face[best] = True
                        continue
                    d = f if edge_done[e] else e
                    face_done[best] = edge_done[d] = True
                    in_zero_edge[d] = False
                    at_edge = (2 * i + step[d, 0]) * width + 2 * j + step[d, 1]
                    at_face = (2 * i + step[e, 0] + step[f, 0]) * width + 2 * j + step[e, 1] + step[f, 1]
                    mate[at_edge], mate[at_face] = at_face, at_edge
                    fresh = d
                    break
                if fresh >= 0:
                    continue
                # The least of the second queue is critical.
                best_edge, best_face = -1, -1
                for d in range(4):
                    if in_zero_edge[d] and (best_edge < 0 or other[d] < other[best_edge]):
                        best_edge = d
                    if in_zero_face[d] and (
                        best_face < 0 or before(face_key(d, other, corner), face_key(best_face, other, corner))
                    ):
                        best_face = d
                if best_edge < 0 and best_face < 0:
                    break
                if best_face >= 0 and (best_edge < 0 or face_key(best_face, other, corner)[0] < other[best_edge]):
                    e, f = best_face, (best_face + 1) % 4
                    at = (2 * i + step[e, 0] + step[f, 0]) * width + 2 * j + step[e, 1] + step[f, 1]
                    mate[at] = at
                    in_zero_face[best_face] = False
                    face_done[best_face] = True
                    fresh = best_face  # No edge was settled: looking beside this one again changes nothing.
                    continue
                at = (2 * i + step[best_edge, 0]) * width + 2 * j + step[best_edge, 1]
                mate[at] = at
                in_zero_edge[best_edge] = False
                edge_done[best_edge] = True
                fresh = best_edge
    return mate


@numba.njit(cache=True)
def face_key(q, other, corner):
    a, b, c = other[q], other[(q + 1) % 4], corner[q]
    high, low = max(a, b, c), min(a, b, c)
    return high, a + b + c - high - low, low


@numba.njit(cache=True)
def before(a, b):
    if a[0] != b[0]:
        return a[0] < b[0]
    if a[1] != b[1]:
        return a[1] < b[1]
    return a[2] < b[2]


@numba.njit(cache=True)
def descend(mate, width, edge):
    """The critical vertices below the two ends of a critical edge."""
    a, b = edge // width, edge % width
    along = width if a % 2 == 1 else 1
    ends = [np.int64(0), np.int64(0)]
    for side in range(2):
        v = edge + along if side == 0 else edge - along
        while mate[v] != v:
            e = mate[v]
            v = 2 * e - v
        ends[side] = v
    return ends


@numba.njit(cache=True)
def ascend(mate, height, width, edge):
    """The critical faces above its two sides; -1 where a path leaves the grid."""
    ends = [np.int64(0), np.int64(0)]
    for side in range(2):
        e, f = edge, np.int64(-1)
        sign = 1 if side == 0 else -1
        while True:
            a, b = e // width, e % width
            across = 1 if a % 2 == 1 else width
            # On from the face the path comes from, at first to the side asked for.
            f = e + sign * across if f < 0 else 2 * e - f
            inside = 0 <= f < height * width and (across == width or f // width == a)
            if not inside:
                f = np.int64(-1)
                break
            if mate[f] == f:
                break
            e = mate[f]
        ends[side] = f
    return ends


class Graph:
    """Critical places, values, and what each saddle joins."""

    def __init__(self, energy, cells, margin):
        low, high = energy.points.min(0) - margin, energy.points.max(0) + margin
        # Square cells turned in no direction; no point of symmetry falls on the grid.
        self.h = (high - low).max() / (cells - 1)
        rows, columns = (np.ceil((high - low) / self.h).astype(int) + 1).tolist()
        self.low, self.energy = low, energy
        x, y = low[0] + self.h * np.arange(rows), low[1] + self.h * np.arange(columns)
        values = np.stack([energy.energy(np.stack(np.broadcast_arrays(a, y), -1)) for a in x])
        order = np.argsort(values, axis=None, kind="stable")
        rank = np.empty(values.size, np.int64)
        rank[order] = np.arange(values.size)
        mate = lower_stars(rank.reshape(rows, columns))
        height, self.width = 2 * rows - 1, 2 * columns - 1
        assert (mate >= 0).all() and (mate[mate] == np.arange(mate.size)).all()
        critical = np.flatnonzero(mate == np.arange(mate.size))
        a, b = critical // self.width, critical % self.width
        self.index = dict(zip(critical.tolist(), (a % 2 + b % 2).tolist()))
        self.value = {}
        for c, u, v in zip(critical.tolist(), a.tolist(), b.tolist()):
            self.value[c] = values[u // 2 : (u + 1) // 2 + 1, v // 2 : (v + 1) // 2 + 1].max()
        self.down = {c: list(descend(mate, self.width, c)) for c, k in self.index.items() if k == 1}
        self.up = {c: list(ascend(mate, height, self.width, c)) for c, k in self.index.items() if k == 1}

    def counts(self):
        return [sum(k == i for k in self.index.values()) for i in range(3)]

    def place(self, cell):
        return self.low + 0.5 * self.h * np.array([cell // self.width, cell % self.width])

    def feigned(self, *cells):
        """The persistence that sampling can feign there."""
        size = max(np.abs(np.linalg.eigvalsh(self.energy.hessian(self.place(c)))).max() for c in cells)
        return 0.5 * self.h**2 * size

    def simplify(self):
        """Cancels what sampling may have feigned; returns the persistences of the minimum-saddle and saddle-maximum pairs."""
        gone = ([], [])
        queue = []

        def offer(s):
            for kind, ends in ((0, self.down[s]), (1, self.up[s])):
                known = [e for e in ends if e != EXIT]
                if ends[0] != ends[1] and known:
                    near = min(known, key=lambda e: (abs(self.value[e] - self.value[s]), e))
                    heapq.heappush(queue, (abs(self.value[near] - self.value[s]), s, kind, near))

        for s in self.down:
            offer(s)
        while queue:
            persistence, s, kind, end = heapq.heappop(queue)
            joins = self.up if kind else self.down
            if s not in joins or end not in joins[s] or joins[s][0] == joins[s][1]:
                continue
            if persistence > self.feigned(s, end):
                continue
            heir = joins[s][1 - joins[s].index(end)]
            gone[kind].append(persistence)
            for cell in (s, end):
                del self.index[cell]
            del self.down[s], self.up[s]
            for t in list(joins):
                if end in joins[t]:
                    joins[t] = [heir if e == end else e for e in joins[t]]
                    offer(t)
        return gone

    def least(self):
        """The least persistence left, as a multiple of what can be feigned there: how clear the cut is."""
        ratio = math.inf
        for s, index in self.index.items():
            if index == 1:
                for ends in (self.down[s], self.up[s]):
                    for e in ends if ends[0] != ends[1] else []:
                        if e != EXIT:
                            ratio = min(ratio, abs(self.value[s] - self.value[e]) / self.feigned(s, e))
        return ratio


# ---------------------------------------------------------------- smale's side and the umpire


def smale(binary, energy):
    """Places, indices and edges of `smale graph`: per saddle the ends below and above."""
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder / "points.csv").write_text("".join(",".join(map(repr, row)) + "\n" for row in energy.points.tolist()))
        study = f'[landscape]\nkind = "mixture"\ndata = "points.csv"\nsigma = {energy.sigma!r}\n[critical]\n[graph]\n'
        (folder / "study.toml").write_text(study)
        command = [binary, "graph", folder / "study.toml", "--out", folder / "out", "--quiet"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            sys.exit(done.stderr)
        graph = json.loads((folder / "out" / "graph.json").read_text())
    index = [n["index"] for n in graph["nodes"]]
    x = np.array([n["x"] for n in graph["nodes"]])
    down, up = ({i: [] for i, k in enumerate(index) if k == 1} for _ in range(2))
    for edge in graph["edges"]:
        upper, lower = edge["source"], edge["target"]
        (down[upper] if index[upper] == 1 else up[lower]).append(lower if index[upper] == 1 else upper)
    for gone in graph["graph"]["exits"]:
        (up if gone["direction"] == "backward" else down)[gone["point"]].append(EXIT)
    return x, index, down, up


def follow(energy, x, index, saddle, sign, side, method):
    """End of one orbit from a saddle, followed down (-1) or up (+1)."""
    vectors = np.linalg.eigh(energy.hessian(x[saddle]))[1]
    v = vectors[:, 0 if sign < 0 else 1]
    places = [i for i, k in enumerate(index) if k == (0 if sign < 0 else 2)]
    far = np.abs(energy.points).max() + 10 * energy.sigma

    def near(_, z):
        return min([np.linalg.norm(x[i] - z) for i in places], default=1.0) - 1e-4 * energy.sigma

    def gone(_, z):
        return np.linalg.norm(z) - far

    near.terminal = gone.terminal = True
    size = 1e-6 if method == "LSODA" else 3e-6
    jac = (lambda _, z: sign * energy.hessian(z)) if method == "Radau" else None
    run = solve_ivp(lambda _, z: sign * energy.gradient(z), (0, 1e6), x[saddle] + side * size * v, method=method, jac=jac,
                    rtol=1e-11, atol=1e-13, events=[near, gone])
    if len(run.t_events[1]):
        return EXIT
    return min(places, key=lambda i: np.linalg.norm(x[i] - run.y[:, -1]))


def umpire(energy, x, index, saddle, sign):
    """Both ends by LSODA and by Radau, or None where these differ."""
    ends = [sorted(follow(energy, x, index, saddle, sign, side, m) for side in (1, -1)) for m in ("LSODA", "Radau")]
    return ends[0] if ends[0] == ends[1] else None


def compare(binary, seed, k, sigma, cells):
    energy = Mixture(np.random.default_rng(seed).normal(size=(k, 2)), sigma)
    x, index, down, up = smale(binary, energy)
    graph = Graph(energy, cells, 2 * sigma)
    raw = graph.counts()
    gone = graph.simplify()
    row = {
        "seed": seed, "k": k, "sigma": sigma, "grid": cells, "raw": raw, "cancelled": [len(g) for g in gone],
        "counts": graph.counts(), "smale": [index.count(i) for i in range(3)], "least": graph.least(),
        "worst_place": 0.0, "edges": 0, "same": 0, "smale_right": 0, "grid_right": 0, "undecided": 0, "differences": [],
    }
    if row["counts"] != row["smale"]:
        return row
    name = {EXIT: EXIT}
    for i in range(3):
        cells_of = [c for c, kind in graph.index.items() if kind == i]
        mine = [j for j, kind in enumerate(index) if kind == i]
        if not mine:
            continue
        away = np.linalg.norm(np.array([graph.place(c) for c in cells_of])[:, None] - x[mine], axis=2)
        for a, b in zip(*linear_sum_assignment(away)):
            name[cells_of[a]] = mine[b]
            row["worst_place"] = max(row["worst_place"], away[a, b] / graph.h)
    for cell, saddle in [(c, name[c]) for c, kind in graph.index.items() if kind == 1]:
        for sign, theirs, ours in ((-1, graph.down[cell], down[saddle]), (1, graph.up[cell], up[saddle])):
            theirs, ours = sorted(name[e] for e in theirs), sorted(ours)
            row["edges"] += 2
            if theirs == ours:
                row["same"] += 2
                continue
            common = len(ours) - sum(1 for e in set(ours) for _ in range(max(0, ours.count(e) - theirs.count(e))))
            row["same"] += common
            truth = umpire(energy, x, index, saddle, sign)
            verdict = "smale_right" if truth == ours else "grid_right" if truth == theirs else "undecided"
            row[verdict] += 2 - common
            row["differences"].append({"saddle": x[saddle].tolist(), "up": sign > 0, "grid": theirs, "smale": ours,
                                       "scipy": truth})
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smale", type=Path, required=True, help="the smale binary")
    parser.add_argument("--cells", type=int, default=512, help="grid points along the longer side to begin with; at least doubled once")
    parser.add_argument("--json", type=Path, help="also write every mixture, one JSON line each, to this file")
    parser.add_argument("--csv", type=Path, help="also write the table to this file")
    given = parser.parse_args()
    rows = []
    for i, (k, sigma) in enumerate((k, sigma) for sigma in SIGMAS for k in SIZES):
        row = compare(given.smale, 7000 + i, k, sigma, given.cells)
        # The grid is made finer until what is left no longer changes and stands clear of what sampling can feign (what it
        # feigns shrinks with h^2, a pair of the landscape keeps its persistence), and while smale has other counts, so that
        # a pair too shallow for the first grids gets its chance.
        while True:
            coarser = row["counts"]
            row = compare(given.smale, 7000 + i, k, sigma, 2 * row["grid"])
            settled = row["counts"] == coarser and row["least"] > 4
            if row["grid"] >= 8 * given.cells or (settled and row["counts"] == row["smale"]):
                break
        rows.append(row)
        print(f"{row['seed']} K {k:2} sigma {sigma:.2f} grid {row['grid']:4} raw {row['raw']} cancelled "
              f"{row['cancelled']} left {row['counts']} smale {row['smale']} least {row['least']:.1f} place "
              f"{row['worst_place']:.1f}h ends {row['same']} of {row['edges']}, of the rest smale right "
              f"{row['smale_right']}, grid right {row['grid_right']}, undecided {row['undecided']}", flush=True)
    if given.json:
        given.json.write_text("".join(json.dumps(r) + "\n" for r in rows))
    if given.csv:
        with open(given.csv, "w", newline="") as file:
            writer = csv.writer(file)
            keys = [key for key in rows[0] if key != "differences"]
            writer.writerow(keys)
            writer.writerows([" ".join(map(str, r[k])) if isinstance(r[k], list) else r[k] for k in keys] for r in rows)


if __name__ == "__main__":
    main()
