"""Handwritten digits, 8 x 8: an energy network in 64 dimensions.

E(x) = f(x) + |x|^2 / (2 sigma^2) with f a perceptron 64-256-256-1 with softplus, trained by denoising score matching on
the 1797 digits of digits.npy at sigma = 0.4: grad E(x + sigma z) is fitted to z / sigma. With this confinement the best
f of all would be minus a log-sum-exp of linear functions, one a digit: E of the mixture, or modern Hopfield, energy of
the digits.

    python digits.py [OUT]        # writes into OUT, by default ../digits-energy; two minutes on two cores

Writes digits.safetensors (float16: the network is these rounded numbers) and values.safetensors: energy, gradient and
Hessian-vector product in float64 at 100 points, noisy digits. Versions: see networks.py.
"""

import pathlib
import sys

import jax
import jax.numpy as jnp
import numpy as np
from safetensors.numpy import save_file

import networks

DATA = pathlib.Path(__file__).parent.parent
SIGMA = 0.4
CONFINEMENT = 1 / SIGMA**2
STEPS, BATCH = 20000, 256


def energy(layers, x):
    return networks.apply(layers, jax.nn.softplus, x)[0] + 0.5 * CONFINEMENT * x @ x


def loss(field, digits, key, count):
    """Mean of |sigma grad E(y + sigma z) - z|^2 over digits and noise: 64 if E says nothing."""
    which, noise = jax.random.split(key)
    y = digits[jax.random.randint(which, (count,), 0, len(digits))]
    z = jax.random.normal(noise, y.shape, digits.dtype)
    return jnp.mean(jnp.sum((SIGMA * jax.vmap(field)(y + SIGMA * z) - z) ** 2, axis=1))


def of_layers(layers):
    return jax.grad(lambda x: energy(layers, x))


def of_digits(digits):
    """The gradient of the digits' own mixture: what denoising score matching tends to."""

    def field(x):
        weight = jax.nn.softmax(-jnp.sum((x - digits) ** 2, axis=1) / (2 * SIGMA**2))
        return (x - weight @ digits) / SIGMA**2

    return field


def rate(step):
    return 2e-3 * jnp.minimum(1.0, (step + 1) / 200) * (1 - 0.99 * step / STEPS)


def train(digits):
    update = networks.adam(jax.value_and_grad(lambda layers, key: loss(of_layers(layers), digits, key, BATCH)), rate)
    layers = networks.perceptron(jax.random.key(7), [64, 256, 256, 1])
    moments = networks.no_moments(layers)
    for step, key in enumerate(jax.random.split(jax.random.key(8), STEPS)):
        layers, moments, value = update(layers, moments, float(step), key)
        if step % 1000 == 0:
            print(step, float(value), flush=True)
    return layers


def main():
    out = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else DATA / "digits-energy"
    out.mkdir(exist_ok=True)
    digits = np.load(DATA / "digits.npy")
    layers = train(jnp.asarray(digits))
    save_file(networks.tensors(layers, np.float16), out / "digits.safetensors")
    layers = networks.rounded(layers, np.float16)
    generator = np.random.default_rng(9)
    # Points and vectors are exact in float16: the file is smaller by a third.
    points = (digits[generator.integers(len(digits), size=100)] + SIGMA * generator.normal(size=(100, 64))).astype(np.float16)
    vectors = generator.normal(size=(100, 64)).astype(np.float16)
    answer = networks.energy_values(lambda x: energy(layers, x), points.astype(float), vectors.astype(float))
    save_file(answer | {"points": points, "vectors": vectors}, out / "values.safetensors")
    digits, key = jnp.asarray(digits, float), jax.random.key(10)
    for name, field in (("loss", of_layers(layers)), ("least", of_digits(digits))):
        parts = [loss(field, digits, k, 1000) for k in jax.random.split(key, 20)]
        print(name, float(np.mean(parts)))


if __name__ == "__main__":
    main()
