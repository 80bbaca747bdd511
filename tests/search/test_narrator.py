"""What users are told while a search runs, and after it."""

import functools
import logging

import pytest

from sparktune import STATUS_FAIL, STATUS_OK, ProcessTrials, Trials, fmin, hp, rand
from sparktune._search.points import generate_trial
from sparktune.exceptions import AllTrialsFailed, InvalidArgumentType

X = hp.uniform("x", -1, 1)


class Bar:
    """A progress callback that keeps what it was given to show."""

    def __init__(self):
        self.texts = []
        self.count = 0

    def __call__(self, initial, total):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def update(self, n):
        self.count += n

    @property
    def postfix(self):
        return self.texts[-1] if self.texts else ""

    @postfix.setter
    def postfix(self, text):
        self.texts.append(text)


def quiet(fn, **arguments):
    given = {"space": X, "algo": rand.suggest, "max_evals": 30, "rstate": 0, "verbose": False}
    return fmin(fn, **{**given, **arguments})


def messages(caplog, level=logging.WARNING):
    return [record.getMessage() for record in caplog.records if record.levelno == level]


def negative_fails(x):
    if x < 0:
        raise ValueError("x is negative")
    return x / 3


class TestTheBar:
    def test_six_digits_and_the_number_of_failures(self):
        bar = Bar()
        trials = Trials()
        quiet(negative_fails, trials=trials, catch_eval_exceptions=True, show_progressbar=bar)
        failed = sum("error" in doc["misc"] for doc in trials._dynamic_trials)
        assert bar.count == len(trials._dynamic_trials)
        assert failed > 5
        best = trials.best_trial["result"]["loss"]
        assert bar.postfix == f"best loss: {best:.6g}, {failed} failed"
        assert len(f"{best:.6g}") < len(str(best))

    def test_failures_that_are_returned_count(self):
        bar = Bar()
        objective = lambda x: {"status": STATUS_FAIL} if x < 0 else {"status": STATUS_OK, "loss": x}  # noqa: E731
        trials = Trials()
        quiet(objective, trials=trials, show_progressbar=bar)
        assert bar.postfix.endswith(f", {trials.statuses().count('fail')} failed")

    def test_only_failures(self):
        bar = Bar()
        with pytest.raises(AllTrialsFailed):
            quiet(lambda x: {"status": STATUS_FAIL}, show_progressbar=bar)
        assert bar.postfix == "30 failed"


class TestMostTrialsFail:
    @staticmethod
    def fails(first):
        count = iter(range(10_000))

        def objective(x):
            if next(count) >= first:
                raise ValueError("x is odd")
            return x

        return objective

    def test_a_warning_names_what_they_fail_with(self, caplog):
        trials = Trials()
        with pytest.raises(Exception, match="max_failures"):
            quiet(
                self.fails(5), trials=trials, max_evals=100, catch_eval_exceptions=True,
                max_failures=60,
            )  # fmt: skip
        (warning,) = [text for text in messages(caplog) if "of the last" in text]
        assert warning.startswith("20 of the last 25 trials failed, most of them with ")
        assert "ValueError: x is odd" in warning
        assert "max_failures" in warning

    def test_half_of_them_is_no_reason(self, caplog):
        quiet(negative_fails, max_evals=60, catch_eval_exceptions=True)
        assert not [text for text in messages(caplog) if "of the last" in text]


class TestReruns:
    def test_a_search_that_is_done_says_so_and_runs_nothing(self, caplog):
        trials = Trials()
        best = quiet(abs, trials=trials)
        assert quiet(abs, trials=trials) == best
        assert len(trials) == 30
        (text,) = messages(caplog)
        assert text.startswith("30 of 30 trials are done")
        assert "max_evals" in text

    def test_points_that_wait_are_evaluated(self):
        trials = Trials()
        quiet(abs, trials=trials, max_evals=3)
        trials.insert_trial_docs([generate_trial(7, {"x": 0.5})])
        trials.refresh()
        quiet(abs, trials=trials, max_evals=4)
        assert [doc["state"] for doc in trials.trials] == [2, 2, 2, 2]


class TestInterruptions:
    @staticmethod
    def interrupted(caplog, **arguments):
        count = iter(range(100))

        def objective(x):
            if next(count) == 5:
                raise KeyboardInterrupt
            return x

        with pytest.raises(KeyboardInterrupt):
            quiet(objective, **arguments)
        (text,) = messages(caplog)
        assert text.startswith("The search was interrupted. ")
        return text

    def test_trials_that_are_kept(self, caplog):
        trials = Trials()
        text = self.interrupted(caplog, trials=trials)
        assert "5 trials are kept in `trials`; call fmin again" in text

    def test_trials_that_are_lost(self, caplog):
        assert "5 trials are lost" in (text := self.interrupted(caplog))
        assert "trials=Trials()" in text

    def test_trials_in_a_file(self, caplog, tmp_path):
        path = tmp_path / "search.pkl"
        assert f"are kept in {str(path)!r}" in self.interrupted(caplog, trials_save_file=path)


class TestMaximize:
    def test_a_number(self):
        trials, bar = Trials(), Bar()
        quiet(lambda x: 1 - x**2, trials=trials, maximize=True, show_progressbar=bar)
        best = trials.best_trial
        assert abs(best["misc"]["vals"]["x"][0]) == min(abs(v) for v in trials.vals["x"])
        assert best["result"]["score"] == -best["result"]["loss"] > 0
        assert bar.postfix == f"best score: {best['result']['score']:.6g}"

    def test_a_dict(self):
        trials = Trials()
        quiet(lambda x: {"score": x, "epochs": 3}, trials=trials, maximize=True)
        result = trials.best_trial["result"]
        assert result == {
            "loss": -max(trials.vals["x"]), "score": max(trials.vals["x"]), "epochs": 3,
            "status": "ok",
        }  # fmt: skip

    def test_a_dict_with_a_loss_is_refused(self):
        with pytest.raises(ValueError, match=r"`maximize=True`.*key 'score'; got .*'loss'"):
            quiet(lambda x: {"loss": x, "status": "ok"}, maximize=True)

    def test_the_threshold_is_a_score(self):
        trials = Trials()
        quiet(lambda x: x, trials=trials, maximize=True, loss_threshold=0.5)
        scores = [result["score"] for result in trials.results]
        assert scores[-1] > 0.5 >= max(scores[:-1], default=0)

    def test_the_summary_and_the_plot_show_scores(self):
        pytest.importorskip("matplotlib").use("agg")
        from matplotlib import pyplot as plt

        from sparktune.plotting import main_plot_history

        plt.close("all")  # another test's figure may have an empty panel, which would be taken
        trials = Trials()
        quiet(lambda x: 1 - x**2, trials=trials, maximize=True, max_evals=10)
        best = trials.best_trial["result"]["score"]
        assert f"best score {best:.6g} (trial " in repr(trials)
        axes = main_plot_history(trials, do_show=False).axes[0]
        assert axes.get_ylabel() == "score"
        line = next(line for line in axes.lines if line.get_label().startswith("best so far"))
        assert max(line.get_ydata()) == line.get_ydata()[-1] == best

    def test_in_processes_and_again(self):
        trials = ProcessTrials(2)
        for count in (10, 20):
            quiet(
                lambda x: {"score": x, "status": "ok"}, trials=trials, maximize=True,
                max_evals=count, loss_threshold=2,
            )  # fmt: skip
        assert len(trials) == 20
        assert all(result["loss"] == -result["score"] for result in trials.results)


class TestCallbacks:
    @pytest.mark.parametrize("make", [Trials, functools.partial(ProcessTrials, 2)])
    def test_they_are_called_for_each_trial_that_ended(self, make):
        seen = []
        trials = make()
        quiet(
            negative_fails, trials=trials, catch_eval_exceptions=True, max_evals=12,
            callbacks=[lambda trials, trial: seen.append((len(trials), trial["tid"]))],
        )  # fmt: skip
        ended = [doc["tid"] for doc in trials._dynamic_trials if doc["state"] in (2, 3)]
        assert sorted(tid for _, tid in seen) == sorted(ended)

    def test_what_one_raises_ends_the_search(self):
        def callback(trials, trial):
            if trial["tid"] == 4:
                raise StopIteration("enough")

        trials = Trials()
        with pytest.raises(StopIteration, match="enough"):
            quiet(abs, trials=trials, callbacks=(callback,))
        assert len(trials) == 5

    @pytest.mark.parametrize("wrong", [print, [3], 3])
    def test_something_else(self, wrong):
        with pytest.raises(InvalidArgumentType, match=r"`callbacks` must be a list .*; got .*Hint"):
            quiet(abs, callbacks=wrong)


class TestCatching:
    @pytest.mark.parametrize("make", [Trials, functools.partial(ProcessTrials, 2)])
    def test_only_some_classes(self, make):
        trials = make()
        quiet(negative_fails, trials=trials, catch_eval_exceptions=(ValueError, KeyError))
        assert 0 < len(trials.losses()) < len(trials._dynamic_trials)
        with pytest.raises(ValueError, match="x is negative"):
            quiet(negative_fails, trials=make(), catch_eval_exceptions=(KeyError,))

    def test_a_class_alone(self):
        assert quiet(negative_fails, catch_eval_exceptions=ValueError)["x"] >= 0

    @pytest.mark.parametrize("wrong", ["ValueError", (3,), [int]])
    def test_something_else(self, wrong):
        with pytest.raises(InvalidArgumentType, match=r"`catch_eval_exceptions` must .*Hint"):
            quiet(abs, catch_eval_exceptions=wrong)


def test_own_frames_are_hidden_from_tracebacks():
    """IPython leaves out frames that have `__tracebackhide__`; from `fmin` to the objective all."""

    def objective(x):
        raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong") as caught:
        quiet(objective)
    frames = [
        (frame.tb_frame.f_code.co_qualname if hasattr(frame.tb_frame.f_code, "co_qualname")
         else frame.tb_frame.f_code.co_name, "__tracebackhide__" in frame.tb_frame.f_locals)
        for frame in _frames(caught.value.__traceback__)
        if "sparktune" in frame.tb_frame.f_globals.get("__name__", "")
    ]  # fmt: skip
    assert [name for name, hidden in frames if not hidden] == []


def _frames(traceback):
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next
