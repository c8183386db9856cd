"""All equilibria of a stored network in the plane, by numpy alone: shares nothing with JAX or smale.

    python tests/networks/search.py        # writes known.toml; ten minutes on one core; numpy and safetensors

Derivatives are carried forward through the layers. Two ways to find the equilibria must agree: Newton's method from
every node of a grid, and the winding number of the field around every cell of a finer grid, which is the number of
equilibria of index 0 or 2 in it minus those of index 1. Of the digits, in 64 dimensions, only the minima to which the digits
descend are known.
"""

import json
import pathlib

import numpy as np
from safetensors.numpy import load_file

HERE = pathlib.Path(__file__).parent
DATA = HERE.parent.parent / "data"


def perceptron(file):
    """Layers (weight, bias) in float64."""
    tensors = {name: np.asarray(value, float) for name, value in load_file(file).items()}
    count = sum(name[0].isdigit() for name in tensors) // 2
    return [(tensors[f"{2 * i}.weight"], tensors[f"{2 * i}.bias"]) for i in range(count)], tensors


def sigmoid(a):
    return 0.5 * (1.0 + np.tanh(0.5 * a))


# Fields: x (P x 2) to the field that vanishes at equilibria (P x 2) and its Jacobian (P x 2 x 2), positive definite
# where the equilibrium is stable: gradient and Hessian of an energy, or minus a score.


def energy_of(layers, confinement, x):
    """Energy (P), gradient and Hessian of f(x) + confinement |x|^2 / 2 with softplus."""
    weight, bias = layers[0]
    a = x @ weight.T + bias
    first = np.broadcast_to(weight.T, (len(x), 2, len(bias)))
    second = np.zeros((len(x), 3, len(bias)))
    for weight, bias in layers[1:]:
        s = sigmoid(a)
        u, v = first[:, 0], first[:, 1]
        pairs = np.stack([u * u, u * v, v * v], axis=1)
        second = ((s * (1 - s))[:, None] * pairs + s[:, None] * second) @ weight.T
        first = (s[:, None] * first) @ weight.T
        a = np.logaddexp(0.0, a) @ weight.T + bias
    energy = a[:, 0] + 0.5 * confinement * np.sum(x * x, axis=1)
    return energy, first[:, :, 0] + confinement * x, second[:, [[0, 1], [1, 2]], 0] + confinement * np.eye(2)


def minus_score(layers, tensors, t, x):
    """Minus the score of data/circle and minus its Jacobian."""
    sigma, data = np.sqrt(t), np.sqrt(0.5)
    total = t + data**2
    into = 1 / np.sqrt(total)
    b = tensors["fourier.x"]
    phase = into * x @ b.T
    clock = np.broadcast_to(tensors["fourier.time"] * np.log(sigma) / 4, (len(x), 4))
    h = np.concatenate([into * x, np.sin(phase), np.cos(phase), np.sin(clock), np.cos(clock)], axis=1)
    slopes = []
    for i in range(2):
        along = into * b[:, i]
        unit = np.broadcast_to(into * np.eye(2)[i], x.shape)
        still = np.zeros((len(x), 8))
        slopes.append(np.concatenate([unit, np.cos(phase) * along, -np.sin(phase) * along, still], axis=1))
    first = np.stack(slopes, axis=1)
    for i, (weight, bias) in enumerate(layers):
        a, first = h @ weight.T + bias, first @ weight.T
        if i + 1 < len(layers):
            s = sigmoid(a)
            h, first = a * s, (s + a * s * (1 - s))[:, None] * first
    out = sigma * data / np.sqrt(total)
    skip = data**2 / total
    field = (x - skip * x - out * a) / t
    return field, ((1 - skip) * np.eye(2) - out * np.swapaxes(first, 1, 2)) / t


def newton(field, x, tolerance, steps=80, cap=0.1):
    """Capped Newton iterations; returns where the field falls below the tolerance."""
    done = []
    for _ in range(steps):
        g, h = field(x)
        there = np.linalg.norm(g, axis=1) < tolerance
        done.append(x[there])
        x, g, h = x[~there], g[~there], h[~there]
        if not len(x):
            break
        det = h[:, 0, 0] * h[:, 1, 1] - h[:, 0, 1] * h[:, 1, 0]
        det = np.where(np.abs(det) < 1e-12, 1e-12, det)
        step = np.stack([h[:, 1, 1] * g[:, 0] - h[:, 0, 1] * g[:, 1], h[:, 0, 0] * g[:, 1] - h[:, 1, 0] * g[:, 0]], 1)
        step /= det[:, None]
        size = np.linalg.norm(step, axis=1, keepdims=True)
        x = x - step * np.minimum(1.0, cap / np.maximum(size, 1e-300))
    return np.concatenate(done)


def distinct(x, apart):
    kept = []
    for p in x:
        if all(np.linalg.norm(p - q) > apart for q in kept):
            kept.append(p)
    return np.array(kept).reshape(-1, x.shape[1])


def equilibria(field, scale, half=2.5, nodes=21):
    """Sorted by index, then x: index, x, eigenvalues of the Jacobian (real parts; imaginary ones if there are)."""
    axis = np.linspace(-half, half, nodes)
    found = newton(field, np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2), 1e-12 * scale)
    found = distinct(found[np.max(np.abs(found), axis=1) < half], 1e-7)
    points = []
    for x, jacobian in zip(found, field(found)[1]):
        values = np.linalg.eigvals(jacobian)
        order = np.argsort(values.real)
        point = {"index": int(np.sum(values.real < 0)), "x": x.tolist(), "eigenvalues": values.real[order].tolist()}
        if np.iscomplex(values).any():
            point["imaginary"] = values.imag[order].tolist()
        odd = 0.5 * (jacobian - jacobian.T)
        point["antisymmetric"] = float(np.linalg.norm(odd) / np.linalg.norm(jacobian))
        points.append(point)
    return sorted(points, key=lambda p: (p["index"], p["x"]))


def check_winding(field, points, half=2.5, cells=250):
    """Stops unless the cells with a winding number are those of the points, with the right sign."""
    axis = np.linspace(-half, half, cells + 1)
    nodes = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    g = np.concatenate([field(part)[0] for part in np.array_split(nodes, 60)])
    angle = np.arctan2(g[:, 1], g[:, 0]).reshape(cells + 1, cells + 1)

    def turn(difference):
        return (difference + np.pi) % (2 * np.pi) - np.pi

    right, up = turn(np.diff(angle, axis=0)), turn(np.diff(angle, axis=1))
    around = right[:, :-1] + up[1:, :] - right[:, 1:] - up[:-1, :]
    number = np.rint(around / (2 * np.pi)).astype(int)
    expected = np.zeros_like(number)
    for p in points:
        i, j = (int((v + half) / (2 * half) * cells) for v in p["x"])
        expected[i, j] += (-1) ** p["index"]
    # A large turn along a side that is not next to an equilibrium would make the numbers doubtful.
    near = np.zeros((cells + 1, cells + 1), bool)
    for i, j in np.argwhere(expected):
        near[max(i - 2, 0) : i + 4, max(j - 2, 0) : j + 4] = True
    doubtful = (np.abs(right) > 2.5) & ~near[:-1] , (np.abs(up) > 2.5) & ~near[:, :-1]
    assert (number == expected).all(), f"winding {np.argwhere(number != expected)}"
    return int(sum(d.sum() for d in doubtful))


def counts(points):
    highest = max(p["index"] for p in points)
    return [sum(p["index"] == k for p in points) for k in range(highest + 1)]


def between(path, training):
    i = min(int(training), len(path) - 2)
    u = training - i
    return [((1 - u) * a + u * c, (1 - u) * b + u * d) for (a, b), (c, d) in zip(path[i], path[i + 1])]


def write(file, table, name="", points=()):
    """A table's keys, and its points as an array of tables."""
    blocks = ["".join(f"{k} = {json.dumps(v)}\n" for k, v in table.items())]
    for p in points:
        blocks.append(f"[[{name}.points]]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in p.items()))
    file.write("\n".join(blocks) + "\n")


def centroids(file):
    steps = sorted((DATA / "centroids").glob("step-*.safetensors"))
    path = [perceptron(step)[0] for step in steps]
    history = []
    for layers in path:
        points = equilibria(lambda x: energy_of(layers, 1.0, x)[1:], 1.0, nodes=17)
        history.append(counts(points))
        assert sum((-1) ** p["index"] for p in points) == 1
    print(history, flush=True)
    file.write("[centroids]\ncounts = [\n" + "".join(f"    {h},\n" for h in history) + "]\n\n")
    folds(file, path)
    for training in (0.0, 12.0, 15.5, 18.0, 22.0, 23.0, 40.25, 60.0):
        layers = between(path, training)
        field = lambda x: energy_of(layers, 1.0, x)[1:]
        points = equilibria(field, 1.0)
        doubtful = check_winding(field, points)
        for p in points:
            del p["antisymmetric"]
            p["energy"] = float(energy_of(layers, 1.0, np.array([p["x"]]))[0][0])
        print(training, counts(points), doubtful, flush=True)
        file.write("[[centroids.at]]\n")
        write(file, {"training": training, "counts": counts(points)}, "centroids.at", points)


def fold(path, x, training):
    """Solves g = 0, det H = 0 for the point and the position, from a guess, by Newton's method with differences."""

    def system(u):
        _, g, h = energy_of(between(path, u[2]), 1.0, u[None, :2])
        return np.array([g[0, 0], g[0, 1], np.linalg.det(h[0])])

    u = np.array([*x, training])
    for _ in range(40):
        columns = [(system(u + d) - system(u - d)) / 2e-5 for d in 1e-5 * np.eye(3)]
        step = np.linalg.solve(np.stack(columns, axis=1), system(u))
        u = u - step * min(1.0, 0.1 / np.linalg.norm(step))
    assert np.linalg.norm(system(u)) < 1e-10, (x, training, u)
    return u


def folds(file, path):
    """Folds on the stretch where minima are born, wherever the counts of two neighbours of a fine grid differ."""
    grid = np.arange(10.0, 24.0 + 1e-9, 1 / 16)
    last = None
    for training in grid:
        points = equilibria(lambda x: energy_of(between(path, training), 1.0, x)[1:], 1.0, nodes=17)
        if last is not None and counts(points) != counts(last):
            more, fewer = (points, last) if len(points) > len(last) else (last, points)
            distance = [min([np.hypot(*np.subtract(p["x"], q["x"])) for q in fewer]) for p in more]
            new = [more[i] for i in np.argsort(distance)[::-1][: len(more) - len(fewer)]]
            guess = np.mean([p["x"] for p in new], axis=0)
            assert len(new) == 2, (training, len(new))
            *x, at = fold(path, guess, training - 1 / 32)
            assert training - 1 / 16 <= at <= training, (training, at)
            table = {"training": float(at), "x": [float(v) for v in x], "before": counts(last), "after": counts(points)}
            print("fold", table, flush=True)
            file.write("[[centroids.folds]]\n")
            write(file, table)
        last = points


def circle(file):
    for count, times in ((2, (0.01, 0.25, 1.0)), (9, (0.01, 0.05, 0.15, 0.25, 1.0)), (1000, (0.25, 1.0))):
        layers, tensors = perceptron(DATA / f"circle/k{count}.safetensors")
        for t in times:
            field = lambda x: minus_score(layers, tensors, t, x)
            points = equilibria(field, 1 / t, nodes=41)
            doubtful = check_winding(field, points)
            print(count, t, counts(points), sum((-1) ** p["index"] for p in points), doubtful,
                  max(p["antisymmetric"] for p in points), flush=True)
            file.write("[[circle]]\n")
            write(file, {"k": count, "t": t, "counts": counts(points)}, "circle", points)


def digits(file):
    (w0, b0), (w1, b1), (w2, b2) = perceptron(DATA / "digits-energy/digits.safetensors")[0]

    def energy(x):
        a = x @ w0.T + b0
        b = np.logaddexp(0.0, a) @ w1.T + b1
        slope = ((sigmoid(b) * w2[0]) @ w1 * sigmoid(a)) @ w0 + 6.25 * x
        return np.logaddexp(0.0, b) @ w2[0] + b2[0] + 3.125 * np.sum(x * x, axis=1), slope

    x = np.load(DATA / "digits.npy").astype(float)
    for _ in range(1500):
        x = x - 0.08 * energy(x)[1]
    assert np.max(np.abs(energy(x)[1])) < 1e-11
    minima = distinct(x, 1e-6)
    basin = [int(np.sum(np.linalg.norm(x - m, axis=1) < 1e-6)) for m in minima]
    order = np.argsort(energy(minima)[0])
    write(file, {"energy": energy(minima)[0][order].tolist(), "digits": [basin[i] for i in order],
                 "x": minima[order].tolist()})
    print(len(minima), "minima of the digits", flush=True)


if __name__ == "__main__":
    with open(HERE / "known.toml", "w") as known:
        known.write("# Equilibria of the networks in data/, by search.py.\n\n[digits]\n")
        digits(known)
        circle(known)
        centroids(known)
