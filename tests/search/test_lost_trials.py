"""`fmin(..., retries=...)`: trials that were lost run again; here with a runner that loses them."""

import functools
import logging
import re

import pytest

from sparktune import (
    JOB_STATE_CANCEL,
    JOB_STATE_DONE,
    JOB_STATE_ERROR,
    JOB_STATE_RUNNING,
    Trials,
    fmin,
    hp,
    rand,
)
from sparktune._search.options import SearchOptions
from sparktune._search.runner import Finished, TrialError
from sparktune._trials.documents import is_lost, spec_from_misc
from sparktune.exceptions import (
    InvalidArgument,
    InvalidArgumentType,
    SearchFailed,
    TrialLost,
    TrialTimeout,
)

X = hp.uniform("x", -1, 1)
quiet = functools.partial(fmin, algo=rand.suggest, verbose=False, rstate=0)
pytestmark = pytest.mark.timeout(60)


@pytest.fixture(autouse=True)
def _no_mlflow(monkeypatch):
    monkeypatch.setenv("SPARKTUNE_MLFLOW", "0")


def lost(reason="lost"):
    """Return what a back end says of a trial that it has lost."""
    kind = TrialTimeout if reason == "timeout" else TrialLost
    error = kind("The worker process was killed.\nMore of it.")
    return TrialError(str(kind), str(error), f"{kind.__name__}: {error}", error, reason=reason)


class Unreliable(Trials):
    """Trials that are lost as `plan` says: by id, what becomes of each attempt."""

    asynchronous = True
    slots = 2

    def __init__(self, plan, **more):
        super().__init__()
        self.plan = plan
        self.started = []
        self.open = []
        vars(self).update(more)

    def make_runner(self, domain, options):
        self.domain = domain
        return self

    def capacity(self):
        return self.slots - len(self.open)

    def start(self, trial, tracked=None):
        assert trial["state"] == JOB_STATE_RUNNING
        self.started.append((trial["tid"], spec_from_misc(trial["misc"])["x"]))
        self.open.append(trial)

    def flush(self):
        pass

    def wait(self, timeout):
        if not self.open:
            return []
        trial = self.open.pop(0)
        attempt = [tid for tid, _ in self.started].count(trial["tid"]) - 1
        plan = self.plan.get(trial["tid"], [])
        ending = plan[attempt] if attempt < len(plan) else "ok"
        if ending == "ok":
            return [Finished(trial, result={"loss": float(trial["tid"]), "status": "ok"})]
        if ending == "error":
            return [Finished(trial, error=TrialError.from_exception(ValueError("wrong")))]
        return [Finished(trial, error=lost(ending))]

    def cancel(self):
        self.open.clear()
        return []

    def close(self):
        pass


def attempts(trials):
    return [doc["misc"].get("attempts", []) for doc in trials._dynamic_trials]


def states(trials):
    return [doc["state"] for doc in trials._dynamic_trials]


def test_a_lost_trial_runs_again_with_its_values_and_its_id(caplog):
    caplog.set_level(logging.INFO, "sparktune.fmin")
    trials, ended, bar = Unreliable({1: ["lost", "lost"], 2: ["lost"]}), [], []

    class Shown:
        postfix = ""

        def __init__(self, initial, total):
            bar.append(total)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def update(self, n):
            bar.append(n)

    callbacks = [lambda _, doc: ended.append((doc["tid"], doc["state"]))]
    best = quiet(abs, X, max_evals=4, trials=trials, retries=2, callbacks=callbacks,
                 max_failures=0, show_progressbar=Shown)  # fmt: skip
    assert trials.argmin == best
    assert states(trials) == [JOB_STATE_DONE] * 4
    assert [len(each) for each in attempts(trials)] == [0, 2, 1, 0]
    tids = [tid for tid, _ in trials.started]
    assert [tids.count(tid) for tid in range(4)] == [1, 3, 2, 1]
    assert len(set(trials.started)) == 4  # the same values each time
    assert sorted(ended) == [(tid, JOB_STATE_DONE) for tid in range(4)]
    assert bar == [4, 1, 1, 1, 1]
    assert "error" not in trials._dynamic_trials[1]["misc"]
    assert "2 trials were lost and run again." in caplog.messages
    again = "Trial 1 runs again, after 2 lost attempts: TrialLost: The worker process was killed."
    assert again in caplog.messages


def test_what_is_written_of_a_lost_attempt_is_small_and_plain():
    trials = Unreliable({0: ["lost", "timeout"]})
    quiet(abs, X, max_evals=1, trials=trials, retries={"lost": 1, "timeout": 1})
    first, second = attempts(trials)[0]
    doc = trials._dynamic_trials[0]
    assert list(first) == ["reason", "error", "start_time", "end_time"]
    assert (first["reason"], first["error"]) == (
        "lost", "TrialLost: The worker process was killed."
    )  # fmt: skip
    assert (second["reason"], second["error"]) == (
        "timeout", "TrialTimeout: The worker process was killed."
    )  # fmt: skip
    moments = [first["start_time"], first["end_time"], second["start_time"], second["end_time"]]
    moments += [doc["book_time"], doc["refresh_time"]]
    assert moments == sorted(moments)


def test_a_trial_never_shows_an_error_in_between():
    seen = []

    class Watched(Unreliable):
        def start(self, trial, tracked=None):
            seen.append((trial["tid"], self.count_failed_trials(), "error" in trial["misc"]))
            super().start(trial, tracked)

    trials = Watched({0: ["lost"], 1: ["lost"]})
    quiet(abs, X, max_evals=3, trials=trials, retries=1)
    assert {failed for _, failed, _ in seen} == {0}
    assert not any(wrong for *_, wrong in seen)
    assert [tid for tid, *_ in seen].count(0) == 2


def test_a_trial_that_is_lost_each_time_fails_and_the_others_go_on(caplog):
    trials = Unreliable({0: ["lost"] * 5})
    quiet(abs, X, max_evals=4, trials=trials, retries=2)
    assert states(trials) == [JOB_STATE_ERROR] + [JOB_STATE_DONE] * 3
    (doc, *_) = trials._dynamic_trials
    assert is_lost(doc)
    assert len(doc["misc"]["attempts"]) == 2
    assert [tid for tid, _ in trials.started].count(0) == 3
    assert "1 trial was lost and run again." in caplog.messages
    # It is one failure.
    with pytest.raises(SearchFailed, match="1 of 1 trials failed"):
        quiet(abs, X, max_evals=4, trials=Unreliable({0: ["lost"] * 3}, slots=1), retries=2,
              max_failures=0)  # fmt: skip


@pytest.mark.parametrize("retries", [None, 0, {}, {"lost": 0, "timeout": 0}])
def test_without_retries_nothing_runs_again(retries, caplog):
    trials = Unreliable({0: ["lost"], 1: ["timeout"]})
    quiet(abs, X, max_evals=3, trials=trials, retries=retries)
    assert states(trials) == [JOB_STATE_ERROR, JOB_STATE_ERROR, JOB_STATE_DONE]
    assert attempts(trials) == [[]] * 3
    assert not [message for message in caplog.messages if "run again" in message]


@pytest.mark.parametrize(
    ("retries", "ended", "runs"),
    [
        (3, [JOB_STATE_ERROR, JOB_STATE_ERROR, JOB_STATE_DONE], [2, 1, 2]),
        ({"timeout": 1}, [JOB_STATE_ERROR, JOB_STATE_DONE, JOB_STATE_ERROR], [1, 2, 1]),
        ({"lost": 1, "timeout": 1}, [JOB_STATE_DONE] * 3, [3, 2, 2]),
    ],
)
def test_each_kind_of_loss_has_its_own_number(retries, ended, runs):
    trials = Unreliable({0: ["lost", "timeout"], 1: ["timeout"], 2: ["lost"]})
    quiet(abs, X, max_evals=3, trials=trials, retries=retries)
    assert states(trials) == ended
    assert [[tid for tid, _ in trials.started].count(n) for n in range(3)] == runs


def test_timeouts_are_counted_in_the_log(caplog):
    trials = Unreliable({0: ["timeout"], 1: ["timeout"], 2: ["lost"]})
    quiet(abs, X, max_evals=3, trials=trials, retries={"lost": 1, "timeout": 1})
    assert "2 trials timed out and were run again." in caplog.messages
    assert "1 trial was lost and run again." in caplog.messages


def test_what_an_objective_raises_is_not_run_again():
    trials = Unreliable({0: ["error"], 1: ["lost", "error"]})
    quiet(abs, X, max_evals=3, trials=trials, retries=9)
    assert states(trials) == [JOB_STATE_ERROR, JOB_STATE_ERROR, JOB_STATE_DONE]
    assert [len(each) for each in attempts(trials)] == [0, 1, 0]


def test_a_lost_trial_does_not_run_again_in_a_search_that_ends():
    trials = Unreliable({0: ["ok"], 1: ["lost"]})

    def stop(_, *args):
        trials.open.clear()
        return True, args

    quiet(abs, X, max_evals=8, trials=trials, retries=1, early_stop_fn=stop)
    assert states(trials)[0] == JOB_STATE_DONE
    assert set(states(trials)[1:]) == {JOB_STATE_CANCEL}


def test_a_lost_trial_that_waits_is_cancelled_by_ctrl_c():
    class Interrupted(Unreliable):
        def capacity(self):
            if attempts(self) == [[]] or not self.started:
                return super().capacity()
            raise KeyboardInterrupt

    trials = Interrupted({0: ["lost"]}, slots=1)
    with pytest.raises(KeyboardInterrupt):
        quiet(abs, X, max_evals=8, trials=trials, retries=1)
    assert len(attempts(trials)[0]) == 1
    assert set(states(trials)) == {JOB_STATE_CANCEL}


def test_here_no_trial_can_be_lost(caplog):
    trials = Trials()

    def raises(x):
        raise TrialLost("the licence server is away")

    quiet(raises, X, max_evals=2, trials=trials, retries={"lost": 2, "timeout": 1},
          catch_eval_exceptions=True, return_argmin=False)  # fmt: skip
    assert states(trials) == [JOB_STATE_ERROR] * 2
    assert attempts(trials) == [[]] * 2
    assert not [message for message in caplog.messages if "again" in message]
    quiet(abs, X, max_evals=2, trials=Trials(), retries=2)


# -- the argument ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "error", "said"),
    [
        ("2", InvalidArgumentType, "`retries` must be an int, a dict with the keys 'lost' and"),
        (1.5, InvalidArgumentType, "`retries` must be an int; got 1.5. Hint: how many att"),
        (True, InvalidArgumentType, "`retries` must be an int"),
        ([1], InvalidArgumentType, "got [1]. Hint: retries=2"),
        (-1, InvalidArgument, "`retries` must be at least 0; got -1. Hint: how many attempts may"),
        ({"lost": -1}, InvalidArgument, "`retries['lost']` must be at least 0; got -1."),
        ({"timeout": "1"}, InvalidArgumentType, "`retries['timeout']` must be an int; got '1'."),
        ({"lost": None}, InvalidArgumentType, "`retries['lost']` must be an int; got None."),
        ({"error": 1}, InvalidArgument, "no keys but 'lost' and 'timeout'; got {'error': 1}. Hint"),
        ({1: 1}, InvalidArgument, "no keys but 'lost' and 'timeout'; got {1: 1}."),
    ],
)
def test_wrong_values_say_what_is_right(wrong, error, said):
    for trials in (None, Unreliable({})):
        with pytest.raises(InvalidArgument, match=re.escape(said)) as caught:
            quiet(abs, X, max_evals=1, trials=trials, retries=wrong)
        assert type(caught.value) is error


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (None, {}),
        (0, {}),
        (2, {"lost": 2}),
        (2.0, {"lost": 2}),
        ({"lost": 2, "timeout": 1}, {"lost": 2, "timeout": 1}),
        ({"timeout": 1, "lost": 0}, {"timeout": 1}),
    ],
)
def test_what_is_kept_of_the_argument(given, kept):
    options = SearchOptions(rand.suggest, retries=given)
    assert options.retries_by_reason == kept
    again = SearchOptions(**options.keywords())  # as `fmin` passes it to the `fmin` of the trials
    assert again.retries_by_reason == kept
    assert ("retries" in options.keywords()) is bool(kept)
