#!/usr/bin/env python3
"""Makes values.csv: exact values of elementary functions, without smale.

    python -m venv venv && venv/bin/pip install mpmath
    venv/bin/python tests/intervals/make.py

Each row is `function,x,y,near,side`: the function's exact value at the doubles x (and y) is `side` (<, = or >) the double
`near`, with no double between them. Values are computed with 200 digits, 700 where arguments are huge; a row is left out
where those do not tell the side.
"""

import math
import random
from pathlib import Path

from mpmath import mp, mpf

ROWS = 40
PI = math.pi


def spread(*pieces):
    """A number of one of the ranges, uniform or, for (low, high, 'log'), uniform in its exponent, of either sign."""
    piece = random.choice(pieces)
    if isinstance(piece, float):
        return piece
    if len(piece) == 3:
        return random.choice((-1, 1)) * 10 ** random.uniform(math.log10(piece[0]), math.log10(piece[1]))
    return random.uniform(*piece)


def near_quarter_turns():
    """Next to a multiple of pi/2."""
    k = random.choice((random.randint(0, 50), random.randint(0, 10**6), random.randint(0, 2**50)))
    x = k * (PI / 2)
    for _ in range(random.randint(0, 3)):
        x = math.nextafter(x, random.choice((-1, 1)) * math.inf)
    return random.choice((-1, 1)) * x


def angle():
    return random.choice((near_quarter_turns, lambda: spread((-7.0, 7.0), (1e-300, 1e300, "log"), (1e-8, 1e8, "log"))))()


def small_or(*pieces):
    return lambda: spread((1e-320, 1e-3, "log"), *pieces)


def positive(f):
    return lambda: abs(f())


UNARY = {
    "exp": (mp.exp, small_or((-750.0, 720.0), (-5.0, 5.0))),
    "exp_m1": (mp.expm1, small_or((-60.0, 720.0), (-5.0, 5.0))),
    "ln": (mp.log, positive(lambda: spread((1e-320, 1e308, "log"), (0.5, 2.0), (0.999999999, 1.000000001)))),
    "log10": (mp.log10, positive(lambda: spread((1e-320, 1e308, "log"), (0.5, 2.0), (0.999999999, 1.000000001)))),
    "ln_1p": (mp.log1p, lambda: abs(spread((1e-320, 1e308, "log"))) if random.random() < 0.4
              else spread((-1.0, 1.0), (-1.0, -0.999999999), (-1e-8, 1e-8))),
    "tanh": (mp.tanh, small_or((-25.0, 25.0), (-2.0, 2.0))),
    "sinh": (mp.sinh, small_or((-720.0, 720.0), (-2.0, 2.0))),
    "cosh": (mp.cosh, small_or((-720.0, 720.0), (-2.0, 2.0))),
    "erf": (mp.erf, small_or((-6.5, 6.5), (-1.0, 1.0))),
    "asin": (mp.asin, small_or((-1.0, 1.0), (0.999999, 1.0))),
    "acos": (mp.acos, small_or((-1.0, 1.0), (0.999999, 1.0))),
    "atan": (mp.atan, small_or((1e-3, 1e300, "log"), (-2.0, 2.0))),
    "sigmoid": (lambda x: 1 / (1 + mp.exp(-x)), small_or((-750.0, 50.0), (-5.0, 5.0))),
    "softplus": (lambda x: mp.log1p(mp.exp(x)), small_or((-750.0, 50.0), (-5.0, 5.0), (1.0, 1e4, "log"))),
    "log_cosh": (lambda x: mp.log1p(mp.sinh(x) ** 2) / 2, small_or((1e-3, 1e4, "log"), (-5.0, 5.0), (-3.0, 3.0))),
    "sin": (mp.sin, angle),
    "cos": (mp.cos, angle),
    "tan": (mp.tan, angle),
}

SCALE = positive(lambda: spread((1e-6, 1e6, "log"), (0.1, 2.0), (0.5, 5.0)))


def at_scale():
    s = SCALE()
    return spread((0.01, 30.0, "log"), (-2.0, 2.0)) / math.sqrt(s), s


def base_and_exponent():
    x = abs(spread((1e-300, 1e300, "log"), (0.0, 2.0), (0.999, 1.001), (0.1, 10.0)))
    return x, spread((-3.0, 3.0), (-300.0, 300.0), -0.5, 1.5, 2.0)


def anywhere():
    return spread((1e-300, 1e300, "log"), (-2.0, 2.0), (1e-3, 1e3, "log"))


BINARY = {
    "gaussian": (lambda x, s: mp.exp(-s * x * x / 2), at_scale),
    "odd_gaussian": (lambda x, s: x * mp.exp(-s * x * x / 2), at_scale),
    "atan2": (mp.atan2, lambda: (anywhere(), anywhere())),
    "pow": (mp.power, base_and_exponent),
}


def row(name, f, x, y=None):
    """None where the value is not told from a double."""
    mp.dps = 700 if abs(x) > 1e100 or (y is not None and abs(y) > 1e100) else 200
    value = f(mpf(x)) if y is None else f(mpf(x), mpf(y))
    try:
        near = float(value)
    except OverflowError:
        near = math.copysign(math.inf, value)
    if math.isinf(near):
        side = "<" if near > 0 else ">"
    else:
        gap = value - mpf(near)
        if gap == 0 and not (name, x) in EXACT:
            return None
        if gap != 0 and abs(gap) < abs(value) * mpf(10) ** -150:
            return None
        if abs(gap) >= mpf(math.ulp(near)):
            raise ValueError(f"{name} at {x!r}, {y!r}: {near!r} is not next to its value")
        side = "=" if gap == 0 else "<" if gap < 0 else ">"
    return f"{name},{x!r},{'' if y is None else repr(y)},{near!r},{side}"


EXACT = {
    ("exp", 0.0), ("exp_m1", 0.0), ("ln", 1.0), ("log10", 1.0), ("log10", 1000.0), ("ln_1p", 0.0), ("tanh", 0.0),
    ("sinh", 0.0), ("cosh", 0.0), ("erf", 0.0), ("asin", 0.0), ("acos", 1.0), ("atan", 0.0), ("sigmoid", 0.0),
    ("sin", 0.0), ("cos", 0.0), ("tan", 0.0), ("log_cosh", 0.0),
}


def main():
    random.seed(1)
    rows = [row(name, UNARY[name][0], x) for name, x in sorted(EXACT)]
    for name, (f, draw) in UNARY.items():
        made = 0
        while made < ROWS:
            if r := row(name, f, draw()):
                rows.append(r)
                made += 1
    for name, (f, draw) in BINARY.items():
        made = 0
        while made < ROWS:
            if r := row(name, f, *draw()):
                rows.append(r)
                made += 1
    text = "function,x,y,near,side\n" + "\n".join(rows) + "\n"
    Path(__file__).with_name("values.csv").write_text(text)


main()
