"""Several trials per task in real worker processes: results, faults, ends, and what is left."""

import contextlib
import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import footprints
import numpy as np
import pytest
from footprints import children

from sparktune import (
    JOB_STATE_CANCEL,
    JOB_STATE_DONE,
    JOB_STATE_ERROR,
    ProcessTrials,
    Trials,
    fmin,
    hp,
    no_progress_loss,
    rand,
    tpe,
    with_data,
)

pytestmark = pytest.mark.timeout(60)

SPACE = {"x": hp.uniform("x", -5, 5)}
sizes = pytest.mark.parametrize("per_task", [3, "auto"])


@pytest.fixture(autouse=True)
def _nothing_left(monkeypatch):
    monkeypatch.setenv("SPARKTUNE_MLFLOW", "0")
    threads, processes = set(threading.enumerate()), children()
    yield
    assert [t for t in threading.enumerate() if t not in threads] == []
    assert children() - processes == set()


def search(fn, trials, space=SPACE, **arguments):
    settings = {"algo": rand.suggest, "max_evals": 20, "rstate": 0, "verbose": False}
    return fmin(fn, space, trials=trials, **{**settings, **arguments})


def states(trials):
    return [doc["state"] for doc in trials._dynamic_trials]


def noted(folder):
    """Return an objective that leaves a file for each run of a trial."""

    def objective(params, trial):
        import time
        from pathlib import Path

        Path(folder, f"{trial.tid}-{time.time_ns()}").touch()
        return params["x"]

    return objective


def runs(folder):
    """Return how often each trial ran."""
    return Counter(int(path.name.partition("-")[0]) for path in Path(folder).iterdir())


@sizes
def test_all_results_are_there_and_are_those_of_single_trials(per_task):
    def objective(params, data):
        import os
        import random

        return {"loss": params["x"] + data[0], "status": "ok", "drawn": random.random(),
                "pid": os.getpid()}  # fmt: skip

    fn = with_data(objective, data=np.ones(10))
    batched, single = ProcessTrials(2, trials_per_task=per_task), ProcessTrials(2)
    points = [{"x": n / 10} for n in range(60)]
    search(fn, batched, max_evals=0, points_to_evaluate=points)
    search(fn, single, max_evals=0, points_to_evaluate=points)
    assert states(batched) == [JOB_STATE_DONE] * 60
    assert batched.losses() == single.losses()
    drawn = [[result["drawn"] for result in each.results] for each in (batched, single)]
    assert drawn[0] == drawn[1]
    assert len({result["pid"] for result in batched.results}) == 2


def test_a_trial_sees_nothing_of_the_trials_before_it_in_its_task():
    fn, space, fresh = footprints.grower()
    trials = ProcessTrials(1, trials_per_task=6)
    search(fn, trials, space, max_evals=6)
    assert [result["facts"] for result in trials.results] == [fresh] * 6
    trials = ProcessTrials(1, trials_per_task=6)
    search(*footprints.litterer()[:1], trials, footprints.litterer()[1], max_evals=6)
    facts = [result["facts"] for result in trials.results]
    assert facts == [facts[0]] * 6


@sizes
def test_a_trial_that_fails_costs_itself(per_task, tmp_path):
    note = noted(tmp_path)

    def objective(params, trial):
        note(params, trial)
        if trial.tid % 5 == 1:
            raise SystemExit(3)
        if trial.tid % 5 == 2:
            raise ValueError("no model")
        return params["x"]

    trials = ProcessTrials(2, trials_per_task=per_task)
    search(objective, trials)
    assert states(trials) == 4 * ([JOB_STATE_DONE] + [JOB_STATE_ERROR] * 2 + [JOB_STATE_DONE] * 2)
    assert set(runs(tmp_path).values()) == {1}


@pytest.mark.parametrize("how", ["SIGKILL", "exit"])
def test_a_trial_that_kills_its_worker_costs_itself_and_nothing_runs_twice(how, tmp_path):
    note = noted(tmp_path)

    def objective(params, trial):
        import os
        import signal

        note(params, trial)
        if trial.tid in (4, 11):
            if how == "exit":
                os._exit(0)
            os.kill(os.getpid(), signal.SIGKILL)
        return params["x"]

    trials = ProcessTrials(2, trials_per_task=8)
    search(objective, trials, max_evals=40)
    assert [n for n, state in enumerate(states(trials)) if state == JOB_STATE_ERROR] == [4, 11]
    assert states(trials).count(JOB_STATE_DONE) == 38
    ran = runs(tmp_path)
    assert {n: count for n, count in ran.items() if count > 1} == {4: 2, 11: 2}
    said = trials._dynamic_trials[4]["misc"]["error"][1]
    assert ("exit code 0" if how == "exit" else "killed by SIGKILL") in said
    assert all("attempts" not in doc["misc"] for doc in trials._dynamic_trials)


def test_retries_count_from_when_a_trial_runs_alone():
    def objective(params, trial):
        import os

        if trial.tid == 3 and trial.attempt < 2:
            os._exit(1)
        return {"loss": params["x"], "status": "ok", "attempt": trial.attempt}

    trials = ProcessTrials(1, trials_per_task=5)
    search(objective, trials, max_evals=10, retries=2)
    assert states(trials) == [JOB_STATE_DONE] * 10
    assert [result["attempt"] for result in trials.results] == [0] * 3 + [2] + [0] * 6
    assert len(trials._dynamic_trials[3]["misc"]["attempts"]) == 2


def test_a_trial_that_takes_too_long_costs_itself_and_nothing_runs_twice(tmp_path):
    note = noted(tmp_path)

    def objective(params, trial):
        import time

        note(params, trial)
        time.sleep(600 if trial.tid == 3 else 0.01)
        return params["x"]

    trials = ProcessTrials(1, trials_per_task=8, trial_timeout=3)
    search(objective, trials, max_evals=16)
    assert [n for n, state in enumerate(states(trials)) if state == JOB_STATE_ERROR] == [3]
    assert "longer than its `trial_timeout` of 3 s" in trials._dynamic_trials[3]["misc"]["error"][1]
    assert set(runs(tmp_path).values()) == {1}


def test_a_search_that_stops_early_keeps_what_had_ended_in_a_task():
    def objective(params, trial):
        import time

        time.sleep(600 if trial.tid == 9 else 0.01)
        return 1.0

    trials = ProcessTrials(1, trials_per_task=16)
    search(objective, trials, max_evals=100, early_stop_fn=no_progress_loss(5))
    counts = Counter(states(trials))
    assert set(counts) == {JOB_STATE_DONE, JOB_STATE_CANCEL}
    assert 5 <= counts[JOB_STATE_DONE] <= 9
    done = [doc["tid"] for doc in trials._dynamic_trials if doc["state"] == JOB_STATE_DONE]
    assert done == list(range(len(done)))


def test_a_search_that_times_out_keeps_what_had_ended_in_a_task():
    def objective(params, trial):
        import time

        time.sleep(600 if trial.tid == 4 else 0.01)
        return 1.0

    trials = ProcessTrials(1, timeout=4, trials_per_task=10)
    search(objective, trials, max_evals=100)
    assert states(trials)[:5] == [JOB_STATE_DONE] * 4 + [JOB_STATE_CANCEL]
    assert set(states(trials)[5:]) == {JOB_STATE_CANCEL}


def test_trials_of_a_task_are_pruned_and_later_ones_know_the_earlier():
    def train(params, trial):
        for epoch in range(20):
            trial.report(params["x"] ** 2 + 1 / (epoch + 1), step=epoch)
        return params["x"] ** 2

    trials = ProcessTrials(2, trials_per_task=4)
    search(train, trials, max_evals=60, prune="median")
    statuses = Counter(doc["result"]["status"] for doc in trials.trials)
    assert statuses["ok"] + statuses["pruned"] == 60
    assert statuses["pruned"] > 5
    curves = [doc["result"]["curve"]["steps"] for doc in trials.trials]
    assert all(curve == list(range(len(curve))) for curve in curves)


def test_each_trial_of_a_task_has_its_own_times():
    def objective(params):
        import time

        time.sleep(0.1)
        return params["x"]

    trials = ProcessTrials(1, trials_per_task=5)
    search(objective, trials, max_evals=5)
    seconds = [
        (doc["refresh_time"] - doc["book_time"]).total_seconds() for doc in trials._dynamic_trials
    ]
    assert min(seconds) >= 0.1
    begins = [doc["book_time"] for doc in trials._dynamic_trials]
    ends = [doc["refresh_time"] for doc in trials._dynamic_trials]
    assert all(b > a for a, b in itertools.pairwise(begins))
    assert (begins[4] - begins[0]).total_seconds() >= 0.3
    assert all(b >= a for a, b in itertools.pairwise(ends))


def test_large_results_and_callbacks_of_a_task():
    def objective(params):
        return {"loss": params["x"], "status": "ok", "model": bytes(2_000_000)}

    seen = []
    trials = ProcessTrials(2, trials_per_task=4)
    search(objective, trials, max_evals=12,
           callbacks=[lambda trials, trial: seen.append(trial["tid"])])  # fmt: skip
    assert sorted(seen) == list(range(12))
    assert [len(result["model"]) for result in trials.results] == [2_000_000] * 12


def test_a_search_that_does_not_wait_lets_its_trials_run(tmp_path):
    from sparktune.base import Domain
    from sparktune.fmin import FMinIter

    note = noted(tmp_path)
    trials = ProcessTrials(1, trials_per_task=8)
    domain = Domain(note, SPACE)
    loop = FMinIter(rand.suggest, domain, trials, np.random.default_rng(0), max_evals=3,
                    verbose=False, show_progressbar=False)  # fmt: skip
    loop.run(3, block_until_done=False)
    while len(runs(tmp_path)) < 3:
        time.sleep(0.01)
    loop.block_until_done()
    assert states(trials) == [JOB_STATE_DONE] * 3


DRIVER = """
import os, sys, time
from pathlib import Path
from sparktune import ProcessTrials, fmin, hp, rand

folder = sys.argv[1]

def objective(params, trial):
    import time
    from pathlib import Path
    Path(folder, f"{trial.tid}-{time.time_ns()}").touch()
    time.sleep(0.02)
    return params["x"]

trials = ProcessTrials(2, trials_per_task=10)
fmin(objective, {"x": hp.uniform("x", -5, 5)}, rand.suggest, 200, trials=trials, rstate=0,
     verbose=False, journal=sys.argv[2])
losses = trials.losses()
assert len(losses) == 200 and losses == [t["misc"]["vals"]["x"][0] for t in trials.trials]
"""


def test_a_search_whose_driver_is_killed_in_a_task_goes_on(tmp_path):
    path, folder = tmp_path / "driver.py", tmp_path / "runs"
    path.write_text(DRIVER)
    folder.mkdir()
    command = [sys.executable, str(path), str(folder), str(tmp_path / "journal")]
    with subprocess.Popen(command, start_new_session=True) as driver:
        while len(list(folder.iterdir())) < 50:
            time.sleep(0.01)
            assert driver.poll() is None
        driver.send_signal(signal.SIGKILL)
    before = {t["tid"] for t in Trials.from_journal(tmp_path / "journal").trials
              if t["state"] == JOB_STATE_DONE}  # fmt: skip
    assert len(before) >= 10
    done = runs(folder)
    subprocess.run(command, check=True, timeout=50)
    after = Trials.from_journal(tmp_path / "journal")
    assert [t["state"] for t in after.trials] == [JOB_STATE_DONE] * 200
    again = {tid for tid, count in runs(folder).items() if count > 1}
    assert not again & before  # what the search knew did not run a second time
    assert len(again) <= 2 * 10
    assert sum(done.values()) >= 50


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_many_trials_take_no_threads_descriptors_or_memory():
    seen = []

    def footprint():
        with open("/proc/self/statm") as file:  # noqa: PTH123
            pages = int(file.read().split()[1])
        files = len(list(Path("/proc/self/fd").iterdir()))
        return threading.active_count(), files, pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def look(trials, trial):
        if trial["tid"] % 5000 == 4999:
            seen.append(footprint())

    trials = ProcessTrials(2, trials_per_task="auto")
    with contextlib.suppress(FileNotFoundError):  # no /proc
        search(lambda params: params["x"], trials, algo=tpe.suggest, max_evals=20_000,
               callbacks=[look])  # fmt: skip
    assert states(trials) == [JOB_STATE_DONE] * 20_000
    threads, files, megabytes = zip(*seen, strict=True)
    assert max(threads) - min(threads) <= 1
    assert max(files) - min(files) <= 2
    # 4 kB for each document and the sampler's rows, and nothing else.
    assert megabytes[-1] - megabytes[0] < 150
