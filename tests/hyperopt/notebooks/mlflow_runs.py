"""Objectives that open MLflow runs themselves, alone and nested in a run."""

from pathlib import Path

import mlflow
from report import report
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from hyperopt import STATUS_OK, Trials, fmin, hp, rand

mlflow.set_tracking_uri(f"sqlite:///{Path('mlflow.db').resolve()}")
X, y = load_iris(return_X_y=True)
space = {"C": hp.loguniform("C", -3, 1), "tol": hp.choice("tol", [1e-3, 1e-4])}


def experiment(name):
    mlflow.create_experiment(name, artifact_location=Path(name).resolve().as_uri())
    mlflow.set_experiment(name)


def train(params, **run):
    with mlflow.start_run(**run):
        model = LogisticRegression(max_iter=200, **params).fit(X, y)
        accuracy = model.score(X, y)
        mlflow.log_params(params)
        mlflow.log_metric("accuracy", accuracy)
        mlflow.set_tag("model", "logistic")
    return {"loss": -accuracy, "status": STATUS_OK}


experiment("alone")
alone = Trials()
best = fmin(train, space, rand.suggest, 5, trials=alone, verbose=False)
alone_runs = mlflow.search_runs(order_by=["metrics.accuracy DESC"])

experiment("nested")
nested = Trials()
with mlflow.start_run(run_name="search") as parent:
    fmin(lambda p: train(p, nested=True), space, rand.suggest, 5, trials=nested, verbose=False)
    mlflow.log_metric("best", min(nested.losses()))
    still = mlflow.active_run().info.run_id == parent.info.run_id
nested_runs = mlflow.search_runs()
children = nested_runs[nested_runs["tags.mlflow.parentRunId"] == parent.info.run_id]

experiment("finally")
with mlflow.start_run(run_name="final") as final:
    mlflow.log_params(best)
    mlflow.log_metric("loss", min(alone.losses()))

report(
    equal={
        "alone": len(alone_runs),
        "accuracy": sorted(alone_runs["metrics.accuracy"]) == sorted(-v for v in alone.losses()),
        "best": alone_runs.iloc[0]["metrics.accuracy"] == -min(alone.losses()),
        "no parents": "tags.mlflow.parentRunId" in alone_runs,
        "nested": [len(nested_runs), len(children)],
        "children": sorted(children["metrics.accuracy"]) == sorted(-v for v in nested.losses()),
        "status": sorted(set(nested_runs["status"]) | set(alone_runs["status"])),
        "tags": sorted(set(children["tags.model"])),
        "params": sorted(set(children["params.tol"]) | {"0.001", "0.0001"}),
        "still": still,
        "none left open": mlflow.active_run() is None,
        "final": sorted(mlflow.get_run(final.info.run_id).data.params),
    },
    typed={"nested": nested.trials, "best": best, "alone": alone.trials},
)
