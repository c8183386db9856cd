#!/usr/bin/env python3
"""All critical points of a landscape in a box by codac, one thread, as a JSON line.

    python prove.py PROBLEM        # himmelblau, mueller-brown, mixture, styblinski-tang-4 (or another dimension)

Each box is contracted by codac's CtcInverse (HC4 and the centred form) applied to grad E = 0, then put to an interval Newton
test about its middle, inflated; what is neither empty nor proven is bisected. The line has the zeros (distinct boxes in which
a zero is proven), undecided boxes, boxes examined, and the CPU seconds of the search alone, building the functions left out.
"""

import json
import pathlib
import sys
import time
import tomllib

import one_thread  # noqa: F401  before numpy
import numpy as np
from codac import (AnalyticFunction, CtcInverse, Interval, IntervalMatrix, IntervalVector, Matrix, Vector, VectorVar, exp, sqr,
                   vec)


def himmelblau():
    x = VectorVar(2)
    a, b = sqr(x[0]) + x[1] - 11, x[0] + sqr(x[1]) - 7
    return [x, vec(4 * x[0] * a + 2 * b, 2 * a + 4 * x[1] * b)], [[-6, 6]] * 2


def mueller_brown():
    x = VectorVar(2)
    terms = [(-200, -1, 0, -10, 1, 0), (-100, -1, 0, -10, 0, 0.5), (-170, -6.5, 11, -6.5, -0.5, 1.5),
             (15, 0.7, 0.6, 0.7, -1, 1)]
    g0 = g1 = None
    for h, a, b, c, p, q in terms:
        s, t = x[0] - p, x[1] - q
        e = h * exp(a * sqr(s) + b * s * t + c * sqr(t))
        d0, d1 = e * (2 * a * s + b * t), e * (b * s + 2 * c * t)
        g0, g1 = (d0, d1) if g0 is None else (g0 + d0, g1 + d1)
    return [x, vec(g0, g1)], [[-1.8, 1.3], [-0.6, 2.3]]


def mixture():
    """The density's gradient: its zeros are the energy's critical points."""
    path = pathlib.Path(__file__).parents[2] / "tests/cases/planar-k30-s35.toml"
    landscape = tomllib.loads(path.read_text())["landscape"]
    x = VectorVar(2)
    g0 = g1 = None
    for y in landscape["points"]:
        s, t = x[0] - y[0], x[1] - y[1]
        e = exp((-0.5 / landscape["sigma"] ** 2) * (sqr(s) + sqr(t)))
        g0, g1 = (e * s, e * t) if g0 is None else (g0 + e * s, g1 + e * t)
    return [x, vec(g0, g1)], [[-3, 3]] * 2


def styblinski_tang(n):
    x = VectorVar(n)
    return [x, vec(*[2 * (x[i] ** 3) - 16 * x[i] + 2.5 for i in range(n)])], [[-5, 5]] * n


def build(name):
    if name.startswith("styblinski-tang-"):
        return styblinski_tang(int(name.rsplit("-", 1)[1]))
    return {"himmelblau": himmelblau, "mueller-brown": mueller_brown, "mixture": mixture}[name]()


def prove(f, x, n):
    """A box about the middle of x in whose interior Krawczyk's operator maps it, or None."""
    z = np.array([x[i].mid() for i in range(n)])
    for _ in range(4):
        point = IntervalVector(Vector(list(z)))
        jacobian = np.array([[f.diff(point)[i, j].mid() for j in range(n)] for i in range(n)])
        value = np.array([f.eval(point)[i].mid() for i in range(n)])
        try:
            z = z - np.linalg.solve(jacobian, value)
        except np.linalg.LinAlgError:
            return None
    if not np.all(np.isfinite(z)):
        return None
    # Wide enough to swallow the neighbours of a zero on an edge of boxes.
    for radius in (0.5 * max(x[i].diam() for i in range(n)), 1e-9):
        box = IntervalVector([Interval(c).inflate(radius) for c in z])
        if not all(x[i].intersects(box[i]) for i in range(n)):
            continue
        jacobian = f.diff(box)
        middle = np.array([[jacobian[i, j].mid() for j in range(n)] for i in range(n)])
        try:
            inverse = IntervalMatrix(Matrix(np.linalg.inv(middle).tolist()))
        except np.linalg.LinAlgError:
            continue
        center = IntervalVector(Vector(list(z)))
        identity = IntervalMatrix(Matrix(np.eye(n).tolist()))
        image = center - inverse * f.eval(center) + (identity - inverse * jacobian) * (box - center)
        if all(image[i].is_interior_subset(box[i]) for i in range(n)):
            return box, image
    return None


def search(f, within):
    n = len(within)
    contractor = CtcInverse(f, IntervalVector([Interval(0)] * n))
    stack, found, undecided, examined = [IntervalVector([Interval(*w) for w in within])], [], 0, 0
    while stack:
        x = stack.pop()
        examined += 1
        while True:
            volume = x.volume()
            x = contractor.contract(x) or x
            if x.is_empty() or not x.volume() < 0.5 * volume:
                break
        if x.is_empty() or any(x.is_subset(unique) for unique, _ in found):
            continue
        proven = prove(f, x, n)
        if proven is not None:
            box, image = proven
            if not any(image.is_subset(unique) or e.is_subset(box) for unique, e in found):
                found.append((box, image))
            if x.is_subset(box):
                continue
        if x.max_diam() < 1e-10:
            undecided += 1
            continue
        stack.extend(x.bisect_largest() if hasattr(x, "bisect_largest") else x.bisect(x.max_diam_index(), 0.48))
    return len(found), undecided, examined


def main():
    arguments, within = build(sys.argv[1])
    f = AnalyticFunction([arguments[0]], arguments[1])
    start = time.process_time()
    zeros, undecided, boxes = search(f, within)
    seconds = time.process_time() - start
    print(json.dumps({"problem": sys.argv[1], "zeros": zeros, "undecided": undecided, "boxes": boxes, "seconds": seconds}))


if __name__ == "__main__":
    main()
