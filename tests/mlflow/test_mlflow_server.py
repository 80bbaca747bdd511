"""The same records through a real MLflow server on the loopback interface."""

import math
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import mlflow
import pytest

from sparktune.tracking import SearchInfo, SearchSummary, make_tracker

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db"]
    command += ["--artifacts-destination", str(folder / "artifacts")]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    uri = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{uri}/health", timeout=1).close()
                break
            except OSError:
                assert process.poll() is None, (folder / "log").read_text()
                time.sleep(0.2)
        yield uri
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(60)


def test_a_search_through_a_server(server, experiment, documents, tmp_path, capsys):
    mlflow.set_tracking_uri(server)
    client = mlflow.MlflowClient()
    experiment_id = client.create_experiment("through-a-server")
    mlflow.set_experiment(experiment_id=experiment_id)
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

    found = client.search_runs([experiment_id])
    (parent,) = (run for run in found if "mlflow.parentRunId" not in run.data.tags)
    children = sorted(
        (run for run in found if "mlflow.parentRunId" in run.data.tags),
        key=lambda run: int(run.data.tags["tid"]),
    )
    assert parent.info.status == "FINISHED"
    assert parent.data.metrics["best_loss"] == 0.5
    assert parent.data.params["best_x"] == "0.0"
    assert [run.info.status for run in children] == ["FINISHED", "FINISHED", "FAILED", "KILLED"]
    assert all(run.data.metrics["own"] == 1 for run in children)
    assert all(run.data.params == {"x": str(float(i))} for i, run in enumerate(children))
    path = client.download_artifacts(children[2].info.run_id, "traceback.txt", str(tmp_path))
    assert "ValueError" in Path(path).read_text()
    assert "View run" not in capsys.readouterr().out
