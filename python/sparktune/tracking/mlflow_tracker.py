"""A search as an MLflow run with a nested run a trial."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import logging
import threading
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from sparktune.tracking.base import SearchInfo, SearchSummary, TrackedRun, Trial
from sparktune.tracking.queue import BackgroundQueue
from sparktune.tracking.records import MAX_PARAM, KeyNames, TrialRecord, clean_key, cut
from sparktune.tracking.spaces import SpaceReader
from sparktune.tracking.store import (
    RunWriter,
    absolute_uri,
    check_reachable,
    redacted,
    worker_environment,
)
from sparktune.tracking_worker import active_runs, worker_run

__all__ = ["MlflowTracker"]

logger = logging.getLogger("sparktune.mlflow")

# The first use of a SQLite store creates its tables, which can take ten seconds.
_BEGIN_SECONDS = 60.0
_CHILD_SECONDS = 30.0
_END_SECONDS = 120.0
_FAILURES_IN_A_ROW = 3


class _Child:
    """The run of one trial; made on the tracker's thread."""

    def __init__(self, tracker: MlflowTracker, tid: int) -> None:
        self._tracker = tracker
        self._settled = threading.Event()
        self.tid = tid
        self.run_id: str | None = None
        self._payload: dict[str, Any] | None = None

    def settle(self, run_id: str | None = None, payload: dict[str, Any] | None = None) -> None:
        self.run_id = run_id
        self._payload = payload
        self._settled.set()

    def payload(self, timeout: float | None = None) -> dict[str, Any] | None:
        """See `TrackedRun`."""
        patience = self._tracker.patience
        if not self._settled.wait(patience if timeout is None else min(timeout, patience)):
            self._tracker.lose_patience()
        return self._payload


class MlflowTracker:
    """Records a search in MLflow.

    The active run is the parent and is left open; without one, a run is made, made active and
    ended. Each trial has a nested run. What is written is listed in docs/mlflow.md.

    All calls to the server are made on one background thread, with explicit run ids. The search
    waits for it in three places, each bounded: for a parent run of its own in `begin`, for a
    trial's run where a worker needs it, and in `end`. When writing fails, one warning is logged;
    after three failures in a row the tracker gives up.
    """

    def __init__(self) -> None:
        self._queue = BackgroundQueue(self._failed, "sparktune-mlflow")
        self._warned = False
        self._failures = 0
        self._gave_up = False
        self.patience = _CHILD_SECONDS
        self._children: dict[int, _Child] = {}
        self._counts = {"ok": 0, "failed": 0, "cancelled": 0}
        self._best: float | None = None
        # Set in `begin`:
        self._info = SearchInfo(params={})
        self._tracking_uri = ""
        self._registry_uri: str | None = None
        self._space = SpaceReader(None)
        self._names = KeyNames()
        # Set on the background thread, by `_open`:
        self._own_run: Any = None
        self._parent_id: str | None = None
        self._experiment_id = ""
        self._writer: RunWriter | None = None
        self._taken: dict[str, set[str]] = {}
        self._context_tags: dict[str, str] = {}
        self._opened = threading.Event()

    # -- the contract --------------------------------------------------------------------------

    def begin(self, info: SearchInfo) -> None:
        """See `Tracker`."""
        try:
            self._begin(info)
        except BaseException:  # Ctrl-C while the store is being opened
            self._queue.close(0)
            raise

    def _begin(self, info: SearchInfo) -> None:
        with self._guard():
            import mlflow

            self._info = info
            with self._guard():
                self._space = SpaceReader(info.space)
            self._names = KeyNames(self._space.parameters)
            self._tracking_uri = absolute_uri(mlflow.get_tracking_uri())
            registry = mlflow.get_registry_uri()
            if registry and absolute_uri(registry) != self._tracking_uri:
                self._registry_uri = absolute_uri(registry)
            active = mlflow.active_run()
            self._queue.start()
            self._queue.put(lambda: self._open(active), urgent=True, on_drop=self._opened.set)
            self._queue.put(self._describe_search)
            if active is None:
                self._opened.wait(_BEGIN_SECONDS)
                self._make_active()

    def trial_started(self, trial: Trial) -> TrackedRun | None:
        """See `Tracker`."""
        with self._guard():
            child = _Child(self, int(trial["tid"]))
            self._children[child.tid] = child
            self._queue.put(lambda: self._create(child), urgent=True, on_drop=child.settle)
            return child
        return None

    def trial_finished(self, trial: Trial) -> None:
        """See `Tracker`."""
        with self._guard():
            record = TrialRecord.of(trial)
            group = {"FINISHED": "ok", "FAILED": "failed", "KILLED": "cancelled"}
            self._counts[group[record.run_status]] += 1
            child = self._children.pop(record.tid, None)
            if child is not None:
                self._queue.put(lambda: self._finish(child, record))
            loss = record.loss
            if loss is not None and (self._best is None or loss < self._best):
                self._best = loss
                finished = sum(self._counts.values())
                self._queue.put(lambda: self._log_best(loss, finished))

    def local_run(self, trial: Trial) -> AbstractContextManager[object]:
        """See `Tracker`."""
        with self._guard():
            child = self._children.get(int(trial["tid"]))
            if child is not None:
                return worker_run(child.payload(), any_thread=False)
        return nullcontext()

    def end(self, summary: SearchSummary) -> None:
        """See `Tracker`."""
        with self._guard():
            for child in list(self._children.values()):
                self._queue.put(lambda child=child: self._abandon(child))  # type: ignore[misc]
            self._children.clear()
            counts = {f"trials_{name}": float(count) for name, count in self._counts.items()}
            self._queue.put(lambda: self._finish_search(summary, counts))
            if not self._queue.close(_END_SECONDS):
                self._warn("The last records of the search were not written in time.")
            self._make_inactive()

    # -- on the background thread --------------------------------------------------------------

    def _open(self, active: Any) -> None:
        """Find or make the parent run."""
        try:
            import mlflow.tracking.fluent as fluent
            from mlflow.tracking.context import registry

            check_reachable(self._tracking_uri)
            self._writer = RunWriter(self._tracking_uri, self._info.uuid)
            if active is None:
                # The fluent API knows where runs belong (experiment, source, user, notebook); the
                # run becomes active on this thread, and is taken over by the one that searches.
                run: Any = fluent.start_run(run_name=f"fmin-{self._info.uuid[:6]}")
                _remove_active(fluent, run.info.run_id)
                self._own_run = run
            else:
                run = self._writer.client.get_run(active.info.run_id)
            self._taken = {
                "params": set(run.data.params),
                "metrics": set(run.data.metrics),
                "tags": set(run.data.tags),
            }
            with contextlib.suppress(Exception):
                self._context_tags = {k: str(v) for k, v in registry.resolve_tags().items()}
            self._experiment_id = run.info.experiment_id
            self._parent_id = run.info.run_id
        finally:
            if self._parent_id is None:
                self._gave_up = True
            self._opened.set()

    def _free(self, kind: str, name: str) -> str:
        """Return a name for the parent run that nobody had when the search began."""
        return f"{name}_{self._info.uuid}" if name in self._taken[kind] else name

    def _describe_search(self) -> None:
        writer, parent = self._target()
        params = {
            self._free("params", clean_key(name)): cut(str(value), MAX_PARAM)
            for name, value in self._info.params.items()
            if value is not None
        }
        tags = {
            self._free("tags", name): value
            for name, value in {
                "fmin_uuid": self._info.uuid,
                "sparktune.version": _version(),
            }.items()
        }
        writer.log(parent, params=params, tags=tags)
        space = self._space.describe()
        if space is not None:
            second = "fmin_uuid" in self._taken["tags"]
            file = f"space_{self._info.uuid}.json" if second else "space.json"
            writer.log_text(parent, json.dumps(space, indent=1, default=str), file)

    def _create(self, child: _Child) -> None:
        try:
            writer, parent = self._target()
            name = f"trial-{child.tid}"
            tags = {
                "mlflow.parentRunId": parent,
                "mlflow.runName": name,
                "fmin_uuid": self._info.uuid,
                "tid": str(child.tid),
            }
            run = writer.create(self._experiment_id, name, {**self._context_tags, **tags})
            info = {
                key.lstrip("_"): value
                for key, value in vars(run.info).items()
                if value is None or isinstance(value, str | int)
            }
            payload = {
                "run_id": run.info.run_id,
                "parent_run_id": parent,
                "experiment_id": run.info.experiment_id,
                "tracking_uri": self._tracking_uri,
                "registry_uri": self._registry_uri,
                "environment": worker_environment(),
                "info": info,
                "tags": tags,
            }
            child.settle(run.info.run_id, payload)
        finally:
            child.settle(child.run_id, child._payload)
        self.patience = _CHILD_SECONDS
        self._failures = 0

    def _finish(self, child: _Child, record: TrialRecord) -> None:
        if child.run_id is None:
            return
        writer, _ = self._target()
        try:
            writer.log(
                child.run_id,
                params=record.params(self._space, self._names),
                metrics=record.metrics,
                tags=record.tags(self._space, self._names),
            )
            if record.error:
                writer.log_text(child.run_id, record.error, "traceback.txt")
        finally:
            writer.end(child.run_id, record.run_status)
        self._failures = 0

    def _abandon(self, child: _Child) -> None:
        """End the run of a trial whose end nobody reported."""
        if child.run_id is not None:
            writer, _ = self._target()
            writer.log(child.run_id, tags={"trial_status": "cancelled"})
            writer.end(child.run_id, "KILLED")

    def _log_best(self, loss: float, finished: int) -> None:
        writer, parent = self._target()
        writer.log(parent, metrics={self._free("metrics", "best_loss"): loss}, step=finished)

    def _finish_search(self, summary: SearchSummary, counts: dict[str, float]) -> None:
        writer, parent = self._target()
        try:
            params: dict[str, str] = {}
            tags: dict[str, str] = {}
            if summary.best_trial is not None:
                best = TrialRecord.of(summary.best_trial)
                tags["best_tid"] = str(best.tid)
                params = {
                    self._free("params", f"best_{name}"): value
                    for name, value in best.params(self._space, self._names).items()
                }
                for name, text in best.choices(self._space, self._names).items():
                    tags[clean_key(f"best_choice.{name}")] = text
            writer.log(
                parent,
                params=params,
                metrics={self._free("metrics", name): value for name, value in counts.items()},
                tags={self._free("tags", name): value for name, value in tags.items()},
                step=int(sum(counts.values())),
            )
            if summary.error:
                second = "fmin_uuid" in self._taken["tags"]
                file = f"traceback_{self._info.uuid}.txt" if second else "traceback.txt"
                writer.log_text(parent, summary.error, file)
        finally:
            if self._own_run is not None:
                writer.end(parent, summary.status)

    def _target(self) -> tuple[RunWriter, str]:
        if self._writer is None or self._parent_id is None:
            raise RuntimeError("There is no parent run.")
        return self._writer, self._parent_id

    # -- the active run of the thread that called fmin -------------------------------------------

    def _make_active(self) -> None:
        """Make the run of the search's own the active one, for callbacks and for the user."""
        if self._own_run is not None:
            import mlflow.tracking.fluent as fluent

            active_runs(fluent).append(self._own_run)

    def _make_inactive(self) -> None:
        if self._own_run is not None:
            import mlflow.tracking.fluent

            fluent: Any = mlflow.tracking.fluent
            run_id = self._own_run.info.run_id
            _remove_active(fluent, run_id)
            with contextlib.suppress(Exception):
                fluent._last_active_run_id.set(run_id)
                monitor = fluent.run_id_to_system_metrics_monitor.pop(run_id, None)
                if monitor is not None:
                    monitor.finish()

    # -- failures --------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _guard(self) -> Any:
        """Keep what goes wrong in tracking out of the search."""
        try:
            yield
        except Exception as error:
            self._warn("Recording the search in MLflow failed", error)

    def lose_patience(self) -> None:
        """Note that the server is slow: the next trials do not wait for it, until it answers."""
        self.patience = 0.0
        self._warn(
            f"The MLflow server took longer than {_CHILD_SECONDS:.0f} s; trials go on without "
            "logging from the objective until it answers."
        )

    def _failed(self, error: Exception) -> bool:
        """Handle a failed job; return whether to give up."""
        self._failures += 1
        if self._gave_up or self._failures >= _FAILURES_IN_A_ROW:
            self._gave_up = True
            self._warn("Recording the search in MLflow failed; the search goes on without", error)
        else:
            self._warn("A record of the search could not be written to MLflow", error)
        return self._gave_up

    def _warn(self, message: str, error: BaseException | None = None) -> None:
        """Log a warning, once; further ones are for those who debug."""
        level = logging.DEBUG if self._warned else logging.WARNING
        self._warned = True
        if error is None:
            logger.log(level, "%s", message)
        else:
            what = cut(redacted(str(error)), 1000)
            logger.log(level, "%s: %s: %s", message, type(error).__name__, what)
            logger.debug("Where it failed:", exc_info=error)


def _remove_active(fluent: Any, run_id: str) -> None:
    stack = active_runs(fluent)
    stack[:] = [run for run in stack if run.info.run_id != run_id]


def _version() -> str:
    try:
        return importlib.metadata.version("sparktune")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"
