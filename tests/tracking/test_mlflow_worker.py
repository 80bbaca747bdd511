"""What objectives log on a worker: one process runs many trials, as Spark's workers do."""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import cloudpickle
import mlflow
import pytest

from sparktune import _worker
from sparktune._tracking.base import SearchInfo, SearchSummary
from sparktune._tracking.switch import make_tracker
from sparktune._worker.mlflow_run import worker_run

SCRIPT = Path(__file__).with_name("worker_script.py")
NAMES = [
    "quiet",
    "first import",
    "plain",
    "own_nested_run",
    "own_plain_run",
    "named_parent",
    "ends_it_and_logs",
    "folds",
    "leaves_everything_open",
    "after leaving",
    "no autolog",
    "autolog",
    "no autolog again",
    "in_a_thread",
    "logs_a_model",
    "raises",
]


@pytest.fixture(scope="module")
def worked(store, documents, tmp_path_factory):
    """Run all the trials of the script once; return what it found and the runs by trial."""
    folder = tmp_path_factory.mktemp("worker")
    before = os.environ.get("MLFLOW_TRACKING_URI")
    mlflow.set_tracking_uri(store)
    client = mlflow.MlflowClient()
    experiment = client.create_experiment(
        f"worker-{folder.name}", artifact_location=(folder / "artifacts").as_uri()
    )
    mlflow.set_experiment(experiment_id=experiment)
    tracker = make_tracker(enabled=True)
    tracker.begin(SearchInfo({}))
    trials = {name: documents.running(tid, x=1.0) for tid, name in enumerate(NAMES)}
    payloads = {name: tracker.trial_started(trial).payload() for name, trial in trials.items()}

    cloudpickle.register_pickle_by_value(_worker)
    try:
        job = {"worker_run": worker_run, "payloads": payloads}
        (folder / "job.pkl").write_bytes(cloudpickle.dumps(job))
    finally:
        cloudpickle.unregister_pickle_by_value(_worker)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "PYTHON"))}
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(folder / "job.pkl"), str(folder / "found.json")],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for name, trial in trials.items():
        end = documents.error if name == "raises" else documents.done
        tracker.trial_finished(end(trial, **({} if name == "raises" else {"loss": 1.0})))
    tracker.end(SearchSummary("FINISHED"))

    runs = client.search_runs([experiment], max_results=1000)
    by_id = {run.info.run_id: run for run in runs}
    children = {name: by_id[payload["run_id"]] for name, payload in payloads.items()}
    if before is None:
        mlflow.set_tracking_uri(None)
    found = json.loads((folder / "found.json").read_text())
    # Nothing went to another store: none was created in the worker's directory.
    assert {path.name for path in folder.iterdir()} <= {"job.pkl", "found.json", "artifacts"}
    return found, children, runs, done.stderr


def grandchildren(worked, name):
    _, children, runs, _ = worked
    parent = children[name].info.run_id
    return [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parent]


def test_an_objective_that_does_not_log_does_not_import_mlflow(worked):
    found, children, _, _ = worked
    assert found["quiet imported mlflow"] is False
    assert found["hooks left"] == 0
    quiet = children["quiet"]
    assert quiet.data.metrics == {"loss": 1.0, "trial": float(quiet.data.tags["tid"])}


def test_plain_logging_lands_in_the_child(worked):
    found, children, _, _ = worked
    child = children["first import"]
    assert found["active run"] == child.info.run_id
    assert child.data.params == {"from_worker": "7", "x": "1.0"}
    assert child.data.metrics == {
        "seen": 1.5,
        "loss": 1.0,
        "trial": float(child.data.tags["tid"]),
    }
    assert child.data.tags["worker"] == "yes"
    assert (Path(child.info.artifact_uri.removeprefix("file://")) / "note.txt").exists()


def test_nothing_stays_behind_in_the_worker(worked):
    found, _, _, _ = worked
    assert found["active after"] is None
    assert found["uri after"] is None
    assert found["left open"] is None
    assert found["uri after leaving"] is None
    assert found["patched after"] is False


@pytest.mark.parametrize(
    "name", ["plain", "own_nested_run", "own_plain_run", "named_parent", "ends_it_and_logs"]
)
def test_the_objectives_own_run_is_the_child(worked, name):
    _, children, _, _ = worked
    child = children[name]
    assert child.data.metrics["m"] == 1
    assert child.data.metrics["loss"] == 1
    assert child.info.status == "FINISHED"
    assert not grandchildren(worked, name)
    if name in ("own_plain_run", "ends_it_and_logs"):
        assert child.data.metrics["after"] == 2


def test_name_and_tags_of_the_objectives_own_run_are_kept(worked):
    _, children, _, _ = worked
    assert children["own_nested_run"].info.run_name == "mine"
    assert children["own_nested_run"].data.tags["mine"] == "yes"
    assert children["own_plain_run"].data.tags["given"] == "yes"


def test_further_own_runs_are_nested_under_the_child(worked):
    _, children, _, _ = worked
    assert children["folds"].data.params["fold"] == "0"
    assert children["folds"].data.metrics["m"] == 1
    below = grandchildren(worked, "folds")
    assert sorted(run.data.params["fold"] for run in below) == ["1", "2"]
    assert {run.info.status for run in below} == {"FINISHED"}


def test_a_trial_after_one_that_left_everything_open(worked):
    _, children, _, _ = worked
    (left,) = grandchildren(worked, "leaves_everything_open")
    assert left.info.status in ("FINISHED", "RUNNING")  # its store was pulled away from under it
    assert children["after leaving"].data.metrics["m"] == 1


def test_autolog_lands_in_the_child_and_does_not_stay_on(worked):
    _, children, _, _ = worked
    assert children["autolog"].data.params["C"] == "0.5"
    assert children["no autolog"].data.params == {"x": "1.0"}
    assert children["no autolog again"].data.params == {"x": "1.0"}


def test_logging_on_a_thread_of_the_objective_lands_in_the_child(worked):
    _, children, _, _ = worked
    assert children["in_a_thread"].data.metrics["m"] == 1


def test_a_model_belongs_to_the_child(worked, store):
    found, children, _, _ = worked
    child = children["logs_a_model"]
    assert found["predicts"]
    models = child.outputs.model_outputs
    assert len(models) == 1
    client = mlflow.MlflowClient(tracking_uri=store)
    assert client.get_logged_model(models[0].model_id).source_run_id == child.info.run_id


def test_logging_without_a_run_or_a_server_goes_nowhere(worked):
    found, _, runs, _ = worked
    (note,) = found["notes"]  # of the trial with a run; the driver knows about the other one
    assert "127.0.0.1:9" in note
    assert found["file store after"] is None
    assert not any("lost" in {**run.data.metrics, **run.data.params} for run in runs)


def test_an_objective_that_raises(worked):
    found, children, _, _ = worked
    assert found["raised"] == "objective"
    assert children["raises"].info.status == "FAILED"


def test_no_orphans(worked):
    _, _, runs, _ = worked
    assert [run for run in runs if "mlflow.parentRunId" not in run.data.tags] == [
        run for run in runs if "sparktune.version" in run.data.tags
    ]
    known = {run.info.run_id for run in runs}
    parents = [run.data.tags.get("mlflow.parentRunId") for run in runs]
    assert all(parent in known for parent in parents if parent is not None)
    assert len(runs) == 1 + len(NAMES) + 2 + 1  # the parent, the children, two folds, one left open


def test_a_broken_payload_costs_a_warning_not_the_trial(worked):
    found, _, _, errors = worked
    assert found["ran on"] is True
    assert "Logging to MLflow from the objective may not work" in errors


@pytest.mark.parametrize("before", [None, "of the worker"])
@pytest.mark.parametrize("raises", [False, True])
def test_credentials_are_in_the_environment_during_the_trial_only(monkeypatch, before, raises):
    token = "MLFLOW_TRACKING_TOKEN"
    monkeypatch.setattr("sparktune._worker.mlflow_run.is_imported", lambda: False)
    if before is None:
        monkeypatch.delenv(token, raising=False)
    else:
        monkeypatch.setenv(token, before)
    payload = {"run_id": "1", "experiment_id": "0", "tracking_uri": "http://localhost:1"}
    with contextlib.suppress(LookupError), worker_run(payload | {"environment": {token: "secret"}}):
        assert os.environ[token] == "secret"
        if raises:
            raise LookupError
    assert os.environ.get(token) == before


def test_serial_trials_log_into_their_child_too(documents, runs):
    with mlflow.start_run() as parent:
        tracker = make_tracker(enabled=None)
        tracker.begin(SearchInfo({}))
        for tid in range(2):
            trial = documents.running(tid, x=1.0)
            tracker.trial_started(trial)
            with tracker.local_run(trial):
                mlflow.log_metric("plain", tid)
                with mlflow.start_run(nested=True):
                    mlflow.log_metric("own", tid)
                mlflow.end_run()
                mlflow.end_run()
            assert mlflow.active_run().info.run_id == parent.info.run_id
            tracker.trial_finished(documents.done(trial, 1.0))
        tracker.end(SearchSummary("FINISHED"))
        assert mlflow.active_run().info.run_id == parent.info.run_id
    (_,), children = runs()
    assert [child.data.metrics["plain"] for child in children] == [0, 1]
    assert [child.data.metrics["own"] for child in children] == [0, 1]
    assert not hasattr(mlflow.start_run, "__wrapped__")


def test_a_serial_objective_that_raises_leaves_the_parent_active(documents, runs):
    with mlflow.start_run() as parent:
        tracker = make_tracker(enabled=None)
        tracker.begin(SearchInfo({}))
        trial = documents.running(0, x=1.0)
        tracker.trial_started(trial)
        with pytest.raises(ValueError, match="objective"), tracker.local_run(trial):
            raise ValueError("objective")
        tracker.trial_finished(documents.error(trial))
        tracker.end(SearchSummary("FAILED"))
        assert mlflow.active_run().info.run_id == parent.info.run_id
    (found,), (child,) = runs()
    assert child.info.status == "FAILED"
    assert found.info.status == "FINISHED"
