"""Four centroids in the plane: an energy network along its training.

E(x) = f(x) + |x|^2 / 2 with f a perceptron 2-128-128-128-1 with softplus, trained by denoising score matching: data are
Gaussian clusters of width 0.2 about four centroids in general position, the noise added to them has sigma 0.3, and
grad E(x + sigma z) is fitted to z / sigma. Of all functions the best is -log of the density of the noisy data, whose
clusters have width sqrt(0.13). The setting is that of figure 5 of Hess and Morris, "Associative memory and generative
diffusion in the zero-noise limit" (arXiv:2506.05178): an energy learns four centroids, and its minima are born one by
one along the training.

    python centroids.py [OUT]     # writes into OUT, by default ../centroids; a minute and more on two cores

Writes step-0000.safetensors to step-4000.safetensors, 61 checkpoints in float16 (the networks are these rounded
numbers), dense where minima are born, and values-*.safetensors: energy, gradient, Hessian-vector product in float64 at
100 points, and the derivatives of energy and gradient in `training`, the position along the piecewise linear path
through the checkpoints. Versions: see networks.py.
"""

import math
import pathlib
import sys

import jax
import jax.numpy as jnp
import numpy as np
from safetensors.numpy import save_file

import networks

CENTROIDS = np.array([[1.1, 0.8], [-0.9, 1.0], [-1.2, -0.7], [0.8, -1.1]])
WIDTH, SIGMA, CONFINEMENT = 0.2, 0.3, 1.0
STEPS, BATCH = 4000, 2048
SAVED = [0, 200, 400, 480, *range(500, 620, 4), *(round(620 * (4000 / 620) ** (i / 26)) for i in range(27))]


def energy(layers, x):
    return networks.apply(layers, jax.nn.softplus, x)[0] + 0.5 * CONFINEMENT * x @ x


def noisy(key, count):
    """Noisy data and the noise in units of sigma."""
    which, spread, noise = jax.random.split(key, 3)
    x = jnp.asarray(CENTROIDS, jnp.float32)[jax.random.randint(which, (count,), 0, 4)]
    x = x + WIDTH * jax.random.normal(spread, (count, 2), jnp.float32)
    z = jax.random.normal(noise, (count, 2), jnp.float32)
    return x + SIGMA * z, z


def loss(layers, key, count=BATCH):
    x, z = noisy(key, count)
    slope = jax.vmap(jax.grad(energy, argnums=1), (None, 0))(layers, x)
    return jnp.mean(jnp.sum((SIGMA * slope - z) ** 2, axis=1))


def least_loss(key, count):
    """The loss of the true density's energy."""
    variance = WIDTH**2 + SIGMA**2

    def true(x):
        return -jax.nn.logsumexp(-jnp.sum((x - CENTROIDS) ** 2, axis=1) / (2 * variance))

    x, z = noisy(key, count)
    return jnp.mean(jnp.sum((SIGMA * jax.vmap(jax.grad(true))(x) - z) ** 2, axis=1))


def rate(step):
    """A slow warm-up, so that the checkpoints resolve the births of minima; then linear decay."""
    return 1e-3 * jnp.minimum(1.0, (step / 1500) ** 2) * (1 - 0.95 * step / STEPS)


def train():
    update = networks.adam(jax.value_and_grad(loss), rate)
    layers = networks.perceptron(jax.random.key(1), [2, 128, 128, 128, 1])
    moments = networks.no_moments(layers)
    kept = [layers]
    for step, key in enumerate(jax.random.split(jax.random.key(2), STEPS)):
        layers, moments, _ = update(layers, moments, float(step), key)
        if step + 1 in SAVED:
            kept.append(layers)
    return kept


def values(path, training, points, vectors):
    """Reference values at a position along the path."""
    i = min(math.floor(training), len(path) - 2)
    start, end = (networks.rounded(layers, np.float16) for layers in path[i : i + 2])
    change = jax.tree.map(lambda a, b: b - a, start, end)
    layers = jax.tree.map(lambda a, d: a + (training - i) * d, start, change)
    answer = networks.energy_values(lambda x: energy(layers, x), points, vectors)
    both = jax.vmap(jax.value_and_grad(energy, argnums=1), (None, 0))
    _, (answer["energy_rate"], answer["gradient_rate"]) = jax.jvp(lambda l: both(l, points), (layers,), (change,))
    return {name: np.ascontiguousarray(value) for name, value in answer.items()}


def main():
    out = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent / "centroids")
    out.mkdir(exist_ok=True)
    path = train()
    for step, layers in zip(SAVED, path, strict=True):
        save_file(networks.tensors(layers, np.float16), out / f"step-{step:04}.safetensors")
    generator = np.random.default_rng(3)
    points, vectors = 1.5 * generator.normal(size=(100, 2)), generator.normal(size=(100, 2))
    for training in (0, 30.25, 60):
        save_file(values(path, training, points, vectors), out / f"values-{training}.safetensors")
    key = jax.random.key(4)
    print("loss", float(loss(networks.rounded(path[-1], np.float16), key, 400000)))
    print("least", float(least_loss(key, 400000)))


if __name__ == "__main__":
    main()
