"""`fmin` with trials that run one at a time, and its helpers."""

import contextlib
import functools
import io
import logging
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

import sparktune
from sparktune import (
    JOB_STATE_CANCEL,
    JOB_STATE_DONE,
    JOB_STATE_NEW,
    STATUS_FAIL,
    STATUS_OK,
    Trials,
    fmin,
    generate_trials_to_calculate,
    hp,
    partial,
    rand,
    space_eval,
    tpe,
)
from sparktune.exceptions import InvalidArgument
from sparktune.progress import default_callback

X = hp.uniform("x", -5, 5)
quiet = functools.partial(fmin, verbose=False)


def states(trials):
    return [doc["state"] for doc in trials._dynamic_trials]


class TestSearching:
    @pytest.mark.parametrize("algo", [None, tpe.suggest, rand.suggest])
    def test_it_finds_the_minimum(self, algo):
        trials = Trials()
        best = quiet(lambda x: (x - 3) ** 2, X, algo=algo, max_evals=120, trials=trials, rstate=1)
        assert abs(best["x"] - 3) < 0.5
        assert best == trials.argmin
        assert len(trials) == 120

    def test_tpe_is_better_than_chance(self):
        space = [hp.uniform(f"x{i}", -5, 5) for i in range(4)]

        def best_of(algo, seed):
            trials = Trials()
            quiet(lambda p: sum(v**2 for v in p), space, algo=algo, max_evals=100, trials=trials,
                  rstate=seed)  # fmt: skip
            return min(trials.losses())

        seeds = range(8)
        medians = [np.median([best_of(a.suggest, seed) for seed in seeds]) for a in (tpe, rand)]
        assert medians[0] < 0.5 * medians[1]

    def test_it_returns_the_point_on_request(self):
        space = {"x": X, "c": hp.choice("c", ["a", "b"])}
        point = quiet(lambda p: p["x"] ** 2, space, max_evals=5, return_argmin=False)
        assert point["c"] in ("a", "b")

    def test_max_evals_is_the_total(self):
        trials = Trials()
        for total in (4, 10, 10, 7):
            quiet(abs, X, algo=rand.suggest, max_evals=total, trials=trials)
        assert len(trials) == 10
        assert trials.tids == list(range(10))

    def test_numpy_ints_are_ints(self):
        trials = Trials()
        quiet(abs, X, max_evals=np.int64(3), max_queue_len=np.int8(2), trials=trials)
        assert len(trials) == 3

    def test_a_queue_is_suggested_at_once(self):
        asked = []

        def algo(ids, domain, trials, seed):
            asked.append((len(ids), len(trials)))
            return rand.suggest(ids, domain, trials, seed)

        quiet(abs, X, algo=algo, max_evals=10, max_queue_len=4)
        assert asked == [(4, 0), (4, 4), (2, 8)]

    def test_settings_of_tpe(self):
        lengths = []

        def recording(*args, **kwargs):
            lengths.append(kwargs["n_startup_jobs"])
            return tpe.suggest(*args, **kwargs)

        algo = partial(recording, n_startup_jobs=3, gamma=0.5, n_EI_candidates=50)
        quiet(abs, X, algo=algo, max_evals=6)
        assert lengths == [3] * 6
        firsts = [
            quiet(abs, X, algo=partial(tpe.suggest, n_startup_jobs=n), max_evals=10, rstate=3)["x"]
            for n in (2, 20)
        ]
        assert firsts[0] != firsts[1]

    def test_tpe_starts_at_random_and_not_earlier_than_told(self):
        def first_difference(n):
            trials = [Trials(), Trials()]
            for each, algo in zip(
                trials, [partial(tpe.suggest, n_startup_jobs=n), rand.suggest], strict=True
            ):
                quiet(abs, X, algo=algo, max_evals=30, trials=each, rstate=5)
            xs = [each.vals["x"] for each in trials]
            return next(i for i in range(30) if xs[0][i] != xs[1][i])

        assert first_difference(20) == 20
        assert first_difference(7) == 7


class TestLimits:
    def test_a_loss_threshold(self):
        losses = iter([3.0, 2.0, 1.0, 0.5, 0.1, 0.0])
        trials = Trials()
        quiet(lambda x: next(losses), X, max_evals=50, trials=trials, loss_threshold=1.0)
        assert trials.losses() == [3.0, 2.0, 1.0, 0.5]  # below it, not at it
        quiet(lambda x: 1 / 0, X, max_evals=50, trials=trials, loss_threshold=1.0)
        assert len(trials) == 4

    @pytest.mark.parametrize(
        ("ahead", "cancelled"), [(1, 0), (5, 2)], ids=["one by one", "suggested ahead"]
    )
    def test_a_timeout(self, ahead, cancelled, monkeypatch):
        clock = {"now": 0.0}

        def fn(x):
            clock["now"] += 1.0
            return x

        monkeypatch.setattr("sparktune._search.loop.timer", lambda: clock["now"])
        trials = Trials()
        quiet(fn, X, algo=rand.suggest, max_evals=50, timeout=2.5, max_queue_len=ahead,
              trials=trials)  # fmt: skip
        # What was only suggested when time was up is cancelled.
        assert states(trials) == [JOB_STATE_DONE] * 3 + [JOB_STATE_CANCEL] * cancelled

    def test_a_timeout_alone_ends_a_search(self):
        trials = Trials()
        quiet(abs, X, algo=rand.suggest, timeout=0.2, trials=trials)
        assert set(states(trials)) == {JOB_STATE_DONE}

    def test_early_stop_and_its_state(self):
        seen = []

        def stop(trials, count=0, losses=()):
            seen.append(len(trials.trials))
            assert trials.losses()[-1] == trials.trials[-1]["result"]["loss"]
            assert trials.argmin["x"] == min(trials.vals["x"], key=abs)
            return count == 4, [count + 1, [*losses, trials.losses()[-1]]]

        trials = Trials()
        quiet(abs, X, max_evals=50, trials=trials, early_stop_fn=stop, max_queue_len=3)
        assert seen == [1, 2, 3, 4, 5]
        assert len(trials) == 5

    def test_early_stop_sees_trials_of_earlier_searches(self):
        trials = Trials()
        quiet(abs, X, max_evals=3, trials=trials)
        seen = []
        quiet(abs, X, max_evals=5, trials=trials,
              early_stop_fn=lambda t: (False, seen.append(t.tids) or []))  # fmt: skip
        assert seen == [[0, 1, 2, 3], [0, 1, 2, 3, 4]]

    def test_an_exception_in_early_stop_leaves_fmin(self):
        trials = Trials()

        def stop(trials):
            trials.refresh()
            raise LookupError("mine")

        with pytest.raises(LookupError, match="mine"):
            quiet(abs, X, max_evals=50, trials=trials, early_stop_fn=stop)
        assert states(trials) == [JOB_STATE_DONE]

    def test_ctrl_c_keeps_what_ended(self):
        def fn(x):
            if len(trials) == 3:
                raise KeyboardInterrupt
            return x

        trials = Trials()
        with pytest.raises(KeyboardInterrupt):
            quiet(fn, X, max_evals=50, trials=trials)
        assert states(trials) == [JOB_STATE_DONE, JOB_STATE_DONE, JOB_STATE_CANCEL]
        assert len(trials) == 2
        quiet(abs, X, max_evals=5, trials=trials)
        assert states(trials).count(JOB_STATE_DONE) == 5


class TestSeeds:
    def losses(self, rstate):
        trials = Trials()
        space = {"x": X, "c": hp.choice("c", [0, hp.normal("y", 0, 1)])}
        quiet(lambda p: p["x"] ** 2, space, max_evals=40, trials=trials, rstate=rstate)
        return trials.losses()

    @pytest.mark.parametrize(
        "make", [lambda: 3, lambda: np.random.default_rng(3), lambda: np.random.RandomState(3)]
    )
    def test_the_same_seed_gives_the_same_search(self, make):
        assert self.losses(make()) == self.losses(make())

    def test_an_int_is_a_generators_seed(self):
        assert self.losses(3) == self.losses(np.random.default_rng(3))
        assert self.losses(3) != self.losses(4)

    def test_without_a_seed_searches_differ(self, monkeypatch):
        monkeypatch.delenv("HYPEROPT_FMIN_SEED", raising=False)
        monkeypatch.delenv("SPARKTUNE_SEED", raising=False)
        assert self.losses(None) != self.losses(None)

    @pytest.mark.parametrize("name", ["HYPEROPT_FMIN_SEED", "SPARKTUNE_SEED"])
    def test_the_environments_seed(self, monkeypatch, name):
        monkeypatch.setenv(name, "3")
        assert self.losses(None) == self.losses(3)

    def test_a_given_generator_moves_on(self):
        rstate = np.random.default_rng(3)
        assert self.losses(rstate) != self.losses(rstate)


NESTED = {"x": X, "c": hp.choice("c", [0, {"y": hp.uniform("y", 0, 1)}])}
POINTS = [{"x": 1.0, "c": 0}, {"x": -2.0, "c": 1, "y": 0.5}]
EXPECTED = [{"x": 1.0, "c": 0}, {"x": -2.0, "c": {"y": 0.5}}]


class TestPoints:
    def first_two(self, **kwargs):
        seen = []
        quiet(lambda p: seen.append(p) or p["x"] ** 2, NESTED, max_evals=3, **kwargs)
        assert len(seen) == 5  # points come on top
        return seen[:2]

    def test_without_trials(self):
        assert self.first_two(points_to_evaluate=POINTS) == EXPECTED

    def test_with_empty_trials(self):
        trials = Trials()
        assert self.first_two(points_to_evaluate=POINTS, trials=trials) == EXPECTED
        assert trials.vals["y"][0] == 0.5
        assert len(trials) == 5

    def test_with_an_exp_key(self):
        trials = Trials(exp_key="e")
        assert self.first_two(points_to_evaluate=POINTS, trials=trials) == EXPECTED

    def test_as_trials(self):
        trials = generate_trials_to_calculate(POINTS)
        assert self.first_two(trials=trials) == EXPECTED

    def test_they_are_ignored_in_a_resumed_search(self):
        trials = Trials()
        quiet(lambda p: p["x"], NESTED, max_evals=2, trials=trials)
        quiet(lambda p: p["x"], NESTED, max_evals=3, trials=trials,
              points_to_evaluate=POINTS)  # fmt: skip
        assert len(trials) == 3

    def test_points_that_were_not_reached_stay_new(self):
        trials = generate_trials_to_calculate([{"x": float(x)} for x in range(5)])
        quiet(abs, X, max_evals=10, trials=trials, loss_threshold=0.5)
        assert states(trials) == [JOB_STATE_DONE] + [JOB_STATE_NEW] * 4

    def test_all_that_wait_is_evaluated_within_max_evals(self):
        trials = generate_trials_to_calculate([{"x": float(x)} for x in range(5)])
        trials.refresh()
        quiet(abs, X, max_evals=3, trials=trials)
        assert states(trials) == [JOB_STATE_DONE] * 3 + [JOB_STATE_NEW] * 2
        quiet(abs, X, max_evals=5, trials=trials)
        assert states(trials) == [JOB_STATE_DONE] * 5


class TestSaveFile:
    def test_it_is_resumed(self, tmp_path):
        file = tmp_path / "trials.pkl"
        calls = []

        def fn(x):
            calls.append(x)
            return x**2

        quiet(fn, X, max_evals=25, trials_save_file=str(file), rstate=0)
        loaded = pickle.loads(file.read_bytes())
        assert isinstance(loaded, Trials)
        assert len(loaded) == 25
        quiet(fn, X, max_evals=30, trials_save_file=file, rstate=0)
        assert len(calls) == 30
        assert len(pickle.loads(file.read_bytes())) == 30
        assert os.listdir(tmp_path) == ["trials.pkl"]  # noqa: PTH208

    def test_it_is_written_when_the_objective_raises(self, tmp_path):
        def fn(x):
            if len(calls) == 4:
                raise ValueError("fifth")
            calls.append(x)
            return x

        calls = []
        file = tmp_path / "trials.pkl"
        with pytest.raises(ValueError, match="fifth"):
            quiet(fn, X, max_evals=25, trials_save_file=file)
        assert len(pickle.loads(file.read_bytes())) == 4

    def test_it_is_not_written_for_each_trial(self, tmp_path, monkeypatch):
        from sparktune._trials.savefile import SaveFile

        saves = []
        save = SaveFile.save
        monkeypatch.setattr(SaveFile, "save", lambda s, t: saves.append(len(t)) or save(s, t))
        monkeypatch.setattr("sparktune._trials.savefile.INTERVAL", 1000.0)
        quiet(abs, X, algo=rand.suggest, max_evals=50, trials_save_file=tmp_path / "t")
        assert saves == [1, 50]


class Bar:
    """A progress callback that records."""

    def __init__(self):
        self.made = []

    @contextlib.contextmanager
    def __call__(self, initial, total):
        self.updates, self.postfix = 0, None
        self.made.append((initial, total))
        yield self

    def update(self, n):
        self.updates += n


class TestProgress:
    def test_a_callback_gets_all(self):
        bar, trials = Bar(), Trials()
        losses = iter([3.0, 1.0, 2.0, 0.5, 4.0])
        for total in (3, 5):
            fmin(lambda x: next(losses), X, max_evals=total, trials=trials, show_progressbar=bar,
                 verbose=False)  # fmt: skip
        assert bar.made == [(0, 3), (3, 5)]
        assert bar.updates == 2
        assert bar.postfix == "best loss: 0.5"

    def test_failed_trials_move_the_bar(self):
        bar = Bar()
        fmin(lambda x: 1 / int(x > 0), X, max_evals=9, show_progressbar=bar, rstate=0,
             catch_eval_exceptions=True)  # fmt: skip
        assert bar.updates == 9

    @pytest.mark.parametrize(
        ("arguments", "shown"),
        [
            ({}, True),
            ({"verbose": False}, False),
            ({"show_progressbar": False}, False),
            ({"verbose": False, "show_progressbar": default_callback}, True),
        ],
    )
    def test_when_a_bar_is_shown(self, arguments, shown, monkeypatch):
        stream = io.StringIO()
        monkeypatch.setattr(sys, "stderr", stream)
        fmin(lambda x: sys.stdout.write("out") and x, X, max_evals=3, **arguments)
        assert ("3/3" in stream.getvalue()) is shown
        assert ("best loss" in stream.getvalue()) is shown

    def test_standard_output_is_not_captured(self, capsys):
        quiet(lambda x: sys.stdout.write("hello\n") and x, X, max_evals=2)
        assert capsys.readouterr().out == "hello\nhello\n"

    def test_what_tpe_logs(self, caplog):
        with caplog.at_level(logging.INFO, "sparktune"):
            quiet(lambda x: 0.25, X, max_evals=3)
        messages = [record.getMessage() for record in caplog.records]
        assert "TPE using 0 trials" in messages
        assert "TPE using 2/2 trials with best loss 0.250000" in messages


class TestAnnotated:
    def test_parameters_are_the_space(self):
        def fn(x: hp.uniform("x", -1, 1), kind: hp.choice("kind", ["a", "b"])) -> float:
            assert kind in ("a", "b")
            return x**2

        assert set(quiet(fn, "annotated", max_evals=3)) == {"x", "kind"}


CHOICES = {"a": hp.choice("a", [("one", hp.uniform("x", 0, 1)), "two"]), "k": 1}


class TestSpaceEval:
    def test_choices_become_values(self):
        assert space_eval(CHOICES, {"a": 0, "x": 0.5}) == {"a": ("one", 0.5), "k": 1}
        assert space_eval(CHOICES, {"a": 1}) == {"a": "two", "k": 1}

    def test_a_missing_value_is_named(self):
        with pytest.raises(InvalidArgument, match="'x' is missing"):
            space_eval(CHOICES, {"a": 0})


class TestDuckTypes:
    def test_a_class_with_its_own_fmin_takes_over(self):
        class Own:
            def fmin(self, fn, space, algo, max_evals, timeout, loss_threshold, max_queue_len,
                     rstate, verbose, pass_expr_memo_ctrl, catch_eval_exceptions, return_argmin,
                     show_progressbar, early_stop_fn, trials_save_file):  # fmt: skip
                return "mine", max_evals

        assert fmin(abs, X, max_evals=3, trials=Own()) == ("mine", 3)

    def test_a_partial_result_status_is_kept(self):
        trials = Trials()
        quiet(lambda x: {"status": STATUS_FAIL, "note": 1} if x < 0 else x, X, algo=rand.suggest,
              max_evals=30, trials=trials, rstate=0)  # fmt: skip
        assert set(trials.statuses()) == {STATUS_OK, STATUS_FAIL}
        assert None in trials.losses()
        assert trials.best_trial["result"]["loss"] >= 0


def test_importing_is_light():
    code = (
        "import sys, sparktune, sparktune.base, sparktune.utils, sparktune.progress\n"
        "heavy = {'pyspark', 'py4j', 'mlflow', 'matplotlib', 'pandas', 'plotly', 'tqdm', 'scipy'}\n"
        "sys.exit(' '.join(heavy & set(sys.modules)) or None)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


def test_every_exported_name_is_there():
    for name in sparktune.__all__:
        if name != "SparkTrials":  # needs pyspark
            assert hasattr(sparktune, name), name
    assert set(sparktune.__all__) <= set(dir(sparktune))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        sparktune.nonsense
