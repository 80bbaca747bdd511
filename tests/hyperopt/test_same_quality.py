"""Searches with Hyperopt's settings end as well as Hyperopt's own, on its own test domains.

The domains are the functions of `tests/unit/test_domains.py` in Hyperopt's wheel, built once with
Hyperopt and once, from the same text, with sparktune. On each, twenty seeded searches of both end
with twenty best losses each; a two-sided rank test asks whether they come from one distribution.
With Holm's correction, the probability that equal libraries fail one of all the rank tests is 1 %.
"""

import functools
import importlib.metadata
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest, mannwhitneyu

import hyperopt
import sparktune

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

SOURCE = Path(
    importlib.metadata.distribution("hyperopt").locate_file("hyperopt/tests/unit/test_domains.py")
)
DOMAINS = [
    "quadratic1",
    "q1_choice",
    "q1_lognormal",
    "n_arms",
    "distractor",
    "gauss_wave",
    "gauss_wave2",
    "many_dists",
    "branin",
]
ALGORITHMS = {
    "tpe": (hyperopt.tpe.suggest, sparktune.tpe.hyperopt_suggest),
    "anneal": (hyperopt.anneal.suggest, sparktune.anneal.suggest),
    "rand": (hyperopt.rand.suggest, sparktune.rand.suggest),
}
SEEDS = range(20)
EVALUATIONS = 60  # 20 at random, then 40 that TPE suggests
LEVEL = 0.01

# Algorithm, domain, evaluations. The last is a test of Hyperopt's own that holds for one seed only
# (upstream_skips.py).
CASES = [(name, domain, EVALUATIONS) for name in ALGORITHMS for domain in DOMAINS]
CASES += [("rand", "many_dists", 500)]


@functools.cache
def constructors(library):
    """The functions that build the domains, from the file's text with its imports changed."""
    names = {"__name__": "domains"}
    text = SOURCE.read_text().replace("from hyperopt", f"from {library.__name__}")
    exec(compile(text, str(SOURCE), "exec"), names)
    return names


@functools.cache
def best_losses(library, algo, domain, evaluations=EVALUATIONS):
    best = []
    for seed in SEEDS:
        # Made afresh each time: two of the domains hold a random generator.
        space = constructors(library)[domain]().expr
        trials = library.Trials()
        library.fmin(
            lambda result: result,
            space,
            algo=algo,
            max_evals=evaluations,
            trials=trials,
            rstate=np.random.default_rng(seed),
            verbose=False,
            show_progressbar=False,
        )
        assert len(trials) == evaluations
        best.append(min(trials.losses()))
    return best


def p_value(theirs, ours, *case):
    return mannwhitneyu(
        best_losses(hyperopt, theirs, *case), best_losses(sparktune, ours, *case)
    ).pvalue


def rejected(p_values):
    """Holm's procedure: return the cases that differ, at `LEVEL` for all of them together."""
    found = []
    for case, p in sorted(p_values.items(), key=lambda item: item[1]):
        if p > LEVEL / (len(CASES) - len(found)):
            break
        found.append(case)
    return found


def test_best_losses_do_not_differ():
    p_values = {(name, *case): p_value(*ALGORITHMS[name], *case) for name, *case in CASES}
    assert {
        (name, *case): [
            np.median(best_losses(library, algo, *case))
            for library, algo in zip((hyperopt, sparktune), ALGORITHMS[name], strict=True)
        ]
        for name, *case in rejected(p_values)
    } == {}


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (hyperopt.tpe.suggest, sparktune.rand.suggest),
        (hyperopt.rand.suggest, sparktune.tpe.hyperopt_suggest),
    ],
    ids=["ours worse", "ours better"],
)
def test_the_rank_test_tells_another_algorithm_apart(theirs, ours):
    """Otherwise the test above would show nothing."""
    p_values = {domain: p_value(theirs, ours, domain) for domain in DOMAINS}
    assert sum(p <= LEVEL for p in p_values.values()) >= 4, p_values
    assert len(rejected(p_values)) >= 2, p_values


def test_random_search_finds_roots_as_often_as_chance():
    """A test in test_randint.py of Hyperopt holds for four seeds of five; here, how many."""
    roots, draws, searches = (3, 10, 50), 150, 60
    bounds = [(2, 7), (2, 30), (2, 100), (5, 30), (5, 100), (20, 100)]
    chance = 1.0
    for low, high in bounds:
        share = sum(low <= root < high for root in roots) / (high - low)
        chance *= 1 - (1 - share) ** draws

    def finds_one(low, high, seed):
        best = sparktune.fmin(
            lambda t: abs((t - 3) * (t - 10) * (t - 50)),
            space=sparktune.hp.randint("t", low, high),
            algo=sparktune.rand.suggest,
            rstate=np.random.default_rng([seed, low, high]),
            max_evals=draws,
            verbose=False,
        )
        return best["t"] in roots

    found = sum(all(finds_one(*b, seed) for b in bounds) for seed in range(searches))
    assert binomtest(found, searches, chance).pvalue > LEVEL, (found, chance)
