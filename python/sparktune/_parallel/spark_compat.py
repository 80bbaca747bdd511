"""All uses of Spark's private API.

Each says what breaks without it, and which public API would replace it. Each has a fallback: where
a version of pyspark lacks it, the search runs without that feature. (`connect.py` uses public API
only.) `sc` is the user's `SparkContext`.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from typing import Any

__all__ = [
    "current_jvm_thread",
    "driver_heap",
    "executor_count",
    "forget_pickled",
    "get_local_properties",
    "has_context",
    "has_pinned_threads",
    "is_stopped",
    "python_of",
    "runs_a_python_by_chance",
    "set_local_properties",
    "task_slots",
    "task_started",
    "with_python",
]

logger = logging.getLogger("sparktune.spark")

# How many attempts of a job's one task to look at, and what Spark calls those that run.
_MOST_ATTEMPTS = 100
_RUNS = ("RUNNING", "GET RESULT")


# -- the cluster ----------------------------------------------------------------------------------


def has_context() -> bool:
    """Return whether this process has a context.

    Uses ``_active_spark_context``. Without it: a session that is made around an existing context
    warns that its settings come too late. Public replacement: `SparkContext.getOrCreate`, which
    makes a context.
    """
    from pyspark import SparkContext

    return getattr(SparkContext, "_active_spark_context", None) is not None


def is_stopped(sc: Any) -> bool:
    """Return whether a context can run no more jobs.

    Uses ``_jsc``. Without it: a stopped session is noticed only when a job fails, and every trial
    that is left fails. Public replacement: `SparkContext.isStopped`, which pyspark lacks.
    """
    try:
        return sc._jsc is None or bool(sc._jsc.sc().isStopped())
    except Exception:  # the JVM is gone
        return True


def executor_count(sc: Any) -> int | None:
    """Return the number of executors other than the driver, None if Spark does not say.

    Uses the JVM's status tracker. Without it: the default `parallelism` is Spark's
    ``defaultParallelism``. Public replacement: ``getExecutorInfos`` in `pyspark.StatusTracker`.
    """
    try:
        # The driver is in the list too.
        executors = len(list(sc._jsc.sc().statusTracker().getExecutorInfos())) - 1
    except Exception:
        logger.debug("The number of executors could not be read.", exc_info=True)
        return None
    return executors if executors > 0 else None


def driver_heap(sc: Any) -> int | None:
    """Return the largest heap of the driver's JVM in bytes, None if it does not say.

    Uses the JVM gateway. Without it: ``spark.driver.memory``, or its default, decides how large a
    result may be. Public replacement: that setting, which a driver in a notebook may not follow.
    """
    try:
        return int(sc._jvm.java.lang.Runtime.getRuntime().maxMemory())
    except Exception:
        logger.debug("The heap of the driver could not be read.", exc_info=True)
        return None


def task_slots(sc: Any, resource_profile: Any = None) -> int | None:
    """Return how many tasks can run at once, None if Spark does not say.

    Uses ``maxNumConcurrentTasks`` of the JVM's context. Without it: trials above what the cluster
    can run wait in Spark's queue, proposed with less knowledge than they might have. Public
    replacement: none.
    """
    try:
        jsc = sc._jsc.sc()
        profile = getattr(resource_profile, "_java_resource_profile", None)
        if profile is None:
            profile = jsc.resourceProfileManager().defaultResourceProfile()
        slots = int(jsc.maxNumConcurrentTasks(profile))
    except Exception:
        logger.debug("The number of task slots could not be read.", exc_info=True)
        return None
    return slots if slots > 0 else None


def task_started(sc: Any, tag: str, is_group: bool = False) -> float | None:
    """Return when the task of a job of one task began to run, by the clock `time.monotonic`.

    Infinity if it is not running (yet, or again after an executor was lost), None if Spark does not
    say. `tag` is the job's own tag, or its job group if `is_group`.

    Uses the JVM's status store. Without it: the time-out of a trial also counts the time that it
    waits for a slot. Public replacement: launch times of tasks in `pyspark.StatusTracker`.
    """
    try:
        jsc = sc._jsc.sc()
        tracker, store = jsc.statusTracker(), jsc.statusStore()
        find = tracker.getJobIdsForGroup if is_group else tracker.getJobIdsForTag
        launched: list[float] = []
        for job in find(tag):
            for stage in tracker.getJobInfo(job).get().stageIds():
                tasks = store.taskList(stage, 0, _MOST_ATTEMPTS)
                launched += (
                    task.launchTime().getTime() / 1000.0
                    for task in map(tasks.apply, range(tasks.size()))
                    if task.status() in _RUNS
                )
    except Exception:
        logger.debug("When a task started could not be read.", exc_info=True)
        return None
    if not launched:
        return float("inf")
    return time.monotonic() - max(0.0, time.time() - min(launched))


# -- the threads of the JVM -----------------------------------------------------------------------


def has_pinned_threads(sc: Any) -> bool:
    """Return whether each Python thread has its own thread in the JVM (PYSPARK_PIN_THREAD).

    Uses the class of ``_gateway``. Without it: tags of one trial might be given to another, and its
    job be cancelled. Public replacement: none; the environment variable may have changed since the
    gateway was made.
    """
    from py4j.clientserver import ClientServer

    return isinstance(sc._gateway, ClientServer)


def get_local_properties(sc: Any) -> Any:
    """Return a copy of this thread's local properties (a Java object), None if Spark does not say.

    Uses ``getLocalProperties`` of the JVM's context. Without it: trials run in the default
    scheduler pool and without the caller's job group, so that a notebook's stop button does not
    stop them. Public replacement: `pyspark.inheritable_thread_target`, which also copies the
    description and the tags when the thread starts.
    """
    try:
        return sc._jsc.sc().getLocalProperties().clone()
    except Exception:
        logger.debug("Local properties could not be read.", exc_info=True)
        return None


def set_local_properties(sc: Any, properties: Any) -> None:
    """Give this thread a copy of local properties; see `get_local_properties`."""
    sc._jsc.sc().setLocalProperties(properties.clone())


def current_jvm_thread(sc: Any) -> Any:
    """Return the thread of the JVM that answers this thread's calls.

    Uses ``_jvm``. Without it: a search hangs if its session is stopped at the moment when a trial
    is submitted, since Spark never ends that job. Public replacement: none.
    """
    return sc._jvm.java.lang.Thread.currentThread()


# -- what jobs run with ---------------------------------------------------------------------------


def python_of(sc: Any) -> str | None:
    """Return the interpreter that workers run, None if that cannot be known."""
    return getattr(sc, "pythonExec", None)


def runs_a_python_by_chance(sc: Any, is_local: bool) -> bool:
    """Return whether workers on this machine would run the first ``python3`` on the PATH.

    Spark does that where `PYSPARK_PYTHON` is not set, so a script that is run by the Python of an
    environment that is not activated has workers that lack all its packages.
    """
    return is_local and "PYSPARK_PYTHON" not in os.environ and python_of(sc) == "python3"


def with_python(rdd: Any, python: str) -> Any:
    """Return an RDD whose Python functions run in the interpreter at the path `python`.

    The RDD must be ours alone, since it is changed in place. Uses its ``ctx``, which pyspark asks
    for ``pythonExec`` when it makes the job: this RDD, and what is derived from it, gets a context
    that differs in that only. The user's context, and with it the interpreter of all other jobs,
    stays as it is. Without it: see `runs_a_python_by_chance`. Public replacement: an argument of
    `RDD.mapPartitions`.
    """
    with contextlib.suppress(AttributeError):
        rdd.ctx = _ContextWithPython(rdd.ctx, python)
    return rdd


class _ContextWithPython:
    """A `SparkContext` in all but the interpreter of its workers."""

    def __init__(self, sc: Any, python: str) -> None:
        self._context = sc
        self.pythonExec = python

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)


def forget_pickled(broadcast: Any) -> None:
    """Undo that pickling a broadcast variable marks it as needed by this thread's next job.

    Uses ``_pickle_registry``. Without it: the next job that the user starts on this thread ships
    the variable too. Public replacement: none.
    """
    registry = getattr(broadcast, "_pickle_registry", None)
    if registry is not None:
        registry.clear()
