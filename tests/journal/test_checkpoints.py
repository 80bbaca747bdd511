"""Trials that a retry or the next process goes on with where they were."""

import os
import signal
import subprocess
import sys

import pytest

from sparktune import ProcessTrials, Trials, fmin, hp, rand

SCRIPT = """
import os, pathlib, signal, sys
from sparktune import ProcessTrials, Trials, fmin, hp, rand
journal, workers = sys.argv[1], int(sys.argv[2])

def train(x, trial):
    state = pathlib.Path(trial.checkpoint_dir) / "epoch"
    begin = int(state.read_text()) if state.exists() else 0
    for epoch in range(begin, 100):
        state.write_text(str(epoch))
        if epoch == 80 and begin == 0 and trial.tid == 2:
            os.kill(DRIVER, signal.SIGKILL)
            if workers:
                import time; time.sleep(60)
    return {"status": "ok", "loss": x, "begin": begin}

DRIVER = os.getpid()
trials = ProcessTrials(workers) if workers else Trials()
fmin(train, hp.uniform("x", 0, 1), rand.suggest, 4, verbose=False, rstate=0, trials=trials,
     journal=journal)
print([trial["result"]["begin"] for trial in sorted(trials.trials, key=lambda t: t["tid"])])
"""


@pytest.mark.parametrize("workers", [0, 1])
def test_a_trial_whose_driver_was_killed_goes_on_at_its_epoch(tmp_path, workers):
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "j"), str(workers)]
    killed = subprocess.run(command, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "[0, 0, 80, 0]\n"
    folders = {path.name for path in (tmp_path / "j" / "checkpoints").iterdir() if path.is_dir()}
    assert folders == {"0", "1", "2", "3"}


def test_attempts_are_in_the_journal(tmp_path):
    def train(x, trial):
        if trial.tid == 1 and trial.attempt < 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return {"status": "ok", "loss": x, "attempt": trial.attempt}

    trials = ProcessTrials(2)
    fmin(train, hp.uniform("x", 0, 1), rand.suggest, 4, verbose=False, rstate=0, trials=trials,
         journal=tmp_path, retries=2)  # fmt: skip
    read = Trials.from_journal(tmp_path)
    found = {trial["tid"]: trial for trial in read.trials}
    assert [found[tid]["result"]["attempt"] for tid in range(4)] == [0, 2, 0, 0]
    kept = next(trial for trial in trials.trials if trial["tid"] == 1)
    assert found[1]["misc"]["attempts"] == kept["misc"]["attempts"]
    assert [each["reason"] for each in kept["misc"]["attempts"]] == ["lost", "lost"]


def test_a_trial_that_is_lost_each_time_fails_and_is_not_run_by_the_next_call(tmp_path):
    def train(x, trial):
        if trial.tid == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return x

    def search(count):
        fmin(train, hp.uniform("x", 0, 1), rand.suggest, count, verbose=False, rstate=0,
             trials=ProcessTrials(1), journal=tmp_path, retries=1)  # fmt: skip

    search(2)
    for count in (2, 3):
        search(count)
        docs = Trials.from_journal(tmp_path)._dynamic_trials
        lost = next(doc for doc in docs if doc["tid"] == 0)
        assert len(lost["misc"]["attempts"]) == 1
        assert "JobFailed" in lost["misc"]["error"][0]
        assert len(docs) == count
