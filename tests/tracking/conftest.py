"""One SQLite store for all the tests (making one takes seconds), an experiment for each."""

import sys
from pathlib import Path

import numpy as np
import pytest

mlflow = pytest.importorskip("mlflow")

from sparktune import hp  # noqa: E402
from sparktune._space.expr import as_apply, scope  # noqa: E402
from sparktune._trials.documents import (  # noqa: E402
    JOB_STATE_CANCEL,
    JOB_STATE_DONE,
    JOB_STATE_ERROR,
    JOB_STATE_RUNNING,
)

sys.path.insert(0, str(Path(__file__).parent))
from server import Server  # noqa: E402


def pytest_collection_modifyitems(items):
    for item in items:
        if "tests/tracking/" in item.path.as_posix():
            if {"store", "server"} & set(item.fixturenames):
                item.add_marker("mlflow")
            # MLflow's SQLite store uses a loader that SQLAlchemy 2.1 deprecates.
            item.add_marker(
                pytest.mark.filterwarnings("ignore:The ``noload`` loader:DeprecationWarning")
            )


@pytest.fixture(scope="session")
def store(tmp_path_factory):
    """Return the URI of the store, with its tables made."""
    folder = tmp_path_factory.mktemp("mlflow")
    uri = f"sqlite:///{folder}/mlflow.db"
    mlflow.MlflowClient(tracking_uri=uri).search_experiments()
    return uri


@pytest.fixture(scope="session")
def session_server(tmp_path_factory):
    """Start a server, which takes about twenty seconds."""
    server = Server(tmp_path_factory.mktemp("server"))
    try:
        server.start()
        yield server
    finally:
        server.kill()


@pytest.fixture
def server(session_server, experiment):
    """Return the server as the active store, with a new experiment."""
    mlflow.set_tracking_uri(session_server.uri)
    client = mlflow.MlflowClient()
    name = f"test-{np.random.default_rng().integers(1 << 60)}"
    session_server.experiment = client.create_experiment(name)
    mlflow.set_experiment(experiment_id=session_server.experiment)
    return session_server


@pytest.fixture
def experiment(store, tmp_path, monkeypatch):
    """Return the id of a new experiment, which is the active one."""
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_ID", "MLFLOW_RUN_ID"):
        monkeypatch.setenv(name, "")  # so that what the test sets is undone
        monkeypatch.delenv(name)
    mlflow.set_tracking_uri(store)
    client = mlflow.MlflowClient()
    experiment_id = client.create_experiment(
        f"test-{tmp_path.name}-{np.random.default_rng().integers(1 << 60)}",
        artifact_location=(tmp_path / "artifacts").as_uri(),
    )
    mlflow.set_experiment(experiment_id=experiment_id)
    yield experiment_id
    while mlflow.active_run() is not None:
        mlflow.end_run()
    mlflow.set_tracking_uri(None)


@pytest.fixture
def client(experiment):
    return mlflow.MlflowClient()


@pytest.fixture
def runs(client, experiment):
    """Return a function that reads all the runs of the experiment: parents, children by tid."""

    def read():
        found = client.search_runs([experiment], max_results=1000)
        parents = [run for run in found if "mlflow.parentRunId" not in run.data.tags]
        children = sorted(
            (run for run in found if "mlflow.parentRunId" in run.data.tags),
            key=lambda run: int(run.data.tags.get("tid", -1)),
        )
        return parents, children

    return read


@pytest.fixture
def space():
    """Return a conditional space as `Domain.expr` holds it."""
    return as_apply(
        {
            "model": hp.choice(
                "model",
                [
                    {"kind": "svm", "C": hp.lognormal("C", 0, 1)},
                    {"kind": "forest", "depth": scope.int(hp.quniform("depth", 1, 9, 1))},
                ],
            ),
            "optimizer": hp.choice("optimizer", ["sgd", "adam"]),
        }
    )


class Documents:
    """Makes trial documents by hand."""

    @staticmethod
    def running(tid, **vals):
        return {
            "tid": tid,
            "state": JOB_STATE_RUNNING,
            "spec": None,
            "result": {"status": "new"},
            "misc": {
                "tid": tid,
                "cmd": ("domain_attachment", "FMinIter_Domain"),
                "workdir": None,
                "idxs": {label: [tid] for label in vals},
                "vals": {label: [np.asarray(value)[()]] for label, value in vals.items()},
            },
            "exp_key": None,
            "owner": None,
            "version": 0,
            "book_time": None,
            "refresh_time": None,
        }

    @staticmethod
    def done(trial, loss=None, status="ok", **more):
        trial["state"] = JOB_STATE_DONE
        trial["result"] = {"status": status, **more}
        if loss is not None:
            trial["result"]["loss"] = loss
        return trial

    @staticmethod
    def error(trial, traceback="Traceback ...\nValueError: no"):
        trial["state"] = JOB_STATE_ERROR
        trial["misc"]["error"] = ("<class 'ValueError'>", "no")
        trial["misc"]["traceback"] = traceback
        return trial

    @staticmethod
    def cancelled(trial):
        trial["state"] = JOB_STATE_CANCEL
        return trial


@pytest.fixture(scope="session")
def documents():
    return Documents
