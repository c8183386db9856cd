#!/usr/bin/env python3
"""Makes the known answers of this folder, without smale.

    python -m venv venv && venv/bin/pip install numpy scipy mpmath numba
    venv/bin/python tests/cases/make.py              # every group
    venv/bin/python tests/cases/make.py planar small # some groups

How a landscape is solved
  1. Capped Newton iterations on the gradient from very many starts (a grid, circumcentres and centroids of small
     subsets of the data, random points of the convex hull), twice, with different seeds and shifted grids.
  2. Both searches must find the same points, no eigenvalue may be close to zero, and the alternating sum of the
     counts must be 1, the Euler characteristic of a ball that the flow enters. Otherwise the case is refused.
  3. Each point is refined by Newton's method with 40 digits (mpmath) and rounded once.
  4. Edges: the two orbits that leave each point of index 1, integrated by LSODA and again by Radau from another
     distance; both must end in the same minima. In the plane the two orbits of the backward flow likewise.

Every energy here is
    E(x) = scale * -log sum_k exp(l_k - |x - y_k|^2 / (2 sigma^2)) + (confinement / 2) |x|^2.
"""

import itertools
import math
import sys
from dataclasses import dataclass, field
from pathlib import Path

import mpmath
import numba
import numpy as np
from scipy.integrate import solve_ivp

HERE = Path(__file__).resolve().parent
mpmath.mp.dps = 40


class Refused(Exception):
    """The case cannot be vouched for."""


@dataclass
class Energy:
    """The landscape of the module's formula, and how a case file names it."""

    points: np.ndarray
    sigma: float
    logs: np.ndarray
    scale: float = 1.0
    confinement: float = 0.0
    table: dict = field(default_factory=dict)

    @property
    def dim(self):
        return self.points.shape[1]

    @property
    def pull(self):
        """Confinement in the units of `field`."""
        return self.confinement * self.sigma**2 / self.scale

    def softmax(self, x):
        a = self.logs - ((x - self.points) ** 2).sum(1) / (2 * self.sigma**2)
        p = np.exp(a - a.max())
        return p / p.sum()

    def field(self, x):
        """The gradient times sigma^2 / scale: same zeros, same orbits, no stiffness from a small sigma."""
        return (1 + self.pull) * x - self.softmax(x) @ self.points

    def jacobian(self, x):
        """The Hessian times sigma^2 / scale."""
        p = self.softmax(x)
        z = self.points - p @ self.points
        return (1 + self.pull) * np.eye(self.dim) - (z * p[:, None]).T @ z / self.sigma**2

    def eigenvalues(self, x):
        return np.linalg.eigvalsh(self.jacobian(x)) * self.scale / self.sigma**2


def mixture(points, sigma, weights=None, confinement=0.0):
    """E = -log sum_k w_k exp(-|x - y_k|^2 / (2 sigma^2)) + (c/2)|x|^2; equal weights 1/K unless given."""
    points = np.asarray(points, float)
    table = {"kind": "mixture", "sigma": float(sigma)}
    if confinement:
        table["confinement"] = float(confinement)
    if weights is None:
        logs = np.full(len(points), -math.log(len(points)))
    else:
        table["weights"] = [float(w) for w in weights]
        logs = np.log(weights)
    table["points"] = points.tolist()
    return Energy(points, float(sigma), logs, 1.0, float(confinement), table)


def modern_hopfield(points, beta):
    """E = |x|^2/2 - (1/beta) log sum_k exp(beta y_k.x): the same formula with sigma^2 = 1/beta and other weights."""
    points = np.asarray(points, float)
    table = {"kind": "modern-hopfield", "beta": float(beta), "points": points.tolist()}
    logs = beta * (points**2).sum(1) / 2
    return Energy(points, 1 / math.sqrt(beta), logs, 1 / beta, 0.0, table)


# ---------------------------------------------------------------- search


@numba.njit(cache=False)
def newton(starts, points, logs, sigma, pull, cap, steps):
    """Newton's method on the field from each row of `starts`, no step longer than `cap`; NaN where it fails."""
    count, n = starts.shape
    k = points.shape[0]
    out = np.full((count, n), np.nan)
    p = np.empty(k)
    m = np.empty(n)
    f = np.empty(n)
    a = np.empty((n, n))
    x = np.empty(n)
    inverse = 1.0 / (sigma * sigma)
    for s in range(count):
        x[:] = starts[s]
        small = 0
        for _ in range(steps):
            top = -np.inf
            for j in range(k):
                q = 0.0
                for i in range(n):
                    q += (x[i] - points[j, i]) ** 2
                p[j] = logs[j] - 0.5 * q * inverse
                top = max(top, p[j])
            total = 0.0
            for j in range(k):
                p[j] = math.exp(p[j] - top)
                total += p[j]
            m[:] = 0.0
            for j in range(k):
                p[j] /= total
                for i in range(n):
                    m[i] += p[j] * points[j, i]
            a[:] = 0.0
            for j in range(k):
                if p[j] > 1e-20:
                    for i in range(n):
                        t = p[j] * (points[j, i] - m[i]) * inverse
                        for l in range(i + 1):
                            a[i, l] -= t * (points[j, l] - m[l])
            for i in range(n):
                for l in range(i):
                    a[l, i] = a[i, l]
                a[i, i] += 1.0 + pull
                f[i] = m[i] - (1.0 + pull) * x[i]
            # Gaussian elimination with row exchanges; f becomes the step.
            singular = False
            for c in range(n):
                best = c
                for r in range(c + 1, n):
                    if abs(a[r, c]) > abs(a[best, c]):
                        best = r
                if abs(a[best, c]) < 1e-14:
                    singular = True
                    break
                if best != c:
                    for l in range(c, n):
                        a[c, l], a[best, l] = a[best, l], a[c, l]
                    f[c], f[best] = f[best], f[c]
                for r in range(c + 1, n):
                    t = a[r, c] / a[c, c]
                    if t != 0.0:
                        for l in range(c + 1, n):
                            a[r, l] -= t * a[c, l]
                        f[r] -= t * f[c]
            if singular:
                break
            length = 0.0
            for c in range(n - 1, -1, -1):
                t = f[c]
                for l in range(c + 1, n):
                    t -= a[c, l] * f[l]
                f[c] = t / a[c, c]
                length += f[c] * f[c]
            length = math.sqrt(length)
            factor = 1.0 if length <= cap else cap / length
            for i in range(n):
                x[i] += factor * f[i]
            if length < 1e-10 * sigma:
                small += 1
                if small == 2:
                    out[s] = x
                    break
    return out


def subsets(energy, rng, limit):
    """Circumcentres and centroids of small subsets of the data, at most about `limit` of each size."""
    y = energy.points / (1 + energy.pull)
    k, n = y.shape
    starts = [y]
    for size in range(2, n + 2):
        if size > k:
            break
        if math.comb(k, size) <= limit:
            chosen = np.array(list(itertools.combinations(range(k), size)))
        else:
            chosen = np.array([rng.choice(k, size, replace=False) for _ in range(limit)])
        corners = y[chosen]
        starts.append(corners.mean(1))
        # Centre c = y_0 + A'u with 2 A A' u = |rows of A|^2, A the edges from y_0.
        edges = corners[:, 1:] - corners[:, :1]
        gram = edges @ edges.transpose(0, 2, 1)
        fine = np.linalg.cond(gram) < 1e10
        u = np.linalg.solve(2 * gram[fine], np.einsum("sij,sij->si", edges[fine], edges[fine])[:, :, None])
        starts.append(corners[fine, 0] + np.einsum("sij,si->sj", edges[fine], u[:, :, 0]))
    return np.concatenate(starts)


def grid(energy, rng, size):
    """A grid over the box of the data, a tenth larger, shifted at random within a cell."""
    y = energy.points / (1 + energy.pull)
    low, high = y.min(0), y.max(0)
    margin = 0.05 * (high - low) + 0.1 * energy.sigma
    cell = (high - low + 2 * margin) / size
    axes = [low[i] - margin[i] + cell[i] * (np.arange(size) + rng.random()) for i in range(energy.dim)]
    return np.stack([g.ravel() for g in np.meshgrid(*axes, indexing="ij")], 1)


def hull(energy, rng, count):
    """Random convex combinations of few and of many data, half of them jiggled by up to sigma."""
    y = energy.points / (1 + energy.pull)
    k, n = y.shape
    parts = []
    for size in range(2, min(k, n + 3) + 1):
        share = count // (min(k, n + 3) - 1)
        chosen = np.argsort(rng.random((share, k)), 1)[:, :size]
        w = rng.dirichlet(np.ones(size), share)
        x = np.einsum("sk,skn->sn", w, y[chosen])
        half = share // 2
        x[:half] += rng.normal(size=(half, n)) * energy.sigma * rng.random((half, 1))
        parts.append(x)
    return np.concatenate(parts)


def distinct(roots, close):
    """One row for each cluster."""
    roots = roots[np.isfinite(roots).all(1)]
    if len(roots) == 0:
        return roots
    _, first = np.unique(np.round(roots / (close / 10)), axis=0, return_index=True)
    kept = []
    for x in roots[np.sort(first)]:
        if all(np.abs(x - z).max() > close for z in kept):
            kept.append(x)
    return np.array(kept)


def search(energy, seed, cells=0, random=0, limit=40000):
    """All critical points found from the starts of one seed."""
    rng = np.random.default_rng([seed, 271828])
    sets = [subsets(energy, rng, limit)]
    if cells:
        sets.append(grid(energy, rng, cells))
    if random:
        sets.append(hull(energy, rng, random))
    kept = np.empty((0, energy.dim))
    for starts in sets:
        for part in np.array_split(starts, max(1, len(starts) // 200000)):
            roots = newton(part, energy.points, energy.logs, energy.sigma, energy.pull, 0.7 * energy.sigma, 80)
            kept = distinct(np.concatenate([kept, roots]), 1e-6 * energy.sigma)
    return kept


# ---------------------------------------------------------------- refinement


def refine(energy, x):
    """The point and its energy, right to the last digit of a double."""
    mp = mpmath.mpf
    n, rows = energy.dim, [[mp(float(v)) for v in row] for row in energy.points]
    table = energy.table
    if table["kind"] == "mixture":
        sigma2, scale, c = mp(table["sigma"]) ** 2, mp(1), mp(table.get("confinement", 0.0))
        weights = table.get("weights")
        logs = [mpmath.log(mp(w)) for w in weights] if weights else [-mpmath.log(len(rows))] * len(rows)
    else:
        beta = mp(table["beta"])
        sigma2, scale, c = 1 / beta, 1 / beta, mp(0)
        logs = [beta * mpmath.fsum(v * v for v in row) / 2 for row in rows]
    pull = c * sigma2 / scale
    x = [mp(float(v)) for v in x]

    def parts(x):
        a = [l - mpmath.fsum((u - v) ** 2 for u, v in zip(x, row)) / (2 * sigma2) for l, row in zip(logs, rows)]
        top = max(a)
        e = [mpmath.exp(v - top) for v in a]
        total = mpmath.fsum(e)
        return top + mpmath.log(total), [v / total for v in e]

    for _ in range(8):
        _, p = parts(x)
        m = [mpmath.fsum(q * row[i] for q, row in zip(p, rows)) for i in range(n)]
        big = [(q, [v - w for v, w in zip(row, m)]) for q, row in zip(p, rows) if q > mp(10) ** -45]
        a = mpmath.matrix(n, n)
        for i in range(n):
            for j in range(i + 1):
                a[i, j] = -mpmath.fsum(q * z[i] * z[j] for q, z in big) / sigma2
                a[j, i] = a[i, j]
            a[i, i] += 1 + pull
        step = mpmath.lu_solve(a, mpmath.matrix([m[i] - (1 + pull) * x[i] for i in range(n)]))
        x = [u + v for u, v in zip(x, step)]
        if max(abs(v) for v in step) < mp(10) ** -28:
            break
    else:
        raise Refused("refinement does not converge")
    value = -scale * parts(x)[0] + c / 2 * mpmath.fsum(v * v for v in x)
    # A coordinate that is zero by symmetry comes out as a tiny remainder.
    clean = [0.0 if abs(v) < mp(10) ** -30 else float(v) for v in x]
    return np.array(clean), float(value)


@dataclass
class Point:
    index: int
    energy: float
    x: np.ndarray
    eigenvalues: np.ndarray


def certain(energy, roots, flat=2e-3):
    """Refined, sorted by index and energy; refuses what is nearly degenerate."""
    found = []
    for root in roots:
        x, value = refine(energy, root)
        if np.abs(x - root).max() > 1e-6 * energy.sigma:
            raise Refused("refinement leaves the point")
        spectrum = energy.eigenvalues(x)
        if np.abs(spectrum).min() * energy.sigma**2 / energy.scale < flat:
            raise Refused(f"nearly degenerate: {np.abs(spectrum).min():.2e}")
        found.append(Point(int((spectrum < 0).sum()), value, x, spectrum))
    return sorted(found, key=lambda p: (p.index, round(p.energy, 9), tuple(np.round(p.x, 9))))


def counts(found):
    by = [0] * (max(p.index for p in found) + 1)
    for p in found:
        by[p.index] += 1
    return by


def solve(energy, in_hull=False, **how):
    """All critical points, vouched for as the module says; `in_hull` searches in coordinates of the affine hull."""
    if in_hull:
        origin = energy.points.mean(0)
        _, singular, rows = np.linalg.svd(energy.points - origin, full_matrices=False)
        basis = rows[singular > 1e-10 * singular[0]]
        flat = Energy((energy.points - origin) @ basis.T, energy.sigma, energy.logs, energy.scale)
        first, second = (origin + search(flat, seed, **how) @ basis for seed in (1, 2))
    else:
        first, second = search(energy, 1, **how), search(energy, 2, **how)
    if len(first) != len(second):
        raise Refused(f"two searches differ: {len(first)} and {len(second)}")
    for x in second:
        if np.abs(first - x).max(1).min() > 1e-6 * energy.sigma:
            raise Refused("two searches differ")
    found = certain(energy, first)
    by = counts(found)
    if sum((-1) ** i * c for i, c in enumerate(by)) != 1:
        raise Refused(f"Euler characteristic of {by} is not 1")
    return found


# ---------------------------------------------------------------- orbits


def arrive(energy, start, sign, found, method):
    """Place in `found` of the end of the orbit of x' = sign * field, or "exit"."""
    spread = np.abs(energy.points).max() + 10 * energy.sigma
    wanted = 0 if sign < 0 else energy.dim
    places = [i for i, p in enumerate(found) if p.index == wanted]
    targets = np.array([found[i].x for i in places]).reshape(-1, energy.dim)
    near = 1e-4 * energy.sigma

    def close(_, x):
        return min(np.linalg.norm(targets - x, axis=1).min() - near if len(targets) else 1.0, 1.0)

    def gone(_, x):
        return np.linalg.norm(x) - 3 * spread

    close.terminal = gone.terminal = True
    jac = (lambda _, x: sign * energy.jacobian(x)) if method == "Radau" else None
    run = solve_ivp(
        lambda _, x: sign * energy.field(x), (0, 1e6), start, method=method, jac=jac, rtol=1e-10, atol=1e-13 * spread,
        events=[close, gone],
    )
    if run.status != 1:
        raise Refused(f"an orbit arrives nowhere: {run.message}")
    end = run.y[:, -1]
    if len(run.t_events[1]):
        return "exit"
    return places[int(np.linalg.norm(targets - end, axis=1).argmin())]


def ends(energy, found, p, sign):
    """Both ends of the one-dimensional unstable (sign -1) or stable (sign +1, plane) manifold of `p`."""
    vectors = np.linalg.eigh(energy.jacobian(p.x))[1]
    v = vectors[:, 0] if sign < 0 else vectors[:, 1]
    answer = []
    for side in (1, -1):
        one = arrive(energy, p.x + side * 1e-6 * v, sign, found, "LSODA")
        two = arrive(energy, p.x + side * 3e-6 * v, sign, found, "Radau")
        if one != two:
            raise Refused("two integrations end in different points")
        answer.append(one)
    return sorted(answer, key=str) if "exit" in answer else sorted(answer)


# ---------------------------------------------------------------- files


def numbers(values):
    return "[" + ", ".join(repr(float(v)) for v in values) + "]"


def text(value):
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, list) and value and isinstance(value[0], list):
        return "[\n" + "".join(f"    {numbers(row)},\n" for row in value) + "]"
    if isinstance(value, list):
        return numbers(value)
    return repr(value)


def write(name, title, source, energy, found, orbits=True):
    lines = [f'title = "{title}"', f'source = "{source}"', f"counts = {counts(found)}", "", "[landscape]"]
    lines += [f"{key} = {text(value)}" for key, value in energy.table.items()]
    for p in found:
        lines += ["", "[[points]]", f"index = {p.index}", f"energy = {p.energy!r}", f"x = {numbers(p.x)}"]
        lines += [f"eigenvalues = {numbers(p.eigenvalues)}"]
    if orbits:
        saddles = [(i, p) for i, p in enumerate(found) if p.index == 1]
        for i, p in saddles:
            lines += ["", "[[edges]]", f"saddle = {i}", f"minima = {ends(energy, found, p, -1)}"]
        for i, p in saddles if energy.dim == 2 else []:
            up = ends(energy, found, p, 1)
            lines += ["", "[[backward]]", f"saddle = {i}", f"ends = [{', '.join(text(e) for e in up)}]"]
    (HERE / f"{name}.toml").write_text("\n".join(lines) + "\n")
    print(f"{name}: {counts(found)}", flush=True)


HOW = "derived by tests/cases/make.py: "


def gaussian(k, n, seed):
    return np.random.default_rng(seed).normal(size=(k, n))


# ---------------------------------------------------------------- groups


def planar():
    """Equal Gaussians at points N(0, I) of the plane."""
    # The seed of the first row is the least that gives ten minima, ten saddles, one maximum.
    rows = [(30, 0.35, 2)]
    rows += [(5, 0.2, 1), (5, 0.4, 2), (5, 0.5, 3)]
    rows += [(10, 0.2, 4), (10, 0.3, 5), (10, 0.35, 6), (10, 0.5, 7)]
    rows += [(20, 0.2, 8), (20, 0.3, 9), (20, 0.4, 10), (20, 0.5, 11)]
    rows += [(30, 0.2, 12), (30, 0.3, 13), (30, 0.5, 14)]
    rows += [(40, 0.2, 15), (40, 0.3, 16), (40, 0.35, 17), (60, 0.2, 18), (60, 0.3, 19), (60, 0.4, 20)]
    for k, sigma, seed in rows:
        energy = mixture(gaussian(k, 2, seed), sigma)
        source = f"{HOW}points default_rng({seed}).normal(size=({k}, 2))"
        attempt(f"planar-k{k}-s{round(100 * sigma):02d}", f"{k} Gaussians in the plane, sigma {sigma}", source, energy,
                cells=400)


def attempt(name, title, source, energy, **how):
    try:
        write(name, title, source, energy, solve(energy, **how))
    except Refused as reason:
        print(f"{name}: refused, {reason}", flush=True)


def space():
    """Equal Gaussians at points N(0, I) of space."""
    rows = [(8, 0.3, 31), (8, 0.5, 32), (8, 0.7, 33), (12, 0.3, 34), (12, 0.5, 35), (20, 0.3, 36), (20, 0.5, 37)]
    for k, sigma, seed in rows + [(20, 0.7, 38)]:
        source = f"{HOW}points default_rng({seed}).normal(size=({k}, 3))"
        attempt(f"space-k{k}-s{round(100 * sigma)}", f"{k} Gaussians in dimension 3, sigma {sigma}", source,
                mixture(gaussian(k, 3, seed), sigma), cells=60)


def five():
    """Equal Gaussians at points N(0, I) of dimension 5; millions of starts in their hull."""
    rows = [(8, 0.5, 51), (8, 0.7, 52), (8, 0.9, 58), (12, 0.5, 53), (12, 0.7, 54), (12, 0.9, 55), (20, 0.7, 56)]
    for k, sigma, seed in rows + [(20, 0.5, 57)]:
        source = f"{HOW}points default_rng({seed}).normal(size=({k}, 5))"
        attempt(f"five-k{k}-s{round(100 * sigma)}", f"{k} Gaussians in dimension 5, sigma {sigma}", source,
                mixture(gaussian(k, 5, seed), sigma), random=1_500_000)


def fifty():
    """Four data in dimension 50, searched in the three-dimensional affine hull that holds every critical point."""
    for sigma in (0.3, 0.42, 0.48, 0.51):
        points = gaussian(4, 50, 60) / math.sqrt(50)
        source = f"{HOW}points default_rng(60).normal(size=(4, 50)) / sqrt(50)"
        attempt(f"fifty-s{round(100 * sigma)}", f"Four Gaussians in dimension 50, sigma {sigma}", source,
                mixture(points, sigma), in_hull=True, cells=60)


def twenty():
    """Equal Gaussians at points N(0, I) of dimension 20, with |x|^2 added."""
    for seed in (0, 1):
        source = f"{HOW}points default_rng({seed}).normal(size=(50, 20))"
        attempt(f"twenty-{seed}", "50 Gaussians in dimension 20, sigma 0.8, with |x|^2 added", source,
                mixture(gaussian(50, 20, seed), 0.8, confinement=2.0), random=400_000, limit=25_000)


def small():
    """Small sigma: points of index k are the k-simplices whose circumcentre lies inside and whose ball is empty."""
    for k, n in ((30, 2), (12, 4)):
        ranked = sorted(range(300), key=lambda seed: -empty_balls(uniform(k, n, seed))[1])[:3]
        for seed in sorted(ranked):
            rule, margin = empty_balls(uniform(k, n, seed))
            # Every yes and no of the rule is decided by at least 32 sigma^2, so by a factor exp(32) in density.
            sigma = float(f"{math.sqrt(margin / 32):.2g}")
            while margin / sigma**2 < 30:
                sigma *= 0.99
            energy = mixture(uniform(k, n, seed), sigma)
            source = f"{HOW}points default_rng({seed}).random(({k}, {n})); empty circumballs give {rule}"
            try:
                found = solve(energy, cells=400 if n == 2 else 0, random=0 if n == 2 else 400_000)
                if counts(found) != rule:
                    raise Refused(f"rule {rule}, search {counts(found)}")
                write(f"small-d{n}-{seed}", f"{k} Gaussians in dimension {n}, small sigma", source, energy, found)
            except Refused as reason:
                print(f"small-d{n}-{seed}: refused, {reason}", flush=True)


def uniform(k, n, seed):
    return np.random.default_rng(seed).random((k, n))


def empty_balls(points):
    """Counts by the rule of `small`, and how far the closest of its decisions is from going the other way.

    A subset counts if every other datum is outside its smallest circumsphere and every own vertex is outside that of
    the remaining vertices (which says that the circumcentre lies inside). Distances are halved squares, the energy's
    units times sigma^2. Every subset is tried: no triangulation is needed.
    """
    k, n = points.shape
    everyone = np.arange(k)
    by, worst, spheres = [0] * (n + 1), np.inf, {}
    for size in range(1, n + 2):
        for chosen in itertools.combinations(range(k), size):
            y = points[list(chosen)]
            edges = y[1:] - y[0]
            u = np.linalg.lstsq(2 * edges @ edges.T, (edges**2).sum(1), rcond=None)[0] if size > 1 else np.empty(0)
            centre = y[0] + u @ edges
            square = ((centre - y[0]) ** 2).sum()
            spheres[chosen] = centre, square
            others = np.delete(everyone, chosen)
            slack = (((points[others] - centre) ** 2).sum(1) - square).tolist()
            for i in range(size) if size > 1 else []:
                c, r = spheres[chosen[:i] + chosen[i + 1 :]]
                slack.append(((y[i] - c) ** 2).sum() - r)
            decision = min(slack) / 2
            worst = min(worst, abs(decision))
            if decision > 0:
                by[size - 1] += 1
    while by[-1] == 0:
        by.pop()
    return by, worst


def hopfield():
    """Modern Hopfield energies: three memories with folds at beta 2.5357 and 14.0596; orthonormal patterns."""
    three = [[0.95, 0.0], [-0.7, math.sqrt(3) / 2], [0.7, math.sqrt(3) / 2]]
    for beta in (2.5, 5.0, 15.0):
        attempt(f"hopfield-three-b{beta:g}".replace(".", "_"), f"Three memories, beta {beta}",
                HOW + "patterns of Hess and Morris, figure 7, with d = 0", modern_hopfield(three, beta), cells=400)
    for n, beta, fold in ((3, 2.7, 2.745644), (3, 2.8, 2.745644), (4, 3.3, 3.218741)):
        source = f"{HOW}unit vectors; retrieval branches are born at beta = {fold}, the average is stable below {n}"
        attempt(f"hopfield-orthonormal{n}-b{beta:g}".replace(".", "_"), f"{n} orthonormal patterns, beta {beta}", source,
                modern_hopfield(np.eye(n), beta), cells=60 if n == 3 else 20, random=50_000)


def circle():
    """Nine memories on the unit circle; t and energies 2 t (E - log 9) in the scale of Pham et al."""
    degrees = [129.151, 138.861, 151.884, 161.734, 213.828, 220.654, 324.387, 325.515, 356.423]
    points = [[math.cos(math.radians(a)), math.sin(math.radians(a))] for a in degrees]
    for t in (0.25, 0.15, 0.05, 0.025, 0.01, 0.001):
        attempt(f"circle-t{t:g}".replace(".", "_"), f"Nine memories on a circle, t = {t}",
                f"{HOW}sigma = sqrt(t), the scale of Pham et al. with their sigma = 1", mixture(points, math.sqrt(t)),
                cells=400)


def triangle():
    """Three Gaussians on an equilateral triangle of circumradius 1: four minima between sigma^2 = .5 and .54632."""
    points = [[1.0, 0.0], [-0.5, math.sqrt(3) / 2], [-0.5, -math.sqrt(3) / 2]]
    for square in (0.45, 0.52, 0.56):
        attempt(f"triangle-{round(100 * square)}", f"Three Gaussians on a triangle, sigma^2 = {square}",
                HOW + "Carreira-Perpinan and Williams 2003", mixture(points, math.sqrt(square)), cells=400)


def weighted():
    """Unequal weights, and data that occur several times."""
    for name, k, sigma, seed, spread in (("mild", 20, 0.3, 81, 0.5), ("wild", 15, 0.25, 82, 2.0)):
        rng = np.random.default_rng(seed)
        points, weights = rng.normal(size=(k, 2)), np.exp(spread * rng.normal(size=k))
        attempt(f"weighted-{name}", f"{k} weighted Gaussians in the plane, sigma {sigma}",
                f"{HOW}rng = default_rng({seed}): points rng.normal(size=({k}, 2)), weights exp({spread} rng.normal())",
                mixture(points, sigma, weights / weights.sum()), cells=400)
    rng = np.random.default_rng(83)
    points = rng.normal(size=(12, 2))
    repeated = np.repeat(points, rng.integers(1, 4, 12), axis=0)
    attempt("weighted-duplicates", f"12 points in the plane as {len(repeated)} rows, sigma 0.3",
            f"{HOW}rng = default_rng(83): rng.normal(size=(12, 2)), each repeated rng.integers(1, 4) times",
            mixture(repeated, 0.3), cells=400)


GROUPS = {f.__name__: f for f in (planar, space, five, fifty, twenty, small, hopfield, circle, triangle, weighted)}

if __name__ == "__main__":
    for group in sys.argv[1:] or GROUPS:
        if group not in GROUPS:
            sys.exit(f"no group {group!r}; there are {', '.join(GROUPS)}")
        GROUPS[group]()
