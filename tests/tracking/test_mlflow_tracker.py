"""What a search leaves in a real SQLite store, read back through a separate client."""

import json
import logging
import math
import threading
from pathlib import Path

import mlflow
import pytest

from sparktune._tracking import tracker as mlflow_tracker
from sparktune._tracking.base import SearchInfo, SearchSummary
from sparktune._tracking.switch import make_tracker

FINISHED = SearchSummary("FINISHED")


def tracker_threads():
    return [t for t in threading.enumerate() if t.name.startswith("sparktune-mlflow")]


def search(documents, losses, info=None, summary=FINISHED, **more):
    """Drive a tracker through one search of finished trials; return them."""
    tracker = make_tracker(enabled=True)
    tracker.begin(info or SearchInfo({"max_evals": len(losses)}))
    trials = []
    for tid, loss in enumerate(losses):
        trial = documents.running(tid, x=float(tid))
        tracker.trial_started(trial)
        tracker.trial_finished(documents.done(trial, loss, **more))
        trials.append(trial)
    tracker.end(summary)
    return trials


def test_own_run_is_active_during_the_search_and_ended_after_it(documents, runs):
    tracker = make_tracker(enabled=True)
    info = SearchInfo({"max_evals": 2, "algo": "tpe.suggest", "timeout": None})
    tracker.begin(info)
    active = mlflow.active_run()
    assert active is not None
    for tid in range(2):
        trial = documents.running(tid, x=0.5)
        tracker.trial_started(trial)
        tracker.trial_finished(documents.done(trial, 1.0 - tid))
    tracker.end(SearchSummary("FINISHED", best_trial=trial))

    assert mlflow.active_run() is None
    assert mlflow.last_active_run().info.run_id == active.info.run_id
    (parent,), children = runs()
    assert parent.info.run_id == active.info.run_id
    assert parent.info.status == "FINISHED"
    assert parent.info.end_time is not None
    assert parent.info.run_name == f"fmin-{info.uuid[:6]}"
    assert parent.data.params == {"max_evals": "2", "algo": "tpe.suggest", "best_x": "0.5"}
    assert parent.data.tags["fmin_uuid"] == info.uuid
    assert "sparktune.version" in parent.data.tags
    assert parent.data.tags["best_tid"] == "1"
    assert parent.data.tags["best_run_id"] == children[1].info.run_id
    assert parent.data.metrics == {
        "best_loss": 0.0,
        "loss": 0.0,
        "trials_ok": 2.0,
        "trials_failed": 0.0,
        "trials_cancelled": 0.0,
    }
    assert [child.info.run_name for child in children] == ["trial-0", "trial-1"]
    assert {child.data.tags["mlflow.parentRunId"] for child in children} == {parent.info.run_id}
    assert {child.data.tags["fmin_uuid"] for child in children} == {info.uuid}
    assert not tracker_threads()


def test_active_run_is_the_parent_and_stays_open(documents, runs, client):
    with mlflow.start_run() as run:
        search(documents, [1.0])
        assert mlflow.active_run().info.run_id == run.info.run_id
        assert client.get_run(run.info.run_id).info.status == "RUNNING"
        mlflow.log_param("after", 1)
    (parent,), (child,) = runs()
    assert parent.info.run_id == run.info.run_id
    assert parent.data.params["after"] == "1"
    assert child.data.tags["mlflow.parentRunId"] == run.info.run_id


def test_best_loss_is_stepped_by_finished_trials(documents, runs, client):
    search(documents, [3.0, math.nan, 4.0, 1.0, 2.0, -math.inf])
    (parent,), _ = runs()
    history = client.get_metric_history(parent.info.run_id, "best_loss")
    assert [(point.step, point.value) for point in history] == [(1, 3.0), (4, 1.0)]


@pytest.mark.parametrize(("status", "error"), [("FAILED", "Traceback: boom"), ("KILLED", None)])
def test_own_run_tells_how_the_search_ended(documents, runs, client, tmp_path, status, error):
    search(documents, [1.0], summary=SearchSummary(status, error=error))
    (parent,), _ = runs()
    assert parent.info.status == status
    files = [file.path for file in client.list_artifacts(parent.info.run_id)]
    assert ("traceback.txt" in files) == (error is not None)


def test_child_holds_params_metrics_and_readable_choices(documents, runs, space):
    tracker = make_tracker(enabled=True)
    tracker.begin(SearchInfo({}, space=space))
    svm = documents.running(0, model=0, C=0.1, optimizer=1)
    forest = documents.running(1, model=1, depth=4.0, optimizer=0)
    for trial in (svm, forest):
        tracker.trial_started(trial)
    tracker.trial_finished(
        documents.done(svm, 0.25, auc=0.9, folds=5, good=True, model="text", seconds=[1, 2])
    )
    tracker.trial_finished(documents.done(forest, 0.5))
    tracker.end(SearchSummary("FINISHED", best_trial=svm))

    (parent,), (first, second) = runs()
    assert first.data.params == {"model": "0", "C": "0.1", "optimizer": "1"}
    assert second.data.params == {"model": "1", "depth": "4", "optimizer": "0"}
    assert first.data.metrics == {"trial": 0.0, "loss": 0.25, "auc": 0.9, "folds": 5.0}
    assert second.data.metrics["trial"] == 1.0  # an axis of charts, which tags are not
    assert first.info.status == "FINISHED"
    assert first.data.tags["trial_status"] == "ok"
    assert first.data.tags["tid"] == "0"
    assert json.loads(first.data.tags["choice.model"]) == {"kind": "svm", "C": 0.1}
    assert json.loads(second.data.tags["choice.model"]) == {"kind": "forest", "depth": 4}
    assert first.data.tags["choice.optimizer"] == "adam"
    assert parent.data.params["best_C"] == "0.1"
    assert parent.data.tags["best_choice.optimizer"] == "adam"


def test_space_is_described(documents, runs, client, space, tmp_path):
    search(documents, [1.0], SearchInfo({}, space=space))
    (parent,), _ = runs()
    path = client.download_artifacts(parent.info.run_id, "space.json", str(tmp_path))
    described = json.loads(Path(path).read_text())
    assert described["optimizer"]["$choice"] == "optimizer"
    assert described["optimizer"]["options"] == ["sgd", "adam"]
    svm = described["model"]["options"][0]
    assert svm["kind"] == "svm"
    assert svm["C"]["$param"] == "C"
    assert svm["C"]["distribution"] == "lognormal"
    assert described["model"]["options"][1]["depth"]["$call"] == "int"


def test_failed_and_cancelled_trials(documents, runs, client, tmp_path):
    tracker = make_tracker(enabled=True)
    tracker.begin(SearchInfo({}))
    trials = [documents.running(tid, x=1.0) for tid in range(4)]
    for trial in trials:
        tracker.trial_started(trial)
    tracker.trial_finished(documents.error(trials[0]))
    tracker.trial_finished(documents.done(trials[1], status="fail"))
    tracker.trial_finished(documents.cancelled(trials[2]))
    tracker.end(FINISHED)  # the end of the last one was not reported

    (parent,), children = runs()
    assert [child.info.status for child in children] == ["FAILED", "FAILED", "KILLED", "KILLED"]
    assert [child.data.tags["trial_status"] for child in children] == [
        "error",
        "fail",
        "cancelled",
        "cancelled",
    ]
    assert [child.data.tags.get("error") for child in children] == ["ValueError: no"] + 3 * [None]
    assert all(child.data.params == {"x": "1.0"} for child in children)
    path = client.download_artifacts(children[0].info.run_id, "traceback.txt", str(tmp_path))
    assert "ValueError: no" in Path(path).read_text()
    assert parent.data.metrics["trials_failed"] == 2
    assert parent.data.metrics["trials_cancelled"] == 2


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
def test_losses_that_are_not_finite_are_kept_and_tagged(documents, runs, loss):
    search(documents, [loss])
    (parent,), (child,) = runs()
    assert child.info.status == "FINISHED"
    assert child.data.tags["loss_not_finite"] == str(loss)
    assert "loss" in child.data.metrics
    assert "best_loss" not in parent.data.metrics


def test_two_searches_in_one_run_do_not_mix(documents, runs, client, space):
    with mlflow.start_run():
        first = SearchInfo({"max_evals": 1, "algo": "rand"}, space=space)
        second = SearchInfo({"max_evals": 2, "algo": "tpe", "parallelism": 4}, space=space)
        trials = search(documents, [3.0], first)
        search(documents, [2.0, 1.0], second, SearchSummary("FINISHED", best_trial=trials[0]))
    (parent,), children = runs()
    suffix = f"_{second.uuid}"
    assert parent.data.params == {
        "max_evals": "1",
        "algo": "rand",
        f"max_evals{suffix}": "2",
        f"algo{suffix}": "tpe",
        "parallelism": "4",
        "best_x": "0.0",
    }
    assert parent.data.tags["fmin_uuid"] == first.uuid
    assert parent.data.tags[f"fmin_uuid{suffix}"] == second.uuid
    assert parent.data.metrics["best_loss"] == 3.0
    assert parent.data.metrics[f"best_loss{suffix}"] == 1.0
    assert parent.data.metrics["trials_ok"] == 1
    assert parent.data.metrics[f"trials_ok{suffix}"] == 2
    files = {file.path for file in client.list_artifacts(parent.info.run_id)}
    assert files == {
        "space.json",
        f"space{suffix}.json",
        "history.svg",
        f"history{suffix}.svg",
    }
    by_search = [child.data.tags["fmin_uuid"] for child in children]
    assert sorted(by_search) == sorted([first.uuid, second.uuid, second.uuid])


def test_a_param_the_objective_logged_itself_is_kept(documents, runs, client):
    tracker = make_tracker(enabled=True)
    info = SearchInfo({})
    tracker.begin(info)
    trial = documents.running(0, C=2.0, x=1.0)
    run_id = tracker.trial_started(trial).payload()["run_id"]
    client.log_param(run_id, "C", "two")
    tracker.trial_finished(documents.done(trial, 1.0))
    tracker.end(FINISHED)
    _, (child,) = runs()
    assert child.data.params == {"C": "two", f"C_{info.uuid}": "2.0", "x": "1.0"}
    assert child.data.metrics == {"trial": 0.0, "loss": 1.0}
    assert child.info.status == "FINISHED"


def test_awkward_labels_and_long_values(documents, runs):
    tracker = make_tracker(enabled=True)
    tracker.begin(SearchInfo({"algo": "a" * 9000}))
    labels = ["lr (log)", "lr [log]", "a//b", "../up", "", "ü", "x" * 400, "plain"]
    trial = documents.running(0, **dict.fromkeys(labels, 1.5))
    tracker.trial_started(trial)
    tracker.trial_finished(documents.done(trial, 1.0, **{"val [%]": 3.0}))
    tracker.end(FINISHED)
    (parent,), (child,) = runs()
    assert len(child.data.params) == len(labels)
    assert {"plain", "ü", "lr _log_", "lr _log__2", "a__b"} <= set(child.data.params)
    assert child.data.metrics["val ___"] == 3.0
    assert len(parent.data.params["algo"]) == 500


def test_many_params_and_metrics_fit_in_batches(documents, runs):
    tracker = make_tracker(enabled=True)
    tracker.begin(SearchInfo({}))
    trial = documents.running(0, **{f"p{i}": float(i) for i in range(250)})
    tracker.trial_started(trial)
    tracker.trial_finished(documents.done(trial, 1.0, **{f"m{i}": i for i in range(1200)}))
    tracker.end(FINISHED)
    _, (child,) = runs()
    assert len(child.data.params) == 250
    assert len(child.data.metrics) == 1202


def test_a_server_that_nobody_runs_costs_a_warning_and_tells_what_is_lost(
    documents, caplog, experiment, monkeypatch
):
    monkeypatch.setattr(mlflow_tracker, "_END_IDLE_SECONDS", (1.0, 1.0))
    mlflow.set_tracking_uri("http://user:secret@127.0.0.1:9")
    with caplog.at_level(logging.DEBUG, logger="sparktune.mlflow"):
        tracker = make_tracker(enabled=True)
        tracker.begin(SearchInfo({}))
        for tid in range(5):
            trial = documents.running(tid, x=1.0)
            child = tracker.trial_started(trial)
            assert child.payload()["run_id"] is None
            with tracker.local_run(trial):
                pass
            tracker.trial_finished(documents.done(trial, 1.0))
        tracker.end(FINISHED)
    first, last = (record for record in caplog.records if record.levelno >= logging.WARNING)
    assert "127.0.0.1:9" in first.getMessage()
    assert "5 of 5 trials (0, 1, 2, 3, 4) and the search" in last.getMessage()
    assert "secret" not in caplog.text
    assert mlflow.active_run() is None
    assert not tracker_threads()


def test_a_record_that_fails_costs_one_warning_and_no_other_record(
    documents, runs, caplog, monkeypatch
):
    log_text = mlflow.MlflowClient.log_text
    monkeypatch.setattr(
        mlflow.MlflowClient,
        "log_text",
        lambda self, run, text, file: log_text(self, run, None, file),
    )
    with caplog.at_level(logging.WARNING, logger="sparktune.mlflow"):
        tracker = make_tracker(enabled=True)
        tracker.begin(SearchInfo({}))
        for tid in range(3):
            trial = documents.running(tid, x=1.0)
            tracker.trial_started(trial)
            tracker.trial_finished(documents.error(trial))
        tracker.end(FINISHED)
    first, last = caplog.records
    assert "could not be written" in first.getMessage()
    assert "3 of 3 trials (0, 1, 2) and the search itself are not (fully)" in last.getMessage()
    _, children = runs()
    assert [child.info.status for child in children] == ["FAILED"] * 3
    assert all(child.data.params == {"x": "1.0"} for child in children)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_calls_a_trial_stay_constant(documents, experiment, monkeypatch):
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    monkeypatch.setattr(mlflow_tracker, "_LOSSES_SECONDS", math.inf)
    calls = []
    for name in ("create_run", "log_batch", "update_run_info", "get_run", "search_runs"):
        real = getattr(SqlAlchemyStore, name)

        def counted(self, *args, _name=name, _real=real, **kwargs):
            calls.append(_name)
            return _real(self, *args, **kwargs)

        monkeypatch.setattr(SqlAlchemyStore, name, counted)
    with mlflow.start_run():
        tracker = make_tracker(enabled=True)
        tracker.begin(SearchInfo({}))
        counts = []
        for tid in range(501):
            before = len(calls)
            trial = documents.running(tid, x=1.0)
            child = tracker.trial_started(trial)
            child.payload()
            tracker.trial_finished(documents.done(trial, 1.0))
            done = threading.Event()
            tracker._outbox.put(done.set)
            assert done.wait(60)
            counts.append(len(calls) - before)
        tracker.end(FINISHED)
    assert set(counts[1:]) == {3}, counts
