"""Posteriors against Hyperopt's own code, and the chosen candidate against its own score.

Hyperopt leaves the order of equal values and equal losses to numpy's unstable sort; ours is stable
(older first). So that both see the same order, its ``argsort`` is made stable here.
"""

from __future__ import annotations

import numpy as np
import pytest
from hyperopt.pyll import scope
from hyperopt.pyll.stochastic import sample as their_sample

from hyperopt import hp as their_hp
from hyperopt import pyll
from hyperopt import tpe as their_tpe
from sparktune import _core

if not hasattr(_core, "explain"):
    pytest.skip(
        "the extension was built without the feature `inspect`; that of `make setup` has it",
        allow_module_level=True,
    )

RELATIVE = 1e-9

# label -> (our distribution, our arguments, Hyperopt's constructor of the same parameter)
CONSTRUCTORS = {
    "uniform": ("uniform", [-2.0, 3.0], lambda: their_hp.uniform("x", -2.0, 3.0)),
    "quniform": ("quniform", [0.0, 20.0, 0.5], lambda: their_hp.quniform("x", 0.0, 20.0, 0.5)),
    "uniformint": ("quniform", [1.0, 30.0, 1.0], lambda: their_hp.uniformint("x", 1, 30)),
    "loguniform": ("loguniform", [-9.0, 1.5], lambda: their_hp.loguniform("x", -9.0, 1.5)),
    "qloguniform": ("qloguniform", [-1.0, 5.0, 2.0], lambda: their_hp.qloguniform("x", -1, 5, 2)),
    "normal": ("normal", [1.0, 2.5], lambda: their_hp.normal("x", 1.0, 2.5)),
    "qnormal": ("qnormal", [0.0, 6.0, 1.0], lambda: their_hp.qnormal("x", 0.0, 6.0, 1.0)),
    "lognormal": ("lognormal", [0.5, 1.0], lambda: their_hp.lognormal("x", 0.5, 1.0)),
    "qlognormal": ("qlognormal", [1.0, 1.0, 0.5], lambda: their_hp.qlognormal("x", 1.0, 1.0, 0.5)),
    "randint": ("randint", [0, 9], lambda: their_hp.randint("x", 9)),
    "randint_low": ("randint", [5, 12], lambda: their_hp.randint("x", 5, 12)),
    "choice": ("randint", [0, 4], lambda: their_hp.choice("x", ["a", "b", "c", "d"])),
    "pchoice": (
        "categorical",
        [0.1, 0.2, 0.7],
        lambda: their_hp.pchoice("x", [(0.1, "a"), (0.2, "b"), (0.7, "c")]),
    ),
}
DISCRETE = {"randint", "randint_low", "choice", "pchoice"}
SIZES = [0, 1, 2, 24, 25, 26, 100, 1000]
KINDS = ["plain", "duplicates", "ordered", "reversed", "unfinished"]


@pytest.fixture(autouse=True)
def stable_argsort(monkeypatch):
    class StableNumpy:
        def __getattr__(self, name):
            return getattr(np, name)

        @staticmethod
        def argsort(values):
            return np.argsort(values, kind="stable")

    monkeypatch.setattr(their_tpe, "np", StableNumpy())


def their_node(name):
    """The distribution node inside Hyperopt's constructor."""
    (node,) = [
        n.arg["obj"] for n in pyll.dfs(CONSTRUCTORS[name][2]()) if n.name == "hyperopt_param"
    ]
    return node


def observations(name, n, kind):
    """Values drawn from Hyperopt's prior, and losses; both in the order of suggestion."""
    rng = np.random.default_rng([n, KINDS.index(kind), sum(map(ord, name))])
    node = their_node(name)
    values = np.asarray([np.ravel(their_sample(node, rng))[0] for _ in range(n)], dtype=float)
    losses = rng.normal(size=n)
    if kind == "duplicates" and n:
        values = rng.choice(values[: max(1, n // 8)], size=n)
        losses = np.round(losses, 1)
    elif kind == "ordered":
        losses = np.sort(losses)
    elif kind == "reversed":
        losses = np.sort(losses)[::-1].copy()
    elif kind == "unfinished":
        losses[rng.random(n) < 0.4] = np.inf
    return values, losses


def our_history(name, values, losses):
    distribution, args, _ = CONSTRUCTORS[name]
    history = _core.History(_core.Space([("x", distribution, args, [[]])]))
    # Out of order on purpose: the history sorts by trial id.
    for tid in np.random.default_rng(0).permutation(len(values)):
        history.observe(int(tid), float(losses[tid]), [float(values[tid])])
    return history


def their_posterior(name, observed, prior_weight=1.0):
    """Hyperopt's posterior node for one side of the split."""
    node = their_node(name)
    kwargs = dict(node.named_args)
    observed = observed.astype(int) if name in DISCRETE else observed
    if name == "pchoice":  # Hyperopt's vectorised spaces pass one row per draw
        p = pyll.Literal(np.tile(pyll.rec_eval(node.pos_args[0]), (2, 1)))
        return their_tpe.adaptive_parzen_samplers[node.name](
            pyll.Literal(observed), prior_weight, p, size=(1,)
        )
    return their_tpe.adaptive_parzen_samplers[node.name](
        pyll.Literal(observed), prior_weight, *node.pos_args, **kwargs
    )


def their_log_density(name, posterior, values):
    """Hyperopt's score of values under a posterior, as its ``build_posterior`` computes it."""
    if name in DISCRETE:
        low = 5 if name == "randint_low" else 0
        samples = (values - low).astype(int)
    else:
        samples = values
    lpdf = getattr(scope, posterior.name + "_lpdf")
    kwargs = {k: a for k, a in posterior.named_args if k not in ("rng", "size")}
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(pyll.rec_eval(lpdf(samples, *posterior.pos_args, **kwargs)))


def their_sides(values, losses, gamma=0.25):
    idxs = np.arange(len(values))
    if len(values) == 0:
        return np.zeros(0), np.zeros(0)
    return their_tpe.ap_split_trials(idxs, values, idxs, losses, gamma)


def assert_same(ours, theirs):
    np.testing.assert_allclose(ours, theirs, rtol=RELATIVE, atol=0)


def assert_same_log(ours, theirs):
    """Densities equal to 1e-9 relative: logarithms equal to 1e-9 absolute."""
    np.testing.assert_array_equal(np.isneginf(ours), np.isneginf(theirs))
    finite = np.isfinite(theirs)
    np.testing.assert_allclose(ours[finite], theirs[finite], rtol=0, atol=RELATIVE)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("name", CONSTRUCTORS)
def test_posteriors_equal(name, n, kind):
    values, losses = observations(name, n, kind)
    history = our_history(name, values, losses)
    for good, observed in zip((True, False), their_sides(values, losses), strict=True):
        theirs = their_posterior(name, observed)
        if name not in DISCRETE:
            weights, mus, sigmas = (pyll.rec_eval(a) for a in theirs.pos_args[:3])
            ours = _core.parzen(history, "x", good=good)
            assert_same(ours[0], weights)
            assert_same(ours[1], mus)
            assert_same(ours[2], sigmas)
        points, _ = observations(name, 50, "plain")
        if n:
            points = np.unique(np.concatenate([points, values[:50]]))
        assert_same_log(
            _core.log_density(history, "x", points, good=good),
            their_log_density(name, theirs, points),
        )


@pytest.mark.parametrize("name", CONSTRUCTORS)
def test_other_settings_reach_the_posterior(name):
    values, losses = observations(name, 100, "plain")
    history = our_history(name, values, losses)
    points, _ = observations(name, 20, "plain")
    sides = their_sides(values, losses, gamma=0.8)
    for good, observed in zip((True, False), sides, strict=True):
        assert_same_log(
            _core.log_density(history, "x", points, good=good, prior_weight=0.3, gamma=0.8),
            their_log_density(name, their_posterior(name, observed, 0.3), points),
        )


@pytest.mark.parametrize("n", [2, 24, 26, 100, 1000])
@pytest.mark.parametrize("name", CONSTRUCTORS)
def test_the_chosen_candidate_is_the_argmax_of_their_score(name, n):
    values, losses = observations(name, n, "plain")
    history = our_history(name, values, losses)
    good, rest = (their_posterior(name, side) for side in their_sides(values, losses))
    for seed in range(5):
        row, [(label, candidates, _, _, chosen)] = _core.explain(history, n, seed)
        assert label == "x"
        assert len(candidates) == 24
        score = their_log_density(name, good, candidates) - their_log_density(
            name, rest, candidates
        )
        assert row[0] == candidates[chosen]
        # Equal candidates have equal scores up to rounding: compare the values.
        best = candidates[np.argmax(score)]
        assert candidates[chosen] == best or np.isclose(
            score[chosen], score.max(), rtol=0, atol=1e-9
        )
