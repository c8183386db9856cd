#!/usr/bin/env python3
"""A third opinion on planar certificates: checks `certificate.json` again with mpmath's intervals, sharing nothing with smale.

usage: check.py FILE...        (needs mpmath; exit 0 if everything is proven)

Of a certificate of level "critical set" or "full" in the plane it proves: the hash; the points (existence, uniqueness, index), with
Lipschitz constants from third derivatives over boxes; that the region is entered; that it is covered; the blocks and the tubes. Formulas are
read by Python's own parser, differentiated by truncated Taylor arithmetic in two variables; mixtures and modern Hopfield networks are
written out. Slow: it is meant for a look from outside, not for use.
"""

import ast
import hashlib
import json
import re
import struct
import sys

from mpmath import iv, mp

iv.prec = 64
mp.prec = 64
I = iv.mpf


def floats(text):
    return [float.fromhex(t) for t in text.split()] if text else []


def lo(x):
    return mp.mpf(x.a)


def hi(x):
    return mp.mpf(x.b)


def mag(x):
    return max(abs(lo(x)), abs(hi(x)))


def mig(x):
    return mp.mpf(0) if lo(x) <= 0 <= hi(x) else min(abs(lo(x)), abs(hi(x)))


def span(a, b):
    return iv.mpf([a, b])


def square(x):
    return span(mig(x), mag(x)) * span(mig(x), mag(x)) if lo(x) < 0 < hi(x) else x * x


def power(x, n):
    if n < 0:
        return 1 / power(x, -n)
    if n == 0:
        return I(1)
    if n % 2 == 0:
        m = span(mig(x), mag(x))
        r = I(1)
        for _ in range(n):
            r = r * m
        return r
    r = I(1)
    a, b = I(lo(x)), I(hi(x))
    ra, rb = I(1), I(1)
    for _ in range(n):
        ra, rb = ra * a, rb * b
    return span(lo(ra), hi(rb))


class Jet:
    """Value and derivatives up to the third in two variables: c[(i, j)] = d^(i+j) f / dx^i dy^j."""

    def __init__(self, c, order):
        self.c, self.order = c, order

    @staticmethod
    def const(v, order):
        return Jet({(0, 0): v}, order)

    def get(self, k):
        return self.c.get(k)

    def __add__(self, o):
        c = dict(self.c)
        for k, v in o.c.items():
            c[k] = c[k] + v if k in c else v
        return Jet(c, self.order)

    def __neg__(self):
        return Jet({k: -v for k, v in self.c.items()}, self.order)

    def __sub__(self, o):
        return self + (-o)

    def __mul__(self, o):
        if self is o:
            return self.apply(lambda u: [square(u), 2 * u, I(2), I(0)])
        c = {}
        for (a, b), v in self.c.items():
            for (d, e), w in o.c.items():
                if a + b + d + e <= self.order:
                    k = (a + d, b + e)
                    t = BINOMIAL[a + d][a] * BINOMIAL[b + e][b] * v * w
                    c[k] = c[k] + t if k in c else t
        return Jet(c, self.order)

    def apply(self, derivatives):
        """f(u) by Faa di Bruno's formula."""
        d = derivatives(self.c[(0, 0)])
        z = lambda k: self.c.get(k, I(0))
        x, y = z((1, 0)), z((0, 1))
        c = {(0, 0): d[0]}
        if self.order >= 1:
            c[(1, 0)], c[(0, 1)] = d[1] * x, d[1] * y
        if self.order >= 2:
            c[(2, 0)] = d[2] * square(x) + d[1] * z((2, 0))
            c[(1, 1)] = d[2] * x * y + d[1] * z((1, 1))
            c[(0, 2)] = d[2] * square(y) + d[1] * z((0, 2))
        if self.order >= 3:
            c[(3, 0)] = d[3] * power(x, 3) + 3 * d[2] * x * z((2, 0)) + d[1] * z((3, 0))
            c[(0, 3)] = d[3] * power(y, 3) + 3 * d[2] * y * z((0, 2)) + d[1] * z((0, 3))
            c[(2, 1)] = d[3] * square(x) * y + d[2] * (y * z((2, 0)) + 2 * x * z((1, 1))) + d[1] * z((2, 1))
            c[(1, 2)] = d[3] * square(y) * x + d[2] * (x * z((0, 2)) + 2 * y * z((1, 1))) + d[1] * z((1, 2))
        return Jet(c, self.order)


BINOMIAL = [[1], [1, 1], [1, 2, 1], [1, 3, 3, 1]]


def falling(n):
    def f(u):
        c, out = 1, []
        for k in range(4):
            out.append(I(c) * power(u, n - k) if c else I(0))
            c *= n - k
        return out

    return f


def exponential(u):
    e = iv.exp(u)
    return [e, e, e, e]


def logarithm(u):
    if not lo(u) > 0:
        raise ArithmeticError("a logarithm of what may not be positive")
    return [iv.log(u), 1 / u, -1 / square(u), 2 / power(u, 3)]


def sine(u):
    return [iv.sin(u), iv.cos(u), -iv.sin(u), -iv.cos(u)]


def cosine(u):
    return [iv.cos(u), -iv.sin(u), -iv.cos(u), iv.sin(u)]


class Formula:
    def __init__(self, d, number):
        self.parameters = {k: number(k, v) for k, v in d["parameters"]}
        self.confinement = I(float.fromhex(d["confinement"]))
        text = " ".join(d["energy"].split()).replace("^", "**")
        self.tree = ast.parse(text, mode="eval").body

    def jet(self, x, order):
        names = {
            "x": Jet({(0, 0): x[0], (1, 0): I(1)}, order),
            "y": Jet({(0, 0): x[1], (0, 1): I(1)}, order),
        }
        e = self.eval(self.tree, names, order)
        both = names["x"].apply(falling(2)) + names["y"].apply(falling(2))
        return e + Jet.const(self.confinement / 2, order) * both

    def eval(self, t, names, order):
        one = lambda u: self.eval(u, names, order)
        if isinstance(t, ast.Constant):
            return Jet.const(I(float(t.value)), order)
        if isinstance(t, ast.Name):
            if t.id in self.parameters:
                return Jet.const(self.parameters[t.id], order)
            if t.id == "pi":
                return Jet.const(iv.pi, order)
            return names[t.id]
        if isinstance(t, ast.Subscript):
            return [names["x"], names["y"]][t.slice.value]
        if isinstance(t, ast.UnaryOp):
            return -one(t.operand) if isinstance(t.op, ast.USub) else one(t.operand)
        if isinstance(t, ast.BinOp):
            if isinstance(t.op, ast.Pow):
                n = t.right.value
                return one(t.left).apply(falling(int(n))) if n == int(n) else fail("a power")
            a, b = one(t.left), one(t.right)
            if isinstance(t.op, ast.Add):
                return a + b
            if isinstance(t.op, ast.Sub):
                return a - b
            if isinstance(t.op, ast.Mult):
                return a * b
            return a * b.apply(falling(-1))
        if isinstance(t, ast.Call):
            known = {"exp": exponential, "log": logarithm, "ln": logarithm, "sin": sine, "cos": cosine}
            return one(t.args[0]).apply(known[t.func.id])
        return fail("an expression that this checker does not read")


def fail(why):
    raise SystemExit(f"not proven: {why}")


class Patterns:
    """-(u) log sum w_k exp(..) + quadratic, written out as jets."""

    def __init__(self, d, number):
        data = d["data"]
        rows = [floats(r) for r in data["rows"]]
        weights = floats(data["weights"])
        packed = b"".join(struct.pack("<d", v) for r in rows + [weights] for v in r)
        if hashlib.sha256(packed).hexdigest() != data["sha256"]:
            fail("the hash of the data")
        c = I(float.fromhex(d["confinement"]))
        self.confinement = c
        self.weights = [iv.log(I(w)) for w in weights]
        if d["kind"] == "mixture":
            a, s = I(float.fromhex(d["a"])), number("sigma", d["sigma"])
            self.z = [[a * I(v) for v in r] for r in rows]
            self.s = self.t = 1 / (s * s)
            self.kappa = self.s + c
            self.distances = True
        else:
            self.z = [[I(v) for v in r] for r in rows]
            self.s, self.t = I(1), number("beta", d["beta"])
            self.kappa = 1 + c
            self.distances = False

    def moments(self, x):
        n = len(self.z)
        p = []
        for k in range(n):
            total = I(1)
            for j in range(n):
                if j == k:
                    continue
                e = self.weights[j] - self.weights[k]
                for a in range(2):
                    d = self.z[j][a] - self.z[k][a]
                    e += self.t * d * (x[a] - (self.z[j][a] + self.z[k][a]) / 2 if self.distances else x[a])
                total += iv.exp(e)
            p.append(1 / total)
        total = sum(mp.mpf(q.mid) for q in p)
        c = [sum(mp.mpf(q.mid) * mp.mpf(z[a].mid) for q, z in zip(p, self.z)) / total for a in range(2)]
        d = [[z[a] - I(c[a]) for a in range(2)] for z in self.z]
        m = [sum((q * e[a] for q, e in zip(p, d)), I(0)) for a in range(2)]
        return p, c, d, m

    def lipschitz(self, c, r):
        """Third central moments of variables in an interval: l^3/(6 sqrt 3); and by distances from the mean, with weights over the ball."""
        z = self.z
        apart = lambda a, b: hi(length([a[0] - b[0], a[1] - b[1]]))
        widest = max(apart(a, b) for a in z for b in z)
        everywhere = I(widest) ** 3 / I(10.39)
        x = [I(v) for v in c]
        weights = []
        for k in range(len(z)):
            total = I(1)
            for j in range(len(z)):
                if j != k:
                    e = self.weights[j] - self.weights[k]
                    for a in range(2):
                        d = z[j][a] - z[k][a]
                        e += self.t * d * (x[a] - (z[j][a] + z[k][a]) / 2 if self.distances else x[a])
                    total += iv.exp(e + self.t * I(apart(z[j], z[k])) * I(r) * span(-1, 1))
            weights.append(1 / total)
        total = sum(mp.mpf(q.mid) for q in weights)
        c = [sum(mp.mpf(q.mid) * mp.mpf(v[a].mid) for q, v in zip(weights, z)) / total for a in range(2)]
        d = [[v[a] - I(c[a]) for a in range(2)] for v in z]
        off = hi(length([sum((q * e[a] for q, e in zip(weights, d)), I(0)) for a in range(2)]))
        near = sum((I(hi(q)) * (I(hi(length(e))) + I(off)) ** 3 for q, e in zip(weights, d)), I(0))
        return hi(self.s * self.t * self.t * I(min(hi(near), hi(everywhere))))

    def jet(self, x, order):
        p, c, d, m = self.moments(x)
        out = {(0, 0): I(0)}
        key = lambda *idx: (idx.count(0), idx.count(1))
        for a in range(2):
            out[key(a)] = self.s * (x[a] - I(c[a]) - m[a]) + self.confinement * x[a]
        m2 = lambda a, b: sum((q * (square(e[a]) if a == b else e[a] * e[b]) for q, e in zip(p, d)), I(0))
        if order >= 2:
            for a, b in [(0, 0), (0, 1), (1, 1)]:
                mm = square(m[a]) if a == b else m[a] * m[b]
                out[key(a, b)] = (self.kappa if a == b else I(0)) - self.s * self.t * (m2(a, b) - mm)
        if order >= 3:
            for a, b, e in [(0, 0, 0), (0, 0, 1), (0, 1, 1), (1, 1, 1)]:
                m3 = sum((q * v[a] * v[b] * v[e] for q, v in zip(p, d)), I(0))
                mixed = m2(a, b) * m[e] + m2(a, e) * m[b] + m2(b, e) * m[a]
                out[key(a, b, e)] = -self.s * self.t * self.t * (m3 - mixed + 2 * m[a] * m[b] * m[e])
        return Jet(out, order)


class Field:
    def __init__(self, d, along):
        used = []

        def number(name, text):
            value = float.fromhex(text)
            if along is None or along["parameter"] != name:
                return I(value)
            used.append(name)
            low, high = float.fromhex(along["lower"]), float.fromhex(along["upper"])
            if not low <= value <= high:
                fail("the parameter's interval")
            return span(low, high)

        self.e = Formula(d, number) if d["kind"] == "formula" else Patterns(d, number)
        if along is not None and not used:
            fail("the parameter")

    def gradient(self, x):
        j = self.e.jet(x, 1)
        return [j.c.get((1, 0), I(0)), j.c.get((0, 1), I(0))]

    def hessian(self, x):
        c = self.e.jet(x, 2).c
        z = lambda k: c.get(k, I(0))
        return [[z((2, 0)), z((1, 1))], [z((1, 1)), z((0, 2))]]

    def cell(self, x):
        """The Hessian over a small box, of a formula by the mean value form as well."""
        natural = self.hessian(x)
        if isinstance(self.e, Patterns):
            return natural
        c = [I(mp.mpf(v.mid)) for v in x]
        at, t = self.hessian(c), self.e.jet(x, 3).c
        third = lambda i, j, k: t.get(((i, j, k).count(0), (i, j, k).count(1)), I(0))
        out = [[None, None], [None, None]]
        for i in range(2):
            for j in range(2):
                m = at[i][j] + third(i, j, 0) * (x[0] - c[0]) + third(i, j, 1) * (x[1] - c[1])
                out[i][j] = span(max(lo(m), lo(natural[i][j])), min(hi(m), hi(natural[i][j])))
        return out

    def tight(self, x):
        c = [I(mp.mpf(v.mid)) for v in x]
        at, h, natural = self.gradient(c), self.hessian(x), self.gradient(x)
        out = []
        for i in range(2):
            m = at[i] + h[i][0] * (x[0] - c[0]) + h[i][1] * (x[1] - c[1])
            a, b = max(lo(m), lo(natural[i])), min(hi(m), hi(natural[i]))
            out.append(span(a, b))
        return out

    def lipschitz(self, c, r):
        x = [I(v) + span(-mp.mpf(r), mp.mpf(r)) for v in c]
        t = self.e.jet(x, 3).c
        z = lambda k: I(mag(t.get(k, I(0))))
        s = z((3, 0)) ** 2 + 3 * z((2, 1)) ** 2 + 3 * z((1, 2)) ** 2 + z((0, 3)) ** 2
        own = [self.e.lipschitz(c, r)] if isinstance(self.e, Patterns) else []
        return min([hi(iv.sqrt(s))] + own)


def length(v):
    return iv.sqrt(square(v[0]) + square(v[1]))


def dot(a, b):
    return a[0] * b[0] + a[1] * b[1]


def frobenius(m):
    return hi(iv.sqrt(sum((square(I(mag(e))) for r in m for e in r), I(0))))


class Axis:
    def __init__(self, d):
        self.d = [I(v) for v in d]
        self.size = length(self.d)
        if not lo(self.size) > 0:
            fail("a direction is zero")
        self.u = [v / self.size for v in self.d]
        self.v = [-self.u[1], self.u[0]]

    def along(self, w):
        return dot(w, self.u)

    def across(self, w):
        return dot(w, self.v)


def apply(h, v):
    return [dot(h[0], v), dot(h[1], v)]


def check_zero(f, z, e0, e1):
    x = floats(z["center"])
    r, big, basin = (float.fromhex(z[k]) for k in ("radius", "unique", "basin"))
    w, v = floats(z["values"]), [[I(t) for t in floats(row)] for row in z["vectors"]]
    place = [I(t) for t in x]
    g, h = f.gradient(place), f.hessian(place)
    e = [[dot(v[i], apply(h, v[j])) - (I(w[i]) if i == j else 0) for j in range(2)] for i in range(2)]
    q = frobenius([[dot(v[i], v[j]) - (1 if i == j else 0) for j in range(2)] for i in range(2)])
    least = min(abs(t) for t in w)
    rest = frobenius(e)
    if not (q < 0.5 and rest < least) or sum(t < 0 for t in w) != z["index"]:
        fail(f"the index of {x}")
    n = hi(length(g))
    form = form_of(z["index"], v[0])
    ball = profile(f, form, x, big)
    if not (0 < r < big and ball[-1] > e1 and phi(ball, big, r) - n > e0):
        fail(f"the ball about {x}")
    if basin:
        wide = profile(f, form, x, basin)
        if not (z["index"] in (0, 2) and basin > r and phi(wide, basin, r) - n > e0 and phi(wide, basin, basin) - n > e0):
            fail(f"the basin of {x}")
    return dict(x=x, r=r, unique=big, basin=basin, index=z["index"])


def form_of(index, u):
    """A lower bound of the form's smallest eigenvalue over Hessians: of H, -H, or -<u,Hu> and that across."""

    def extreme(sign):
        def least(h):
            a, d = (I(lo(sign * h[i][i])) for i in range(2))
            b = I(max(mag(h[0][1]), mag(h[1][0])))
            return lo((a + d - iv.sqrt(square(a - d) + 4 * square(b))) / 2)

        return least

    def saddle(h):
        s = square(u[0]) + square(u[1])
        along = lambda p, q: (square(p) * h[0][0] + 2 * p * q * h[0][1] + square(q) * h[1][1]) / s
        return min(lo(-along(u[0], u[1])), lo(along(-u[1], u[0])))

    return saddle if index == 1 else extreme(1 if index == 0 else -1)


STEPS, CELLS = 16, 16


def ball(big, k):
    """Radius k of the steps; any that ascend will do: a little less than the cells' sides, so that those that touch are none of theirs."""
    return mp.mpf(big) if k + 1 == STEPS else mp.mpf(big) * (k + 1) / STEPS * (1 - mp.mpf(2) ** -30)


def profile(f, form, x, big):
    """Bounds on balls of radius big j/STEPS, ascending."""
    ends = [[mp.mpf(c) - mp.mpf(big) + 2 * mp.mpf(big) * k / CELLS for k in range(CELLS + 1)] for c in x]
    widen = mp.mpf(2) ** -50 * (mp.mpf(big) + max(abs(mp.mpf(c)) for c in x))
    at = form(f.hessian([I(t) for t in x]))
    out = [at] * STEPS
    for i in range(CELLS):
        for j in range(CELLS):
            b = [span(ends[0][i] - widen, ends[0][i + 1] + widen), span(ends[1][j] - widen, ends[1][j + 1] + widen)]
            near = lo(length([I(mig(b[k] - I(x[k]))) for k in range(2)]))
            if near > big:
                continue
            m = form(f.cell(b))
            out = [min(v, m) if ball(big, k) >= near else v for k, v in enumerate(out)]
    slope = f.lipschitz(x, big)
    out = [max(v, lo(I(at) - I(slope) * I(ball(big, k)))) for k, v in enumerate(out)]
    for k in range(STEPS - 2, -1, -1):
        out[k] = max(out[k], out[k + 1])
    return out


def phi(steps, big, d):
    total, start = I(0), mp.mpf(0)
    for k, m in enumerate(steps):
        end = min(mp.mpf(d), ball(big, k))
        total += I(m) * (I(end) - I(start))
        if end == mp.mpf(d):
            break
        start = end
    return lo(total)


def replay(tree, box, leaf):
    open_ = [box]
    for letter in tree:
        if not open_:
            fail("a tree goes on after its end")
        b = open_.pop()
        if letter.isdigit():
            k = int(letter)
            a, e = b[k]
            m = 0.5 * a + 0.5 * e
            if not a < m < e:
                fail("a box is too small")
            upper, lower = list(b), list(b)
            upper[k], lower[k] = (m, e), (a, m)
            open_ += [upper, lower]
        elif not leaf([span(a, e) for a, e in b], letter):
            fail(f"a leaf `{letter}` at {b}")
    if open_:
        fail("a tree ends too early")


def home(c, k, z):
    """Where the gradient may be small: the ball, or at the level "full" a saddle's block, which both halves must share."""
    off = lambda x: [x[i] - I(z["x"][i]) for i in range(2)]
    if c["level"] != "full" or z["index"] != 1:
        return lambda x: hi(length([I(mag(v)) for v in off(x)])) < z["unique"]
    shapes = [(e["half"], e["slope"]) for e in c["edges"] if e["of"] == k and not e["up"]]
    if len(shapes) != 2 or shapes[0] != shapes[1]:
        fail("the halves of a saddle do not share a block")
    a, s = (float.fromhex(v) for v in shapes[0])
    axis = Axis(floats(c["zeros"][k]["vectors"][0]))
    return lambda x: mag(axis.along(off(x))) <= a and mag(axis.across(off(x))) <= lo(I(a) * I(s))


def passes(at, base, d, wide, normal, e0):
    place = lambda t: [base[i] + t * d[i] for i in range(2)]
    open_ = [(-mp.mpf(wide), mp.mpf(wide), 0)]
    while open_:
        a, b, depth = open_.pop()
        m = (a + b) / 2
        g = dot(normal, at(place(I(m)))[0])
        slope = dot(normal, apply(at(place(span(a, b)))[1], d))
        if lo(g + (span(a, b) - I(m)) * slope) > e0:
            continue
        if depth >= 9:
            return False
        open_ += [(a, m, depth + 1), (m, b, depth + 1)]
    return True


def check_cover(f, c, zeros, e0):
    homes = [home(c, k, z) for k, z in enumerate(zeros)]
    exceeds = lambda g: lo(iv.sqrt(sum((square(I(mig(v))) for v in g), I(0)))) > e0
    region = c["region"]
    if "box" in region:
        l, u = floats(region["box"]["lower"]), floats(region["box"]["upper"])
        box = list(zip(l, u))
        k = 0
        for axis in range(2):
            for side, sign in ((0, -1), (1, 1)):
                face = list(box)
                face[axis] = (box[axis][side],) * 2
                leaf = lambda x, t: lo(sign * (f.gradient(x) if t == "n" else f.tight(x))[axis]) > e0
                replay(c["cover"]["boundary"][k], face, leaf)
                k += 1
        outside = lambda x: False
    else:
        o, r = floats(region["ball"]["center"]), float.fromhex(region["ball"]["radius"])
        import math

        box = [(math.nextafter(v - r, -math.inf), math.nextafter(v + r, math.inf)) for v in o]
        off = lambda x: [x[i] - I(o[i]) for i in range(2)]
        outside = lambda x: lo(length(off(x))) > r

        def leaf(x, t):
            d = off(x)
            if t == "o":
                return hi(length(d)) < r or lo(length(d)) > r
            return lo(dot(d, f.gradient(x) if t == "n" else f.tight(x))) > hi(I(e0) * I(r))

        replay(c["cover"]["boundary"][0], box, leaf)

    def leaf(x, t):
        if t == "n":
            return exceeds(f.gradient(x))
        if t == "m":
            return exceeds(f.tight(x))
        if t == "z":
            return any(h(x) for h in homes)
        return t == "o" and outside(x)

    replay(c["cover"]["inside"], box, leaf)
    return outside


def check_edge(f, c, e, zeros, region, e0, e1):
    sign = -1 if e["up"] else 1
    z = zeros[e["of"]]
    x = z["x"]
    if z["index"] != 1 or e["side"] not in (1, -1):
        fail("an edge of no saddle")
    a, s = float.fromhex(e["half"]), float.fromhex(e["slope"])
    vector = floats(c["zeros"][e["of"]]["vectors"][0])
    axis = Axis([-vector[1], vector[0]] if e["up"] else vector)
    place = [I(t) for t in x]
    at = lambda p: ([sign * g for g in f.gradient(p)], [[sign * h for h in r] for r in f.hessian(p)])
    b = I(a) * I(s)
    ok = s > 0 and a > 0 and hi(iv.sqrt(I(a) ** 2 + b**2)) < z["unique"]
    for side in (1, -1):
        exit_ = [place[i] + side * I(a) * axis.u[i] for i in range(2)]
        wall = [place[i] + side * b * axis.v[i] for i in range(2)]
        ok = ok and passes(at, exit_, axis.v, hi(b), [-side * t for t in axis.u], e0)
        ok = ok and passes(at, wall, axis.u, a, [side * t for t in axis.v], e0)
    if not ok:
        fail(f"the block at {x}")
    center = [place[i] + I(e["side"] * a) * axis.u[i] for i in range(2)]
    disc = (center, axis, hi(I(a) * I(s)))
    for cyl in e["tube"]:
        disc = cross(f, at, cyl, disc, e0)
    center, _, rho = disc
    if e["end"] is None:
        if "ball" in region:
            o, r = floats(region["ball"]["center"]), float.fromhex(region["ball"]["radius"])
            out = lo(length([center[i] - I(o[i]) for i in range(2)]) - I(rho)) > r
        else:
            l, u = floats(region["box"]["lower"]), floats(region["box"]["upper"])
            out = any(hi(center[i] + rho) < l[i] or lo(center[i] - rho) > u[i] for i in range(2))
        if not (e["up"] and out):
            fail("an exit")
    else:
        end = zeros[e["end"]]
        far = length([center[i] - I(end["x"][i]) for i in range(2)]) + I(rho)
        if end["index"] != (2 if e["up"] else 0) or not hi(far) < end["basin"]:
            fail("the end of a tube")


def cross(f, at, cyl, disc, e0):
    c, axis = floats(cyl["c"]), Axis(floats(cyl["axis"]))
    bend = axis.across([I(v) for v in floats(cyl["bend"])])
    back, ahead, radius, growth = floats(cyl["shape"])
    rho = lambda t: I(radius) + I(growth) * t
    center, own, r = disc
    apart = [center[i] - I(c[i]) for i in range(2)]
    tilt = mag(own.across(axis.u))
    t = axis.along(apart) + I(r) * I(tilt) * span(-1, 1)
    away = mag(axis.across(apart) - square(t) / 2 * bend) + r
    narrow = min(lo(rho(I(lo(t)))), lo(rho(I(hi(t)))))
    if not (-back <= lo(t) and hi(t) < ahead and away <= narrow and -back < ahead):
        fail("a disc is not in the next cylinder")
    if not (lo(rho(I(-back))) >= 0 and lo(rho(I(ahead))) >= 0):
        fail("a cylinder's radius")
    g, h = at([I(v) for v in c])
    hu, q = apply(h, axis.u), [bend * v for v in axis.v]
    al, b = axis.along(g), axis.along(hu)
    m = axis.across(hu)
    mu = lo(axis.across(apply(h, axis.v)))
    turn, mixed = I(mag(bend)), I(mag(m))
    twist = I(mag(m - al * bend))
    carried = I(mag(axis.across(apply(h, q))))
    across = I(mag(axis.across(g)))
    pieces = [(-back, 0.0), (0.0, ahead)] if back > 0 and ahead > 0 else [(-back, ahead)]
    ball, sizes = 0, []
    for a, e in pieces:
        T = I(max(abs(a), abs(e)))
        S = I(max(hi(rho(I(a))), hi(rho(I(e)))))
        sag = T**2 / 2 * turn
        sizes.append((T, S, sag, T**2 + (S + sag) ** 2))
        ball = max(ball, hi(iv.sqrt(sizes[-1][3])))
    L = I(f.lipschitz(c, ball))
    k = I(abs(growth))
    for (a, e), (T, S, sag, far) in zip(pieces, sizes):
        rest = L * far / 2
        slow = (sag + S) * mixed
        steep = iv.sqrt(1 + (k + T * turn) ** 2)
        lost = across + T**2 * (carried / 2 + turn * I(mag(b))) + (k + T * turn) * slow
        for end in (a, e):
            t = I(end)
            fallen = al + t * b
            entry = rho(t) * I(mu) - I(abs(end)) * twist - I(growth) * fallen - lost
            if not (lo(-fallen - slow - rest) > e0 and lo(entry / steep - rest) > e0):
                fail("a cylinder is not crossed")
    step = I(ahead)
    center = [I(c[i]) + step * axis.u[i] + step**2 / 2 * q[i] for i in range(2)]
    return center, axis, hi(rho(step))


def main(path):
    text = open(path, encoding="utf8").read()
    body, digest = re.fullmatch(r'(.*),"sha256":"([0-9a-f]{64})"\}\n', text, re.S).groups()
    if hashlib.sha256(body.encode()).hexdigest() != digest:
        fail("the hash")
    c = json.loads(body + "}")
    e0, e1 = float.fromhex(c["e0"]), float.fromhex(c["e1"])
    if c["format"] != "smale certificate 2":
        fail("the format")
    f = Field(c["landscape"], c.get("along"))
    zeros = [check_zero(f, z, e0, e1) for z in c["zeros"]]
    for i, a in enumerate(zeros):
        for b in zeros[:i]:
            d = length([I(a["x"][k]) - I(b["x"][k]) for k in range(2)])
            if not lo(d) > hi(I(a["r"]) + I(b["r"])):
                fail("two balls meet")
    check_cover(f, c, zeros, e0)
    for e in c["edges"]:
        check_edge(f, c, e, zeros, c["region"], e0, e1)
    if c["level"] == "full":
        for k, z in enumerate(zeros):
            if z["index"] == 1:
                halves = sorted((e["up"], e["side"]) for e in c["edges"] if e["of"] == k)
                if halves != [(False, -1), (False, 1), (True, -1), (True, 1)]:
                    fail("a half is missing")
    counts = [sum(z["index"] == k for z in zeros) for k in range(3)]
    print(f"proven: {path}: {c['level']}, {counts}, {len(c['edges'])} halves, e0 = {e0:.3e}, e1 = {e1:.3e}")


if __name__ == "__main__":
    for path in sys.argv[1:]:
        main(path)
