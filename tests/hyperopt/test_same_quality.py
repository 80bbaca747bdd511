"""Searches with Hyperopt's settings end as well as Hyperopt's own, on its own test domains.

The domains are the functions of `tests/unit/test_domains.py` in Hyperopt's wheel, built once with
Hyperopt and once, from the same text, with sparktune. On each, twenty seeded searches of both end
with twenty best losses each; a two-sided rank test asks whether they come from one distribution.
"""

import functools
import importlib.metadata
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

import hyperopt
import sparktune

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

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


@functools.cache
def constructors(library):
    """The functions that build the domains, from the file's text with its imports changed."""
    names = {"__name__": "domains"}
    text = SOURCE.read_text().replace("from hyperopt", f"from {library.__name__}")
    exec(compile(text, str(SOURCE), "exec"), names)
    return names


@functools.cache
def best_losses(library, algo, domain):
    best = []
    for seed in SEEDS:
        # Made afresh each time: two of the domains hold a random generator.
        space = constructors(library)[domain]().expr
        trials = library.Trials()
        library.fmin(
            lambda result: result,
            space,
            algo=algo,
            max_evals=EVALUATIONS,
            trials=trials,
            rstate=np.random.default_rng(seed),
            verbose=False,
            show_progressbar=False,
        )
        assert len(trials) == EVALUATIONS
        best.append(min(trials.losses()))
    return best


def p_value(theirs, ours, domain):
    return mannwhitneyu(
        best_losses(hyperopt, theirs, domain), best_losses(sparktune, ours, domain)
    ).pvalue


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("name", list(ALGORITHMS))
def test_best_losses_do_not_differ(name, domain):
    theirs, ours = ALGORITHMS[name]
    assert p_value(theirs, ours, domain) > LEVEL, (
        np.median(best_losses(hyperopt, theirs, domain)),
        np.median(best_losses(sparktune, ours, domain)),
    )


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (hyperopt.tpe.suggest, sparktune.rand.suggest),
        (hyperopt.rand.suggest, sparktune.tpe.hyperopt_suggest),
    ],
    ids=["ours worse", "ours better"],
)
def test_the_rank_test_tells_another_algorithm_apart(theirs, ours):
    """Else the test above would show nothing."""
    found = [domain for domain in DOMAINS if p_value(theirs, ours, domain) <= LEVEL]
    assert len(found) >= 4, found
