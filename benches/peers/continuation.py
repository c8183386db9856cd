#!/usr/bin/env python3
"""Folds along a parameter by other continuation programs, one thread, as a JSON line.

    python continuation.py TOOL PROBLEM

TOOL is auto (AUTO as XPPAUT has it, by xpplab) or bice (for bratu only); PROBLEM is s-curve, eight-points, bratu-200 or
bratu-1000, as in benches/continuation.rs. The line has the folds' parameters as the tool located them, the number of
points, and the CPU seconds of the continuation; importing, and reading the model in, are left out.
"""

import json
import pathlib
import sys
import tempfile
import time

import one_thread  # noqa: F401  before numpy
import numpy as np

EIGHT = np.array([
    (0.00123, 0.298746), (-0.274138, -0.890592), (-0.454671, -0.991647), (0.060144, 1.340215),
    (-0.492207, -0.620475), (0.489842, 0.356887), (0.105414, -0.930468), (-0.029252, 0.695303),
])


class Problem:
    """`u' = field(u, p)` from `starts` at `first` to `last` of the parameter."""

    def __init__(self, name):
        self.name = name
        if name == "s-curve":
            self.parameter, self.first, self.last = "p", -1.0, 1.0
            self.starts = [np.array([1.3247179572447460])]
            self.field = lambda u, p: -(u ** 3 - u + p)
            self.model = ["x'=-(x^3-x+p)"]
            self.steps = dict(ds=0.02, dsmin=1e-6, dsmax=0.1)
        elif name == "eight-points":
            self.parameter, self.first, self.last = "sigma", 0.08, 1.0
            self.starts = list(EIGHT)
            self.field = mixture
            weights = [f"w{k}=exp(-((x-({a}))^2+(y-({b}))^2)/(2*sigma^2))" for k, (a, b) in enumerate(EIGHT)]
            total = "+".join(f"w{k}" for k in range(8))
            means = ["+".join(f"w{k}*({p[i]})" for k, p in enumerate(EIGHT)) for i in range(2)]
            self.model = [*weights, f"wsum={total}", f"x'=({means[0]})/wsum-x", f"y'=({means[1]})/wsum-y"]
            self.steps = dict(ds=0.005, dsmin=1e-6, dsmax=0.02)
        else:
            n = int(name.removeprefix("bratu-"))
            h2 = (1 / (n + 1)) ** 2
            self.parameter, self.first, self.last = "lambda", 0.5, 4.0
            self.starts = [np.zeros(n)]
            # Times h^2: AUTO's determinant of n second differences overflows otherwise.
            self.field = lambda u, p: second_difference(u) + p * h2 * np.exp(u)
            self.model = [
                f"u1'=-2*u1+u2+lambda*{h2!r}*exp(u1)",
                f"u[2..{n - 1}]'=u[j-1]-2*u[j]+u[j+1]+lambda*{h2!r}*exp(u[j])",
                f"u{n}'=u{n - 1}-2*u{n}+lambda*{h2!r}*exp(u{n})",
            ]
            self.steps = dict(ds=0.05, dsmin=1e-6, dsmax=5)


def second_difference(u):
    d = -2 * u
    d[1:] += u[:-1]
    d[:-1] += u[1:]
    return d


def mixture(u, sigma):
    w = np.exp(-((EIGHT - u) ** 2).sum(axis=1) / (2 * sigma * sigma))
    return w @ EIGHT / w.sum() - u


def auto(problem, folder):
    import xpplab

    path = pathlib.Path(folder) / "model.ode"
    path.write_text("\n".join([f"par {problem.parameter}={problem.first}", *problem.model, "done", ""]))
    model = xpplab.load(str(path))
    names = list(model.variables)
    low, high = sorted((problem.first, problem.last))
    folds, points, seconds = [], 0, 0.0
    for start in problem.starts:
        model.auto.reset()
        model.set(**{problem.parameter: problem.first})
        model.set(**dict(zip(names, map(float, start))))
        begin = time.process_time()
        found = model.auto.equilibria(
            problem.parameter, parmin=low, parmax=high, nmax=400, normmax=1e6, npr=10000, epsl=1e-9, epsu=1e-9,
            epss=1e-9, **problem.steps)
        folds += [point.value for point in found.special("LP")]
        seconds += time.process_time() - begin
        points += len(found.points)
    return seconds, folds, points


def bice(problem, _):
    import contextlib

    import scipy.sparse
    from bice import Equation
    from bice import Problem as Base

    n = len(problem.starts[0])
    # Not times h^2: its differences in the parameter would be rounding.
    per = float((n + 1) ** 2)
    laplace = scipy.sparse.diags([np.ones(n - 1), -2 * np.ones(n), np.ones(n - 1)], [-1, 0, 1], format="csr")

    class Bratu(Equation):
        def __init__(self):
            super().__init__()
            self.u = np.array(problem.starts[0])
            self.parameter = problem.first

        def rhs(self, u):
            return per * problem.field(u, self.parameter)

        def jacobian(self, u):
            return per * laplace + scipy.sparse.diags(self.parameter * np.exp(u))

    whole = Base()
    equation = Bratu()
    whole.add_equation(equation)
    whole.continuation_parameter = (equation, "parameter")
    whole.settings.neigs = 4
    whole.settings.use_sparse_matrices = True
    stepper = whole.continuation_stepper
    stepper.ds, stepper.ds_max = problem.steps["ds"], problem.steps["dsmax"]
    with contextlib.redirect_stdout(sys.stderr):
        whole.newton_solve()
        begin = time.process_time()
        whole.generate_bifurcation_diagram(
            parameter_lims=(problem.first - 1e-3, problem.last), max_recursion=0, max_steps=400,
            detect_circular_branches=False)
        seconds = time.process_time() - begin
    branches = whole.bifurcation_diagram.branches
    points = sum(len(branch.parameter_vals()) for branch in branches)
    return seconds, [point.p for branch in branches for point in branch.bifurcations()], points


def main():
    tool, name = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        seconds, folds, points = {"auto": auto, "bice": bice}[tool](Problem(name), folder)
    line = {"tool": tool, "problem": name, "seconds": seconds, "points": points, "folds": sorted(map(float, folds))}
    print(json.dumps(line))


if __name__ == "__main__":
    main()
