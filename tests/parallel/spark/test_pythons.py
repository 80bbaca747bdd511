"""Which failures of Spark jobs say that no worker can run trials, without Spark."""

import sys

import pytest

from sparktune._parallel.spark.pythons import refusal
from sparktune.exceptions import ObjectiveNotLoaded

WORKER = """An exception was thrown from the Python worker. Please see the stack trace below.
[PYTHON_EXCEPTION] An exception was thrown from the Python worker: Traceback (most recent call):
  File "/spark/python/lib/pyspark.zip/pyspark/worker.py", line 4174, in invoke_udf
    check_python_version(init_info.python_version)
{}
 SQLSTATE: 38000"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            WORKER.format(
                "pyspark.errors.exceptions.base.PySparkRuntimeError: [PYTHON_VERSION_MISMATCH] "
                "Python in worker has different version: 3.12 than that in driver: 3.11, PySpark "
                "cannot run with different minor versions."
            ),
            "says: Python in worker has different version: 3.12 than that in driver: 3.11",
        ),
        (
            WORKER.format("ModuleNotFoundError: No module named 'pyarrow'"),
            "says: ModuleNotFoundError: No module named 'pyarrow'. The workers",
        ),
        (
            WORKER.format(
                "pyspark.errors.exceptions.base.PySparkImportError: [UNSUPPORTED_PACKAGE_VERSION] "
                "PyArrow >= 18.0.0 must be installed; however, your version is 4.0.0."
            ),
            "PyArrow >= 18.0.0 must be installed",
        ),
        (
            'Cannot run program "/nowhere/python" (in directory "/tmp"): error=2, No such file',
            'Cannot run program "/nowhere/python"',
        ),
        (
            "Error from python worker:\n  python: (ModuleNotFoundError: No module named 'pyspark')",
            "No module named 'pyspark'. The workers",
        ),
    ],
)
def test_no_worker_can_run_trials(text, said):
    error = refusal(RuntimeError(text), lambda: "/workers/python")
    assert isinstance(error, ObjectiveNotLoaded)
    assert said in str(error)
    assert "The workers run /workers/python; the driver runs " + sys.executable in str(error)
    assert "spark.sql.execution.pyspark.python" in str(error)


@pytest.mark.parametrize(
    "text",
    [
        "Python worker exited unexpectedly (crashed)",
        WORKER.format("MemoryError"),
        WORKER.format("KeyboardInterrupt"),
        'Cannot run program "/bin/python": error=12, Cannot allocate memory',
        "ExecutorLostFailure (executor 1 exited caused by one of the running tasks)",
    ],
)
def test_other_failures_cost_one_trial(text):
    assert refusal(RuntimeError(text), lambda: pytest.fail("asks")) is None
