"""Small random networks, one for each thing an architecture file can say, with what JAX computes for them in float64.

`interpret` reads the architecture file of a network as the documentation describes it and evaluates it; it shares nothing with smale,
derivatives are JAX's. The Flax and equinox files are written by these libraries and evaluated by them.

    python3 -m venv venv
    venv/bin/pip install jax==0.10.2 numpy==2.4.6 safetensors==0.8.0 flax==0.12.8 equinox==0.13.8
    venv/bin/python tests/networks/make.py        # a minute; the README has the format
"""

import io
import json
import pathlib
import tomllib

import equinox as eqx
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict
from safetensors.numpy import save_file

jax.config.update("jax_enable_x64", True)
HERE = pathlib.Path(__file__).parent
POINTS = 20


# What an architecture means.

ACTIVATIONS = {
    "softplus": lambda z, beta=1.0: jax.nn.softplus(beta * z) / beta,
    "tanh": jnp.tanh,
    "silu": jax.nn.silu,
    "gelu": lambda z: jax.nn.gelu(z, approximate=False),
    "gelu-tanh": lambda z: jax.nn.gelu(z, approximate=True),
    "elu": lambda z, alpha=1.0: jax.nn.elu(z, alpha),
    "relu2": lambda z: jnp.square(jax.nn.relu(z)),
    "relu": jax.nn.relu,
    "sin": lambda z, omega=1.0: jnp.sin(omega * z),
    "identity": lambda z: z,
}


def schedule(described, t):
    """a and sigma."""
    match described["kind"]:
        case "ve":
            return 1.0, described.get("s", 1.0) * jnp.sqrt(t)
        case "vp":
            b0, b1 = described.get("b0", 0.1), described.get("b1", 20.0)
            a = jnp.exp(-(t**2) * (b1 - b0) / 4 - t * b0 / 2)
            return a, jnp.sqrt(1 - a**2)
        case "ou":
            return jnp.exp(-t), jnp.sqrt(1 - jnp.exp(-2 * t))
        case "edm":
            return 1.0, t


def activation(described):
    if isinstance(described, str):
        return ACTIVATIONS[described]
    constants = {k: v for k, v in described.items() if k != "activation"}
    return lambda z: ACTIVATIONS[described["activation"]](z, **constants)


def run(layers, tensors, prefix, h):
    for layer in layers:
        if "linear" in layer:
            weight = tensors[layer.get("weight", f"{prefix}{layer['linear']}.weight")]
            h = (weight.T if layer.get("transposed") else weight) @ h
            if layer.get("bias", True) is not False:
                h = h + tensors[layer.get("bias", f"{prefix}{layer['linear']}.bias")]
        elif "activation" in layer:
            h = activation(layer)(h)
        elif "layer_norm" in layer:
            centred = h - jnp.mean(h)
            h = centred / jnp.sqrt(jnp.mean(centred**2) + layer.get("epsilon", 1e-5))
            if layer.get("affine", True):
                name = f"{prefix}{layer['layer_norm']}"
                h = h * tensors[f"{name}.weight"] + tensors[f"{name}.bias"]
        elif "residual" in layer:
            h = h + layer.get("scale", 1.0) * run(layer["residual"], tensors, prefix, h)
        else:
            raise ValueError(layer)
    return h


def interpret(text, tensors):
    """The network: a function of x and t. Of a score network the score."""
    described = tomllib.loads(text)
    prefix = described.get("prefix", "")
    layers = described.get("layers")
    if layers is None:
        firsts = (n.removeprefix(prefix).split(".")[0] for n in tensors if n.endswith(".weight"))
        names = sorted(int(first) for first in firsts if first.isdigit())
        layers = []
        for name in names:
            layers += [{"linear": str(name)}, {"activation": described["activation"]}]
        if isinstance(described["activation"], dict):
            raise ValueError("give layers")
        layers.pop()
    clock = described.get("time", "t")
    clock = {"of": clock} if isinstance(clock, str) else clock

    def frequencies(part):
        given = part["frequencies"]
        return tensors[prefix + given] if isinstance(given, str) else jnp.asarray(given)

    def network(x, t):
        _, sigma = schedule(described.get("schedule", {"kind": "edm"}), t)
        time = {"t": t, "log-t": jnp.log(t), "sigma": sigma, "log-sigma": jnp.log(sigma)}[clock["of"]]
        time = time * clock.get("scale", 1.0)
        parts = []
        for part in described.get("input", ["x"]):
            if part == "x":
                parts.append(x)
            elif part == "time":
                parts.append(jnp.reshape(time, 1))
            else:
                b = frequencies(part)
                z = part.get("scale", 1.0) * (b @ x if part["fourier"] == "x" else b.reshape(-1) * time)
                both = [jnp.sin(z), jnp.cos(z)]
                parts += both[::-1] if part.get("order") == "cos-sin" else both
        return run(layers, tensors, prefix, jnp.concatenate(parts))

    def score(x, t):
        a, sigma = schedule(described.get("schedule", {"kind": "edm"}), t)
        match described.get("output", "score"):
            case "score":
                return network(x, t)
            case "noise":
                return -network(x, t) / sigma
            case "denoiser":
                return (a * network(x, t) - x) / sigma**2
            case "edm":
                data = described.get("sigma_data", 0.5)
                total = sigma**2 + data**2
                out = sigma * data / jnp.sqrt(total)
                denoised = data**2 / total * x + out * network(x / jnp.sqrt(total), t)
                return (denoised - x) / sigma**2

    return network, score


# Values.


def points(generator, n):
    """Sixteen ordinary points, three far away where exponentials overflow, and the origin."""
    x = 1.5 * generator.normal(size=(POINTS, n))
    x[16:19] *= 300
    x[19] = 0
    return x, generator.normal(size=(POINTS, n))


def energy_values(f, confinement, t, generator, n):
    """`f` a function of x alone."""
    energy = lambda x: f(x) + 0.5 * confinement * x @ x
    gradient = jax.grad(energy)
    x, v = points(generator, n)
    value, slope, product = jax.vmap(lambda x, v: (energy(x), *jax.jvp(gradient, (x,), (v,))))(x, v)
    named = {"points": x, "vectors": v, "lambda": np.array([confinement]), "energy": value, "gradient": slope,
             "hvp": product}
    return named | ({} if t is None else {"t": np.array([t])})


def score_values(score, generator, n):
    """Score, its derivative along the vectors and its derivative in time, at times from 0.05 to 2."""
    x, v = points(generator, n)
    t = np.exp(generator.uniform(np.log(0.05), np.log(2.0), POINTS))
    value, product = jax.vmap(lambda x, v, t: jax.jvp(lambda x: score(x, t), (x,), (v,)))(x, v, t)
    rate = jax.vmap(lambda x, t: jax.jvp(lambda t: score(x, t), (t,), (1.0,))[1])(x, t)
    return {"points": x, "vectors": v, "t": t, "score": value, "jvp": product, "score_rate": rate}


# The networks.

TWO = """layers = [
    { linear = "0" }, %s,
    { linear = "2" }, %s,
    { linear = "4" },
]
"""


def plain(described):
    return TWO % (described, described)


SIMPLE = [3, 9, 9, 1]
OF_TIME = """input = ["x", { fourier = "time", frequencies = "fourier.weight", scale = 2.0 }]
time = { of = "log-sigma", scale = 0.25 }
activation = "silu"
"""
WITH_TIME = {"fourier.weight": (3,)}

# name: (architecture, widths of the Linear layers 0, 2, 4, .., other tensors with their shapes, energy or score, time)
ENERGIES = {
    "softplus": ('activation = "softplus"\n', SIMPLE, {}, None),
    "softplus-beta": (plain('{ activation = "softplus", beta = 2.5 }'), SIMPLE, {}, None),
    "tanh": ('activation = "tanh"\n', SIMPLE, {}, None),
    "silu": ('activation = "silu"\n', SIMPLE, {}, None),
    "gelu": ('activation = "gelu"\n', SIMPLE, {}, None),
    "gelu-tanh": ('activation = "gelu-tanh"\n', SIMPLE, {}, None),
    "elu": ('activation = "elu"\n', SIMPLE, {}, None),
    "elu-alpha": (plain('{ activation = "elu", alpha = 0.7 }'), SIMPLE, {}, None),
    "relu2": ('activation = "relu2"\n', SIMPLE, {}, None),
    "sin": ('activation = "sin"\n', SIMPLE, {}, None),
    "sin-omega": (plain('{ activation = "sin", omega = 3.0 }'), SIMPLE, {}, None),
    "one-layer": ('layers = [{ linear = "0" }]\n', [3, 1], {}, None),
    "deep": ('activation = "softplus"\n', [2, 7, 6, 5, 8, 4, 6, 1], {}, None),
    "line": ('activation = "gelu"\n', [1, 12, 12, 1], {}, None),
    "wide": ('activation = "tanh"\n', [5, 40, 1], {}, None),
    "no-bias": (
        'layers = [\n    { linear = "0", bias = false }, { activation = "softplus" },\n'
        '    { linear = "2" }, { activation = "softplus" },\n    { linear = "4", bias = false },\n]\n', SIMPLE, {}, None),
    "residual": (
        'layers = [\n    { linear = "0" }, { activation = "gelu" },\n'
        '    { residual = [{ linear = "2" }, { activation = "gelu" }] },\n    { linear = "4" },\n]\n', SIMPLE, {}, None),
    "residual-two": (
        'layers = [\n    { linear = "0" },\n'
        '    { residual = [{ activation = "silu" }, { linear = "2" }, { activation = "silu" }, { linear = "4" }], scale = 0.5 },\n'
        '    { residual = [{ activation = "tanh" }, { linear = "6" }, { residual = [{ linear = "8" }, { activation = "sin" }], '
        'scale = -0.3 }] },\n    { linear = "10" },\n]\n', [3, 9, 6, 9, 9, 9, 1], {}, None),
    "layer-norm": (
        'layers = [\n    { linear = "0" }, { layer_norm = "norm.0" }, { activation = "softplus" },\n'
        '    { linear = "2" }, { layer_norm = "norm.1", epsilon = 0.01 }, { activation = "softplus" },\n'
        '    { linear = "4" },\n]\n', SIMPLE, {f"norm.{i}.{w}": (9,) for i in (0, 1) for w in ("weight", "bias")}, None),
    "layer-norm-bare": (
        'layers = [\n    { linear = "0" }, { activation = "tanh" }, { layer_norm = "none", affine = false },\n'
        '    { linear = "2" }, { activation = "tanh" },\n    { linear = "4" },\n]\n', SIMPLE, {}, None),
    "layer-norm-residual": (
        'layers = [\n    { linear = "0" }, { activation = "gelu" },\n'
        '    { residual = [{ layer_norm = "norm" }, { linear = "2" }, { activation = "gelu" }] },\n'
        '    { linear = "4" },\n]\n', SIMPLE, {f"norm.{w}": (9,) for w in ("weight", "bias")}, None),
    "fourier": (
        'input = [{ fourier = "x", frequencies = "fourier.weight", scale = 6.283185307179586 }]\n'
        'activation = "silu"\n', [10, 9, 9, 1], {"fourier.weight": (5, 3)}, None),
    "fourier-and-x": (
        'dim = 2\ninput = [{ fourier = "x", frequencies = [[0.5, 0.1], [-0.3, 1.2]], order = "cos-sin" }, "x"]\n'
        'activation = "softplus"\n', [6, 9, 9, 1], {}, None),
    "time": ('input = ["time", "x"]\nactivation = "tanh"\n', [4, 9, 9, 1], {}, 0.3),
    "time-log": (
        'input = ["x", "time", { fourier = "time", frequencies = [0.5, 1.0, 2.0] }]\n'
        'time = { of = "log-t", scale = 0.5 }\nactivation = "softplus"\n', [10, 9, 9, 1], {}, 0.7),
    "time-sigma": (
        'input = ["x", "time"]\ntime = "sigma"\nschedule = { kind = "ve", s = 0.5 }\nactivation = "gelu"\n',
        [4, 9, 9, 1], {}, 0.4),
}
SCORES = {
    "score-plain": ('activation = "silu"\n', [2, 9, 9, 2], {}),
    "score": ('output = "score"\n' + OF_TIME, [8, 9, 9, 2], WITH_TIME),
    "score-noise": ('output = "noise"\nschedule = { kind = "ve", s = 2.0 }\n' + OF_TIME, [8, 9, 9, 2], WITH_TIME),
    "score-noise-vp": ('output = "noise"\nschedule = { kind = "vp", b0 = 0.2, b1 = 5.0 }\n' + OF_TIME, [8, 9, 9, 2],
                       WITH_TIME),
    "score-denoiser": ('output = "denoiser"\nschedule = { kind = "ou" }\n' + OF_TIME, [8, 9, 9, 2], WITH_TIME),
    "score-edm": ('output = "edm"\nsigma_data = 0.7\n' + OF_TIME, [8, 9, 9, 2], WITH_TIME),
    "score-edm-ve": (
        'output = "edm"\nschedule = { kind = "ve", s = 0.8 }\ntime = "log-sigma"\n'
        'input = ["x", { fourier = "x", frequencies = "fourier.weight" }, "time"]\n'
        'layers = [\n    { linear = "0" }, { activation = "silu" },\n'
        '    { residual = [{ layer_norm = "norm" }, { linear = "2" }, { activation = "silu" }] },\n    { linear = "4" },\n]\n',
        [12, 9, 9, 3], {"fourier.weight": (4, 3), "norm.weight": (9,), "norm.bias": (9,)}),
}
# Formats in which weights are stored, in turn; the network is the stored one.
FORMATS = (np.float64, np.float32, np.float16, jnp.bfloat16)


def draw(generator, widths, others, dtype):
    tensors = {}
    for i, (n, m) in enumerate(zip(widths[:-1], widths[1:])):
        tensors[f"{2 * i}.weight"] = generator.normal(size=(m, n)) / np.sqrt(n)
        tensors[f"{2 * i}.bias"] = 0.5 * generator.normal(size=m)
    for name, shape in others.items():
        tensors[name] = generator.normal(size=shape) + (1.0 if name.endswith("norm.weight") else 0.0)
    return {name: value.astype(dtype) for name, value in tensors.items()}


def random_networks(weights, values):
    everything = {**ENERGIES, **SCORES}
    for i, (name, (text, widths, others, *time)) in enumerate(everything.items()):
        generator = np.random.default_rng(1000 + i)
        prefix = f"{name}/"
        stored = {prefix + k: v for k, v in draw(generator, widths, others, FORMATS[i % 4]).items()}
        text = f'prefix = "{prefix}"\n' + text
        (HERE / f"{name}.toml").write_text(text)
        weights |= stored
        network, score = interpret(text, {k: jnp.asarray(v, float) for k, v in stored.items()})
        n = widths[-1] if name in SCORES else {"fourier": 3, "fourier-and-x": 2}.get(name, widths[0])
        if name.startswith("time"):
            n = 3
        if name in SCORES:
            answer = score_values(score, generator, n)
        else:
            (t,) = time
            now = 1.0 if t is None else t
            answer = energy_values(lambda x: network(x, now)[0], 0.3 + 0.1 * (i % 5), t, generator, n)
        values |= {f"{name}/{k}": np.ascontiguousarray(v) for k, v in answer.items()}


def given_names(weights, values):
    """Tensors with names of their own, one stored in x out."""
    text = ('layers = [\n    { linear = "a", weight = "given/first", bias = "given/shift" }, { activation = "tanh" },\n'
            '    { linear = "b", weight = "given/last", transposed = true, bias = false },\n]\n')
    generator = np.random.default_rng(2000)
    stored = {"given/first": generator.normal(size=(6, 3)), "given/shift": generator.normal(size=6),
              "given/last": generator.normal(size=(6, 1))}
    (HERE / "given.toml").write_text(text)
    weights |= stored
    network, _ = interpret(text, {k: jnp.asarray(v) for k, v in stored.items()})
    answer = energy_values(lambda x: network(x, 1.0)[0], 0.5, None, generator, 3)
    values |= {f"given/{k}": np.ascontiguousarray(v) for k, v in answer.items()}


class Perceptron(nn.Module):
    """By Flax itself; to be read without an architecture file, with activation softplus."""

    @nn.compact
    def __call__(self, x):
        x = nn.softplus(nn.Dense(10, param_dtype=float)(x))
        x = nn.softplus(nn.Dense(11, param_dtype=float)(x))
        return nn.Dense(1, param_dtype=float)(x)


class Blocks(nn.Module):
    """By Flax itself: layer norm (epsilon 1e-6 is Flax's) and a residual block; flax-norm.toml describes it."""

    @nn.compact
    def __call__(self, x):
        x = nn.LayerNorm(param_dtype=float, use_fast_variance=False)(nn.Dense(10, param_dtype=float)(x))
        x = nn.gelu(x, approximate=False)
        x = x + nn.tanh(nn.Dense(10, param_dtype=float)(x))
        return nn.Dense(1, param_dtype=float)(x)


FLAX_NORM = """prefix = "params/"
layers = [
    { linear = "Dense_0" }, { layer_norm = "LayerNorm_0", epsilon = 1e-6 }, { activation = "gelu" },
    { residual = [{ linear = "Dense_1" }, { activation = "tanh" }] },
    { linear = "Dense_2" },
]
"""


def by_flax(values):
    for seed, (name, module, separator) in enumerate([("flax", Perceptron(), "/"), ("flax-dots", Perceptron(), "."),
                                                      ("flax-norm", Blocks(), "/")]):
        generator = np.random.default_rng(3000 + seed)
        shapes = module.init(jax.random.key(seed), jnp.zeros(3))
        parameters = jax.tree.map(lambda p: p + 0.3 * generator.normal(size=p.shape), shapes)
        named = flatten_dict(parameters if separator == "/" else parameters["params"], sep=separator)
        save_file({k: np.asarray(v) for k, v in named.items()}, HERE / f"{name}.safetensors")
        answer = energy_values(lambda x: module.apply(parameters, x)[0], 0.5, None, generator, 3)
        values |= {f"{name}/{k}": np.ascontiguousarray(v) for k, v in answer.items()}
    (HERE / "flax-norm.toml").write_text(FLAX_NORM)


class Parameterised(eqx.Module):
    """A landscape as developmental biology learns them: a potential, a tilt linear in signals, a noise level.

    Plain numbers that are not static are leaves too, so equinox writes them behind the arrays; texts it does not write.
    """

    phi_module: eqx.nn.Sequential
    tilt_module: eqx.nn.Sequential
    logsigma: jax.Array
    model_type: str
    ndims: int
    dt0: float
    confine: bool


def by_equinox(values):
    for name, confine in (("equinox", False), ("equinox-confined", True)):
        keys = jax.random.split(jax.random.key(77), 6)
        widths = [2, 16, 32, 32, 16, 1]
        layers = []
        for key, n, m in zip(keys, widths[:-1], widths[1:]):
            layers += [eqx.nn.Linear(n, m, key=key), eqx.nn.Lambda(jax.nn.softplus)]
        tilt = eqx.nn.Sequential([eqx.nn.Linear(2, 2, use_bias=False, key=keys[5])])
        model = Parameterised(eqx.nn.Sequential(layers[:-1]), tilt, jnp.log(jnp.asarray(0.1)), "deep_phi_plnn", 2, 0.01,
                              confine)
        header = {"ndims": 2, "nparams": 2, "nsigs": 2, "ncells": 100, "signal_type": "jump", "nsigparams": 3,
                  "sigma_init": 0.1, "solver": "euler", "dt0": 0.01, "confine": confine, "confinement_factor": 1.0,
                  "sample_cells": True, "include_tilt_bias": False, "include_phi_bias": True,
                  "phi_hidden_dims": widths[1:-1], "phi_hidden_acts": "softplus", "phi_final_act": None,
                  "phi_layer_normalize": False}
        file = io.BytesIO()
        file.write((json.dumps(header) + "\n").encode())
        eqx.tree_serialise_leaves(file, model)
        (HERE / f"{name}.eqx").write_bytes(file.getvalue())
        phi = model.phi_module
        quartic = (lambda x: jnp.sum(x**4)) if confine else (lambda x: 0.0)
        answer = energy_values(lambda x: phi(x)[0] + quartic(x), 0.5, None, np.random.default_rng(4000), 2)
        values |= {f"{name}/{k}": np.ascontiguousarray(v) for k, v in answer.items()}


def main():
    weights, values = {}, {}
    random_networks(weights, values)
    given_names(weights, values)
    by_flax(values)
    by_equinox(values)
    save_file(weights, HERE / "weights.safetensors")
    for name, value in values.items():
        assert value.dtype == np.float64 and np.isfinite(value).all(), name
    save_file(values, HERE / "values.safetensors")
    print(len({name.split("/")[0] for name in values}), "networks")


if __name__ == "__main__":
    main()
