"""Trials in worker processes whose rules follow what the search learns while they run."""

import pytest

from sparktune import JOB_STATE_DONE, ProcessTrials, Trials, fmin, hp, rand
from sparktune._parallel import live
from sparktune._parallel.processes.backend import ProcessBackend

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.filterwarnings("ignore:`parallelism` is"),
]

SPACE = {"x": hp.uniform("x", -5, 500)}
STEPS = 1000


def slow_and_bad_first(more=lambda trial, step: None):
    """Return an objective whose trial with x = 99 is bad, and would run for a minute."""

    def objective(params, trial):
        import time

        slow = params["x"] == 99
        for step in range(1000):
            if slow:
                time.sleep(0.06)
                more(trial, step)
            elif step == 0:
                time.sleep(0.3)  # so that the slow one has begun
            trial.report(params["x"], step)
        return params["x"]

    return objective


def search(fn, xs, parallelism=2, **arguments):
    trials = ProcessTrials(parallelism)
    points = [{"x": float(x)} for x in xs]
    settings = {"algo": rand.suggest, "rstate": 0, "verbose": False, "prune": "median"}
    fmin(fn, SPACE, max_evals=0, points_to_evaluate=points, trials=trials,
         **{**settings, **arguments})  # fmt: skip
    assert [doc["state"] for doc in trials._dynamic_trials] == [JOB_STATE_DONE] * len(points)
    return trials


def steps_of(trials, tid=0):
    return trials.trials[tid]["result"]["curve"]["steps"]


def check_slow_trial_was_ended(trials):
    result = trials.trials[0]["result"]
    assert result["status"] == "pruned"
    assert 0 < steps_of(trials)[-1] < STEPS - 1


@pytest.mark.parametrize("prune", ["median", "asha", "hyperband", "wilcoxon"])
def test_a_slow_trial_learns_from_those_that_end_while_it_runs(prune):
    trials = search(slow_and_bad_first(), [99, *range(8)], prune=prune)
    check_slow_trial_was_ended(trials)


def test_it_would_run_to_its_end_without_a_line(monkeypatch):
    """The other half of the test above: nothing else than the line can end the trial."""
    monkeypatch.setattr(ProcessBackend, "line_hosts", lambda self: None)

    def objective(params, trial):
        import time

        for step in range(300):
            time.sleep(0.01 if params["x"] == 99 else 0.0)
            trial.report(params["x"], step)
        return params["x"]

    trials = search(objective, [99, *range(8)])
    assert trials.trials[0]["result"]["status"] == "ok"
    assert steps_of(trials)[-1] == 299


def test_no_thread_and_no_socket_is_left_in_a_worker():
    def objective(params, trial):
        import threading
        import time
        from pathlib import Path

        descriptors = Path("/proc/self/fd")
        names = sorted(thread.name for thread in threading.enumerate())
        count = len(list(descriptors.iterdir())) if descriptors.is_dir() else 0
        for step in range(8):
            time.sleep(0.1)
            trial.report(-step * params["x"], step)
        during = "sparktune-line" in {thread.name for thread in threading.enumerate()}
        if params["x"] == 3:
            raise ValueError("an objective may raise")
        return {"loss": 0.0, "status": "ok", "seen": [names, count], "during": during}

    trials = ProcessTrials(1)
    points = [{"x": float(x)} for x in range(6)]
    fmin(objective, SPACE, max_evals=0, points_to_evaluate=points, trials=trials, verbose=False,
         algo=rand.suggest, prune="median", catch_eval_exceptions=True)  # fmt: skip
    results = [trial["result"] for trial in trials.trials if "seen" in trial["result"]]
    assert len(results) == 5
    assert {result["during"] for result in results} == {True}
    assert all(result["seen"] == results[0]["seen"] for result in results[1:])


def test_objectives_that_fork_keep_the_line_to_themselves():
    def more(trial, step):
        import os
        import threading
        import time
        import warnings

        if step % 20 != 19:
            return
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # Python warns of forks beside threads
            child = os.fork()
        if child == 0:
            try:
                for later in range(200):
                    trial.report(-1e9, step + later)  # would make the trial the best of all
                    time.sleep(0.004)
                names = {thread.name for thread in threading.enumerate()}
                os._exit(1 if "sparktune-line" in names else 0)
            finally:
                os._exit(2)
        assert "sparktune-line" not in {thread.name for thread in threading.enumerate()}
        assert os.waitpid(child, 0)[1] == 0

    trials = search(slow_and_bad_first(more), [99, *range(8)])
    check_slow_trial_was_ended(trials)
    assert min(trials.trials[0]["result"]["curve"]["losses"]) == 99


def refuse(self, *args):
    raise OSError("no port is free")


def nothing_true(self, connection, message):
    raise ValueError("nothing is understood")


@pytest.mark.parametrize(
    "broken",
    [
        ("_open", refuse),
        ("_hear", nothing_true),
        ("_once", lambda self: False),
        ("_send_rules", lambda self: 1 / 0),
    ],
    ids=["refused", "not understood", "gone at once", "broken"],
)
def test_a_search_goes_on_without_its_lines(monkeypatch, broken):
    monkeypatch.setattr(live.Listener, *broken)

    def objective(params, trial):
        import time

        for step in range(30):
            time.sleep(0.03)
            trial.report(params["x"] - step, step)
        return params["x"]

    trials = search(objective, range(6), prune="asha")
    assert all(steps_of(trials, tid)[0] == 0 for tid in range(6))
    assert trials.best_loss == 0


def test_one_trial_at_a_time_prunes_as_it_does_without_a_line(monkeypatch):
    def objective(params, trial):
        import time

        for step in range(12):
            time.sleep(0.06)
            trial.report(params["x"] / (step + 1), step)
        return params["x"] / 12

    def run():
        trials = search(objective, [5, 3, 4, 1, 2, 6, 7, 8], parallelism=1, prune="asha")
        return [trial["result"] for trial in trials.trials]

    with_line = run()
    monkeypatch.setattr(ProcessBackend, "line_hosts", lambda self: None)
    assert run() == with_line
    assert {result["status"] for result in with_line} == {"ok", "pruned"}


def test_searches_that_need_no_line_open_none(monkeypatch):
    opened = []
    monkeypatch.setattr(live.Listener, "_open", lambda self: opened.append(self))
    search(lambda params: params["x"], [1, 2], prune=None)
    search(lambda params, trial: trial.report(params["x"]) or params["x"], [1, 2], prune=None)
    search(lambda params, trial: trial.report(params["x"]) or params["x"], [1, 2],
           prune=lambda curves, curve: False)  # fmt: skip
    assert opened == []


def test_a_journal_has_the_curve_and_nothing_of_the_line(tmp_path):
    trials = search(slow_and_bad_first(), [99, *range(8)], prune="asha", journal=tmp_path / "j")
    check_slow_trial_was_ended(trials)
    read = Trials.from_journal(tmp_path / "j")
    assert [trial["result"] for trial in read.trials] == [
        trial["result"] for trial in trials.trials
    ]
    assert '"line"' not in (tmp_path / "j" / "journal.log").read_text()
