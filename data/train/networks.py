"""What the training scripts of this folder share: multilayer perceptrons, Adam, files, reference values.

A perceptron is a list of (weight, bias) with weights of shape out x in, as PyTorch stores them; in a file, layer i has
the names "{2 i}.weight" and "{2 i}.bias" of torch.nn.Sequential(Linear, activation, Linear, ..).

Versions: Python 3.11, jax 0.10.2, numpy 2.4.6, safetensors 0.8.0:
    python3 -m venv venv && venv/bin/pip install jax==0.10.2 numpy==2.4.6 safetensors==0.8.0
"""

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)


def perceptron(key, widths):
    """Layers with normal weights of variance 1 / fan-in and zero biases, float32."""
    keys = jax.random.split(key, len(widths) - 1)
    return [
        (jax.random.normal(k, (m, n), jnp.float32) / np.float32(np.sqrt(n)), jnp.zeros(m, jnp.float32))
        for k, n, m in zip(keys, widths[:-1], widths[1:])
    ]


def apply(layers, activation, x):
    for weight, bias in layers[:-1]:
        x = activation(weight @ x + bias)
    weight, bias = layers[-1]
    return weight @ x + bias


def adam(gradient, rate):
    """One jitted step (layers, moments, step from 0, key) -> (layers, moments, loss); `rate` maps a step to its rate."""

    def update(layers, moments, step, key):
        loss, slope = gradient(layers, key)
        first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, moments[0], slope)
        second = jax.tree.map(lambda m, g: 0.999 * m + 0.001 * g * g, moments[1], slope)
        t = step + 1.0
        size = rate(step) / (1.0 - 0.9**t)
        scale = 1.0 / (1.0 - 0.999**t)
        layers = jax.tree.map(
            lambda p, m, v: (p - size * m / (jnp.sqrt(v * scale) + 1e-8)).astype(p.dtype), layers, first, second
        )
        return layers, (first, second), loss

    return jax.jit(update)


def no_moments(layers):
    zero = jax.tree.map(jnp.zeros_like, layers)
    return zero, zero


def rounded(layers, dtype):
    """The network as a file in `dtype` defines it, in float64."""
    return [(jnp.asarray(np.asarray(w, dtype), jnp.float64), jnp.asarray(np.asarray(b, dtype), jnp.float64))
            for w, b in layers]


def tensors(layers, dtype):
    """Names and arrays of torch.nn.Sequential."""
    named = {}
    for i, (weight, bias) in enumerate(layers):
        named[f"{2 * i}.weight"] = np.asarray(weight, dtype)
        named[f"{2 * i}.bias"] = np.asarray(bias, dtype)
    return named


def energy_values(energy, points, vectors):
    """Energy (P), gradient (P x n) and Hessian-vector product (P x n) at points (P x n), all float64."""
    gradient = jax.grad(energy)

    def one(x, v):
        return energy(x), *jax.jvp(gradient, (x,), (v,))

    value, slope, product = jax.jit(jax.vmap(one))(jnp.asarray(points, float), jnp.asarray(vectors, float))
    return {
        "points": np.asarray(points),
        "vectors": np.asarray(vectors),
        "energy": np.asarray(value),
        "gradient": np.asarray(slope),
        "hvp": np.asarray(product),
    }
