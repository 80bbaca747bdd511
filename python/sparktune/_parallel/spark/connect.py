"""Trials as Spark jobs of one task through Spark Connect, without a SparkContext."""

from __future__ import annotations

import contextlib
import functools
import logging
import re
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import IO, Any

from sparktune._parallel.cargo import Cargo, by_value
from sparktune._parallel.spark.cluster import Cluster, is_local
from sparktune._parallel.spark.interrupter import Interrupter
from sparktune._parallel.spark.limits import result_limit
from sparktune._parallel.spark.pythons import refusal
from sparktune._parallel.spark.reasons import failure, reason
from sparktune._worker.arrow import interpreter, read_artifact, run_arrow_task
from sparktune.exceptions import BackendLost, InvalidArgument

__all__ = ["ConnectBackend", "ConnectSession"]

logger = logging.getLogger("sparktune.spark")

_READ_AGAIN_SECONDS = 30.0
# What Spark says when no job of the session can run any more.
_LOST = (
    "INVALID_HANDLE.SESSION_",
    "SESSION_CLOSED",
    "SESSION_CHANGED",
    "SESSION_NOT_FOUND",
    "stopped SparkContext",
    "SparkContext was shut down",
    "server side session identifier",
    "closed channel",
    "StatusCode.UNAVAILABLE",
)

# The artifacts that each session has already: they stay as long as it does.
_uploaded: weakref.WeakKeyDictionary[Any, set[str]] = weakref.WeakKeyDictionary()
_upload_lock = threading.Lock()


class ConnectSession:
    """A session of Spark Connect; has the methods of `ClassicSession`. It is never stopped here."""

    def __init__(self, spark: Any) -> None:
        self.spark = spark

    def is_stopped(self) -> bool:
        """Return whether the session was stopped from this side, or is known to be gone."""
        return bool(self.spark.is_stopped)

    def read_cluster(self, resource_profile: Any = None) -> Cluster:
        """Return what is known of the cluster, for trials that need `resource_profile`."""
        return _read_cluster(self.spark, resource_profile)

    def register(self, resource_profile: Any) -> None:
        """Register a resource profile with Spark; raise if the cluster does not support it."""
        from pyspark.sql import SparkSession

        if SparkSession.getActiveSession() is not self.spark:  # pyspark asks the active one
            raise InvalidArgument(
                "`resource_profile` of SparkTrials needs `spark_session` to be the active "
                "session. Make the session of the trials the first that is made."
            )
        resource_profile.id  # noqa: B018  asks the server, and keeps what it says

    def result_limit(self) -> tuple[int, str]:
        """Return the most bytes that a trial may send back, and why."""
        setting = functools.partial(_setting, self.spark)
        return result_limit(setting, is_local(setting("spark.master")))

    def make_backend(self, cargo: Cargo, resource_profile: Any) -> ConnectBackend:
        """Return what runs trials."""
        return ConnectBackend(self.spark, cargo, resource_profile)


class ConnectBackend:
    """Runs trials as Spark jobs of one task; a `sparktune._parallel.backend.Backend`.

    The cargo is uploaded once per session.
    """

    streams = False

    def __init__(self, spark: Any, cargo: Cargo, resource_profile: Any = None) -> None:
        from pyspark.sql.types import BinaryType, StructField, StructType

        self._spark = spark
        self._profile = resource_profile
        artifact = by_value(read_artifact, cargo.pickler)
        shipped, *parcels = (functools.partial(artifact, name) for name in _upload(spark, cargo))
        keys = (parcel.key for parcel in cargo.parcels)
        self._task = functools.partial(
            by_value(run_arrow_task, cargo.pickler),
            cargo.task(shipped, dict(zip(keys, parcels, strict=True))),
        )
        # One frame for all trials: a new one would ask the server for its columns.
        self._row = spark.range(1, numPartitions=1)
        self._schema = StructType([StructField("answer", BinaryType())])
        self._submitted: set[str] = set()  # tags whose job has not ended
        self._cancelled: set[str] = set()
        self._interrupter = Interrupter(spark, lambda: self._submitted & self._cancelled)
        self._thread = threading.local()  # which job a thread has
        self._since: dict[str, float] = {}  # by tag: see `started`
        spark.registerProgressHandler(self._on_progress)
        self._cluster = _read_cluster(spark, self._profile)
        self._read_at = time.monotonic()
        self._reading = threading.Lock()

    def thread_body(self, body: Callable[[], None]) -> Callable[[], None]:
        """Give the thread the caller's tags, so that interrupting those stops trials."""
        tags = set(self._spark.getTags())

        def with_tags() -> None:
            for tag in tags:  # of the thread, as far as the client is concerned
                self._spark.addTag(tag)
            body()

        return with_tags

    def submit(
        self, tag: str, payloads: Sequence[bytes], description: str, seconds: float | None = None
    ) -> list[bytes]:
        """Run trials in one task and return their answers; see `Backend`."""
        spark = self._spark
        try:
            task = functools.partial(self._task, list(payloads), seconds)
            frame = self._row.mapInArrow(task, self._schema, profile=self._profile)
            spark.addTag(tag)
            self._thread.tag = tag
            self._submitted.add(tag)
            try:
                table = frame.toArrow()  # collect() would first ask the server for a setting
            finally:
                self._submitted.discard(tag)
                self._thread.tag = None
                self._since.pop(tag, None)
                spark.removeTag(tag)
            self._read_cluster_again()
            return _joined(piece.as_py() for piece in table.column(0))
        except Exception as error:
            if tag not in self._cancelled and self._is_lost(error):
                raise BackendLost(
                    "The Spark session was stopped during the search, or its server cannot be "
                    f"reached, so no trial can run ({reason(error)}); "
                    "trials that had finished are kept."
                ) from error
            logger.debug("The job of a trial failed.", exc_info=True)
            if (refused := refusal(error, self._interpreter)) is not None:
                raise refused from None
            raise failure(error) from None

    def _interpreter(self) -> str | None:
        """Return which Python the workers run."""
        from pyspark.sql.functions import udf

        function = by_value(interpreter, "pyspark.cloudpickle")
        with contextlib.suppress(Exception):
            # Without Arrow, which may be what is missing.
            column = udf(function, "string", useArrow=False)("id")
            return str(self._row.select(column).collect()[0][0])
        settings = ("spark.sql.execution.pyspark.python", "spark.pyspark.python")
        return next(filter(None, (_setting(self._spark, name) for name in settings)), None)

    def _on_progress(
        self, stages: Any, inflight_tasks: int, operation_id: str | None, done: bool
    ) -> None:
        """Note when a trial begins to run; the client calls this on the thread of the trial."""
        tag = getattr(self._thread, "tag", None)
        if tag is None or done:
            return
        if inflight_tasks == 0:
            self._since[tag] = float("inf")
        elif self._since.get(tag, float("inf")) == float("inf"):
            self._since[tag] = time.monotonic()

    def started(self, tag: str) -> float | None:
        """Return when the task of a trial began to run; see `Backend`.

        The server reports it every two seconds, unless `spark.connect.progress.reportInterval` is
        set.
        """
        return self._since.get(tag)

    def cancel(self, tag: str) -> None:
        """Cancel the job of a trial; does not wait for the server."""
        self._cancelled.add(tag)
        self._interrupter.interrupt(tag)

    def _is_lost(self, error: BaseException) -> bool:
        """Return whether no job can run any more, now that one has failed."""
        if self._spark.is_stopped or _says_lost(error):
            return True
        try:
            # A session that is being stopped first ends its jobs, as if they had been cancelled.
            self._spark.conf.get("spark.app.name", "")
        except Exception as answer:
            # What PySpark 4.0 says when it has retried for as long as its policy allows.
            gave_up = "RETRIES_EXCEEDED" in str(answer)
            return gave_up or self._spark.is_stopped or _says_lost(answer)
        return False

    def line_hosts(self) -> tuple[str, str] | None:
        """Return None: the cluster does not know where this client is."""
        return None

    def slots(self) -> int | None:
        """Return how many tasks the cluster can run at once; see `Backend`.

        The number is at most half a minute old while trials end: asking takes a tenth of a second.
        """
        return None if self._cluster.dynamic else self._cluster.slots

    def _read_cluster_again(self) -> None:
        with self._reading:
            if time.monotonic() - self._read_at < _READ_AGAIN_SECONDS:
                return
            self._read_at = time.monotonic()
        with contextlib.suppress(Exception):
            self._cluster = _read_cluster(self._spark, self._profile)

    def close(self) -> None:
        """End the thread that cancels; the session goes on and keeps the artifacts."""
        with contextlib.suppress(Exception):  # all handlers were removed
            self._spark.removeProgressHandler(self._on_progress)
        self._interrupter.close()


def _joined(pieces: Iterable[bytes]) -> list[bytes]:
    """Return the answers that arrive in pieces; an empty one ends each of them."""
    answers: list[bytes] = []
    parts: list[bytes] = []
    for piece in pieces:
        if piece:
            parts.append(piece)
        else:
            answers.append(b"".join(parts))
            parts.clear()
    return answers


def _upload(spark: Any, cargo: Cargo) -> list[str]:
    """Upload the cargo and each of its parcels as a file; return the names of the files.

    The names contain the hashes of the contents, since a session never lets a file change.
    """
    writers: dict[str, Callable[[IO[bytes]], Any]] = {
        f"sparktune-{cargo.key[:40]}": lambda file: file.write(cargo.data)
    }
    writers |= {f"sparktune-{parcel.key}": parcel.write for parcel in cargo.parcels}
    with _upload_lock, tempfile.TemporaryDirectory(prefix="sparktune-") as folder:
        known = _uploaded.setdefault(spark, set())
        for name, write in writers.items():
            if name not in known:
                path = Path(folder) / name
                with path.open("wb") as file:
                    write(file)
                spark.addArtifacts(str(path), file=True)
                known.add(name)
    return list(writers)


def _says_lost(error: BaseException) -> bool:
    text = str(error)
    status = getattr(getattr(error, "getGrpcStatusCode", lambda: None)(), "name", "")
    return status == "UNAVAILABLE" or any(said in text for said in _LOST)


def _read_cluster(spark: Any, resource_profile: Any) -> Cluster:
    """Read what is known of the cluster behind a session."""
    master = _setting(spark, "spark.master")
    total = _count_cores(spark)
    executors = _int(_setting(spark, "spark.executor.instances"))
    each = _int(_setting(spark, "spark.executor.cores"))
    if executors is None and total is not None and each is not None:
        executors = max(1, total // each)
    cpus = _int(_setting(spark, "spark.task.cpus")) or 1
    if resource_profile is not None and "cpus" in resource_profile.taskResources:
        cpus = int(resource_profile.taskResources["cpus"].amount)
    slots = None
    if total is not None:
        slots = (each // cpus) * (total // each) if each else total // cpus
    return Cluster(
        local=is_local(master),
        executors=executors,
        slots=slots or None,
        default_parallelism=slots or 1,
        # A service that hides its master (serverless, for example) adds machines on demand.
        dynamic=not master or _setting(spark, "spark.dynamicAllocation.enabled").lower() == "true",
    )


def _count_cores(spark: Any) -> int | None:
    """Return how many cores the executors have, None if that is unknown."""
    # Unless their number is set, Spark plans one partition per core. Reading the plan does not
    # need a free slot, unlike running it.
    try:
        plan = str(spark.sql("EXPLAIN SELECT * FROM range(1000000)").collect()[0][0])
    except Exception:
        logger.debug("The number of cores could not be read.", exc_info=True)
        return None
    found = re.search(r"splits=(\d+)", plan)
    return None if found is None else max(1, int(found[1]))


def _setting(spark: Any, key: str) -> str:
    """Return a setting of the server, or an empty string if it is unknown."""
    try:
        # Without a default, a server logs a stack trace for what is not set.
        value = spark.conf.get(key, None)
    except Exception:  # a setting that the server hides
        return ""
    return "" if value is None else str(value)


def _int(text: str) -> int | None:
    return int(text) if text.isdigit() and int(text) > 0 else None
