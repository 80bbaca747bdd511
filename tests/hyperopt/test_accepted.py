"""Names that Hyperopt has, and arguments that it accepts, are accepted here too."""

import collections
import importlib
import logging
import math
import warnings

import numpy as np
import pytest

import sparktune
from sparktune import ProcessTrials, Trials, fmin, hp, pyll, rand, space_eval
from sparktune.early_stop import no_progress_loss
from sparktune.exceptions import BadSearchSpace, InvalidArgumentType

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import hyperopt.spark

    import hyperopt

BOTH = [hyperopt, sparktune]


class Sequence:
    """What `len` and indices are enough for."""

    def __len__(self):
        return 3

    def __getitem__(self, index):
        return ("x", "y", "z")[index]


def points(lib, space, seeds=60):
    """Return what a space may give."""
    drawn = [lib.pyll.stochastic.sample(space, np.random.default_rng(s)) for s in range(seeds)]
    return collections.Counter(map(repr, drawn))


@pytest.mark.parametrize(
    "options",
    ["abc", "a", b"abc", range(3), np.arange(3), (1, 2), {"a": 1, "b": 2}, {1, 2}, {"a": 1}.keys(),
     Sequence(), collections.deque([1, 2])],
    ids=lambda options: type(options).__name__,
)  # fmt: skip
def test_options_of_a_choice(options):
    theirs, ours = (points(lib, lib.hp.choice("c", options)) for lib in BOTH)
    assert theirs.keys() == ours.keys()


def test_pairs_of_a_pchoice():
    pairs = np.array([[0.5, 1.0], [0.5, 2.0]])
    theirs, ours = (points(lib, lib.hp.pchoice("c", pairs)) for lib in BOTH)
    assert theirs.keys() == ours.keys()


@pytest.mark.parametrize(
    "given",
    [(0.5, 0.49), (0.3, 0.3, 0.3), (0.5, 0.6), (0.5, 1.0), (0.1,), (1.0, 0.5), (0.25, 0.25, 0)],
)
def test_probabilities_that_hyperopt_completes(given, caplog):
    """The last one is what the others leave."""
    spaces = [lib.hp.pchoice("p", list(zip(given, "abc", strict=False))) for lib in BOTH]
    trials = [hyperopt.Trials(), Trials()]
    drawn = []
    for lib, space, each in zip(BOTH, spaces, trials, strict=True):
        lib.fmin(lambda _: 0.0, space, lib.rand.suggest, 400, trials=each, verbose=False,
                 rstate=np.random.default_rng(1))  # fmt: skip
        drawn.append(np.bincount(each.vals["p"], minlength=len(given)) / 400)
    expected = [*given[:-1], 1 - sum(given[:-1])]
    # Six standard errors: fails by chance less than once in 10^7 runs.
    for each in drawn:
        np.testing.assert_allclose(each, expected, atol=6 * 0.5 / math.sqrt(400))
    assert not drawn[1][np.array(expected) == 0].any()
    assert sum("sum to" in message for message in caplog.messages) == 1


@pytest.mark.parametrize("given", [(0.7, 0.7, 0.1), (1.5, 0.1), (0.1, 1.2)])
def test_probabilities_that_hyperopt_refuses(given):
    pairs = list(zip(given, "abc", strict=False))
    with pytest.raises(ValueError, match="pvals"):
        hyperopt.fmin(lambda _: 0.0, hyperopt.hp.pchoice("p", pairs), hyperopt.rand.suggest, 1,
                      verbose=False)  # fmt: skip
    with pytest.raises(BadSearchSpace, match="must have probabilities that sum to 1"):
        hp.pchoice("p", pairs)


@pytest.mark.parametrize("five", [5.0, np.float64(5), np.float32(5), np.int8(5)])
def test_counts_without_a_fraction(five):
    trials = Trials()
    fmin(abs, hp.uniform("x", 0, 1), max_evals=five, max_queue_len=five, trials=trials,
         verbose=False, early_stop_fn=no_progress_loss(five))  # fmt: skip
    assert len(trials) == 5
    assert ProcessTrials(parallelism=five).parallelism == 5


@pytest.mark.parametrize("make", [no_progress_loss, ProcessTrials])
def test_counts_with_a_fraction_are_refused(make):
    with pytest.raises(InvalidArgumentType, match=r"must be an int.*; got 5\.5"):
        make(5.5)


def test_no_bound_on_the_evaluations():
    counts = []
    for lib in BOTH:
        trials = lib.Trials()
        lib.fmin(lambda x: x, lib.hp.uniform("x", 0, 1), lib.rand.suggest, math.inf, trials=trials,
                 verbose=False, loss_threshold=0.5)  # fmt: skip
        counts.append(trials.losses()[-1] < 0.5)
    assert counts == [True, True]


def test_reasons_of_a_cancelled_search():
    for name in ("EARLY_STOPPING", "TIMEOUT", "USER"):
        name = f"FMIN_CANCELLED_REASON_{name}"
        assert getattr(sparktune.spark, name) == getattr(hyperopt.spark, name)
    trials = ProcessTrials(2)
    fmin(abs, hp.uniform("x", 0, 1), max_evals=9, trials=trials, verbose=False,
         early_stop_fn=lambda *_: (True, []))  # fmt: skip
    assert trials.fmin_cancelled_reason == sparktune.spark.FMIN_CANCELLED_REASON_EARLY_STOPPING


class TestFixedInTheGraph:
    """A hyperparameter whose distribution was replaced by a constant (Hyperopt's tutorial)."""

    @staticmethod
    def fixed(lib, name, value):
        space = lib.hp.choice("a", [-1, lib.hp.uniform("b", 0, 1)])
        (node,) = [node for node in lib.pyll.dfs(space) if node.name == name]
        return lib.pyll.clone(space, memo={node: lib.pyll.as_apply(value)})

    @pytest.mark.parametrize(("name", "value"), [("randint", 1), ("uniform", 0.3), ("uniform", 0)])
    def test_the_values_are_those_of_hyperopt(self, name, value):
        found = []
        for lib in BOTH:
            trials = lib.Trials()
            space = self.fixed(lib, name, value)
            lib.fmin(lambda x: x, space, lib.rand.suggest, 40, trials=trials, verbose=False)
            label = {"randint": "a", "uniform": "b"}[name]
            found.append(set(trials.vals[label]))
        assert found == [{value}, {value}]

    @pytest.mark.parametrize("value", [0.3, -0.3, 0.0, 1e-300, 1e300, -7.5])
    @pytest.mark.parametrize("algo", ["tpe", "anneal", "rand"])
    def test_with_every_algorithm(self, value, algo):
        space = self.fixed(sparktune, "uniform", value)
        trials = Trials()
        fmin(lambda x: abs(x - 0.1) % 5, space, getattr(sparktune, algo).suggest, 30, trials=trials,
             verbose=False, rstate=1)  # fmt: skip
        assert set(trials.vals["b"]) == {value}
        assert space_eval(space, {"a": 1, "b": value}) == value

    def test_what_is_not_a_number_is_refused(self):
        with pytest.raises(BadSearchSpace, match=r"'b' holds Literal\{text\}"):
            fmin(abs, self.fixed(sparktune, "uniform", "text"), rand.suggest, 1, verbose=False)

    def test_a_point_must_have_the_value(self):
        space = self.fixed(sparktune, "randint", 1)
        assert pyll.as_apply(space) is space
        with pytest.raises(sparktune.exceptions.InvalidArgument, match=r"\['a'\]` must be a whole"):
            fmin(abs, space, rand.suggest, 1, verbose=False, points_to_evaluate=[{"a": 0, "b": 1}])


def test_adaptive_tpe(caplog):
    importlib.import_module("sparktune._hyperopt.atpe")._warn.cache_clear()
    with caplog.at_level(logging.WARNING):
        fmin(abs, hp.uniform("x", -1, 1), sparktune.atpe.suggest, 12, verbose=False)
    assert sum("tpe.suggest" in message for message in caplog.messages) == 1
