"""What a search must know of the cluster, and the number of trials it runs at once."""

from __future__ import annotations

import logging
import os
import time
from dataclasses import dataclass
from typing import Any

from sparktune._parallel.parallelism import at_most_max

__all__ = [
    "Cluster",
    "decide_parallelism",
    "has_pinned_threads",
    "is_dynamic",
    "is_stopped",
    "read_cluster",
    "task_slots",
    "task_started",
]

logger = logging.getLogger("sparktune.spark")

# How many attempts of a job's one task to look at, and what Spark calls those that run.
_MOST_ATTEMPTS = 100
_RUNS = ("RUNNING", "GET RESULT")


@dataclass(frozen=True)
class Cluster:
    """What a Spark session says of its cluster.

    Attributes
    ----------
    local : bool
        Whether tasks run inside the driver's process tree (``local[...]``).
    executors : int or None
        Executors other than the driver; None if unknown.
    slots : int or None
        Tasks that can run at once; None if unknown.
    default_parallelism : int
        Spark's ``defaultParallelism``.
    dynamic : bool
        Whether executors come and go (dynamic allocation).
    """

    local: bool
    executors: int | None
    slots: int | None
    default_parallelism: int
    dynamic: bool = False


def read_cluster(spark: Any, resource_profile: Any = None) -> Cluster:
    """Read what is known of the cluster of a classic session.

    Parameters
    ----------
    spark : pyspark.sql.SparkSession
        A classic session.
    resource_profile : pyspark.resource.ResourceProfile, optional
        What each trial needs.
    """
    sc = spark.sparkContext
    return Cluster(
        local=_is_local(sc),
        executors=_executors(sc),
        slots=task_slots(sc, resource_profile),
        default_parallelism=int(sc.defaultParallelism),
        dynamic=is_dynamic(sc),
    )


def _is_local(sc: Any) -> bool:
    master = str(sc.master)
    # local-cluster[...] is a cluster with executors of its own.
    return master == "local" or master.startswith("local[")


def is_dynamic(sc: Any) -> bool:
    """Return whether executors come and go with the work there is (dynamic allocation).

    Parameters
    ----------
    sc : pyspark.SparkContext
        The context.
    """
    return str(sc.getConf().get("spark.dynamicAllocation.enabled", "false")).lower() == "true"


def task_slots(sc: Any, resource_profile: Any = None) -> int | None:
    """Return how many tasks can run at once, None if Spark does not say.

    Parameters
    ----------
    sc : pyspark.SparkContext
        The context.
    resource_profile : pyspark.resource.ResourceProfile, optional
        What each task needs; the default of the application if None.
    """
    try:
        jsc = sc._jsc.sc()  # Spark has no public way to ask
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

    Infinity if it does not run (yet, or again after an executor was lost), None if Spark does not
    say.

    Parameters
    ----------
    sc : pyspark.SparkContext
        The context.
    tag : str
        A tag that only this job has.
    is_group : bool
        Whether it is a job group instead.
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
    except Exception:  # none of this is public
        logger.debug("When a task started could not be read.", exc_info=True)
        return None
    if not launched:
        return float("inf")
    return time.monotonic() - max(0.0, time.time() - min(launched))


def _executors(sc: Any) -> int | None:
    try:
        # The driver is in the list too.
        executors = len(list(sc._jsc.sc().statusTracker().getExecutorInfos())) - 1
    except Exception:
        logger.debug("The number of executors could not be read.", exc_info=True)
        return None
    return executors if executors > 0 else None


def is_stopped(sc: Any) -> bool:
    """Return whether a context can run no more jobs.

    Parameters
    ----------
    sc : pyspark.SparkContext
        The context.
    """
    try:
        return sc._jsc is None or bool(sc._jsc.sc().isStopped())
    except Exception:  # the JVM is gone
        return True


def runs_a_python_by_chance(sc: Any) -> bool:
    """Return whether workers on this machine would run whichever ``python3`` the PATH has.

    That is what Spark does where `PYSPARK_PYTHON` is not set, so that a script which is run by the
    Python of an environment that is not activated has workers which lack all its packages.

    Parameters
    ----------
    sc : pyspark.SparkContext
        The context.
    """
    return _is_local(sc) and "PYSPARK_PYTHON" not in os.environ and sc.pythonExec == "python3"


def has_pinned_threads(sc: Any) -> bool:
    """Return whether each Python thread has its own thread in the JVM (PYSPARK_PIN_THREAD).

    Parameters
    ----------
    sc : pyspark.SparkContext
        The context.
    """
    from py4j.clientserver import ClientServer

    return isinstance(sc._gateway, ClientServer)


def decide_parallelism(requested: int | None, cluster: Cluster) -> int:
    """Return how many trials run at once, and log why.

    Parameters
    ----------
    requested : int or None
        What the user asked for. None, zero and less: the number of executors, in local mode that
        of task slots.
    cluster : Cluster
        What there is.

    Returns
    -------
    int
        From 1 to 128. Never more than the cluster can run at once, unless that is unknown or may
        grow.
    """
    if requested is None or requested <= 0:
        if requested is not None:
            logger.warning(
                "`parallelism` must be greater than 0; got %d. Taking Spark's own number instead.",
                requested,
            )
        if cluster.local:
            parallelism, why = cluster.slots or cluster.default_parallelism, "the task slots"
        elif cluster.executors is not None:
            parallelism, why = cluster.executors, "the number of executors"
        else:
            parallelism, why = cluster.default_parallelism, "Spark's default parallelism"
        parallelism = max(1, parallelism)
        logger.info("Running up to %d trials at once: %s.", parallelism, why)
    else:
        parallelism = requested
    parallelism = at_most_max(parallelism)
    slots = cluster.slots
    if slots is None or parallelism <= slots:
        return parallelism
    if cluster.dynamic:
        logger.warning(
            "The cluster can run %d tasks at once now, fewer than the %d trials asked for. "
            "Trials wait until dynamic allocation adds executors.",
            slots,
            parallelism,
        )
        return parallelism
    logger.warning(
        "The cluster can run %d tasks at once, fewer than the %d trials asked for. "
        "Running up to %d trials at once.",
        slots,
        parallelism,
        slots,
    )
    return slots
