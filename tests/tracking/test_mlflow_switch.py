"""When a search is tracked, and that MLflow is not imported otherwise."""

import subprocess
import sys
import threading
import types

import mlflow
import pytest

from sparktune import Trials, fmin, hp
from sparktune._tracking.base import NullTracker
from sparktune._tracking.switch import make_tracker
from sparktune._tracking.tracker import MlflowTracker


def is_on(tracker):
    # A tracker that never began has not started a thread.
    assert not [t for t in threading.enumerate() if t.name.startswith("sparktune-mlflow")]
    assert isinstance(tracker, MlflowTracker | NullTracker)
    return isinstance(tracker, MlflowTracker)


def test_parallel_searches_are_tracked_when_mlflow_is_there(experiment):
    assert is_on(make_tracker(parallel=True))


def test_serial_searches_are_tracked_in_an_active_run_only(experiment):
    assert not is_on(make_tracker())
    with mlflow.start_run():
        assert is_on(make_tracker())
    assert not is_on(make_tracker())


def test_the_argument_decides(experiment):
    assert is_on(make_tracker(enabled=True))
    with mlflow.start_run():
        assert not is_on(make_tracker(enabled=False, parallel=True))


@pytest.mark.parametrize("value", ["0", "false", "OFF", " no "])
def test_the_environment_switches_off(monkeypatch, value):
    monkeypatch.setenv("SPARKTUNE_MLFLOW", value)
    assert not is_on(make_tracker(enabled=True, parallel=True))


@pytest.mark.parametrize(("setting", "on"), [("false", False), ("true", True), (None, True)])
def test_the_setting_of_spark_switches_off(monkeypatch, setting, on):
    class Session:
        conf = types.SimpleNamespace(
            get=lambda key, default: (
                setting if key.endswith("trackHyperopt.enabled") and setting else default
            )
        )

        @staticmethod
        def getActiveSession():
            return Session

    monkeypatch.setitem(sys.modules, "pyspark", types.ModuleType("pyspark"))
    sql = types.ModuleType("pyspark.sql")
    sql.SparkSession = Session
    monkeypatch.setitem(sys.modules, "pyspark.sql", sql)
    assert is_on(make_tracker(parallel=True)) is on


def test_a_wrong_argument_is_refused():
    with pytest.raises(TypeError, match="`mlflow` must be True, False or None; got 'yes'"):
        make_tracker(enabled="yes")


def test_mlflow_is_not_imported_when_it_is_off_or_absent():
    code = """
import os, sys
from sparktune import Trials, fmin, hp
from sparktune._tracking.base import NullTracker
from sparktune._tracking.switch import make_tracker
assert isinstance(make_tracker(enabled=False, parallel=True), NullTracker)
assert isinstance(make_tracker(), NullTracker)
os.environ["SPARKTUNE_MLFLOW"] = "0"
assert isinstance(make_tracker(enabled=True, parallel=True), NullTracker)
del os.environ["SPARKTUNE_MLFLOW"]
assert "mlflow" not in sys.modules
sys.modules["mlflow"] = None   # as if it were not installed
assert isinstance(make_tracker(parallel=True), NullTracker)
try:
    make_tracker(enabled=True)
except ImportError as error:
    assert "pip install 'sparktune[mlflow]'" in str(error)
else:
    raise SystemExit("no error")
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=120)


def test_a_search_that_is_done_makes_no_run(runs):
    trials = Trials()
    for _ in range(2):
        fmin(abs, hp.uniform("x", -1, 1), max_evals=3, trials=trials, mlflow=True, verbose=False)
    parents, children = runs()
    assert (len(parents), len(children)) == (1, 3)
