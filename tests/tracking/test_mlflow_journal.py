"""A journal and MLflow together: after a kill no run is missing, open or there twice."""

import logging
import subprocess
import sys
import time

import mlflow
import pytest

from sparktune import ProcessTrials, Trials, fmin, hp, rand

X = hp.uniform("x", -1, 1)

SCRIPT = """
import sys, time
import mlflow
from sparktune import fmin, hp, rand
journal, store, experiment, count = sys.argv[1:]
mlflow.set_tracking_uri(store)
mlflow.set_experiment(experiment_id=experiment)
def loss(x):
    time.sleep(0.05)
    return x * x
fmin(loss, hp.uniform("x", -1, 1), rand.suggest, int(count), verbose=False, rstate=0,
     journal=journal, mlflow=True)
"""


def loss(x):
    return x * x


def search(journal, max_evals, **more):
    fmin(more.pop("fn", loss), X, rand.suggest, max_evals, verbose=False, rstate=0,
         journal=journal, **more)  # fmt: skip


def check(runs, count):
    parents, children = runs()
    assert [run.info.status for run in parents] == ["FINISHED"]
    assert [run.data.tags["tid"] for run in children] == [str(tid) for tid in range(count)]
    assert {run.info.status for run in children} == {"FINISHED"}
    assert all("loss" in run.data.metrics and "x" in run.data.params for run in children)
    return children


def test_a_search_goes_on_in_its_run(runs, tmp_path):
    search(tmp_path, 3, mlflow=True)
    search(tmp_path, 5)  # recorded because it was
    children = check(runs, 5)
    read = Trials.from_journal(tmp_path)
    assert [doc["misc"]["run_id"] for doc in read.trials[:4]] == [
        run.info.run_id for run in children[:4]
    ]


@pytest.mark.slow
def test_a_search_that_is_killed_several_times(runs, experiment, store, tmp_path):
    log = tmp_path / "j" / "journal.log"
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "j"), store, experiment, "24"]
    for killed_after in (1, 6, 12, 18):
        with subprocess.Popen(command) as process:
            while not log.exists() or log.read_text().count('"finished"') < killed_after:
                assert process.poll() is None
                time.sleep(0.01)
            process.kill()
    subprocess.run(command, check=True)
    check(runs, 24)


def test_what_the_store_never_got_is_written(runs, client, experiment, tmp_path):
    search(tmp_path, 4, mlflow=True)
    _, children = runs()
    client.delete_run(children[1].info.run_id)  # as if it had not been made
    client.update_run(children[2].info.run_id, status="RUNNING")
    search(tmp_path, 5)
    check(runs, 5)


def test_another_active_run_is_the_parent_of_what_follows(runs, client, tmp_path):
    class Stop(BaseException):
        pass

    def loss(x):
        if len(trials) == 3:
            raise Stop
        return x * x

    trials = Trials()
    with mlflow.start_run(), pytest.raises(Stop):
        search(tmp_path, 5, fn=loss, trials=trials)
    _, children = runs()
    for number in (1, 2):  # as if the driver had been killed
        client.update_run(children[number].info.run_id, status="RUNNING")
    trials = []
    with mlflow.start_run():
        search(tmp_path, 5, fn=loss)
    parents, children = runs()
    assert len(parents) == 2
    statuses = [(run.data.tags["tid"], run.info.status) for run in children]
    assert sorted(statuses) == [
        ("0", "FINISHED"), ("1", "FINISHED"), ("2", "FINISHED"), ("2", "KILLED"),
        ("3", "FINISHED"), ("4", "FINISHED"),
    ]  # fmt: skip


def test_a_store_that_is_gone_is_told_and_not_waited_for(runs, tmp_path, caplog):
    search(tmp_path, 2, mlflow=True)
    parents, _ = runs()
    mlflow.delete_run(parents[0].info.run_id)
    with caplog.at_level(logging.WARNING):
        search(tmp_path, 4)
    assert "cannot be used (InvalidArgument: the run is deleted)" in caplog.text
    assert len(Trials.from_journal(tmp_path)) == 4


def test_not_recorded_any_more(runs, tmp_path):
    search(tmp_path, 2, mlflow=True)
    search(tmp_path, 4, mlflow=False)
    assert len(runs()[1]) == 2


def test_processes(runs, tmp_path):
    search(tmp_path, 6, mlflow=True, trials=ProcessTrials(2))
    search(tmp_path, 9, trials=ProcessTrials(2))
    check(runs, 9)
