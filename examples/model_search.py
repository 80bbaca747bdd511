"""Search for the best kind of model and its hyperparameters, on Spark, logged to MLflow.

The data set is scikit-learn's 1,797 images of handwritten digits. The space is conditional: the
kind of classifier determines which hyperparameters exist. Each trial is a Spark task that scores
one classifier by cross-validation, and a child run in an MLflow store in a local file.

Run it with `make demo`, or after `pip install "sparktune[all]" scikit-learn`:

    python examples/model_search.py --max-evals 96 --parallelism 4
"""

import argparse
import logging
import os
import sys
import time
import warnings
from pathlib import Path

# Set before numpy and Spark start: several trials at once should use one thread each, and the
# workers must run the same Python.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("PYSPARK_PYTHON", sys.executable)

import matplotlib as mpl
import mlflow
import numpy as np
from pyspark.sql import SparkSession
from sklearn.base import ClassifierMixin
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sparktune import STATUS_OK, SparkTrials, fmin, hp, space_eval, tpe
from sparktune.early_stop import no_progress_loss
from sparktune.plotting import main_plot_history, main_plot_vars
from sparktune.pyll import scope

X, y = load_digits(return_X_y=True)
X_TRAIN, X_TEST, Y_TRAIN, Y_TEST = train_test_split(
    X, y, test_size=0.25, stratify=y, random_state=0
)

SPACE = hp.choice(
    "classifier",
    [
        {
            "type": "svm",
            "C": hp.lognormal("svm_C", 0, 2),
            "kernel": hp.choice(
                "svm_kernel",
                [
                    {"name": "linear"},
                    {"name": "rbf", "gamma": hp.loguniform("svm_gamma", np.log(1e-5), np.log(1))},
                ],
            ),
        },
        {
            "type": "random forest",
            "n_estimators": scope.int(hp.quniform("forest_trees", 20, 200, 20)),
            "max_depth": scope.int(hp.quniform("forest_depth", 2, 20, 1)),
            "max_features": hp.uniform("forest_features", 0.05, 0.5),
            "criterion": hp.choice("forest_criterion", ["gini", "entropy"]),
        },
        {
            "type": "logistic regression",
            "C": hp.loguniform("logistic_C", np.log(1e-4), np.log(1e2)),
            "fit_intercept": hp.choice("logistic_intercept", [True, False]),
        },
    ],
)


def build(params: dict) -> ClassifierMixin:
    """Build the classifier for a point of the space."""
    params = dict(params)
    kind = params.pop("type")
    if kind == "svm":
        kernel = dict(params.pop("kernel"))
        model = SVC(kernel=kernel.pop("name"), **kernel, **params)
    elif kind == "random forest":
        return RandomForestClassifier(random_state=0, **params)
    else:
        model = LogisticRegression(max_iter=500, **params)
    return make_pipeline(StandardScaler(), model)


def objective(params: dict) -> dict:
    """Score one classifier; runs on a Spark worker."""
    started = time.perf_counter()
    with warnings.catch_warnings():
        # A poor choice of C may not converge; its score shows it.
        warnings.simplefilter("ignore", ConvergenceWarning)
        scores = cross_val_score(build(params), X_TRAIN, Y_TRAIN, cv=5)
    # This goes to the run of the trial; no run needs to be started here.
    mlflow.log_metric("accuracy_worst_fold", scores.min())
    mlflow.log_metric("seconds", time.perf_counter() - started)
    return {"loss": 1 - scores.mean(), "status": STATUS_OK, "accuracy": scores.mean()}


def start_spark(slots: int) -> SparkSession:
    """Start local Spark on the loopback interface, without a UI, logging errors only."""
    # Spark works with the installed pandas, but warns that it may not.
    warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
    log_config = Path(__file__).with_name("log4j2.properties").resolve()
    return (
        SparkSession.builder.master(f"local[{slots}]")
        .appName("sparktune model search")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config(
            "spark.driver.extraJavaOptions", f"-Dlog4j2.configurationFile={log_config.as_uri()}"
        )
        .getOrCreate()
    )


def open_store(folder: Path) -> str:
    """Open or create the MLflow store in this folder; return its URI."""
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    store = f"sqlite:///{folder / 'mlflow.db'}"
    mlflow.set_tracking_uri(store)
    name = "model search"
    if mlflow.get_experiment_by_name(name) is None:
        mlflow.create_experiment(name, artifact_location=(folder / "artifacts").as_uri())
    mlflow.set_experiment(name)
    return store


def report(trials: SparkTrials, best: dict, seconds: float) -> None:
    """Print the best model and how the trials ended."""
    params = space_eval(SPACE, best)
    accuracy = build(params).fit(X_TRAIN, Y_TRAIN).score(X_TEST, Y_TEST)
    result = trials.best_trial["result"]
    print(f"\nBest model: {params.pop('type')}")
    for name, value in params.items():
        print(f"  {name:<14} {value}")
    print(f"  accuracy       {result['accuracy']:.4f} in cross-validation, ", end="")
    print(f"{accuracy:.4f} on {len(Y_TEST)} unseen images")
    print(
        f"Trials: {trials.count_successful_trials()} ok, {trials.count_failed_trials()} failed, "
        f"{trials.count_cancelled_trials()} cancelled, in {seconds:.0f} s"
    )


def main() -> None:
    """Run the search and report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--max-evals", type=int, default=96)
    parser.add_argument("--parallelism", type=int, default=4)
    parser.add_argument("--output", type=Path, default=Path("demo-output"))
    options = parser.parse_args()
    folder = options.output.resolve()
    folder.mkdir(parents=True, exist_ok=True)

    print(f"Starting Spark with {options.parallelism} task slots ...", flush=True)
    spark = start_spark(options.parallelism)
    store = open_store(folder)

    trials = SparkTrials(parallelism=options.parallelism, spark_session=spark)
    started = time.perf_counter()
    with mlflow.start_run(run_name="digits"):
        best = fmin(
            objective,
            SPACE,
            algo=tpe.suggest,
            max_evals=options.max_evals,
            max_queue_len=4,
            trials=trials,
            early_stop_fn=no_progress_loss(48),
            rstate=np.random.default_rng(0),
        )
    seconds = time.perf_counter() - started
    spark.stop()

    report(trials, best, seconds)
    mpl.use("Agg")
    main_plot_history(trials, do_show=False).savefig(folder / "history.png", dpi=150)
    main_plot_vars(trials, do_show=False).savefig(folder / "variables.png", dpi=100)
    print(f"Plots: {folder / 'history.png'}, {folder / 'variables.png'}")
    print(f"MLflow store: {folder / 'mlflow.db'}; open it with:")
    print(f"  {Path(sys.executable).with_name('mlflow')} ui --backend-store-uri {store}")


if __name__ == "__main__":
    main()
