"""Trials as Spark jobs of one task through the RDD API: the back end for classic sessions."""

from __future__ import annotations

import contextlib
import functools
import logging
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

from sparktune._parallel import spark_compat as compat
from sparktune._parallel.backend import LOOPBACK
from sparktune._parallel.cargo import Cargo
from sparktune._parallel.spark.cluster import Cluster, is_local
from sparktune._parallel.spark.limits import result_limit
from sparktune._parallel.spark.pythons import refusal
from sparktune._parallel.spark.reasons import failure
from sparktune.exceptions import BackendLost

__all__ = ["ClassicBackend", "ClassicSession"]

logger = logging.getLogger("sparktune.spark")


class ClassicSession:
    """A classic session; has the methods of `ConnectSession`. It is never stopped here."""

    def __init__(self, spark: Any) -> None:
        self.spark = spark

    def is_stopped(self) -> bool:
        """Return whether the session can run no more jobs."""
        return compat.is_stopped(self.spark.sparkContext)

    def read_cluster(self, resource_profile: Any = None) -> Cluster:
        """Return what is known of the cluster, for trials that need `resource_profile`."""
        sc = self.spark.sparkContext
        return Cluster(
            local=is_local(str(sc.master)),
            executors=compat.executor_count(sc),
            slots=compat.task_slots(sc, resource_profile),
            default_parallelism=int(sc.defaultParallelism),
            dynamic=_is_dynamic(sc),
        )

    def register(self, resource_profile: Any) -> None:
        """Register a resource profile with Spark; raise if the cluster does not support it."""
        self.spark.sparkContext.emptyRDD().withResources(resource_profile)  # runs no job

    def result_limit(self) -> tuple[int, str]:
        """Return the most bytes that a trial may send back, and why."""
        sc = self.spark.sparkContext

        def setting(name: str) -> str:
            return str(sc.getConf().get(name, ""))

        return result_limit(setting, is_local(str(sc.master)), compat.driver_heap(sc))

    def make_backend(self, cargo: Cargo, resource_profile: Any) -> ClassicBackend:
        """Return what runs trials."""
        return ClassicBackend(self.spark, cargo, resource_profile)


def _is_dynamic(sc: Any) -> bool:
    """Return whether the number of executors follows the load (dynamic allocation)."""
    return str(sc.getConf().get("spark.dynamicAllocation.enabled", "false")).lower() == "true"


class ClassicBackend:
    """Runs trials as Spark jobs of one task; a `sparktune._parallel.backend.Backend`."""

    streams = False

    def __init__(self, spark: Any, cargo: Cargo, resource_profile: Any = None) -> None:
        self._sc = spark.sparkContext
        self._resource_profile = resource_profile
        # Tags belong to a thread of the JVM. Without pinned threads, Python's threads share those.
        self._pinned = compat.has_pinned_threads(self._sc)
        self._properties = compat.get_local_properties(self._sc) if self._pinned else None
        self._thread = threading.local()  # the thread of the JVM that answers a thread's calls
        self._waiting: dict[str, Any] = {}  # by tag: such threads, while they have a job
        self._dynamic = _is_dynamic(self._sc)
        by_chance = compat.runs_a_python_by_chance(self._sc, is_local(str(self._sc.master)))
        self._python = sys.executable if by_chance else None  # None: what the session has
        shipped = self._sc.broadcast(cargo.data)
        parcels = {each.key: self._sc.broadcast(each.to_bytes()) for each in cargo.parcels}
        self._broadcasts = [shipped, *parcels.values()]
        # pyspark pickles this with each job, and so learns which broadcast variables the job needs.
        self._task = cargo.task(shipped, parcels)

    def thread_body(self, body: Callable[[], None]) -> Callable[[], None]:
        """Give the thread the caller's local properties, such as the scheduler pool.

        They include the caller's job group, so a notebook's stop button stops trials.
        """
        properties = self._properties
        if properties is None:
            return body

        def with_properties() -> None:
            try:
                # Each thread gets a copy, as it changes its own. They are not read here from the
                # caller's thread: Ctrl-C in a call to the JVM would lose the answer.
                compat.set_local_properties(self._sc, properties)
                self._thread.of_jvm = compat.current_jvm_thread(self._sc)
            except Exception:
                logger.debug("A thread could not be prepared.", exc_info=True)
            body()

        return with_properties

    def submit(
        self, tag: str, payloads: Sequence[bytes], description: str, seconds: float | None = None
    ) -> list[bytes]:
        """Run trials in one task and return their answers; see `Backend`."""
        try:
            rdd = self._sc.parallelize(payloads, 1)
            if self._resource_profile is not None:
                rdd = rdd.withResources(self._resource_profile)
            if self._python is not None:
                rdd = compat.with_python(rdd, self._python)
            rdd = rdd.mapPartitions(functools.partial(self._task, seconds=seconds))
            if not self._pinned:
                return list(rdd.collectWithJobGroup(tag, description, True))
            # The description stays until the thread's next trial; the thread is the search's own.
            self._sc.setJobDescription(description)
            self._sc.addJobTag(tag)
            self._waiting[tag] = getattr(self._thread, "of_jvm", None)
            try:
                return list(rdd.collect())
            finally:
                del self._waiting[tag]
                self._sc.removeJobTag(tag)
        except Exception as error:
            if compat.is_stopped(self._sc):
                raise BackendLost(
                    "The Spark session was stopped during the search, so no trial can run; "
                    "trials that had finished are kept."
                ) from error
            logger.debug("The job of a trial failed.", exc_info=True)
            if (refused := refusal(error, self._interpreter)) is not None:
                raise refused from None
            # Not `from error`: its stack is Java's, hundreds of lines in each failed trial.
            raise failure(error) from None

    def _interpreter(self) -> str | None:
        """Return which Python the workers run."""
        return self._python or compat.python_of(self._sc)

    def cancel(self, tag: str) -> None:
        """Cancel the job of a trial."""
        if compat.is_stopped(self._sc):
            # Spark never ends a job that was submitted just when its context stopped.
            if (thread := self._waiting.get(tag)) is not None:
                with contextlib.suppress(Exception):  # the JVM is gone, and the wait with it
                    thread.interrupt()
            return
        if self._pinned:
            self._sc.cancelJobsWithTag(tag)
        else:
            self._sc.cancelJobGroup(tag)

    def started(self, tag: str) -> float | None:
        """Return when the task of a trial began to run; see `Backend`."""
        return compat.task_started(self._sc, tag, is_group=not self._pinned)

    def slots(self) -> int | None:
        """Return how many tasks the cluster can run at once; None if unknown, or if it grows."""
        # Dynamic allocation adds executors only for jobs that wait.
        return None if self._dynamic else compat.task_slots(self._sc, self._resource_profile)

    def line_hosts(self) -> tuple[str, str] | None:
        """Return where the driver listens to executors, and how they reach it."""
        if is_local(str(self._sc.master)):
            return LOOPBACK, LOOPBACK
        conf = self._sc.getConf()
        reach = conf.get("spark.driver.host")
        if not reach:
            return None
        bind = conf.get("spark.driver.bindAddress", reach)
        return bind.strip("[]"), reach.strip("[]")  # brackets: of IPv6

    def close(self) -> None:
        """Remove the broadcast variables; the session goes on."""
        try:
            if not compat.is_stopped(self._sc):
                for broadcast in self._broadcasts:
                    broadcast.destroy()
        except Exception:
            logger.debug("The broadcast variables could not be removed.", exc_info=True)
