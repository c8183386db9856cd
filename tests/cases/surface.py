#!/usr/bin/env python3
"""Makes genus-two.toml, without smale: a height on a surface of genus 2, as an energy in space.

    venv/bin/python tests/cases/surface.py

The lemniscate x^4 - x^2 + y^2 = 0, thickened to a tube, is a handlebody F < 0 with two handles; its surface F = 0 has genus 2
(Betti numbers 1, 4, 1). With a thin shell about it and a tilt

    E = F^2 / (2 eps) + x + a y + b z,    F = ((x^4 - x^2 + y^2)^2 + z^2 + s (x^2 + y^2) - c) / c,

the critical points near F = 0 are those of the tilted height on the surface, with the same indices, since across it E rises.
s makes F a Morse function inside, too, so that the others are isolated.

All critical points are looked for by capped Newton iterations from random points, twice; both searches must agree, the
alternating sum be 1 (E grows outwards: the flow enters a ball), no eigenvalue be small. Digits by mpmath. There is one
minimum and the flow stays in the ball, so both orbits from each point of index 1 end there: the edges need no integration.
"""

import mpmath
import numpy as np

from make import HERE, Point, Refused, counts, numbers

EPS, A, B, S, C = 0.05, 0.15, 0.1, 0.005, 0.03
TEXT = "(((x^4 - x^2 + y^2)^2 + z^2 + s*(x^2 + y^2) - c)/c)^2/(2*eps) + x + a*y + b*z"


def derivatives(x, y, z, number=float):
    """F, its gradient and Hessian, entries as arrays or numbers."""
    s, c = number(S), number(C)
    g, gx, gy, gxx = x**4 - x**2 + y**2, 4 * x**3 - 2 * x, 2 * y, 12 * x**2 - 2
    f = (g**2 + z**2 + s * (x**2 + y**2) - c) / c
    first = [(2 * g * gx + 2 * s * x) / c, (2 * g * gy + 2 * s * y) / c, 2 * z / c]
    xx, xy = (2 * gx**2 + 2 * g * gxx + 2 * s) / c, 2 * gx * gy / c
    yy = (2 * gy**2 + 4 * g + 2 * s) / c
    zero = 0 * x
    return f, first, [[xx, xy, zero], [xy, yy, zero], [zero, zero, 2 / c + zero]]


def energy(x, number=float):
    f = derivatives(*x, number)[0]
    return f**2 / (2 * number(EPS)) + x[0] + number(A) * x[1] + number(B) * x[2]


def field(x, number=float):
    """Gradient and Hessian, entry by entry."""
    f, g, h = derivatives(*x, number)
    eps, tilt = number(EPS), [number(1), number(A), number(B)]
    gradient = [f * g[i] / eps + tilt[i] for i in range(3)]
    return gradient, [[(g[i] * g[j] + f * h[i][j]) / eps for j in range(3)] for i in range(3)]


def newton(starts):
    x = starts
    for _ in range(120):
        gradient, hessian = field(x.T)
        gradient, hessian = np.stack(gradient, 1), np.moveaxis(np.array(hessian), 2, 0)
        step = -np.linalg.solve(hessian + 1e-12 * np.eye(3), gradient[..., None])[..., 0]
        x = x + step * np.minimum(1, 0.05 / np.maximum(np.linalg.norm(step, axis=1), 1e-300))[:, None]
    size = np.linalg.norm(np.stack(field(x.T)[0], 1), axis=1)
    x = x[(size < 1e-8) & (np.abs(x).max(1) < 3)]
    kept = []
    for p in x[np.unique(x.round(6), axis=0, return_index=True)[1]]:
        if all(np.abs(p - q).max() > 1e-5 for q in kept):
            kept.append(p)
    return np.array(kept)


def refine(x):
    mp = mpmath.mpf
    x = [mp(float(v)) for v in x]
    for _ in range(30):
        gradient, hessian = field(x, mp)
        step = mpmath.lu_solve(mpmath.matrix(hessian), -mpmath.matrix(gradient))
        x = [u + v for u, v in zip(x, step)]
        if max(abs(v) for v in step) < mp(10) ** -30:
            return np.array([float(v) for v in x]), float(energy(x, mp))
    raise Refused("a point does not converge")


def main():
    found = []
    for seed in (1, 2):
        box = np.array([1.6, 1.0, 0.8])
        points = []
        for place in newton(np.random.default_rng(seed).uniform(-box, box, (40000, 3))):
            x, value = refine(place)
            spectrum = np.linalg.eigvalsh(np.array(field(x)[1], float))
            if np.abs(spectrum).min() < 0.1 or np.abs(x - place).max() > 1e-6:
                raise Refused("nearly degenerate")
            points.append(Point(int((spectrum < 0).sum()), value, x, spectrum))
        found.append(sorted(points, key=lambda p: (p.index, p.energy)))
    first, second = found
    if len(first) != len(second) or any(np.abs(p.x - q.x).max() > 1e-12 for p, q in zip(first, second)):
        raise Refused("two searches differ")
    by = counts(first)
    below = [sum(p.index == i and p.energy < 3 for p in first) for i in range(3)]
    if sum((-1) ** i * n for i, n in enumerate(by)) != 1 or by[0] != 1 or below != [1, 4, 1]:
        raise Refused(f"{by}, below 3 {below}")
    lines = ['title = "A height on a surface of genus 2, in a thin shell"',
             'source = "derived by tests/cases/surface.py; below energy 3: [1, 4, 1], the Betti numbers of the surface"',
             f"counts = {by}", "", "[landscape]", 'kind = "formula"', "dim = 3", f'energy = "{TEXT}"',
             f"parameters = {{ eps = {EPS}, a = {A}, b = {B}, s = {S}, c = {C} }}"]
    for p in first:
        lines += ["", "[[points]]", f"index = {p.index}", f"energy = {p.energy!r}", f"x = {numbers(p.x)}"]
        lines += [f"eigenvalues = {numbers(p.eigenvalues)}"]
    for i, p in enumerate(first):
        if p.index == 1:
            lines += ["", "[[edges]]", f"saddle = {i}", "minima = [0, 0]"]
    (HERE / "genus-two.toml").write_text("\n".join(lines) + "\n")
    print(by, below)


if __name__ == "__main__":
    main()
