"""topsearch on one case: minima by minimisation from each memory's own well and basin hopping, then a double-ended
search for each minimum and its nearest neighbours, more neighbours and more basin hopping each round. Prints one JSON
line.

    python run_topsearch.py CASE.toml --seed 1 --limit 60

Its network keeps one transition state for each pair of minima; a second one replaces the first. The tally counts what
was ever found; `kept` says what the network holds at the end.
"""

import argparse
import json
import os
import random
import tempfile
import warnings
from collections import Counter

import one_thread  # noqa: F401  before numpy
import numpy as np
from topsearch.analysis.pair_selection import closest_enumeration
from topsearch.data.coordinates import StandardCoordinates
from topsearch.data.kinetic_transition_network import KineticTransitionNetwork
from topsearch.global_optimisation.basin_hopping import BasinHopping
from topsearch.global_optimisation.perturbations import StandardPerturbation
from topsearch.potentials.potential import Potential
from topsearch.sampling.exploration import NetworkSampling
from topsearch.similarity.similarity import StandardSimilarity
from topsearch.transition_states.hybrid_eigenvector_following import HybridEigenvectorFollowing
from topsearch.transition_states.nudged_elastic_band import NudgedElasticBand

from task import Tally


class Energy(Potential):
    def __init__(self, energy):
        super().__init__()
        self.energy = energy

    def function(self, position):
        return self.energy.both(position)[0]

    def gradient(self, position):
        return self.energy.both(position)[1]

    def function_gradient(self, position):
        return self.energy.both(position)


class Recording(StandardSimilarity):
    """The standard comparison, which also tells the tally of every point it is shown."""

    def __init__(self, tally):
        super().__init__(distance_criterion=tally.radius, energy_criterion=1e-4)
        self.tally = tally

    def test_new_minimum(self, ktn, min_coords, min_energy):
        self.tally.add(0, min_coords.position)
        super().test_new_minimum(ktn, min_coords, min_energy)

    def test_new_ts(self, ktn, ts_coords, ts_energy, plus, e_plus, minus, e_minus):
        self.tally.add(1, ts_coords.position)
        self.tally.add(0, plus)
        self.tally.add(0, minus)
        super().test_new_ts(ktn, ts_coords, ts_energy, plus, e_plus, minus, e_minus)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("case")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limit", type=float, default=60.0)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    np.random.seed(given.seed)
    random.seed(given.seed)
    tally = Tally(given.case, given.limit)
    sigma, points = tally.energy.sigma, tally.energy.points
    # It writes a log file into the current folder.
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        potential = Energy(tally.energy)
        bounds = [(low - sigma, high + sigma) for low, high in zip(points.min(0), points.max(0))]
        coords = StandardCoordinates(ndim=points.shape[1], bounds=bounds)
        # Steps of about 1.6 sigma in any dimension.
        step = 5.6 * sigma / np.sqrt(coords.ndim)
        network = KineticTransitionNetwork()
        similarity = Recording(tally)
        hopping = BasinHopping(ktn=network, potential=potential, similarity=similarity,
                               step_taking=StandardPerturbation(max_displacement=step))
        for y in tally.energy.starts:
            coords.position = y.copy()
            hopping.run(coords=coords, n_steps=0, conv_crit=1e-6, temperature=1.0)
        hopping.run(coords=coords, n_steps=100, conv_crit=1e-6, temperature=1.0)
        following = HybridEigenvectorFollowing(
            potential=potential, ts_conv_crit=1e-5, ts_steps=75, pushoff=0.1 * sigma, max_uphill_step_size=0.3 * sigma,
            positive_eigenvalue_step=0.1 * sigma)
        band = NudgedElasticBand(potential=potential, force_constant=50.0, image_density=4 / sigma, max_images=30,
                                 neb_conv_crit=1e-2)
        sampling = NetworkSampling(ktn=network, coords=coords, global_optimiser=hopping, single_ended_search=following,
                                   double_ended_search=band, similarity=similarity)
        attempts, neighbours, tried = 0, 2, Counter()
        while not tally.over():
            for one, two in sorted(closest_enumeration(network, similarity, coords, neighbours)):
                # It would refuse these two kinds of pair itself, after a slow look through its list.
                if network.G.has_edge(one, two) or tried[one, two] == 3:
                    continue
                tried[one, two] += 1
                attempts += 1
                sampling.run_connection_attempts([[one, two]])
                if tally.over():
                    break
            neighbours = min(neighbours + 2, network.n_minima)
            coords.position = tally.energy.starts[np.random.randint(len(points))].copy()
            hopping.run(coords=coords, n_steps=20, conv_crit=1e-6, temperature=1.0)
        kept = [network.n_minima, network.n_ts]
    print(json.dumps(tally.result("topsearch 0.0.3", seed=given.seed, pairs=attempts, kept=kept)))


if __name__ == "__main__":
    main()
