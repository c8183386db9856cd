#!/usr/bin/env python3
"""Makes the cases with connections between all indices, without smale.

    venv/bin/python tests/cases/connections.py              # both groups
    venv/bin/python tests/cases/connections.py chain

Critical points
  chain    double wells in a row: E = sum_i (x_i^4/4 - x_i^2/2 + h_i x_i) + (g/4) sum over neighbours (x_i - x_j)^2. The
           3^n monomials with exponents below 3 are a basis modulo grad E, since its leading terms are the x_i^3: the
           eigenvectors of multiplication by a linear form hold all 3^n complex solutions (Stetter; D. Cox, J. Little,
           D. O'Shea, Using Algebraic Geometry, chapter 2.4). All must be simple and apart; the real ones are the points.
  strata   mixtures in space, by the searches of make.py.

Connections from index k to k-1, for n = 3 or 4. A point that has just one direction to leave along has two orbits: k = 1
forwards, k = n backwards. Where the manifold that is left is a surface its points are sent along the flow from a small
ellipse about the critical point, a thousand and more at once; an orbit that comes near a point with one way out leaves
it to one side or the other, and where neighbours on the ellipse leave to different sides the angle is bisected until the
orbit runs into the point. Indices 2 to 1 go forwards, n-1 to n-2 backwards: for n = 3 these are the same connections
found from both of their ends, and the two answers must agree. All is done on two ellipses with different numbers of
orbits; any change of end between neighbours must have its connection; and d.d = 0 modulo 2: from p to r, two indices
apart, the number of ways over points between is even. What fails is refused.
"""

import itertools
import math
import sys
from collections import Counter
from dataclasses import dataclass

import mpmath
import numba
import numpy as np

import make
from make import HERE, Point, Refused, counts, numbers, solve

# ---------------------------------------------------------------- chains


@dataclass
class Chain:
    """Double wells in a row, open or closed to a ring."""

    tilt: list
    g: float
    ring: bool

    @property
    def dim(self):
        return len(self.tilt)

    def bonds(self):
        n = self.dim
        return [(i, (i + 1) % n) for i in range(n if self.ring else n - 1)]

    def neighbours(self, i):
        return [b if a == i else a for a, b in self.bonds() if i in (a, b)]

    def coupling(self):
        """The Hessian of the coupling."""
        a = np.zeros((self.dim, self.dim))
        for i, j in self.bonds():
            a[i, i] += self.g / 2
            a[j, j] += self.g / 2
            a[i, j] -= self.g / 2
            a[j, i] -= self.g / 2
        return a

    def jacobian(self, x):
        return np.diag(3 * x**2 - 1) + self.coupling()

    def text(self):
        last = "n-1" if self.ring else "n-2"
        return f"sum(i, 0, n-1, x[i]^4/4 - x[i]^2/2) + sum(i, 0, {last}, (g/4)*(x[i] - x[mod(i+1, n)])^2)" + "".join(
            f" + h{i}*x[{i}]" for i in range(self.dim)
        )


def all_roots(chain):
    """All 3^n complex solutions of grad E = 0."""
    n = chain.dim
    basis = list(itertools.product(range(3), repeat=n))
    place = {m: i for i, m in enumerate(basis)}

    def reduce(poly):
        done = {}
        while poly:
            m, c = poly.popitem()
            i = next((i for i in range(n) if m[i] >= 3), None)
            if i is None:
                done[m] = done.get(m, 0.0) + c
                continue
            rest = list(m)
            rest[i] -= 3
            near = chain.neighbours(i)
            for j, factor in [(i, 1 - chain.g / 2 * len(near))] + [(j, chain.g / 2) for j in near]:
                other = tuple(e + (k == j) for k, e in enumerate(rest))
                poly[other] = poly.get(other, 0.0) + c * factor
            poly[tuple(rest)] = poly.get(tuple(rest), 0.0) - c * chain.tilt[i]
        return done

    weights = np.random.default_rng(1).normal(size=n)
    a = np.zeros((len(basis), len(basis)))
    for m in basis:
        for i in range(n):
            for other, c in reduce({tuple(e + (k == i) for k, e in enumerate(m)): 1.0}).items():
                a[place[m], place[other]] += weights[i] * c
    vectors = np.linalg.eig(a)[1]
    vectors = vectors / vectors[place[(0,) * n]]
    return np.array([vectors[place[tuple(int(k == i) for k in range(n))]] for i in range(n)]).T


def chain_points(chain):
    """The real solutions, refined with 40 digits; all complex ones must be simple."""
    mp = mpmath.mpf
    n, g = chain.dim, mp(chain.g)
    tilt = [mp(h) for h in chain.tilt]
    refined = []
    for root in all_roots(chain):
        x = [mpmath.mpc(v) for v in root]
        for _ in range(60):
            f, a = mpmath.matrix(n, 1), mpmath.matrix(n, n)
            for i in range(n):
                near = chain.neighbours(i)
                f[i] = x[i] ** 3 - x[i] + tilt[i] + g / 2 * (len(near) * x[i] - mpmath.fsum(x[j] for j in near))
                a[i, i] = 3 * x[i] ** 2 - 1 + g / 2 * len(near)
                for j in near:
                    a[i, j] -= g / 2
            step = mpmath.lu_solve(a, -f)
            x = [u + v for u, v in zip(x, step)]
            if max(abs(v) for v in step) < mp(10) ** -30:
                break
        else:
            raise Refused("a root does not converge")
        if max(abs(complex(u) - v) for u, v in zip(x, root)) > 1e-4:
            raise Refused("a root moves away")
        refined.append(x)
    for a, b in itertools.combinations(refined, 2):
        if max(abs(u - v) for u, v in zip(a, b)) < 1e-3:
            raise Refused("roots are not apart")
    found = []
    for x in refined:
        imaginary = max(abs(v.imag) for v in x)
        if imaginary > mp(10) ** -25:
            if imaginary < 1e-3:
                raise Refused("a pair of roots is nearly real")
            continue
        x = [v.real for v in x]
        value = mpmath.fsum(v**4 / 4 - v**2 / 2 + h * v for v, h in zip(x, tilt))
        value += g / 4 * mpmath.fsum((x[i] - x[j]) ** 2 for i, j in chain.bonds())
        place = np.array([float(v) for v in x])
        spectrum = np.linalg.eigvalsh(chain.jacobian(place))
        if np.abs(spectrum).min() < 0.02:
            raise Refused(f"nearly degenerate: {np.abs(spectrum).min():.2e}")
        found.append(Point(int((spectrum < 0).sum()), float(value), place, spectrum))
    found.sort(key=lambda p: (p.index, round(p.energy, 9), tuple(np.round(p.x, 9))))
    by = counts(found)
    if sum((-1) ** i * c for i, c in enumerate(by)) != 1:
        raise Refused(f"Euler characteristic of {by} is not 1")
    return found


# ---------------------------------------------------------------- orbits

# Dormand and Prince's method of order 5: nodes of the stages, weights of the solution less those of order 4.
A = np.array([
    [0, 0, 0, 0, 0, 0],
    [1 / 5, 0, 0, 0, 0, 0],
    [3 / 40, 9 / 40, 0, 0, 0, 0],
    [44 / 45, -56 / 15, 32 / 9, 0, 0, 0],
    [19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729, 0, 0],
    [9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656, 0],
    [35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84],
])
ERROR = np.array([71 / 57600, 0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40])


@numba.njit
def velocity(x, data, logs, sigma, coupling, tilt, sign, out):
    """sign times the gradient, of a chain if there are no data, else of sigma^2 times a mixture."""
    n = x.size
    if data.shape[0] == 0:
        for i in range(n):
            out[i] = x[i] ** 3 - x[i] + tilt[i]
            for j in range(n):
                out[i] += coupling[i, j] * x[j]
            out[i] *= sign
        return
    top = -np.inf
    for k in range(data.shape[0]):
        q = 0.0
        for i in range(n):
            q += (x[i] - data[k, i]) ** 2
        top = max(top, logs[k] - 0.5 * q / sigma**2)
    total = 0.0
    out[:] = 0.0
    for k in range(data.shape[0]):
        q = 0.0
        for i in range(n):
            q += (x[i] - data[k, i]) ** 2
        w = math.exp(logs[k] - 0.5 * q / sigma**2 - top)
        total += w
        for i in range(n):
            out[i] += w * data[k, i]
    for i in range(n):
        out[i] = sign * (x[i] - out[i] / total)


@numba.njit
def orbits(starts, data, logs, sigma, coupling, tilt, sign, ends, gates, ways, unit, far, A, ERROR):
    """Ends (-1: outside, -2: nowhere), and the closest approach to each gate with the coordinate along its way out there."""
    count, n = starts.shape
    end = np.full(count, -2)
    nearest = np.full((count, gates.shape[0]), np.inf)
    side = np.zeros((count, gates.shape[0]))
    for s in range(count):
        x, y = starts[s].copy(), np.empty(n)
        k = np.empty((7, n))
        velocity(x, data, logs, sigma, coupling, tilt, sign, k[0])
        h = 1e-3
        for _ in range(200000):
            for stage in range(1, 7):
                for i in range(n):
                    y[i] = x[i]
                    for j in range(stage):
                        y[i] += h * A[stage, j] * k[j, i]
                velocity(y, data, logs, sigma, coupling, tilt, sign, k[stage])
            error, length = 0.0, 0.0
            for i in range(n):
                e = 0.0
                for j in range(7):
                    e += ERROR[j] * k[j, i]
                error += (h * e) ** 2
                length += (y[i] - x[i]) ** 2
            error, length = math.sqrt(error), math.sqrt(length)
            ratio = max(error / (1e-11 * unit), length / (0.02 * unit))
            factor = min(4.0, max(0.2, 0.9 * max(ratio, 1e-10) ** -0.2))
            if error > 1e-11 * unit or length > 0.03 * unit:
                h *= min(factor, 0.8)
                continue
            h *= factor
            x[:] = y
            k[0] = k[6]
            for q in range(gates.shape[0]):
                d, c = 0.0, 0.0
                for i in range(n):
                    d += (x[i] - gates[q, i]) ** 2
                    c += (x[i] - gates[q, i]) * ways[q, i]
                if d < nearest[s, q]:
                    nearest[s, q], side[s, q] = d, c
            outside = 0.0
            for i in range(n):
                outside += x[i] ** 2
            if outside > far * far:
                end[s] = -1
                break
            for q in range(ends.shape[0]):
                d = 0.0
                for i in range(n):
                    d += (x[i] - ends[q, i]) ** 2
                if d < (1e-3 * unit) ** 2:
                    end[s] = q
            if end[s] >= 0:
                break
        for q in range(gates.shape[0]):
            nearest[s, q] = math.sqrt(nearest[s, q])
    return end, nearest, side


@numba.njit
def pair(a, b, data, logs, sigma, coupling, tilt, sign, gates, unit, far, A, ERROR):
    """Two orbits in step until they are 1e-4 of the unit apart (then true), and the closest approaches to each gate."""
    n = a.size
    x = np.empty((2, n))
    x[0], x[1] = a, b
    y, k = np.empty((2, n)), np.empty((2, 7, n))
    nearest = np.full(gates.shape[0], np.inf)
    h = 1e-3
    for _ in range(100000):
        error, length = 0.0, 0.0
        for o in range(2):
            velocity(x[o], data, logs, sigma, coupling, tilt, sign, k[o, 0])
            for stage in range(1, 7):
                for i in range(n):
                    y[o, i] = x[o, i]
                    for j in range(stage):
                        y[o, i] += h * A[stage, j] * k[o, j, i]
                velocity(y[o], data, logs, sigma, coupling, tilt, sign, k[o, stage])
            e2, l2 = 0.0, 0.0
            for i in range(n):
                e = 0.0
                for j in range(7):
                    e += ERROR[j] * k[o, j, i]
                e2 += (h * e) ** 2
                l2 += (y[o, i] - x[o, i]) ** 2
            error, length = max(error, math.sqrt(e2)), max(length, math.sqrt(l2))
        ratio = max(error / (1e-11 * unit), length / (0.02 * unit))
        factor = min(4.0, max(0.2, 0.9 * max(ratio, 1e-10) ** -0.2))
        if error > 1e-11 * unit or length > 0.03 * unit:
            h *= min(factor, 0.8)
            continue
        h *= factor
        x[:] = y
        apart, size = 0.0, 0.0
        for i in range(n):
            apart += (x[0, i] - x[1, i]) ** 2
            size += x[0, i] ** 2
        for q in range(gates.shape[0]):
            d = 0.0
            for i in range(n):
                d += (x[0, i] - gates[q, i]) ** 2
            nearest[q] = min(nearest[q], math.sqrt(d))
        if apart > (1e-4 * unit) ** 2:
            return x[0], x[1], True, nearest
        if size > far * far:
            break
    return x[0], x[1], False, nearest


class Flow:
    """Orbits of one landscape, up or down, with the critical points in their roles."""

    def __init__(self, energy, found, sign):
        self.energy, self.found, self.sign, self.n = energy, found, sign, energy.dim
        n = self.n
        if isinstance(energy, Chain):
            self.parts = np.empty((0, n)), np.empty(0), 1.0, energy.coupling(), np.array(energy.tilt, float)
            self.unit, self.far = 1.0, 6.0
        else:
            self.parts = energy.points, energy.logs, energy.sigma, np.zeros((n, n)), np.zeros(n)
            self.unit, self.far = energy.sigma, 3 * (np.abs(energy.points).max() + 10 * energy.sigma)
        # Going up, index n - k plays the part that index k plays going down.
        self.role = [p.index if sign < 0 else n - p.index for p in found]
        self.ends = [i for i, r in enumerate(self.role) if r == 0]
        self.gates = [i for i, r in enumerate(self.role) if r == 1]

    def modes(self, i):
        """Rates and directions in which the point is left, fastest first."""
        values, vectors = np.linalg.eigh(-self.sign * self.energy.jacobian(self.found[i].x))
        return -values[: self.role[i]], vectors[:, : self.role[i]]

    def places(self, which):
        return np.array([self.found[i].x for i in which]).reshape(-1, self.n)

    def run(self, starts):
        ways = np.array([self.modes(i)[1][:, 0] for i in self.gates]).reshape(-1, self.n)
        return orbits(np.ascontiguousarray(starts), *self.parts, float(self.sign), self.places(self.ends),
                      self.places(self.gates), ways, self.unit, self.far, A, ERROR)

    def line(self, i):
        """The ends of the two orbits that leave a point with one way out; None for outside."""
        answers = []
        for size in (1e-5, 4e-5):
            v = self.modes(i)[1][:, 0]
            end, _, _ = self.run(self.found[i].x + size * self.unit * np.array([v, -v]))
            if (end == -2).any():
                raise Refused("an orbit ends nowhere")
            answers.append(sorted(self.ends[e] for e in end if e >= 0))
        if answers[0] != answers[1]:
            raise Refused("ends of a line differ")
        return answers[0]

    def straddle(self, a, b, like):
        """The gate into which the orbit between `a` and `b` runs, which leave it to different sides: both are followed until
        they part, and what is between them is halved again, until they come close. None if there is no such gate."""
        best = np.inf
        for turn in range(60):
            a, b, apart, nearest = pair(a, b, *self.parts, float(self.sign), self.places(self.gates), self.unit, self.far, A,
                                        ERROR)
            if nearest.min() < 1e-4 * self.unit:
                return self.gates[int(nearest.argmin())]
            if not apart or (turn % 8 == 7 and nearest.min() > 0.7 * best):
                return None
            if turn % 8 == 7:
                best = nearest.min()
            # Between orbits in step and each on its own there are the errors of steps: the border may lie a little beside.
            for _ in range(8):
                if like(a[None]) and not like(b[None]):
                    break
                a, b = 2 * a - b, 2 * b - a
            else:
                return None
            # Not closer than those errors by far.
            while np.linalg.norm(a - b) > 1e-9 * self.unit:
                middle = 0.5 * (a + b)
                a, b = (middle, b) if like(middle[None]) else (a, middle)
        return None

    def surface(self, i, count, size):
        """The gates that orbits on the surface left by point `i` run into, each as often as it happens."""
        rates, vectors = self.modes(i)
        # Both radii grow to one size in the same time, so that neither direction squeezes the other's orbits together.
        radii = self.unit * np.minimum(size ** (rates / rates[0]), 0.1)

        def starts(angles):
            a = np.asarray(angles)
            return self.found[i].x + np.outer(radii[0] * np.cos(a), vectors[:, 0]) + np.outer(
                radii[1] * np.sin(a), vectors[:, 1])

        def halve(low, high, like):
            for _ in range(8):
                middle = 0.5 * (low + high)
                low, high = (middle, high) if like(starts([middle])) else (low, middle)
            return low, high

        angles = np.sort(2 * np.pi * (np.arange(count) + 0.3819) / count)
        end, nearest, side = self.run(starts(angles))
        if (end == -2).any():
            # On the very manifold of a gate: a little to the side.
            raise Refused("an orbit ends nowhere")
        met = []
        for q, gate in enumerate(self.gates):
            near = nearest[:, q] < 0.7 * self.unit
            for a in range(count):
                b = (a + 1) % count
                if near[a] and near[b] and side[a, q] * side[b, q] < 0:
                    sign = side[a, q] > 0

                    def like(x, q=q, sign=sign):
                        return (self.run(x)[2][0, q] > 0) == sign

                    # The side also changes where the closest approach jumps from one part of the orbit to another.
                    low, high = halve(angles[a], angles[b] + 2 * np.pi * (b == 0), like)
                    if self.straddle(*starts([low, high]), like) == gate:
                        met.append((low, gate))
        for a in range(count):
            b = (a + 1) % count
            top = angles[b] + 2 * np.pi * (b == 0)
            if end[a] != end[b] and not any(angles[a] <= t <= top for t, _ in met):
                # Neighbours too far apart to be seen near the gate: the angles at which the end changes, one by one.
                low, now = angles[a], end[a]
                while now != end[b]:
                    low, high = halve(low, top, lambda x, now=now: self.run(x)[0][0] == now)
                    gate = self.straddle(*starts([low, high]), lambda x, now=now: self.run(x)[0][0] == now)
                    if gate is None:
                        raise Refused(f"an end changes at angle {low} with no gate there")
                    met.append((low, gate))
                    low, now = high, self.run(starts([high]))[0][0]
        return sorted(gate for _, gate in met)


def connections(energy, found, quick=False):
    """For each point of index k >= 1 the points of index k-1 below it, each as often as there are orbits."""
    n = energy.dim
    down, up = Flow(energy, found, -1), Flow(energy, found, 1)
    below = {}
    for i, p in enumerate(found):
        if p.index == 1:
            below[i] = down.line(i)
            if len(below[i]) != 2:
                raise Refused("an orbit leaves downhill")

    def upwards(index, above):
        """From what is above each point of this index to what is below each of the next."""
        for i, p in enumerate(found):
            if p.index == index + 1:
                below[i] = sorted(j for j, tops in above.items() for t in tops if t == i)

    def surfaces(flow, index):
        answers = []
        for count, size in ((3001, 1e-3), (2003, 1e-4)):
            answers.append({i: flow.surface(i, count, size) for i, p in enumerate(found) if p.index == index})
        if answers[0] != answers[1]:
            raise Refused(f"two ellipses differ: {answers}")
        return answers[0]

    upwards(n - 1, {i: up.line(i) for i, p in enumerate(found) if p.index == n - 1})
    if n == 4:
        upwards(2, surfaces(up, 2))
    forwards = surfaces(down, 2)
    if n == 3:
        upwards(1, surfaces(up, 1))
        backwards = {i: below[i] for i in forwards}
        if forwards != backwards:
            raise Refused(f"from above {forwards}, from below {backwards}")
    below.update(forwards)
    for i, p in enumerate(found):
        if p.index >= 2:
            ways = Counter(r for q in below[i] for r in below[q])
            odd = [r for r, c in ways.items() if c % 2]
            if odd:
                raise Refused(f"d.d is not 0: from {i} to {odd}")
    return below


def write(name, title, source, table, found, below):
    lines = [f'title = "{title}"', f'source = "{source}"', f"counts = {counts(found)}", "", "[landscape]"]
    lines += [f"{key} = {value}" for key, value in table.items()]
    for p in found:
        lines += ["", "[[points]]", f"index = {p.index}", f"energy = {p.energy!r}", f"x = {numbers(p.x)}"]
        lines += [f"eigenvalues = {numbers(p.eigenvalues)}"]
    for i in sorted(below):
        if found[i].index == 1:
            lines += ["", "[[edges]]", f"saddle = {i}", f"minima = {below[i]}"]
    for i in sorted(below):
        if found[i].index > 1:
            lines += ["", "[[connections]]", f"from = {i}", f"to = {below[i]}"]
    (HERE / f"{name}.toml").write_text("\n".join(lines) + "\n")
    by = Counter(found[i].index for i in below for _ in below[i])
    print(f"{name}: {counts(found)}, connections by upper index {dict(sorted(by.items()))}", flush=True)


def attempt(name, make_case):
    try:
        write(name, *make_case())
    except Refused as reason:
        print(f"{name}: refused, {reason}", flush=True)


# ---------------------------------------------------------------- groups

TILT = [0.03, -0.05, 0.02, 0.06]


def product(chain, found, below):
    """Is the graph that of uncoupled wells: 3^n points, and a point with m coordinates near 0 joined to the 2m points in
    which one of them is at a well?"""
    kinds = [tuple(int(round(v)) for v in p.x) for p in found]
    if sorted(kinds) != sorted(itertools.product((-1, 0, 1), repeat=chain.dim)):
        return False
    for i, kind in enumerate(kinds):
        wanted = {kind[:j] + (w,) + kind[j + 1 :] for j in range(chain.dim) if kind[j] == 0 for w in (-1, 1)}
        if kind.count(0) and Counter(kinds[j] for j in below[i]) != Counter(wanted):
            return False
    return True


def chain():
    """Rings and open rows of 3 and 4 tilted double wells, from weak coupling (a product) to strong."""
    rows = [(3, True, g) for g in (0.02, 0.1, 0.2, 0.3, 0.5)] + [(3, False, g) for g in (0.1, 0.35)]
    rows += [(4, True, g) for g in (0.02, 0.1, 0.2, 0.35)] + [(4, False, g) for g in (0.1, 0.3)]
    for n, ring, g in rows:
        energy = Chain(TILT[:n], g, ring)

        def case(energy=energy, n=n, ring=ring, g=g):
            found = chain_points(energy)
            below = connections(energy, found)
            like = product(energy, found, below)
            if g <= 0.02 and not like:
                raise Refused("not the product")
            parameters = ", ".join(f"h{i} = {h}" for i, h in enumerate(energy.tilt))
            table = {"kind": '"formula"', "dim": n, "energy": f'"{energy.text()}"',
                     "parameters": f"{{ g = {g}, {parameters} }}"}
            how = "; the graph is that of uncoupled wells" if like else ""
            shape = "ring" if ring else "open row"
            source = f"derived by tests/cases/connections.py: all complex solutions by eigenvectors{how}"
            return f"{n} double wells in {'a' if ring else 'an'} {shape}, g = {g}", source, table, found, below

        attempt(f"chain-{'ring' if ring else 'open'}{n}-g{round(100 * g):02d}", case)


def strata():
    """Equal Gaussians in space, chosen so that there are points of index 3."""
    for k, sigma, seed in ((4, 0.4, 0), (4, 0.5, 0), (8, 0.4, 0), (8, 0.5, 0), (20, 0.4, 0), (20, 0.45, 0)):
        # The first seed from `seed` on that gives points of every index.
        for s in range(seed, 400):
            points = np.random.default_rng([s, k]).normal(size=(k, 3))
            energy = make.mixture(points, sigma)
            quick = make.search(energy, 1, limit=4000)
            spectra = [energy.eigenvalues(x) for x in quick]
            if any((v < 0).all() for v in spectra):
                break
        else:
            continue

        def case(energy=energy, k=k, sigma=sigma, s=s):
            found = solve(energy, cells=60)
            below = connections(energy, found)
            rows = make.text(energy.table["points"])
            table = {"kind": '"mixture"', "sigma": sigma, "points": rows}
            source = f"derived by tests/cases/connections.py: points default_rng([{s}, {k}]).normal(size=({k}, 3))"
            return f"{k} Gaussians in dimension 3, sigma {sigma}", source, table, found, below

        attempt(f"strata-k{k}-s{round(100 * sigma)}", case)


GROUPS = {"chain": chain, "strata": strata}

if __name__ == "__main__":
    for group in sys.argv[1:] or GROUPS:
        if group not in GROUPS:
            sys.exit(f"no group {group!r}; there are {', '.join(GROUPS)}")
        GROUPS[group]()
