#!/usr/bin/env python3
"""All minima of the mixture of 1797 digits (64 dimensions) that its data descend to: CPU seconds of numpy, JAX, scipy and smale.

    python minima.py --smale ../../target/release/smale

The peers' programs are written here, see requirements-minima.txt; JAX is left out where it is not installed. Each run's minima
are checked before its time counts. See README.md for what is measured.
"""

import argparse
import csv
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import one_thread  # before numpy
import numpy as np
from scipy.optimize import minimize
from scipy.spatial.distance import cdist

HERE = Path(__file__).resolve().parent
DATA = HERE.parent.parent / "data" / "digits.npy"
SIGMA = 0.45
# A point is a minimum once the mean of the data, weighed at the point, is as near to it as this (in units of sigma).
REST = 1e-10
# The steps of the relaxed mean shift, and how small they are when Newton's method is tried: what was fastest of several.
EVERY, RELAXED, SETTLED = 10, 1.7, 0.002
PEERS = ["plain", "plain jax", "mean shift", "newton", "newton32", "l-bfgs", "jax"]
ONE_THREAD = dict.fromkeys([*one_thread.NAMES, "RAYON_NUM_THREADS"], "1") | {
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1", "JAX_PLATFORMS": "cpu"}


# ---------------------------------------------------------------- the peers


class Mixture:
    """-log (1/K) sum_k exp(-|x - y_k|^2 / (2 sigma^2)) at many points at once, by matrix products."""

    def __init__(self, data, kind=np.float64):
        scale = SIGMA**-2
        self.data = data.astype(kind)
        self.scaled = np.ascontiguousarray((scale * data).T.astype(kind))
        self.half = (0.5 * scale * np.einsum("kn,kn->k", data, data)).astype(kind)

    def weights(self, x):
        p = x @ self.scaled
        p -= self.half
        p -= p.max(axis=1, keepdims=True)
        np.exp(p, out=p)
        return p

    def mean(self, x):
        p = self.weights(x)
        mean = p @ self.data
        mean /= p.sum(axis=1)[:, None]
        return mean


def length(v):
    return np.sqrt(np.einsum("bn,bn->b", v, v))


def merged(points, radius):
    """One of each group of points that lie within the radius of each other."""
    return points[np.unique((cdist(points, points) < radius).argmax(axis=1))] if len(points) else points


def plain(data):
    """The program of ten lines: mean shift of all points until none moves, the ends that are apart. (The Hessians are the test of all
    programs here, and a small part of their time.)"""
    mixture, x = Mixture(data), data.copy()
    while True:
        mean = mixture.mean(x)
        moved = length(mean - x).max()
        x = mean
        if moved <= REST * SIGMA:
            return definite(mixture, merged(x, 1e-6))


def plain_jax(data):
    """The same as one writes it in JAX: a loop for one point, mapped over all (which goes on until the last has come to rest); compiled
    before it is timed."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    mixture = Mixture(data)
    y, scaled, half = map(jnp.asarray, (mixture.data, mixture.scaled, mixture.half))

    def one(x):
        def step(state):
            x, _ = state
            mean = jax.nn.softmax(x @ scaled - half) @ y
            return mean, jnp.linalg.norm(mean - x)

        return jax.lax.while_loop(lambda state: state[1] > REST * SIGMA, step, (x, jnp.inf))[0]

    all_ = jax.jit(jax.vmap(one))
    all_(y).block_until_ready()
    return lambda: definite(mixture, merged(np.asarray(all_(y)), 1e-6))


def mean_shift(data):
    """x <- weighed mean of the data at x, for all points that still move."""
    mixture, x = Mixture(data), data.copy()
    active = np.arange(len(x))
    while len(active):
        mean = mixture.mean(x[active])
        moved = length(mean - x[active])
        x[active] = mean
        active = active[moved > REST * SIGMA]
    return definite(mixture, merged(x, 1e-6))


def hessians(mixture, products, x):
    """sigma^2 times the Hessians at many points (one matrix product with the upper halves of all y y'), and the means there."""
    n = x.shape[1]
    p = mixture.weights(x)
    p /= p.sum(axis=1)[:, None]
    mean = p @ mixture.data
    i, j = np.triu_indices(n)
    second = np.empty((len(x), n, n))
    second[:, i, j] = p @ products
    second[:, j, i] = second[:, i, j]
    second -= mean[:, :, None] * mean[:, None, :]
    return np.eye(n) - SIGMA**-2 * second, mean


def halves(data):
    i, j = np.triu_indices(data.shape[1])
    return data[:, i] * data[:, j]


def positive(matrix):
    try:
        np.linalg.cholesky(matrix)
        return True
    except np.linalg.LinAlgError:
        return False


def definite(mixture, x):
    """The points with a positive definite Hessian."""
    hessian, _ = hessians(mixture, halves(mixture.data), x)
    return x[[positive(h) for h in hessian]]


def newton(data, shift, start):
    """Relaxed mean shift by `shift`; where steps are small and the Hessian is definite, Newton's method with that one Hessian. Points
    that come near a minimum that is known already are dropped."""
    mixture, products = Mixture(data), halves(data)
    found = np.empty((0, data.shape[1]))
    x = start
    while len(x):
        x, moved = shift(x)
        near = np.flatnonzero(moved < SETTLED)
        if not len(near):
            continue
        z = x[near].astype(float)
        z = merged(z[(cdist(z, found) > 0.02).all(axis=1)] if len(found) else z, 0.02)
        for begin in range(0, len(z), 256):
            found = np.concatenate([found, polished(mixture, products, z[begin:begin + 256], found)])
        if len(found):
            keep = np.ones(len(x), bool)
            keep[near] = (cdist(x[near], found) > 0.02).all(axis=1)
            x = x[keep]
    return found


def polished(mixture, products, z, found):
    """New minima that Newton's method reaches from z in steps that fall, by the inverse Hessians at z."""
    hessian, mean = hessians(mixture, products, z)
    ok = np.array([positive(h) for h in hessian], bool)
    if not ok.any():
        return np.empty((0, z.shape[1]))
    inverse, z, mean = np.linalg.inv(hessian[ok]), z[ok], mean[ok]
    step = np.einsum("bij,bj->bi", inverse, mean - z)
    last = length(step)
    z = z + step
    alive, done = last < 0.15, np.zeros(len(z), bool)
    for _ in range(12):
        w = np.flatnonzero(alive & ~done)
        if not len(w):
            break
        left = mixture.mean(z[w]) - z[w]
        rests = length(left) < REST * SIGMA
        step = np.einsum("bij,bj->bi", inverse[w], left)
        z[w] += step
        size = length(step)
        alive[w] = (size < 0.5 * last[w]) | rests
        last[w], done[w] = size, rests
    new = merged(z[done], 1e-6)
    return new[(cdist(new, found) > 1e-6).all(axis=1)] if len(found) and len(new) else new


def numpy_newton(data, kind):
    mixture = Mixture(data, kind)

    def shift(x):
        for _ in range(EVERY - 1):
            x = x + kind(RELAXED) * (mixture.mean(x) - x)
        mean = mixture.mean(x)
        return mean, length(mean - x)

    return newton(data, shift, mixture.data.copy())


def l_bfgs(data):
    """scipy's L-BFGS-B from each datum, one after the other, in units in which its first step, of length 1, does not leave the
    basin (with 1 for 0.2 a third of the minima are lost); the distinct ends are polished by Newton's method."""
    mixture, scale, unit = Mixture(data), SIGMA**-2, 0.2

    def both(u):
        x = unit * u
        a = x @ mixture.scaled
        a -= mixture.half
        top = a.max()
        a -= top
        np.exp(a, out=a)
        total = a.sum()
        return 0.5 * scale * (x @ x) - top - np.log(total), unit * scale * (x - a @ mixture.data / total)

    options = {"gtol": 1e-6 * unit, "ftol": 0.0, "maxiter": 1000}
    ends = unit * np.array([minimize(both, y / unit, jac=True, method="L-BFGS-B", options=options).x for y in data])
    return polished(mixture, halves(data), merged(ends, 1e-3), np.empty((0, data.shape[1])))


def jax_newton(data):
    """As `newton`, the mean shift in one jitted function in single precision, padded to few sizes; compiled before it is timed."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    rough = Mixture(data, np.float32)
    y, scaled, half = map(jnp.asarray, (rough.data, rough.scaled, rough.half))

    @jax.jit
    def steps(x):
        def mean(x):
            p = x @ scaled - half
            p = jnp.exp(p - p.max(axis=1, keepdims=True))
            return p @ y / p.sum(axis=1)[:, None]

        x = jax.lax.fori_loop(0, EVERY - 1, lambda _, x: x + np.float32(RELAXED) * (mean(x) - x), x)
        end = mean(x)
        return end, jnp.sqrt(((end - x) ** 2).sum(axis=1))

    sizes = [16, 64, 128, 256, 384, 512, 768, 1024, 1280, 1536, len(data)]

    def shift(x):
        size = min(s for s in sizes if s >= len(x))
        end, moved = steps(np.concatenate([x, np.zeros((size - len(x), x.shape[1]), x.dtype)]))
        return np.asarray(end)[:len(x)], np.asarray(moved)[:len(x)]

    for size in sizes:
        steps(np.zeros((size, data.shape[1]), np.float32))[0].block_until_ready()
    return lambda: newton(data, shift, rough.data.copy())


def prepared(name, data):
    if name == "jax":
        return jax_newton(data)
    if name == "plain jax":
        return plain_jax(data)
    return {
        "plain": lambda: plain(data),
        "mean shift": lambda: mean_shift(data),
        "newton": lambda: numpy_newton(data, np.float64),
        "newton32": lambda: numpy_newton(data, np.float32),
        "l-bfgs": lambda: l_bfgs(data),
    }[name]


def worker(name, out):
    """Runs in a process of its own: the minima into a file, then the same once more, timed."""
    try:
        call = prepared(name, np.load(DATA).astype(float))
    except ImportError as error:
        print(json.dumps({"tool": name, "error": str(error)}))
        return
    first = call()
    wrong = fault(first)
    if wrong:
        print(json.dumps({"tool": name, "error": wrong}))
        return
    start = time.process_time()
    found = call()
    cpu = time.process_time() - start
    np.save(out, found)
    print(json.dumps({"tool": name, "cpu_seconds": round(cpu, 4), "minima": len(found)}))


# ---------------------------------------------------------------- checks


def fault(x):
    """What is wrong with these minima, or None. By differences x - y_k and without the peers' functions."""
    data = np.load(DATA).astype(float)
    if not len(x) or not np.isfinite(x).all():
        return "no minima"
    for z in x:
        d = z - data
        w = np.exp(-0.5 * (np.einsum("kn,kn->k", d, d) - (d * d).sum(1).min()) / SIGMA**2)
        w /= w.sum()
        mean = w @ d
        if np.linalg.norm(mean) > 10 * REST * SIGMA:
            return f"a gradient of {np.linalg.norm(mean) / SIGMA**2:.1e}"
        c = d - mean
        if np.linalg.eigvalsh(np.eye(len(z)) - (w[:, None] * c).T @ c / SIGMA**2)[0] < 1e-8:
            return "a Hessian that is not positive definite"
    apart = cdist(x, x) + np.diag(np.full(len(x), np.inf))
    return f"two minima {apart.min():.1e} apart" if apart.min() < 1e-4 else None


def differs(a, b):
    """How two sets of minima differ, or None."""
    if len(a) != len(b):
        return f"{len(a)} minima, not {len(b)}"
    distances = cdist(a, b)
    worst = max(distances.min(axis=0).max(), distances.min(axis=1).max())
    return f"a minimum {worst:.1e} off" if worst > 1e-6 else None


# ---------------------------------------------------------------- runs


def peer(name, folder):
    out = folder / "minima.npy"
    out.unlink(missing_ok=True)
    done = subprocess.run([sys.executable, __file__, "--worker", name, "--out", out], env=os.environ | ONE_THREAD,
                          capture_output=True, text=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith('{"tool"')]
    if done.returncode != 0 or not lines:
        reason = done.stderr.strip().splitlines()
        return {"tool": name, "error": reason[-1] if reason else f"exit {done.returncode}"}, None
    run = json.loads(lines[-1])
    return run, np.load(out) if "error" not in run else None


def study(folder):
    path = folder / "study.toml"
    text = f'title = "All digits"\nseed = 1\n[landscape]\nkind = "mixture"\ndata = {json.dumps(str(DATA))}\nsigma = {SIGMA}\n'
    path.write_text(text + '[critical]\nmethod = "search"\nmax_index = 0\n')
    return path


def command(binary, folder, more):
    return [binary, "critical", study(folder), "--out", folder / "out", "--threads", "1", "--quiet", "--json", *more]


def smale(name, binary, folder, more):
    """`smale critical`: user + system seconds of the whole process, start, proofs and files included."""
    out = folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    line = command(binary, folder, more)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(line, env=os.environ | ONE_THREAD, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    if done.returncode != 0:
        return {"tool": name, "error": (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[0]}, None
    with open(out / "critical_points.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    minima = np.array([[float(v) for k, v in r.items() if k[0] == "x" and k[1:].isdigit()] for r in rows if r["index"] == "0"])
    said = json.loads(done.stdout)
    run = {"tool": name, "cpu_seconds": round(cpu, 4), "minima": len(minima), "others": len(rows) - len(minima),
           "proven": said["proven_points"], "searches": said["work"]["searches"], "timings": said["timings"]}
    return run, minima


def shares_of(binary, folder, more):
    """Shares of smale's time within some of its functions, by perf."""
    if shutil.which("perf") is None:
        return None
    record = folder / "perf.data"
    subprocess.run(["perf", "record", "--call-graph", "dwarf,16384", "-F", "97", "-o", record, *command(binary, folder, more)],
                   env=os.environ | ONE_THREAD, capture_output=True)
    report = subprocess.run(["perf", "report", "-i", record, "--children", "--stdio", "-G"], capture_output=True, text=True)
    shares = {}
    for line in report.stdout.splitlines():
        for part in ("prove::prove", "follow::follow", "refine::refine", "pool::Pool::meet"):
            if line.rstrip().endswith("smale::critical::" + part) and "%" in line[:12]:
                shares[part] = max(shares.get(part, 0.0), float(line.split("%")[0]))
    return shares


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smale", type=Path, help="the smale binary (left out: only the peers are timed)")
    parser.add_argument("--repeats", type=int, default=3, help="turns; medians are compared")
    parser.add_argument("--peers", nargs="*", default=PEERS, choices=PEERS)
    parser.add_argument("--perf", action="store_true", help="also where smale's time goes, by one run more under perf")
    parser.add_argument("--json", type=Path, help="also write every run, one JSON line each, to this file")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        return worker(given.worker, given.out)
    if given.smale and not given.smale.exists():
        parser.error(f"no such binary: {given.smale}")
    print(f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}; one thread each", file=sys.stderr)
    tools = {name: lambda folder, name=name: peer(name, folder) for name in given.peers}
    if given.smale:
        binary, data = given.smale.resolve(), str(len(np.load(DATA)))
        tools["smale, from the data"] = lambda folder: smale("smale, from the data", binary, folder, ["--limit", data])
        bare = ["--limit", data, "--set", "critical.prove=false"]
        tools["smale, unproven"] = lambda folder: smale("smale, unproven", binary, folder, bare)
        tools["smale"] = lambda folder: smale("smale", binary, folder, [])
    runs, known, lines = {name: [] for name in tools}, None, []
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for _ in range(given.repeats):
            for name, tool in tools.items():
                run, minima = tool(folder)
                if minima is not None:
                    wrong = fault(minima)
                    if known is None and not wrong:
                        known = minima
                    wrong = wrong or differs(minima, known)
                    if wrong:
                        run = {"tool": name, "error": wrong}
                runs[name].append(run)
                lines.append(run)
                print(json.dumps(run), flush=True)
        if given.perf and given.smale:
            run = {"tool": "perf", "of": "smale, from the data", "percent": shares_of(binary, folder, ["--limit", data])}
            lines.append(run)
            print(json.dumps(run), flush=True)
    if given.json:
        given.json.write_text("".join(json.dumps(line) + "\n" for line in lines))
    table(runs)


def table(runs):
    """Times only where every run's minima were right."""
    times = {n: statistics.median(r["cpu_seconds"] for r in list_) for n, list_ in runs.items() if all("error" not in r for r in list_)}
    ours = [times.get(name) for name in ("smale, from the data", "smale, unproven")]
    print(f"\n{'':22}{'minima':>8}{'CPU s':>9}{'/ smale, from the data':>25}{'/ unproven':>13}")
    for name, list_ in runs.items():
        bad = [r["error"] for r in list_ if "error" in r]
        if bad:
            print(f"{name:22}not timed: {bad[0]}")
            continue
        ratio = "".join(f"{times[name] / own:{width}.2f}" for own, width in zip(ours, (25, 13)) if own)
        print(f"{name:22}{list_[0]['minima']:8}{times[name]:9.2f}{ratio}")


if __name__ == "__main__":
    main()
