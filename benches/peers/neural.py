#!/usr/bin/env python3
"""JAX's times for a softplus perceptron as an energy, float64, as JSON lines.

    python neural.py [--repeats 7] [--threads 1]

Each line: kernel, dim, width, milliseconds (median) and best (least). Kernels: `products` (energies, gradients and
Hessian-vector products at 256 points, one jitted function), `hessian` (jitted jax.hessian at one point). With
--threads 1 (the default) the process keeps to one processor and times are CPU time, so other load counts for little;
else they are wall-clock. The products are written in the two usual ways, a
batch as matrices and a vmap over points, of which the faster counts.
"""

import argparse
import json
import os
import statistics
import time

parser = argparse.ArgumentParser()
parser.add_argument("--repeats", type=int, default=7)
parser.add_argument("--threads", type=int, default=1)
options = parser.parse_args()
if options.threads == 1:
    # Before the import: XLA asks how many processors there are.
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402

jax.config.update("jax_enable_x64", True)

POINTS = 256
LAMBDA = 1.0


def perceptron(rng, widths):
    return [
        (jnp.asarray(rng.normal(size=(m, n)) / np.sqrt(n)), jnp.asarray(rng.normal(size=m)))
        for n, m in zip(widths[:-1], widths[1:])
    ]


def energies(layers, x):
    """Of one point (n), or of points as rows (b x n)."""
    h = x
    for weight, bias in layers[:-1]:
        h = jax.nn.softplus(h @ weight.T + bias)
    weight, bias = layers[-1]
    return (h @ weight.T + bias)[..., 0] + 0.5 * LAMBDA * jnp.sum(x * x, axis=-1)


def batched(layers, x, v):
    def total(x):
        e = energies(layers, x)
        return jnp.sum(e), e

    def gradient(x):
        (_, e), g = jax.value_and_grad(total, has_aux=True)(x)
        return g, e

    (g, e), (product, _) = jax.jvp(gradient, (x,), (v,))
    return e, g, product


def mapped(layers, x, v):
    def one(x, v):
        (e, g), (_, product) = jax.jvp(jax.value_and_grad(lambda x: energies(layers, x)), (x,), (v,))
        return e, g, product

    return jax.vmap(one)(x, v)


clock = time.process_time if options.threads == 1 else time.perf_counter


def timed(call):
    """Milliseconds of each of some batches, every batch at least 30 ms long."""
    jax.block_until_ready(call())
    start = clock()
    jax.block_until_ready(call())
    inner = max(1, int(0.03 / max(clock() - start, 1e-6)))
    times = []
    for _ in range(options.repeats):
        start = clock()
        for _ in range(inner):
            jax.block_until_ready(call())
        times.append(1e3 * (clock() - start) / inner)
    return times


def report(kernel, dim, width, times):
    print(json.dumps({
        "kernel": kernel, "dim": dim, "width": width, "milliseconds": round(statistics.median(times), 5),
        "best": round(min(times), 5),
    }), flush=True)


def main():
    rng = np.random.default_rng(0)
    for dim, width in ((2, 128), (64, 256)):
        layers = perceptron(rng, [dim, width, width, width, 1])
        x, v = jnp.asarray(rng.normal(size=(POINTS, dim))), jnp.asarray(rng.normal(size=(POINTS, dim)))
        ways = [jax.jit(way) for way in (batched, mapped)]
        for a, b in zip(ways[0](layers, x, v), ways[1](layers, x, v)):
            if not np.allclose(a, b, rtol=1e-10):
                raise SystemExit("the two ways disagree")
        each = [timed(lambda way=way: way(layers, x, v)) for way in ways]
        report("products", dim, width, min(each, key=statistics.median))
        hessian = jax.jit(jax.hessian(lambda layers, x: energies(layers, x), argnums=1))
        report("hessian", dim, width, timed(lambda: hessian(layers, x[0])))


if __name__ == "__main__":
    main()
