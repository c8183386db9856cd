#!/usr/bin/env python3
"""Times of numpy, JAX and PyTorch for the kernels of `mixture` at 256 points, one thread, as JSON lines.

    python kernels.py [--repeats 15] [--all]

Each line: kernel, sizes (dim, memories, points and sigma, or size), milliseconds (median), best (least), flops (of the
matrix products) and gflops (of the median). Data and points are N(0, I).
With --all the same gradients by JAX and PyTorch (differentiated by them, where they are installed), and 256 whole Hessians of 64 x 1797
by JAX: kernels `gradient_jax`, `gradient_torch`, `hessian_jax`; they are checked against numpy's first.
Kernels: `gradient` (energies and gradients), `hessian_vector` (one product a point, responsibilities kept from the
gradient), `exp` (4096 exponentials, each counted as one operation), `product` (1024 x 1024 x 1024, float64). CPU time of the process, so other load counts for little.
"""

import argparse
import json
import statistics
import time

import one_thread  # noqa: F401  before numpy
import numpy as np

POINTS = 256


def timed(call, repeats):
    """Milliseconds of each of `repeats` batches, every batch at least 20 ms long."""
    call()
    start = time.process_time()
    call()
    inner = max(1, int(0.02 / max(time.process_time() - start, 1e-6)))
    times = []
    for _ in range(repeats):
        start = time.process_time()
        for _ in range(inner):
            call()
        times.append(1e3 * (time.process_time() - start) / inner)
    return times


def report(kernel, times, flops, **sizes):
    middle = statistics.median(times)
    print(json.dumps({
        "kernel": kernel, **sizes, "milliseconds": round(middle, 5), "best": round(min(times), 5), "flops": flops,
        "gflops": round(flops / middle * 1e-6, 2),
    }), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--all", action="store_true")
    options = parser.parse_args()
    repeats = options.repeats
    rng = np.random.default_rng(0)
    for dim, memories in ((2, 30), (20, 50), (64, 1797), (784, 10000)):
        y = rng.normal(size=(memories, dim))
        # About sqrt(dim) apart: with this sigma several memories share each point.
        scale = 1.0 / (0.35 * np.sqrt(dim / 2)) ** 2
        x = rng.normal(size=(POINTS, dim))
        v = rng.normal(size=(POINTS, dim))
        half = 0.5 * scale * np.einsum("kn,kn->k", y, y)
        scaled = np.ascontiguousarray((scale * y).T)
        kept = {}

        def gradient():
            p = x @ scaled
            p -= half
            top = p.max(axis=1, keepdims=True)
            p -= top
            np.exp(p, out=p)
            total = p.sum(axis=1, keepdims=True)
            p /= total
            mean = p @ y
            energy = 0.5 * scale * np.einsum("bn,bn->b", x, x) - top[:, 0] - np.log(total[:, 0]) + np.log(memories)
            kept["p"], kept["mean"] = p, mean
            return energy, scale * (x - mean)

        def hessian_vector():
            # C v = sum_k p_k (y_k.v) y_k - m (m.v)
            p, mean = kept["p"], kept["mean"]
            q = v @ scaled
            q *= p
            inner = np.einsum("bn,bn->b", mean, v)[:, None]
            return scale * v - scale * (q @ y) + (scale * scale) * inner * mean

        check(gradient, hessian_vector, x, v)
        flops = 4 * POINTS * dim * memories
        sizes = {"dim": dim, "memories": memories, "points": POINTS, "sigma": scale**-0.5}
        report("gradient", timed(gradient, repeats), flops, **sizes)
        report("hessian_vector", timed(hessian_vector, repeats), flops, **sizes)
        if options.all:
            for kernel, call in others(y, x, scale, gradient()):
                whole = 256 * dim * dim * memories if kernel == "hessian_jax" else flops
                report(kernel, timed(call, min(repeats, 5)), whole, **sizes)
    exponents, out = -10 * rng.random(4096), np.empty(4096)
    report("exp", timed(lambda: np.exp(exponents, out=out), repeats), len(out), size=len(out))
    a, b = rng.normal(size=(2, 1024, 1024))
    report("product", timed(lambda: a @ b, repeats), 2 * 1024**3, size=1024)


def others(y, x, scale, known):
    """The programs that differentiate by themselves, as pairs of name and call; those that are not installed are left out."""
    half = 0.5 * scale
    try:
        import jax

        jax.config.update("jax_enable_x64", True)
        data, points = jax.numpy.asarray(y), jax.numpy.asarray(x)
        squares = half * (data * data).sum(1)

        def energy(z):
            return half * (z @ z) - jax.nn.logsumexp(scale * (data @ z) - squares) + np.log(len(y))

        batch = jax.jit(jax.vmap(jax.value_and_grad(energy)))
        agree(known, [np.asarray(a) for a in batch(points)])
        yield "gradient_jax", lambda: jax.block_until_ready(batch(points))
        if y.shape == (1797, 64):
            whole = jax.jit(jax.vmap(jax.hessian(energy)))
            yield "hessian_jax", lambda: jax.block_until_ready(whole(points))
    except ImportError:
        pass
    try:
        import torch

        torch.set_num_threads(1)
        data, leaf = torch.from_numpy(y), torch.from_numpy(x).requires_grad_()
        squares = half * (data * data).sum(1)

        def gradient():
            energies = half * (leaf * leaf).sum(1) - torch.logsumexp(scale * (leaf @ data.T) - squares, 1) + np.log(len(y))
            return energies, torch.autograd.grad(energies.sum(), leaf)[0]

        agree(known, [a.detach().numpy() for a in gradient()])
        yield "gradient_torch", gradient
    except ImportError:
        pass


def agree(known, found):
    for a, b in zip(known, found):
        if not np.allclose(a, b, rtol=1e-9, atol=1e-9 * np.abs(a).max()):
            raise SystemExit("the programs disagree")


def check(gradient, hessian_vector, x, v):
    """The product must be the derivative of the gradient: central difference, moving the points in place."""
    step = 1e-5
    x += step * v
    up = gradient()[1]
    x -= 2 * step * v
    down = gradient()[1]
    x += step * v
    gradient()
    product = hessian_vector()
    difference = (up - down) / (2 * step)
    if not np.allclose(product, difference, rtol=1e-5, atol=1e-6 * np.abs(difference).max()):
        raise SystemExit("the kernels disagree with each other")


if __name__ == "__main__":
    main()
