"""The same records through a real MLflow server on the loopback interface, which may fail."""

import itertools
import logging
import math
import threading
import time
from collections import Counter
from pathlib import Path

import mlflow
import pytest
from gate import Gate
from swallow import Swallow

from sparktune import Trials, fmin, hp, rand
from sparktune._tracking.base import SearchInfo, SearchSummary
from sparktune._tracking.switch import make_tracker

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture
def found(server):
    """Return a function that reads the one parent and the children by tid."""

    def read():
        client = mlflow.MlflowClient()
        runs = client.search_runs([server.experiment], max_results=1000)
        (parent,) = (run for run in runs if "mlflow.parentRunId" not in run.data.tags)
        children = sorted(
            (run for run in runs if "mlflow.parentRunId" in run.data.tags),
            key=lambda run: int(run.data.tags["tid"]),
        )
        return parent, children

    return read


@pytest.fixture
def warnings(caplog):
    caplog.set_level(logging.INFO, logger="sparktune.mlflow")

    def read():
        ours = [r for r in caplog.records if r.name == "sparktune.mlflow"]
        return [r.getMessage() for r in ours if r.levelno >= logging.WARNING]

    return read


def test_a_search_through_a_server(server, found, documents, tmp_path, capsys):
    client = mlflow.MlflowClient()
    tracker = make_tracker(enabled=True)
    tracker.begin(SearchInfo({"max_evals": 4}))
    trials = [documents.running(tid, x=float(tid)) for tid in range(4)]
    for trial in trials:
        tracker.trial_started(trial)
        with tracker.local_run(trial):
            mlflow.log_metric("own", 1.0)
    tracker.trial_finished(documents.done(trials[0], 0.5))
    tracker.trial_finished(documents.done(trials[1], math.nan, bound=math.inf))
    tracker.trial_finished(documents.error(trials[2]))
    tracker.trial_finished(documents.cancelled(trials[3]))
    tracker.end(SearchSummary("FINISHED", best_trial=trials[0]))

    parent, children = found()
    assert parent.info.status == "FINISHED"
    assert parent.data.metrics["best_loss"] == 0.5
    assert parent.data.params["best_x"] == "0.0"
    assert [run.info.status for run in children] == ["FINISHED", "FINISHED", "FAILED", "KILLED"]
    assert all(run.data.metrics["own"] == 1 for run in children)
    assert all(run.data.params == {"x": str(float(i))} for i, run in enumerate(children))
    path = client.download_artifacts(children[2].info.run_id, "traceback.txt", str(tmp_path))
    assert "ValueError" in Path(path).read_text()
    assert "View run" not in capsys.readouterr().out


def test_a_server_that_is_killed_and_started_again_in_mid_search(
    server, found, warnings, monkeypatch
):
    """Trials continue during an outage; afterwards each has one run, and the search can resume."""
    from sparktune._tracking import tracker as mlflow_tracker

    # The search takes much less time than the start of a server. If that takes more than a minute,
    # MLflow's client retries for the last time after two.
    monkeypatch.setattr(mlflow_tracker, "_END_IDLE_SECONDS", (300.0, 300.0))
    seconds = []
    restarted = threading.Event()

    def restart():
        server.start()
        restarted.set()

    def objective(x):
        began = time.monotonic()
        if len(seconds) == 10:
            server.kill()
        if len(seconds) == 40:
            threading.Thread(target=restart, daemon=True).start()
        time.sleep(0.02)
        seconds.append(time.monotonic() - began)
        return x**2

    trials = Trials()
    waits = []
    fmin(
        objective,
        hp.uniform("x", -1, 1),
        algo=rand.suggest,
        max_evals=60,
        trials=trials,
        rstate=1,
        verbose=False,
        mlflow=True,
        early_stop_fn=lambda trials: (waits.append(time.monotonic()) or False, []),
    )
    assert restarted.wait(120)
    parent, children = found()
    assert [int(run.data.tags["tid"]) for run in children] == list(range(60))
    assert {run.info.status for run in children} == {"FINISHED"}
    for run, doc in zip(children, trials._dynamic_trials, strict=True):
        assert run.data.metrics == {"trial": doc["tid"], "loss": doc["result"]["loss"]}
        assert run.data.params == {"x": repr(float(doc["misc"]["vals"]["x"][0]))}
        assert doc["misc"]["run_id"] == run.info.run_id
    assert parent.info.status == "FINISHED"
    assert parent.data.metrics["trials_ok"] == 60
    assert len(warnings()) == 1  # unreachable, or slow: it depends on the call during which it died
    # Only the trial that met the outage waited for it, and no longer than the limit.
    gaps = sorted(b - a for a, b in itertools.pairwise(waits))
    assert gaps[-3] < 5
    back = Trials.from_mlflow(parent.info.run_id)
    assert back.losses() == trials.losses()


def test_a_server_that_hangs_slows_one_trial_and_loses_none(server, found, warnings, monkeypatch):
    from sparktune._tracking import tracker as mlflow_tracker

    monkeypatch.setattr(mlflow_tracker, "_STUCK_SECONDS", 1.0)
    count = [0]

    def objective(x):
        count[0] += 1
        if count[0] == 5:
            server.hang()
        if count[0] == 30:
            server.wake()
        return x

    began = time.monotonic()
    try:
        fmin(
            objective,
            hp.uniform("x", 0, 1),
            algo=rand.suggest,
            max_evals=30,
            rstate=1,
            verbose=False,
            mlflow=True,
        )
    finally:
        server.wake()
    parent, children = found()
    assert Counter(run.info.status for run in children) == {"FINISHED": 30}
    assert sorted(int(run.data.tags["tid"]) for run in children) == list(range(30))
    assert parent.data.metrics["trials_ok"] == 30
    assert len(warnings()) == 1
    assert "has not done what a trial waits for within 1 s" in warnings()[0]
    # 25 waiting trials would have taken much longer than this.
    assert time.monotonic() - began < 120


def run_search(objective, max_evals=30):
    fmin(objective, hp.uniform("x", 0, 1), algo=rand.suggest, max_evals=max_evals, rstate=1,
         verbose=False, mlflow=True)  # fmt: skip


def test_a_request_that_is_never_answered_is_repeated(server, found, warnings, monkeypatch):
    """MLflow itself would wait two minutes for the answer, on the one thread that records."""
    from sparktune._tracking import tracker as mlflow_tracker

    monkeypatch.setattr(mlflow_tracker, "_REQUEST_SECONDS", 2, raising=False)
    monkeypatch.setattr(mlflow_tracker, "_STUCK_SECONDS", 1.0)
    monkeypatch.setattr(mlflow_tracker, "_END_IDLE_SECONDS", (1.0, 10.0))
    proxy, count = Swallow(server.port), [0]

    def objective(x):
        count[0] += 1
        if count[0] == 5:
            proxy.swallow()
        return x

    mlflow.set_tracking_uri(proxy.uri)
    try:
        run_search(objective)
        parent, children = found()
    finally:
        proxy.close()
    assert Counter(run.info.status for run in children) == {"FINISHED": 30}
    assert sorted(int(run.data.tags["tid"]) for run in children) == list(range(30))
    assert parent.data.metrics["trials_ok"] == 30
    assert [text for text in warnings() if "not done" not in text] == []


def test_only_our_requests_time_out_early(monkeypatch):
    from mlflow.utils import rest_utils

    from sparktune._tracking.mlflow_compat import request_timeout

    def seconds():
        return rest_utils.MLFLOW_HTTP_REQUEST_TIMEOUT.get()

    shown, default, elsewhere = str(rest_utils.MLFLOW_HTTP_REQUEST_TIMEOUT), seconds(), []
    with request_timeout(7):
        assert seconds() == 7
        thread = threading.Thread(target=lambda: elsewhere.append(seconds()))
        thread.start()
        thread.join()
    assert elsewhere == [default] == [seconds()]
    assert str(rest_utils.MLFLOW_HTTP_REQUEST_TIMEOUT) == shown
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "300")
    with request_timeout(7):
        assert seconds() == 300


def test_credentials_that_are_refused_for_a_while(server, found, warnings, monkeypatch):
    """As when a proxy restarts, or a token is renewed."""
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ann")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "secret")
    gate, count = Gate(server.uri, "ann", "secret"), [0]

    def objective(x):
        count[0] += 1
        if count[0] == 5:
            gate.shut.set()
        if count[0] == 30:
            end = time.monotonic() + 60
            while gate.refused == 0:
                assert time.monotonic() < end, "nothing was recorded meanwhile"
                time.sleep(0.05)
            gate.shut.clear()
        return x

    mlflow.set_tracking_uri(gate.uri)
    try:
        run_search(objective)
        parent, children = found()
    finally:
        gate.close()
    assert Counter(run.info.status for run in children) == {"FINISHED": 30}
    assert parent.data.metrics["trials_ok"] == 30
    (warning,) = warnings()
    assert "kept and retried" in warning


def test_a_wrong_password_is_not_tried_again(server, warnings, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ann")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "wrong")
    gate = Gate(server.uri, "ann", "secret")
    mlflow.set_tracking_uri(gate.uri)
    try:
        run_search(lambda x: x, max_evals=3)
    finally:
        gate.close()
    assert gate.refused < 20
    assert "could not be written" in warnings()[0]


def test_a_server_that_stays_away_is_told_at_the_end(server, found, warnings, monkeypatch):
    from sparktune._tracking import tracker as mlflow_tracker

    monkeypatch.setattr(mlflow_tracker, "_END_IDLE_SECONDS", (2.0, 2.0))
    count = [0]

    def recorded():
        _, children = found()
        return [run.info.status for run in children].count("FINISHED")

    def objective(x):
        count[0] += 1
        if count[0] == 5:
            end = time.monotonic() + 60
            while recorded() < 4:
                assert time.monotonic() < end, "the first four are not recorded"
                time.sleep(0.05)
            server.kill()
        return x

    trials = Trials()
    try:
        fmin(
            objective,
            hp.uniform("x", 0, 1),
            algo=rand.suggest,
            max_evals=10,
            trials=trials,
            rstate=1,
            verbose=False,
            mlflow=True,
        )
    finally:
        server.start()
    assert len(trials.losses()) == 10
    last = warnings()[-1]
    assert "6 of 10 trials (4, 5, 6, 7, 8, 9) and the search itself are not (fully)" in last
    assert "complete" in last
