"""Runs in a separate process, like a Spark worker: takes `worker_run` by value, runs trials.

Reads pickled ``{"worker_run": ..., "payloads": {name: payload}}`` and writes JSON findings.
"""

import json
import os
import pickle
import sys
from pathlib import Path

job = pickle.loads(Path(sys.argv[1]).read_bytes())
worker_run, payloads = job["worker_run"], job["payloads"]
found = {}
hooks = len(sys.meta_path)

with worker_run(payloads["quiet"]):
    pass
found["quiet imported mlflow"] = "mlflow" in sys.modules
found["hooks left"] = len(sys.meta_path) - hooks
assert not any(name.startswith("sparktune") for name in sys.modules)

with worker_run(payloads["first import"]):
    import mlflow

    found["active run"] = mlflow.active_run().info.run_id
    mlflow.log_param("from_worker", 7)
    mlflow.log_metric("seen", 1.5)
    mlflow.set_tag("worker", "yes")
    mlflow.log_text("hello", "note.txt")
found["active after"] = mlflow.active_run()
found["uri after"] = os.environ.get("MLFLOW_TRACKING_URI")


def plain(name):
    with worker_run(payloads[name]):
        mlflow.log_metric("m", 1)


def own_nested_run(name):
    with worker_run(payloads[name]), mlflow.start_run(nested=True, run_name="mine"):
        mlflow.log_metric("m", 1)
        mlflow.set_tag("mine", "yes")


def own_plain_run(name):
    with worker_run(payloads[name]):
        with mlflow.start_run(tags={"given": "yes"}):
            mlflow.log_metric("m", 1)
        mlflow.log_metric("after", 2)


def named_parent(name):
    payload = payloads[name]
    parent, experiment = payload["parent_run_id"], payload["experiment_id"]
    with (
        worker_run(payload),
        mlflow.start_run(nested=True, parent_run_id=parent, experiment_id=experiment),
    ):
        mlflow.log_metric("m", 1)


def ends_it_and_logs(name):
    with worker_run(payloads[name]):
        mlflow.log_metric("m", 1)
        while mlflow.active_run() is not None:
            mlflow.end_run()
        mlflow.log_metric("after", 2)


def folds(name):
    with worker_run(payloads[name]):
        for fold in range(3):
            with mlflow.start_run(nested=True, run_name=f"fold-{fold}"):
                mlflow.log_param("fold", fold)
        mlflow.log_metric("m", 1)


def leaves_everything_open(name):
    with worker_run(payloads[name]):
        mlflow.start_run(nested=True)
        mlflow.start_run(nested=True)
        mlflow.set_tracking_uri("sqlite:////nowhere/else.db")
        mlflow.sklearn.autolog()


def in_a_thread(name):
    import threading

    with worker_run(payloads[name]):
        thread = threading.Thread(target=mlflow.log_metric, args=("m", 1))
        thread.start()
        thread.join()


def fits(name, autolog):
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    with worker_run(payloads[name]):
        if autolog:
            mlflow.sklearn.autolog(log_models=False, silent=True)
        LogisticRegression(C=0.5).fit(np.array([[0.0], [1.0], [2.0], [3.0]]), [0, 1, 0, 1])


def logs_a_model(name):
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    with worker_run(payloads[name]):
        model = LogisticRegression().fit(np.array([[0.0], [1.0], [2.0], [3.0]]), [0, 1, 0, 1])
        mlflow.sklearn.log_model(model, name="model", pip_requirements=["scikit-learn"])
        found["predicts"] = (
            mlflow.sklearn.load_model(f"runs:/{mlflow.active_run().info.run_id}/model")
            .predict([[3.0]])
            .tolist()
            == model.predict([[3.0]]).tolist()
        )


for step in (plain, own_nested_run, own_plain_run, named_parent, ends_it_and_logs, folds):
    step(step.__name__)
leaves_everything_open("leaves_everything_open")
found["left open"] = mlflow.active_run()
found["uri after leaving"] = os.environ.get("MLFLOW_TRACKING_URI")
plain("after leaving")
fits("no autolog", False)
fits("autolog", True)
fits("no autolog again", False)
in_a_thread("in_a_thread")
logs_a_model("logs_a_model")

try:
    with worker_run(payloads["raises"]), mlflow.start_run(nested=True):
        raise ValueError("objective")
except ValueError as error:
    found["raised"] = str(error)

# The trial has no run, since the server was down when it began; then a server that is down.
for run_id in (None, "0" * 32):
    with worker_run({**payloads["plain"], "run_id": run_id, "tracking_uri": "http://127.0.0.1:9"}):
        mlflow.log_metric("lost", 1)
        mlflow.log_text("lost", "lost.txt")
        with mlflow.start_run(nested=True):
            mlflow.log_param("lost", 1)
found["notes"] = vars(sys.modules["_sparktune_worker"])["notes"]
found["file store after"] = os.environ.get("MLFLOW_ALLOW_FILE_STORE")

with worker_run({"run_id": "x"}):  # a payload without the rest: the trial continues
    found["ran on"] = True
found["patched after"] = hasattr(mlflow.start_run, "__wrapped__")

Path(sys.argv[2]).write_text(json.dumps(found))
