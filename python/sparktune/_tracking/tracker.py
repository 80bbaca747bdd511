"""The `Tracker` that records a search in MLflow."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from traceback import format_exception
from typing import Any

from sparktune._space.reader import SpaceReader
from sparktune._tracking.base import ResumedSearch, SearchInfo, SearchSummary, TrackedRun
from sparktune._tracking.child_run import ChildRun
from sparktune._tracking.mlflow_compat import leave_run, request_timeout
from sparktune._tracking.outbox import FIRST, LAST, Outbox
from sparktune._tracking.records import TrialRecord, cut, milliseconds, tags_of_attempts
from sparktune._tracking.run import SearchRun
from sparktune._tracking.store import absolute_uri, is_passing, is_refusal, is_remote, redacted
from sparktune._trials.documents import JOB_STATE_CANCEL, STATUS_PRUNED, Trial
from sparktune._worker.mlflow_compat import active_runs
from sparktune._worker.mlflow_run import worker_run

__all__ = ["MlflowTracker"]

logger = logging.getLogger("sparktune.mlflow")

# The first use of a SQLite store creates its tables, which can take ten seconds.
_BEGIN_SECONDS = 60.0
_BEGIN_SECONDS_REMOTE = 15.0
# A trial waits for its run, so that the objective can log into it: this long while runs are being
# created, and this long while the server is stuck in one call.
_CHILD_SECONDS = 30.0
_STUCK_SECONDS = 5.0
# A request that is not answered for so long is repeated; MLflow's two minutes would outlast the
# patience at the end of a search, and every later record with it.
_REQUEST_SECONDS = 20
# At the end of a search: the longest wait without progress (from 5 to 30 seconds, depending on how
# long the search took), and in total. A server takes about 20 seconds to start.
_END_IDLE_SECONDS = (5.0, 30.0)
_END_SECONDS = 600.0

# The losses of trials are written to the parent with each new best one, and this often.
_LOSSES_SECONDS = 30.0

_GROUPS = {"FINISHED": "ok", "FAILED": "failed", "KILLED": "cancelled"}
_SEARCH = "the search itself"


class _Tracked:
    """The run of one trial, which is created on the tracker's thread."""

    def __init__(self, tracker: MlflowTracker, trial: Trial, run: ChildRun) -> None:
        self._tracker = tracker
        self.trial = trial
        self.run = run
        self.settled = threading.Event()  # the run was created, or never will be

    def payload(self) -> dict[str, Any] | None:
        """See `TrackedRun`."""
        if not self.settled.is_set():
            self._tracker.wait_for(self.settled, _CHILD_SECONDS)
        return self.run.payload or self._tracker.payload_without_run()

    def note(self, text: str) -> None:
        """See `TrackedRun`."""
        self._tracker.warn_of_workers(text)


class MlflowTracker:
    """Records a search in MLflow.

    The active run is the parent and is left open; without one, a run is created, made active and
    ended. Each trial has a nested run. docs/mlflow.md lists what is written.

    One background thread makes all calls to the server, with explicit run ids. The search waits for
    it in three places, each time for a bounded time: in `begin` for a parent run of its own, before
    a trial that needs its run, and in `end`. While the server is away nothing waits: records are
    kept, and retried until `end` gives up.
    """

    def __init__(self) -> None:
        self._outbox = Outbox(
            "sparktune-mlflow",
            self._is_passing,
            self._failed,
            self._succeeded,
            partial(request_timeout, _REQUEST_SECONDS),
        )
        self._answered = False  # whether any job has succeeded
        self._warned = False
        self._away = False
        self._began = time.monotonic()
        self._lock = threading.Lock()
        self._told_of_workers = False
        self._tracked: dict[int, _Tracked] = {}
        self._unnamed: list[tuple[Trial, ChildRun]] = []  # ended before their run was made
        self._counts = dict.fromkeys(_GROUPS.values(), 0)
        self._best: float | None = None
        self._wrote_losses = self._began
        self._search: SearchRun | None = None

    # -- the contract --------------------------------------------------------------------------

    def begin(self, info: SearchInfo) -> None:
        """See `Tracker`."""
        with self._guard():
            import mlflow

            space = SpaceReader(None)
            with self._guard():
                space = SpaceReader(info.space)
            uri = absolute_uri(mlflow.get_tracking_uri())
            registry: str | None = absolute_uri(mlflow.get_registry_uri() or uri)
            active = mlflow.active_run()
            search = SearchRun(info, uri, None if registry == uri else registry, active, space)
            self._search = search
            if info.resumed is not None:
                self._complete(search, info.resumed, info.past)
            opened = threading.Event()

            def open_run() -> None:
                search.target()
                opened.set()

            self._outbox.put(open_run, order=FIRST, about=_SEARCH, on_drop=opened.set)
            self._outbox.put(search.describe, about=_SEARCH)
            self._outbox.start()
            if active is None:
                self.wait_for(opened, _BEGIN_SECONDS_REMOTE if is_remote(uri) else _BEGIN_SECONDS,
                              stuck=_BEGIN_SECONDS)  # fmt: skip
                if search.own_run is not None:  # for callbacks and for the user
                    active_runs().append(search.own_run)

    def _complete(self, search: SearchRun, resumed: ResumedSearch, past: Sequence[Trial]) -> None:
        """Write what the driver of an earlier process of this search could not write."""
        still_open = set(resumed.open_runs)
        for trial in past:
            record = TrialRecord.of(trial)
            if search.resumed is not None:
                self._count(record)
            child = ChildRun(trial)
            if child.known in still_open:
                still_open.discard(child.known)
                child.run_id = child.known
            elif record.tid not in resumed.missing:
                continue
            self._outbox.put(partial(search.record, child, record), about=record.tid)
            self._outbox.put(partial(search.end_trial, child, record), about=record.tid)
            self._name(trial, child)
        if search.resumed is None:
            # Another parent: trials that run again get new runs there.
            for run_id in still_open:
                self._outbox.put(partial(search.give_up, run_id, milliseconds(None)))

    def parent(self) -> dict[str, str] | None:
        """See `Tracker`."""
        return None if self._search is None else self._search.where()

    def trial_started(self, trial: Trial) -> TrackedRun | None:
        """See `Tracker`."""
        with self._guard():
            if self._search is None:
                return None
            search, run = self._search, ChildRun(trial)
            if (known := self._tracked.get(run.tid)) is not None:  # it was lost, and runs again
                again = partial(search.start_again, known.run, tags_of_attempts(trial))
                self._outbox.put(again, about=run.tid)
                return known
            tracked = self._tracked[run.tid] = _Tracked(self, trial, run)

            def create() -> None:
                search.create(run)
                tracked.settled.set()

            self._outbox.put(create, order=FIRST, on_drop=tracked.settled.set)
            return tracked
        return None

    def trial_finished(self, trial: Trial) -> None:
        """See `Tracker`."""
        with self._guard():
            if self._search is None:
                return
            search, record = self._search, TrialRecord.of(trial)
            tracked = self._tracked.pop(record.tid, None)
            if tracked is not None:
                run = tracked.run
                # Two jobs, so that another trial's start waits for one of them at most.
                self._outbox.put(lambda: search.record(run, record), about=record.tid)
                self._outbox.put(lambda: search.end_trial(run, record), about=record.tid)
                self._name(trial, run)
            is_best, now = self._count(record), time.monotonic()
            if is_best:
                done = sum(self._counts.values())
                self._outbox.put(lambda: search.log_best(record, done), about=_SEARCH)
            elif now - self._wrote_losses > _LOSSES_SECONDS:
                self._outbox.put(search.log_losses, about=_SEARCH)
            else:
                return
            self._wrote_losses = now

    def local_run(self, trial: Trial) -> AbstractContextManager[object]:
        """See `Tracker`."""
        with self._guard():
            tracked = self._tracked.get(int(trial["tid"]))
            payload = None if tracked is None else tracked.payload()
            if payload is not None and payload["run_id"] is not None:
                return worker_run(payload, any_thread=False)
        return nullcontext()

    def end(self, summary: SearchSummary) -> None:
        """See `Tracker`."""
        with self._guard():
            if self._search is None:
                return
            search, now = self._search, milliseconds(None)
            # Trials whose end was not reported.
            for tracked in list(self._tracked.values()):
                self.trial_finished({**tracked.trial, "state": JOB_STATE_CANCEL})
            counts = dict(self._counts)
            self._outbox.put(lambda: search.finish(summary, counts, now), order=LAST, about=_SEARCH)
            try:
                least, most = _END_IDLE_SECONDS
                idle = min(max(least, time.monotonic() - self._began), most)
                lost = self._outbox.close(idle, _END_SECONDS, _REQUEST_SECONDS + 2.0)
            finally:
                if search.own_run is not None:
                    leave_run(search.own_run.info.run_id)
            self._tell_what_is_lost(lost)
            for trial, run in self._unnamed:
                if run.run_id is not None:
                    trial["misc"]["run_id"] = run.run_id

    # -- bookkeeping, on the search's thread -----------------------------------------------------

    def _count(self, record: TrialRecord) -> bool:
        """Count a trial; return whether it is a new best one."""
        group = _GROUPS[record.run_status]
        if record.trial_status == STATUS_PRUNED:
            group = STATUS_PRUNED
            self._counts.setdefault(group, 0)
        self._counts[group] += 1
        if self._search is not None:
            self._search.keep(record)
        loss = record.loss
        if loss is None or (self._best is not None and loss >= self._best):
            return False
        self._best = loss
        return True

    def _name(self, trial: Trial, run: ChildRun) -> None:
        """Write into a document which run is the trial's, now or at the end."""
        if run.run_id is not None:
            trial["misc"]["run_id"] = run.run_id
        else:
            self._unnamed.append((trial, run))

    def wait_for(self, event: threading.Event, timeout: float, stuck: float | None = None) -> None:
        """Wait for the background thread to set an event, for `timeout` seconds at most.

        The wait also ends if the server is away or one call takes longer than `stuck` seconds.
        """
        stuck = _STUCK_SECONDS if stuck is None else stuck
        began = time.monotonic()
        deadline = began + timeout
        while not self._away:
            at_work = self._outbox.seconds_at_work()
            left = min(deadline - time.monotonic(), stuck - at_work)
            if left <= 0:
                waited = max(at_work, time.monotonic() - began)
                self._warn(
                    f"MLflow has not done what a trial waits for within {waited:.0f} s; trials no "
                    "longer wait for it. What the objectives of these trials log directly may be "
                    "lost; sparktune's own records are written when it answers."
                )
                break
            # In short steps, to notice that the server is away.
            if event.wait(min(left, 0.25)):
                break

    # -- failures --------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _guard(self) -> Any:
        """Log what goes wrong in tracking, instead of failing the search."""
        try:
            yield
        except Exception as error:
            self._warn("Recording the search in MLflow failed", error)

    def payload_without_run(self) -> dict[str, Any] | None:
        """Return the payload of a trial that has no run: what it logs is thrown away."""
        return None if self._search is None else self._search.payload_without_run()

    def warn_of_workers(self, text: str) -> None:
        """Pass on a message of a worker, once per search."""
        with self._lock:
            told, self._told_of_workers = self._told_of_workers, True
        logger.log(logging.DEBUG if told else logging.WARNING, "%s", text)

    def _failed(self, error: Exception, again: bool) -> None:
        """Note a job that failed; called on the background thread."""
        if again:
            self._away = True
            self._warn(
                "MLflow cannot be reached or fails; the search goes on, and its records are kept "
                "and retried",
                error,
            )
        else:
            self._warn("A record of the search could not be written to MLflow", error)

    def _is_passing(self, error: Exception) -> bool:
        """Return whether to try again what failed.

        A server that has answered knows our credentials: if it refuses them later, its proxy is
        being restarted, or a token is being renewed.
        """
        return is_passing(error) or (self._answered and is_refusal(error))

    def _succeeded(self) -> None:
        """Note a job that succeeded; called on the background thread."""
        self._answered = True
        if self._away:
            self._away = False
            logger.info("MLflow answers again.")

    def _tell_what_is_lost(self, lost: list[Any]) -> None:
        """Log once, at the end, what was not recorded."""
        tids = sorted({about for about in lost if isinstance(about, int)})
        seconds = self._outbox.unanswered
        why = f" A request was not answered for {seconds:.0f} s." if seconds >= 1 else ""
        if tids:
            shown = ", ".join(str(tid) for tid in tids[:10]) + (", ..." if len(tids) > 10 else "")
            logger.warning(
                "%d of %d trials (%s)%s are not (fully) recorded in MLflow. "
                "The trials themselves are complete.%s",
                len(tids),
                sum(self._counts.values()),
                shown,
                " and the search itself" if _SEARCH in lost else "",
                why,
            )
        elif _SEARCH in lost:
            text = "The search is not fully recorded in MLflow; all of its trials are.%s"
            logger.warning(text, why)

    def _warn(self, message: str, error: BaseException | None = None) -> None:
        """Log the first warning at level WARNING, further ones at level DEBUG."""
        level = logging.DEBUG if self._warned else logging.WARNING
        self._warned = True
        if error is None:
            logger.log(level, "%s", message)
        else:
            what = cut(redacted(str(error)), 1000)
            logger.log(level, "%s: %s: %s", message, type(error).__name__, what)
            logger.debug("Where it failed: %s", redacted("".join(format_exception(error))))
