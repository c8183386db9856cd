"""What both peers are given: a landscape with its known points, a clock, and a tally of what has been found.

Runs in the peer's own environment; needs numpy and Python 3.11.
"""

import time
import tomllib

import numpy as np


class Mixture:
    """E = -log (1/K) sum_k exp(-|x - y_k|^2 / (2 sigma^2)) + (c/2)|x|^2, written for speed at single points."""

    def __init__(self, landscape):
        if landscape["kind"] != "mixture" or "weights" in landscape:
            raise SystemExit("the comparison is written for mixtures with equal weights")
        self.points = np.ascontiguousarray(landscape["points"], float)
        self.sigma = landscape["sigma"]
        self.confinement = landscape.get("confinement", 0.0)
        self.scale = 1.0 / self.sigma**2
        # |x|^2 is common to all exponents: only y_k.x - |y_k|^2/2 tells the data apart.
        self.scaled = self.points * self.scale
        self.half = 0.5 * self.scale * np.einsum("kn,kn->k", self.points, self.points)
        self.constant = np.log(len(self.points))
        # Where each memory alone, with the confinement, would have its minimum.
        self.starts = self.points * (self.scale / (self.scale + self.confinement))
        self.calls = 0

    def both(self, x):
        """Energy and gradient."""
        self.calls += 1
        a = self.scaled @ x
        a -= self.half
        top = a.max()
        a -= top
        np.exp(a, out=a)
        total = a.sum()
        gradient = (self.scale + self.confinement) * x - (a @ self.scaled) / total
        energy = 0.5 * (self.scale + self.confinement) * (x @ x) - top - np.log(total) + self.constant
        return energy, gradient


class Tally:
    """Which of the known minima and index-1 points have been seen, and at what cost; looking is not charged."""

    def __init__(self, case_file, limit):
        with open(case_file, "rb") as file:
            case = tomllib.load(file)
        self.energy = Mixture(case["landscape"])
        known = [[np.array(p["x"]) for p in case["points"] if p["index"] == i] for i in (0, 1)]
        self.known = [np.array(k).reshape(-1, self.energy.points.shape[1]) for k in known]
        self.radius = 0.02 * self.energy.sigma
        self.limit = limit
        self.seen = [set(), set()]
        self.unknown = [[], []]
        self.last = 0.0
        self.free = 0.0
        self.start = time.process_time()

    def clock(self):
        return time.process_time() - self.start - self.free

    def add(self, index, x):
        """Takes note of a point that the peer gives as a minimum (0) or as an index-1 point (1)."""
        before = time.process_time()
        now = before - self.start - self.free
        distance = np.linalg.norm(self.known[index] - x, axis=1)
        nearest = int(distance.argmin())
        if distance[nearest] < self.radius:
            if nearest not in self.seen[index]:
                self.seen[index].add(nearest)
                self.last = now
        elif all(np.linalg.norm(z - x) > self.radius for z in self.unknown[index]):
            self.unknown[index].append(np.array(x))
        self.free += time.process_time() - before

    def complete(self):
        return all(len(s) == len(k) for s, k in zip(self.seen, self.known))

    def over(self):
        return self.complete() or self.clock() > self.limit

    def result(self, tool, **more):
        return {
            "tool": tool,
            "complete": self.complete(),
            "cpu_seconds": round(self.last if self.complete() else self.clock(), 3),
            "last_new_point": round(self.last, 3),
            "found": [len(s) for s in self.seen],
            "known": [len(k) for k in self.known],
            "not_known": [len(u) for u in self.unknown],
            "gradients": self.energy.calls,
            **more,
        }
