#!/usr/bin/env python3
"""Small eigenvalues of the generator, and basin weights by sampling: CPU seconds of Python's tools and of smale, one thread.

    python measure.py spectrum --smale ../../target/release/smale
    python measure.py sampling --smale ../../target/release/smale

Needs numpy and scipy; deeptime, emcee and blackjax (with JAX) are left out where they are not installed, see
requirements-measure.txt. Numbers are checked before their time counts. See README.md for what is measured.
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
import tomllib
from pathlib import Path

import one_thread  # before numpy
import numpy as np
from scipy.sparse import coo_array, triu
from scipy.sparse.linalg import LinearOperator, eigsh, splu
from scipy.spatial import cKDTree

HERE = Path(__file__).resolve().parent
TESTS = HERE.parent.parent / "tests" / "cases"
ONE_THREAD = dict.fromkeys([*one_thread.NAMES, "RAYON_NUM_THREADS"], "1") | {
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1", "JAX_PLATFORMS": "cpu"}


class Mixture:
    """-log (1/K) sum_k exp(-|x - y_k|^2 / (2 sigma^2)) + (c/2) |x|^2 of a case in tests/cases."""

    def __init__(self, name):
        with open(TESTS / f"{name}.toml", "rb") as file:
            self.case = tomllib.load(file)
        land = self.case["landscape"]
        self.points, self.sigma, self.confinement = np.array(land["points"]), land["sigma"], land.get("confinement", 0.0)
        self.scale = self.sigma**-2
        self.half = 0.5 * self.scale * (self.points**2).sum(1)
        self.minima = np.array([p["x"] for p in self.case["points"] if p["index"] == 0])
        self.saddles = [p["energy"] for p in self.case["points"] if p["index"] == 1]

    def weights(self, x):
        p = x @ (self.scale * self.points.T)
        p -= self.half
        top = p.max(axis=1, keepdims=True)
        p -= top
        np.exp(p, out=p)
        return p, top[:, 0]

    def __call__(self, x):
        p, top = self.weights(x)
        return 0.5 * (self.scale + self.confinement) * (x * x).sum(1) - top - np.log(p.sum(1)) + np.log(len(self.points))

    def study(self, folder):
        (folder / "points.csv").write_text("".join(",".join(map(repr, row)) + "\n" for row in self.points.tolist()))
        text = f'kind = "mixture"\ndata = "points.csv"\nsigma = {self.sigma!r}\n'
        return text + f"confinement = {self.confinement!r}\n" if self.confinement else text

    def box(self, level):
        """Beyond it the energy is above the level."""
        reach = self.sigma * np.sqrt(2 * level)
        return self.points.min(0) - reach, self.points.max(0) + reach

    def labels(self, x):
        """The number of the minimum that the gradient flow leads to, by mean shift; -1 for none that is known."""
        known, out, factor = cKDTree(self.minima), np.empty(len(x), int), self.scale / (self.scale + self.confinement)
        for begin in range(0, len(x), 4096):
            z = x[begin:begin + 4096].copy()
            active, end = np.arange(len(z)), np.full(len(z), -1)
            for _ in range(20000):
                p, _ = self.weights(z[active])
                mean = factor * (p @ self.points) / p.sum(1)[:, None]
                still = np.abs(mean - z[active]).max(1) < 1e-9
                z[active] = mean
                active = active[~still]
                if not len(active):
                    break
            distance, nearest = known.query(z)
            end = np.where(distance < 0.02 * self.sigma, nearest, -1)
            out[begin:begin + 4096] = end
        return out


class Formula:
    def __init__(self, text, energy, box, saddle):
        self.text, self.energy, self.limits, self.saddles = text, energy, box, [saddle]

    def __call__(self, x):
        return self.energy(x[:, 0], x[:, 1])

    def study(self, folder):
        (low, high) = self.limits
        return f'kind = "formula"\ndim = 2\nenergy = "{self.text}"\n[region]\nbox = {{ lower = {low}, upper = {high} }}\n'

    def box(self, level):
        return np.array(self.limits[0]) - 1.0, np.array(self.limits[1]) + 1.0


def mueller_brown(x, y):
    return (-200 * np.exp(-(x - 1)**2 - 10 * y**2) - 100 * np.exp(-x**2 - 10 * (y - 0.5)**2)
            - 170 * np.exp(-6.5 * (x + 0.5)**2 + 11 * (x + 0.5) * (y - 1.5) - 6.5 * (y - 1.5)**2)
            + 15 * np.exp(0.7 * (x + 1)**2 + 0.6 * (x + 1) * (y - 1) + 0.7 * (y - 1)**2)) / 100


MUELLER_BROWN = ("(-200*exp(-(x - 1)^2 - 10*y^2) - 100*exp(-x^2 - 10*(y - 0.5)^2) - 170*exp(-6.5*(x + 0.5)^2 + "
                 "11*(x + 0.5)*(y - 1.5) - 6.5*(y - 1.5)^2) + 15*exp(0.7*(x + 1)^2 + 0.6*(x + 1)*(y - 1) + 0.7*(y - 1)^2))/100")
# deeptime.data.quadruple_well_asymmetric, whose noise 0.6 is a temperature of 0.18; the box is where it ends.
FOUR_WELLS = "x^4 - x^3/16 - 2*x^2 + 3*x/16 + y^4 - y^3/8 - 2*y^2 + 3*y/8"

# Landscape, temperature, eigenvalues, spacing of the coarsest grid (in units of the narrowest well), shift of the inverse.
SPECTRA = {
    "four wells, 0.18": (lambda: Formula(FOUR_WELLS, lambda x, y: x**4 - x**3 / 16 - 2 * x**2 + 3 * x / 16 + y**4 - y**3 / 8 - 2 * y**2
                                         + 3 * y / 8, ([-2.0, -2.0], [2.0, 2.0]), -0.6), 0.18, 3, 0.12, 1e-2),
    "Mueller-Brown/100, 0.05": (lambda: Formula(MUELLER_BROWN, mueller_brown, ([-1.5, -0.2], [1.2, 2.0]), -0.40664844), 0.05, 2, 0.06, 1e-3),
    "Mueller-Brown/100, 0.02": (lambda: Formula(MUELLER_BROWN, mueller_brown, ([-1.5, -0.2], [1.2, 2.0]), -0.40664844), 0.02, 2, 0.04, 1e-3),
    "10 Gaussians, 1": (lambda: Mixture("planar-k10-s20"), 1.0, 7, 0.15, 1e-1),
    "30 Gaussians, 0.2": (lambda: Mixture("planar-k30-s35"), 0.2, 6, 0.12, 1e-1),
}
# Where the gap is far below rounding: the two minima between which it is.
ENDS = {"Mueller-Brown/100, 0.02": np.array([[-0.558224, 1.441726], [0.623499, 0.028038]])}
# Domains end so many temperatures above the highest saddle, for a coarse answer, for a fine one, and for one as good as smale's often is.
CUTS = {1e-3: 9.0, 1e-5: 14.0, 2e-6: 16.0}
# And for the answer that all are compared with.
WIDEST = 18.0


# ---------------------------------------------------------------- generator


def generator(energy, temperature, h, cut):
    """Square-root approximation on a square grid (finite volumes with geometric means), made symmetric; its nodes and their levels."""
    top = max(energy.saddles) + cut * temperature
    low, high = energy.box(top)
    axes = [np.arange(a, b + h, h) for a, b in zip(low, high)]
    shape = tuple(map(len, axes))
    x = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 2)
    level = energy(x)
    inside = level <= top
    number = np.full(len(x), -1)
    number[inside] = np.arange(inside.sum())
    number, half = number.reshape(shape), (level / (2 * temperature)).reshape(shape)
    n, rate = int(inside.sum()), temperature / h**2
    diagonal, rows, columns = np.zeros(n), [], []
    for a, b in ((np.s_[:-1, :], np.s_[1:, :]), (np.s_[:, :-1], np.s_[:, 1:])):
        both = (number[a] >= 0) & (number[b] >= 0)
        i, j = number[a][both], number[b][both]
        ratio = np.exp(half[a][both] - half[b][both])
        diagonal += np.bincount(i, rate * ratio, n) + np.bincount(j, rate / ratio, n)
        rows.append(i)
        columns.append(j)
    i, j = np.concatenate(rows), np.concatenate(columns)
    every = np.arange(n)
    entries = np.concatenate([np.full(2 * len(i), -rate), diagonal])
    matrix = coo_array((entries, (np.concatenate([i, j, every]), np.concatenate([j, i, every]))), shape=(n, n)).tocsc()
    return matrix, x[inside], level[inside] / temperature


def factored(matrix):
    """SuperLU, ordered for symmetric matrices."""
    return splu(matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})


def eigenvalues(energy, temperature, count, h, cut, shift):
    """The smallest nonzero eigenvalues on one grid, by shift-invert Lanczos iteration."""
    matrix, _, _ = generator(energy, temperature, h, cut)
    n, every = matrix.shape[0], np.arange(matrix.shape[0])
    shifted = matrix + coo_array((np.full(n, shift), (every, every)), shape=(n, n)).tocsc()
    inverse = LinearOperator((n, n), factored(shifted).solve, dtype=float)
    rng = np.random.default_rng(0)
    values = eigsh(matrix, count + 1, sigma=-shift, OPinv=inverse, v0=rng.random(n), return_eigenvectors=False, tol=1e-10)
    return np.sort(values)[1:count + 1], n


def gap_by_capacity(energy, temperature, h, cut, ends):
    """The gap where it is far below rounding: c (1/m + 1/m'), with the capacity c between two minima and the masses m, m' that their
    equilibrium potential shares out. It errs by the gap over the next eigenvalue, relative."""
    matrix, x, level = generator(energy, temperature, h, cut)
    root = np.exp(-0.5 * (level - level.min()))
    low, high = (int(((x - e)**2).sum(1).argmin()) for e in ends)
    free = np.setdiff1d(np.arange(len(x)), [low, high])
    u = np.zeros(len(x))
    u[high] = root[high]
    u[free] = factored(matrix[free][:, free].tocsc()).solve(-(matrix[free][:, [high]] @ u[[high]]))
    potential = u / root
    # Summed over edges: no difference of nearly equal numbers.
    upper = triu(matrix, 1).tocoo()
    capacity = -(upper.data * root[upper.row] * root[upper.col] * (potential[upper.row] - potential[upper.col])**2).sum()
    mass = root**2
    return capacity * (1 / (mass * potential).sum() + 1 / (mass * (1 - potential)).sum())


def off(found, known):
    return float(np.abs(np.asarray(found) / known - 1).max())


def scipy_spectrum(name):
    """What scipy takes for each accuracy: the coarsest grid (alone, or extrapolated with one 1.4 times coarser) that has it is looked for
    first, untimed; then that is timed."""
    make, temperature, count, h, shift = SPECTRA[name]
    energy = make()
    # The answer, from three fine grids (errors of order two and four taken away) on a domain that is larger.
    fine = [eigenvalues(energy, temperature, count, h / 2**k, WIDEST, shift)[0] for k in (1.5, 2.0, 2.5)]
    if name in ENDS:
        for k, values in zip((1.5, 2.0, 2.5), fine):
            values[0] = gap_by_capacity(energy, temperature, h / 2**k, WIDEST, ENDS[name])
    first = [2 * b - a for a, b in zip(fine, fine[1:])]
    known = first[1] + (first[1] - first[0]) / 3
    report = {"tool": "scipy", "case": name, "known": known.tolist(), "reference_changed": off(first[1], known)}
    for accuracy, cut in CUTS.items():
        ladder, choice = [], None
        for k in range(9):
            ladder.append(eigenvalues(energy, temperature, count, 1.5 * h / 2**(k / 2), cut, shift)[0])
            if k and off(2 * ladder[k] - ladder[k - 1], known) < accuracy:
                choice = [k - 1, k]
                break
            if off(ladder[k], known) < accuracy:
                choice = [k]
                break
        if choice is None:
            report[f"{accuracy:g}"] = {"error": f"not reached; {off(ladder[-1], known):.1e} off"}
            continue
        times = []
        for _ in range(3):
            start = time.process_time()
            last = [eigenvalues(energy, temperature, count, 1.5 * h / 2**(k / 2), cut, shift) for k in choice]
            times.append(time.process_time() - start)
        value = 2 * last[1][0] - last[0][0] if len(last) == 2 else last[0][0]
        report[f"{accuracy:g}"] = {"cpu_seconds": round(statistics.median(times), 4), "off": off(value, known),
                                   "nodes": [n for _, n in last]}
    return report


def deeptime_spectrum(seconds=15.0):
    """deeptime's own way: trajectories, clusters, a Markov state model; the time is that of simulation, clustering and estimation."""
    import deeptime
    from deeptime.clustering import RegularSpace
    from deeptime.data import quadruple_well_asymmetric
    from deeptime.markov import TransitionCountEstimator
    from deeptime.markov.msm import MaximumLikelihoodMSM

    start = time.process_time()
    h, every, walkers, known = 1e-3, 200, 4, np.array([[a, b] for a in (-1.0, 1.0) for b in (-1.0, 1.0)])
    system = quadruple_well_asymmetric(h=h, n_steps=every)
    begin = time.process_time()
    system.trajectory(known, 200, seed=1, n_jobs=1)
    length = int(200 * max(1.0, 0.8 * seconds / (time.process_time() - begin)))
    paths = system.trajectory(known, length, seed=2, n_jobs=1)
    clusters = RegularSpace(dmin=0.25, max_centers=500, n_jobs=1).fit(paths[0][::20]).fetch_model()
    states = [clusters.transform(p, n_jobs=1) for p in paths]
    lag = 5
    counts = TransitionCountEstimator(lagtime=lag, count_mode="sliding").fit(states).fetch_model().submodel_largest()
    model = MaximumLikelihoodMSM().fit(counts).fetch_model()
    found = 1 / (model.timescales(k=3) * every * h)
    cpu = time.process_time() - start
    return {"tool": "deeptime", "version": deeptime.__version__, "cpu_seconds": round(cpu, 3), "eigenvalues": found.tolist(),
            "simulated": walkers * length * every * h}


# ---------------------------------------------------------------- smale


def smale(binary, folder, landscape, temperature, seed, keys):
    """`smale measure`: user + system seconds of the whole process, its summary, and the rows of measure.csv."""
    routes = dict.fromkeys(("quadrature", "importance", "chains"), "false") | keys
    text = f'title = "A measure"\nseed = {seed}\n[landscape]\n{landscape.study(folder)}[measure]\ntemperatures = [{temperature!r}]\n'
    (folder / "study.toml").write_text(text + "".join(f"{k} = {v}\n" for k, v in routes.items()))
    out = folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([binary, "measure", folder / "study.toml", "--out", out, "--threads", "1", "--quiet", "--json"],
                          env=os.environ | ONE_THREAD, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    with open(out / "measure.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    with open(out / "critical_points.csv", newline="") as file:
        minima = [[float(v) for k, v in r.items() if k[0] == "x" and k[1:].isdigit()] for r in csv.DictReader(file) if r["index"] == "0"]
    return cpu, json.loads(done.stdout), rows, np.array(minima)


def worker(given, *arguments):
    """This script in a process of its own: the last JSON line that it prints."""
    done = subprocess.run([sys.executable, __file__, "worker", given, *map(str, arguments)], env=os.environ | ONE_THREAD,
                          capture_output=True, text=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith('{"tool"')]
    if done.returncode != 0 or not lines:
        return {"tool": given, "error": (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1]}
    return json.loads(lines[-1])


def spectrum(given, say):
    table = []
    for name in given.cases or SPECTRA:
        make, temperature, count, _, _ = SPECTRA[name]
        peer = worker("scipy", name)
        say({"case": name, **peer})
        if "error" in peer:
            continue
        known, times = np.array(peer["known"]), []
        row = {"case": name, "count": count, "peer": peer}
        if given.smale:
            with tempfile.TemporaryDirectory() as folder:
                for seed in range(given.repeats):
                    cpu, said, rows, _ = smale(given.smale, Path(folder), make(), temperature, seed + 1, {})
                    found = [r for r in rows if r["quantity"] == "spectral_gap" or r["quantity"].startswith("eigenvalue_")]
                    values = [float(r["value"]) for r in found if r["method"] == "generator"][:count]
                    run = {"tool": "smale", "case": name, "cpu_seconds": round(cpu, 4), "values": values,
                           "errors": [float(r["error"]) / float(r["value"]) for r in found if r["method"] == "generator"][:count],
                           "measure_seconds": said["timings"]["measure"]}
                    each = np.abs(np.array(values) / known[:len(values)] - 1)
                    run["off"] = each.tolist()
                    say(run)
                    wrong = not values or (each > np.maximum(1e-3, 2 * np.array(run["errors"]))).any()
                    row["each"], row["claimed"], row["settled"] = each, run["errors"], len(values)
                    row["wrong"] = row.get("wrong", False) or bool(wrong)
                    times.append(cpu)
                row["smale"] = statistics.median(times)
        table.append(row)
    if not given.cases or any(c.startswith("four wells") for c in given.cases):
        run = worker("deeptime")
        known = next((np.array(r["peer"]["known"]) for r in table if r["case"].startswith("four wells")), None)
        if "error" not in run and known is not None:
            run["off"] = (np.array(run["eigenvalues"]) / known - 1).tolist()
        say(run)
    peers = "".join(f"{f'scipy {accuracy:.0e}':>14}{'off':>9}" for accuracy in CUTS)
    print(f"\n{'':26}{'eigenvalues':>12}{peers}{'smale':>9}{'settled':>9}{'off':>9}{'claimed':>9}")
    for row in table:
        line = f"{row['case']:26}{row['count']:12}"
        for accuracy in CUTS:
            got = row["peer"][f"{accuracy:g}"]
            line += f"{'fails':>14}{'':9}" if "error" in got else f"{got['cpu_seconds']:14.3f}{got['off']:9.0e}"
        if row.get("wrong"):
            line += "  not timed: wrong eigenvalues"
        elif "smale" in row:
            line += f"{row['smale']:9.3f}{row['settled']:9}{row['each'].max():9.0e}{max(row['claimed']):9.0e}"
        print(line)


# ---------------------------------------------------------------- sampling

# Case, temperature; what is run how long (iterations for each tool), and how often.
SAMPLING = {
    "10 Gaussians in the plane": ("planar-k10-s20", 0.5),
    "50 Gaussians in dimension 20": ("twenty-0", 0.5),
}
PEERS = ["emcee", "emcee-de", "nuts", "smc"]


def truth(mixture, temperature):
    """Basin weights without Markov chains: on a grid in the plane, else by weighing independent draws of the mixture's own law. Each with
    the number of independent draws of the target that they are worth (infinite on the grid)."""
    rng = np.random.default_rng(1)
    if mixture.points.shape[1] == 2:
        low, high = mixture.box(min(mixture(mixture.minima)) + 20 * temperature)
        axes = [np.linspace(a, b, 600) for a, b in zip(low, high)]
        x = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 2)
        e = mixture(x)
        inside = e < e.min() + 25 * temperature
        x, w = x[inside], np.exp((e.min() - e[inside]) / temperature)
        label = mixture.labels(x)
        weights = np.bincount(label[label >= 0], w[label >= 0], len(mixture.minima)) / w.sum()
        return weights, np.inf
    # exp(-E) is a mixture of Gaussians itself: confinement moves, narrows and weighs its parts.
    total = mixture.scale + mixture.confinement
    share = np.exp(-0.5 * mixture.scale * mixture.confinement / total * (mixture.points**2).sum(1))
    x = []
    for _ in range(8):
        which = rng.choice(len(share), 250_000, p=share / share.sum())
        z = mixture.points[which] * (mixture.scale / total) + rng.normal(size=(len(which), mixture.points.shape[1])) / np.sqrt(total)
        w = np.exp(-(1 / temperature - 1) * (mixture(z) - mixture(mixture.minima).min()))
        x.append((z, w))
    z, w = np.concatenate([a for a, _ in x]), np.concatenate([b for _, b in x])
    effective = w.sum()**2 / (w * w).sum()
    chosen = rng.choice(len(w), 100_000, p=w / w.sum())
    label = mixture.labels(z[chosen])
    return np.bincount(label[label >= 0], minlength=len(mixture.minima)) / len(chosen), 1 / (1 / effective + 1e-5)


def run_emcee(mixture, temperature, seed, differential):
    import emcee

    rng = np.random.default_rng(seed)
    n = mixture.points.shape[1]
    walkers = 64 if n == 2 else 160
    start = mixture.minima[np.arange(walkers) % len(mixture.minima)] + 0.3 * mixture.sigma * np.sqrt(temperature) * rng.normal(size=(walkers, n))
    moves = [(emcee.moves.DEMove(), 0.8), (emcee.moves.DESnookerMove(), 0.2)] if differential else None
    sampler = emcee.EnsembleSampler(walkers, n, lambda x: -mixture(x) / temperature, moves=moves, vectorize=True)
    np.random.seed(seed)
    begin = time.process_time()
    steps = 12000 if n == 2 else 6000
    sampler.run_mcmc(start, steps)
    cpu = time.process_time() - begin
    chain = sampler.get_chain(discard=steps // 10)
    return cpu, np.swapaxes(chain, 0, 1), emcee.__version__


def jax_energy(mixture, temperature):
    import jax
    import jax.numpy as jnp

    y, half = jnp.asarray(mixture.points, jnp.float32), jnp.asarray(mixture.half, jnp.float32)
    scale, total = np.float32(mixture.scale), np.float32(mixture.scale + mixture.confinement)

    def density(x):
        return (jax.nn.logsumexp(scale * (y @ x) - half) - 0.5 * total * (x @ x)) / np.float32(temperature)

    return density


def run_nuts(mixture, temperature, seed):
    """blackjax: window adaptation in one well, then eight chains of NUTS, one after the other, each from another minimum."""
    import blackjax
    import jax
    import jax.numpy as jnp

    density = jax_energy(mixture, temperature)
    start = jnp.asarray(mixture.minima[:8], jnp.float32)
    draws = 5000 if start.shape[1] == 2 else 2500
    warmup = blackjax.window_adaptation(blackjax.nuts, density)

    @jax.jit
    def tune(key):
        (_, parameters), _ = warmup.run(key, start[0], 500)
        return parameters

    @jax.jit
    def sample(key, parameters):
        kernel = blackjax.nuts(density, **parameters)

        def chain(pair):
            key, x = pair

            def step(state, key):
                state, _ = kernel.step(key, state)
                return state, state.position

            return jax.lax.scan(step, kernel.init(x), jax.random.split(key, draws))[1]

        return jax.lax.map(chain, (jax.random.split(key, len(start)), start))

    def whole(seed):
        a, b = jax.random.split(jax.random.key(seed))
        return np.asarray(sample(b, tune(a)))

    whole(seed + 1000)
    begin = time.process_time()
    chain = whole(seed)
    return time.process_time() - begin, chain, blackjax.__version__


def run_smc(mixture, temperature, seed):
    """blackjax: tempered sequential Monte Carlo from a wide Gaussian, Hamiltonian moves."""
    import blackjax
    import jax
    import jax.numpy as jnp
    from blackjax.smc import resampling

    density = jax_energy(mixture, temperature)
    n = mixture.points.shape[1]
    particles, moves, leaps = (8000, 10, 8) if n == 2 else (4000, 10, 8)
    # The data's own spread, with what noise and confinement make of it.
    total = mixture.scale + mixture.confinement
    spread = np.float32(np.sqrt((mixture.points * (mixture.scale / total)).var() + 1 / total))

    def prior(x):
        return -0.5 * (x @ x) / spread**2

    step = np.float32(0.8 * np.sqrt(temperature / total) if n == 2 else 0.5 * np.sqrt(temperature / total))
    algorithm = blackjax.adaptive_tempered_smc(
        prior, lambda x: density(x) - prior(x), blackjax.hmc.build_kernel(), blackjax.hmc.init,
        {"step_size": jnp.full(1, step), "inverse_mass_matrix": jnp.ones((1, n)), "num_integration_steps": jnp.full(1, leaps)},
        resampling.systematic, 0.5, num_mcmc_steps=moves)

    @jax.jit
    def whole(key):
        a, b = jax.random.split(key)

        def more(carry):
            return carry[0].tempering_param < 1

        def once(carry):
            state, key = carry
            key, now = jax.random.split(key)
            state, _ = algorithm.step(now, state)
            return state, key

        state, _ = jax.lax.while_loop(more, once, (algorithm.init(spread * jax.random.normal(a, (particles, n))), b))
        return state.particles, state.weights

    np.asarray(whole(jax.random.key(seed + 1000))[0])
    begin = time.process_time()
    x, w = map(np.asarray, whole(jax.random.key(seed)))
    cpu = time.process_time() - begin
    x = x[np.random.default_rng(seed).choice(len(x), len(x), p=w / w.sum())] if np.ptp(w) > 1e-6 else x
    return cpu, x[None], blackjax.__version__


def sample(tool, name, seed):
    case, temperature = SAMPLING[name]
    mixture = Mixture(case)
    try:
        if tool.startswith("emcee"):
            cpu, chain, version = run_emcee(mixture, temperature, seed, tool == "emcee-de")
        else:
            cpu, chain, version = {"nuts": run_nuts, "smc": run_smc}[tool](mixture, temperature, seed)
    except ImportError as error:
        return {"tool": tool, "error": str(error)}
    flat = chain.reshape(-1, chain.shape[-1]).astype(float)
    # Which basin: at most 40 000 states, evenly spaced; their descents are timed by themselves.
    some = flat[np.linspace(0, len(flat) - 1, min(len(flat), 40_000)).astype(int)]
    begin = time.process_time()
    label = mixture.labels(some)
    weights = np.bincount(label[label >= 0], minlength=len(mixture.minima)) / len(some)
    return {"tool": tool, "version": version, "seed": seed, "cpu_seconds": round(cpu, 3), "label_seconds": round(time.process_time() - begin, 3),
            "states": len(flat), "weights": weights.tolist(), "lost": float((label < 0).mean())}


# Keys of smale's two ways of sampling.
WAYS = {
    "10 Gaussians in the plane": {"smale chains": {"chains": "true", "states": 4000}, "smale importance": {"importance": "true"}},
    "50 Gaussians in dimension 20": {"smale chains": {"chains": "true", "states": 2000}, "smale importance": {"importance": "true"}},
}


def sampling(given, say):
    for name in given.cases or SAMPLING:
        case, temperature = SAMPLING[name]
        mixture = Mixture(case)
        known, worth = truth(mixture, temperature)
        say({"case": name, "temperature": temperature, "known": known.tolist(), "known_is_worth": worth if np.isfinite(worth) else None})
        runs = {}
        for seed in range(1, given.repeats + 1):
            for tool in PEERS:
                run = worker("sample", tool, name, seed)
                say({"case": name, **run})
                runs.setdefault(tool, []).append(run)
            if not given.smale:
                continue
            with tempfile.TemporaryDirectory() as folder:
                rest = smale(given.smale, Path(folder), mixture, temperature, seed, {})[0]
                for way, keys in WAYS[name].items():
                    cpu, said, rows, minima = smale(given.smale, Path(folder), mixture, temperature, seed, keys)
                    run = {"tool": way, "seed": seed, "whole_process": round(cpu, 3), "without": round(rest, 3)}
                    route = said["measure"]["temperatures"][0]["routes"][0]
                    rows = [r for r in rows if r["quantity"] == "basin_weight" and r["method"] == way.split()[1]]
                    run["diagnostic"] = route["diagnostic"]
                    if rows:
                        place = cKDTree(mixture.minima).query(minima)[1]
                        weights = np.zeros(len(known))
                        for r in rows:
                            weights[place[int(r["minimum"])]] += float(r["value"])
                        run["weights"] = weights.tolist()
                    else:
                        run["error"] = route["failure"]
                    say({"case": name, **run})
                    runs.setdefault(way, []).append(run)
        print(f"\n{name}, temperature {temperature}: {given.repeats} seeds\n{'':22}{'CPU s':>8}{'labels s':>10}{'whole s':>9}{'worth draws':>13}{'a CPU s':>9}{'bias/spread':>13}")
        for tool, list_ in runs.items():
            good = [r for r in list_ if "weights" in r]
            if len(good) < 2:
                print(f"{tool:22}not timed: {list_[0].get('error')}")
                continue
            w = np.array([r["weights"] for r in good])
            spread = (known * (1 - known)).sum()
            square = ((w - known)**2).sum(1).mean()
            draws = spread / max(square - spread / worth, 1e-12)
            mean = w.mean(0) - known
            bias = np.sqrt((mean**2).sum() / max(w.var(0, ddof=1).sum() / len(good) + spread / worth, 1e-30))
            middle = {k: statistics.median(r[k] for r in good) for k in ("cpu_seconds", "label_seconds", "whole_process", "without") if k in good[0]}
            cpu = middle["cpu_seconds"] if "cpu_seconds" in middle else middle["whole_process"] - middle["without"]
            label = f"{middle['label_seconds']:10.2f}{'':9}" if "label_seconds" in middle else f"{'within':>10}{middle['whole_process']:9.2f}"
            failed = f"  {len(list_) - len(good)} runs gave none: {next(r['error'] for r in list_ if 'error' in r)}" if len(good) < len(list_) else ""
            print(f"{tool:22}{cpu:8.2f}{label}{draws:13.0f}{draws / cpu:9.0f}{bias:13.1f}{failed}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["spectrum", "sampling", "worker"])
    parser.add_argument("rest", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("--cases", nargs="*", help="names of cases; all by default")
    parser.add_argument("--smale", type=lambda p: Path(p).resolve(), help="the smale binary (left out: only the peers are timed)")
    parser.add_argument("--repeats", type=int, default=3, help="turns, or seeds")
    parser.add_argument("--json", type=Path, help="also write every run, one JSON line each, to this file")
    given = parser.parse_args()
    if given.what == "worker":
        task, *rest = given.rest
        try:
            run = {"scipy": lambda: scipy_spectrum(*rest), "deeptime": deeptime_spectrum,
                   "sample": lambda: sample(rest[0], rest[1], int(rest[2]))}[task]()
        except ImportError as error:
            run = {"tool": task, "error": str(error)}
        print(json.dumps(run))
        return
    if given.smale and not given.smale.exists():
        parser.error(f"no such binary: {given.smale}")
    print(f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}; one thread each", file=sys.stderr)
    lines = []

    def say(run):
        lines.append(run)
        print(json.dumps(run), flush=True)

    {"spectrum": spectrum, "sampling": sampling}[given.what](given, say)
    if given.json:
        given.json.write_text("".join(json.dumps(line) + "\n" for line in lines))


if __name__ == "__main__":
    main()
