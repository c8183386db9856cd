"""Points of the unit circle: score networks at K = 2, 9 and 1000 points.

The toy of Pham, Raya, Negri, Zaki, Ambrogioni and Krotov, "Memorization to generalization: emergence of diffusion
models from associative memory" (arXiv:2505.21777): a diffusion model trained on K points of the circle memorizes them
when K is small and learns the circle when K is large. Variance exploding: noise sigma = sqrt(t). A perceptron with SiLU
and Fourier features of x and of log sigma, preconditioned as in Karras et al. (arXiv:2206.00364, table 1) with
sigma_data = sqrt(1/2), trained by denoising score matching at sigma log-uniform in [0.025, 1.5]; `circle.toml` describes
it to smale.

    python circle.py [OUT]        # writes into OUT, by default ../circle; three minutes on two cores

Writes k2, k9 and k1000.safetensors (float32), their data k2.csv and k1000.csv (those of K = 9 are circle-9.csv of the
folder above) and k*-values.safetensors: score and Jacobian-vector product in float64 at 100 points and times. Versions:
see networks.py.
"""

import pathlib
import sys

import jax
import jax.numpy as jnp
import numpy as np
from safetensors.numpy import save_file

import networks

DATA = pathlib.Path(__file__).parent.parent
STEPS, BATCH = 6000, 1024
SMALLEST, LARGEST, SIGMA_DATA = 0.025, 1.5, float(np.sqrt(0.5))


def network(parameters, x, time):
    """The network itself, of the scaled state and of log(sigma) / 4."""
    layers, of_x, of_time = parameters
    a, b = of_x @ x, of_time * time
    features = jnp.concatenate([x, jnp.sin(a), jnp.cos(a), jnp.sin(b), jnp.cos(b)])
    return networks.apply(layers, jax.nn.silu, features)


def coefficients(sigma):
    """c_skip, c_out, c_in."""
    total = sigma**2 + SIGMA_DATA**2
    return SIGMA_DATA**2 / total, sigma * SIGMA_DATA / jnp.sqrt(total), 1 / jnp.sqrt(total)


def score(parameters, x, t):
    sigma = jnp.sqrt(t)
    skip, out, into = coefficients(sigma)
    denoised = skip * x + out * network(parameters, into * x, jnp.log(sigma) / 4)
    return (denoised - x) / t


def noisy(data, key, count):
    which, level, noise = jax.random.split(key, 3)
    y = data[jax.random.randint(which, (count,), 0, len(data))]
    u = jax.random.uniform(level, (count,), data.dtype)
    t = jnp.exp(2 * (np.log(SMALLEST) + u * np.log(LARGEST / SMALLEST))).astype(data.dtype)
    z = jax.random.normal(noise, y.shape, data.dtype)
    return y + jnp.sqrt(t)[:, None] * z, t, z


def loss(field, data, key, count):
    """Mean of |sigma s(y + sigma z) + z|^2 over data, noise and levels."""
    x, t, z = noisy(data, key, count)
    return jnp.mean(jnp.sum((jnp.sqrt(t)[:, None] * jax.vmap(field)(x, t) + z) ** 2, axis=1))


def true_score(data, x, t):
    """That of the data with noise: what denoising score matching tends to."""
    weight = jax.nn.softmax(-jnp.sum((x - data) ** 2, axis=1) / (2 * t))
    return (weight @ data - x) / t


def rate(step):
    return 2e-3 * jnp.minimum(1.0, (step + 1) / 200) * (1 - 0.99 * step / STEPS)


def train(data, seed):
    data = jnp.asarray(data, jnp.float32)
    start, frequencies, order = jax.random.split(jax.random.key(seed), 3)
    of_x = 3 * jax.random.normal(frequencies, (16, 2), jnp.float32)
    of_time = jnp.asarray([1.0, 2.0, 4.0, 8.0], jnp.float32)
    layers = networks.perceptron(start, [2 + 32 + 8, 96, 96, 96, 2])

    def objective(layers, key):
        return loss(lambda x, t: score((layers, of_x, of_time), x, t), data, key, BATCH)

    update = networks.adam(jax.value_and_grad(objective), rate)
    moments = networks.no_moments(layers)
    average = layers
    for step, key in enumerate(jax.random.split(order, STEPS)):
        layers, moments, _ = update(layers, moments, float(step), key)
        keep = min(0.995, step / (step + 10))
        average = jax.tree.map(lambda a, p: keep * a + (1 - keep) * p, average, layers)
    return average, of_x, of_time


def values(parameters, generator):
    parameters = jax.tree.map(lambda a: jnp.asarray(a, float), parameters)
    t = np.repeat([0.001, 0.01, 0.05, 0.25, 1.0], 20)
    angle = generator.uniform(0, 2 * np.pi, 100)
    points = np.stack([np.cos(angle), np.sin(angle)], 1) + np.sqrt(t)[:, None] * generator.normal(size=(100, 2))
    vectors = generator.normal(size=(100, 2))
    field = lambda x, v, t: jax.jvp(lambda x: score(parameters, x, t), (x,), (v,))
    value, product = jax.vmap(field)(points, vectors, t)
    rate = jax.vmap(jax.jacfwd(lambda t, x: score(parameters, x, t)))(t, points)
    named = {"points": points, "vectors": vectors, "t": t, "score": value, "jvp": product, "score_rate": rate}
    return {name: np.ascontiguousarray(value) for name, value in named.items()}


def main():
    out = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else DATA / "circle"
    out.mkdir(exist_ok=True)
    angles = {2: np.array([0.6, 3.4]), 1000: np.random.default_rng(5).uniform(0, 2 * np.pi, 1000)}
    for count, angle in angles.items():
        rows = np.stack([np.cos(angle), np.sin(angle)], 1).round(9)
        (out / f"k{count}.csv").write_text("".join(f"{float(x)!r},{float(y)!r}\n" for x, y in rows))
    for count, name in {2: out / "k2.csv", 9: DATA / "circle-9.csv", 1000: out / "k1000.csv"}.items():
        data = np.loadtxt(name, delimiter=",")
        layers, of_x, of_time = parameters = train(data, 10 + count)
        named = networks.tensors(layers, np.float32)
        named |= {"fourier.x": np.asarray(of_x), "fourier.time": np.asarray(of_time)}
        save_file(named, out / f"k{count}.safetensors")
        save_file(values(parameters, np.random.default_rng(count)), out / f"k{count}-values.safetensors")
        field = lambda x, t: score(parameters, x, t)
        truth = lambda x, t: true_score(jnp.asarray(data), x, t)
        key = jax.random.key(6)
        reached, least = (float(loss(f, jnp.asarray(data), key, 100000)) for f in (field, truth))
        print(f"K = {count}: loss {reached:.5f}, least {least:.5f}", flush=True)


if __name__ == "__main__":
    main()
