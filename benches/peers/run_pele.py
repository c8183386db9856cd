"""pele on one case: minima by quenches from each memory's own well and basin hopping, then a local connection attempt
for each pair of minima, nearest first, then single-ended searches from displaced minima. Prints one JSON line.

    python run_pele.py CASE.toml --seed 1 --limit 60
"""

import argparse
import json
import logging
import os

import one_thread  # noqa: F401  before numpy
import numpy as np
from pele.landscape import LocalConnect
from pele.potentials import BasePotential
from pele.systems import BaseSystem
from pele.takestep import RandomDisplacement
from pele.transition_states import findTransitionState, minima_from_ts

from task import Tally


class Potential(BasePotential):
    def __init__(self, energy):
        self.energy = energy

    def getEnergy(self, coords):
        return self.energy.both(coords)[0]

    def getEnergyGradient(self, coords):
        return self.energy.both(coords)


class System(BaseSystem):
    """A landscape without symmetries."""

    def __init__(self, tally, rng):
        BaseSystem.__init__(self)
        self.tally, self.rng = tally, rng
        self.potential = Potential(tally.energy)
        self.params.database.accuracy = 1e-4
        self.params.structural_quench_params.tol = 1e-6

    def get_potential(self):
        return self.potential

    def get_random_configuration(self):
        return self.rng.permutation(self.tally.energy.starts)[0].copy()

    def get_compare_exact(self):
        return lambda a, b: np.linalg.norm(a - b) < self.tally.radius

    def get_mindist(self):
        return lambda a, b: (np.linalg.norm(a - b), a, b)

    def get_orthogonalize_to_zero_eigenvectors(self):
        return None

    def get_takestep(self):
        return RandomDisplacement(stepsize=2 * self.tally.energy.sigma)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("case")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limit", type=float, default=60.0)
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)
    np.random.seed(given.seed)
    rng = np.random.default_rng(given.seed)
    tally = Tally(given.case, given.limit)
    sigma = tally.energy.sigma
    system = System(tally, rng)
    potential = system.get_potential()
    database = system.create_database()

    def keep_minimum(energy, coords):
        tally.add(0, coords)
        return database.addMinimum(energy, coords)

    quench = system.get_minimizer()
    for y in tally.energy.starts:
        end = quench(y)
        if end.success:
            keep_minimum(end.energy, end.coords)
    hopping = system.get_basinhopping(database=database, add_minimum=keep_minimum, outstream=open(os.devnull, "w"))
    hopping.run(100)

    search = dict(tol=1e-5, nsteps=100, max_uphill_step=0.3 * sigma, max_uphill_step_initial=0.3 * sigma,
                  orthogZeroEigs=None, iprint=-1, verbosity=0,
                  lowestEigenvectorQuenchParams=dict(nsteps=50, tol=1e-3),
                  tangentSpaceQuenchParams=dict(maxstep=0.3 * sigma))
    push = dict(stepmin=1e-3 * sigma, quench=quench)
    band = dict(image_density=4 / sigma, max_images=30, iter_density=3 / sigma, k=100.0,
                NEBquenchParams=dict(tol=1e-2, maxstep=0.3 * sigma, iprint=-1), verbose=0)

    def keep_saddle(saddle, one, two):
        tally.add(1, saddle.coords)
        m1, m2 = keep_minimum(one.energy, one.coords), keep_minimum(two.energy, two.coords)
        database.addTransitionState(saddle.energy, saddle.coords, m1, m2, eigenval=saddle.eigenval,
                                    eigenvec=saddle.eigenvec)

    tried = set()
    while not tally.over():
        minima = database.minima()
        pairs = [(np.linalg.norm(a.coords - b.coords), a.id(), b.id(), a, b)
                 for i, a in enumerate(minima) for b in minima[:i]
                 if frozenset((a.id(), b.id())) not in tried]
        if not pairs:
            break
        # New minima join the queue after a few attempts.
        for _, i, j, a, b in sorted(pairs)[:10]:
            tried.add(frozenset((i, j)))
            attempt = LocalConnect(potential, system.get_mindist(), tsSearchParams=search, NEBparams=band,
                                   pushoff_params=push, verbosity=0)
            for found in attempt.connect(a, b).new_transition_states:
                keep_saddle(*found)
            if tally.over():
                break
    pairs_tried = len(tried)
    single = 0
    while not tally.over():
        single += 1
        minima = database.minima()
        # About 1.5 sigma away, in any dimension.
        push_away = rng.normal(size=tally.energy.points.shape[1])
        start = minima[rng.integers(len(minima))].coords + 1.5 * sigma * push_away / np.linalg.norm(push_away)
        saddle = findTransitionState(start, potential, **search)
        if saddle.success and saddle.eigenval < 0:
            one, two = minima_from_ts(potential, saddle.coords, n=saddle.eigenvec, **push)
            keep_saddle(saddle, one, two)
    print(json.dumps(tally.result("pele 0.1.2", seed=given.seed, pairs=pairs_tried, single_ended=single)))


if __name__ == "__main__":
    main()
