"""What is written of a search: its parent run and the run of each trial.

Everything here is called on the tracker's background thread, and can be called again after it
failed: what was written before is found, not written twice.
"""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Mapping
from typing import Any, TypeVar

from sparktune._space.reader import SpaceReader
from sparktune._tracking.base import SearchInfo, SearchSummary
from sparktune._tracking.child_run import ChildRun
from sparktune._tracking.exact import to_tags
from sparktune._tracking.mlflow_compat import context_tags, info_of, remove_active, set_status
from sparktune._tracking.note import (
    NOTE_TAG,
    Failures,
    Note,
    Outcome,
    code_to_go_on,
    with_note,
)
from sparktune._tracking.plot import pages_of
from sparktune._tracking.records import (
    MAX_PARAM,
    KeyNames,
    TrialRecord,
    clean_key,
    cut,
)
from sparktune._tracking.store import (
    CONNECT_SECONDS,
    RunWriter,
    is_passing,
    is_remote,
    redacted,
    worker_environment,
    worker_uri,
)
from sparktune._worker.mlflow_access import check_reachable

__all__ = ["SearchRun"]

_T = TypeVar("_T")
_KINDS = ("params", "metrics", "tags")
_CONTINUES = "continues_run_id"
_MAX_NAME = 100


class SearchRun:
    """The runs of one search.

    `registry_uri` is None if it is the same store. `active` is the run that was active when the
    search began, which becomes the parent; `space` reads `info.space`.
    """

    def __init__(
        self,
        info: SearchInfo,
        tracking_uri: str,
        registry_uri: str | None,
        active: Any,
        space: SpaceReader,
    ) -> None:
        self._info = info
        self._tracking_uri = tracking_uri
        self._registry_uri = registry_uri
        self._active = active
        self._space = space
        self._names = KeyNames(space.labels)
        # The search that this one continues, unless another run is active.
        self.resumed = info.resumed
        if active is not None and info.resumed and active.info.run_id != info.resumed.run_id:
            self.resumed = None
        # A resumed search keeps its uuid; only its suffix for clashing params is new.
        self.uuid = self.resumed.uuid if self.resumed else info.uuid
        self.own_run: Any = None
        self._experiment_id = ""
        self._target: tuple[RunWriter, str] | None = None
        self._taken: dict[str, set[str]] = {}
        self._second = False  # whether another search has written to the parent
        self._context_tags: dict[str, str] = {}
        self._tids: dict[int, str] = {}  # run id by trial
        self._note: Note | None = None
        # Of the trials that have ended: what the search's thread adds, and this one writes.
        self.points: list[tuple[int, float | None, str]] = []  # of the history plot
        self.failures = Failures()
        self._series: list[tuple[str, float, int, int]] = []  # metrics still to be written

    # -- the parent ----------------------------------------------------------------------------

    def target(self) -> tuple[RunWriter, str]:
        """Return a writer and the id of the parent run, which is made or found first."""
        # Each time: MLflow's client retries for minutes if nothing listens.
        check_reachable(self._tracking_uri, CONNECT_SECONDS)
        if self._target is None:
            self._target = self._open()
        return self._target

    def where(self) -> dict[str, str] | None:
        """Return the store, the parent run and the search; None until there is a run."""
        if self._target is None:
            return None
        return {"uri": self._tracking_uri, "run_id": self._target[1], "uuid": self.uuid}

    def _open(self) -> tuple[RunWriter, str]:
        import mlflow

        writer = RunWriter(self._tracking_uri, self._info.uuid)
        if self._active is not None:
            run = writer.client.get_run(self._active.info.run_id)
        elif self.own_run is not None:
            run = self.own_run
        else:
            # The fluent API knows where runs belong (experiment, source, user, notebook). It makes
            # the run active on this thread, but it must be on the thread that called `fmin`.
            if self.resumed is not None:
                run = mlflow.start_run(run_id=self.resumed.run_id)
            else:
                name = f"{self._info.objective[:_MAX_NAME] or 'fmin'}-{self.uuid[:6]}"
                run = mlflow.start_run(run_name=name)
            remove_active(run.info.run_id)
            self.own_run = run
            run = writer.client.get_run(run.info.run_id)
        if self.resumed is None:
            self._taken = {kind: set(getattr(run.data, kind)) for kind in _KINDS}
            self._second = "fmin_uuid" in run.data.tags
        elif run.data.tags.get("fmin_uuid") != self.uuid:
            # Another search came first and has the plain names.
            self._second = True
            end = f"_{self.uuid}"
            names = (*run.data.params, *run.data.metrics, *run.data.tags)
            own = {name.removesuffix(end) for name in names if name.endswith(end)}
            self._taken = dict.fromkeys(_KINDS, own)
        self._context_tags = {name: redacted(value) for name, value in context_tags().items()}
        self._experiment_id = run.info.experiment_id
        self._note = self._make_note(writer, run)
        return writer, run.info.run_id

    def _make_note(self, writer: RunWriter, parent: Any) -> Note:
        """Return what describes the search in its parent run."""
        run_id = parent.info.run_id
        return Note(
            tracking_uri=self._tracking_uri,
            experiment_id=self._experiment_id,
            uuid=self.uuid,
            go_on=code_to_go_on(self._info, run_id, self.uuid if self._shared else None),
            earlier=self._find_earlier(writer, parent),
        )

    @property
    def _shared(self) -> bool:
        """Whether the parent run may hold other searches."""
        return self._second or self._active is not None

    def _require_note(self) -> Note:
        self.target()
        assert self._note is not None
        return self._note

    def _described(self, note: Note, paragraphs: list[str]) -> dict[str, str]:
        """Return the tag with the description, beside what others may just have written there."""
        writer, parent = self.target()
        return with_note(writer.client.get_run(parent).data.tags.get(NOTE_TAG), note, paragraphs)

    def _find_earlier(self, writer: RunWriter, parent: Any) -> tuple[str, str] | None:
        """Return experiment and parent run of the search that this one continues, if another."""
        if self.resumed is not None:
            tag = next(iter(self._free("tags", {_CONTINUES: ""})))
            known = parent.data.tags.get(tag)
            return None if known is None else (self._experiment_id, known)
        if self._info.known_run is None:
            return None
        found = writer.parent_of(self._info.known_run)
        return None if found is None or found[1] == parent.info.run_id else found

    def _free(self, kind: str, values: Mapping[str, _T]) -> dict[str, _T]:
        """Rename what has a name that was taken in the parent run when the search began."""
        taken = self._taken.get(kind, ())
        return {
            f"{name}_{self.uuid}" if name in taken else name: value
            for name, value in values.items()
        }

    def _file(self, stem: str, kind: str) -> str:
        return f"{stem}_{self.uuid}.{kind}" if self._second else f"{stem}.{kind}"

    def describe(self) -> None:
        """Write the arguments and the space."""
        writer, parent = self.target()
        params = {
            clean_key(name): cut(redacted(str(value)), MAX_PARAM)
            for name, value in self._info.params.items()
            if value is not None
        }
        tags = {"fmin_uuid": self.uuid, "sparktune.version": _version()}
        note = self._require_note()
        if note.earlier is not None:
            tags[_CONTINUES] = note.earlier[1]
        tags = {**self._free("tags", tags), **self._described(note, note.running())}
        writer.log(parent, params=self._free("params", params), tags=tags)
        space = self._space.describe()
        if space is not None and self.resumed is None:
            text = json.dumps(space, indent=1, default=str)
            writer.client.log_text(parent, text, self._file("space", "json"))

    def keep(self, record: TrialRecord) -> None:
        """Take in a trial that has ended; called on the search's thread."""
        self.points.append((record.tid, record.loss, record.trial_status))
        if record.run_status == "FAILED":
            self.failures.add(record.brief_error or f"returned status {record.trial_status!r}")
        values = {"loss": record.loss, "score": record.score}
        self._series += [
            (name, value, record.ended, record.tid)
            for name, value in values.items()
            if value is not None
        ]

    def log_losses(self) -> None:
        """Record the losses of trials that are not recorded in the parent yet."""
        self._log_with_losses()

    def log_best(self, best: TrialRecord, finished: int) -> None:
        """Record a new best trial."""
        assert best.loss is not None
        metrics = {"best_loss": best.loss}
        if best.score is not None:
            metrics["best_score"] = best.score
        self._log_with_losses(
            metrics=self._free("metrics", metrics),
            tags=self._free("tags", self._tags_of_best(best)),
            step=finished,
            moment=best.ended,
        )

    def _tags_of_best(self, best: TrialRecord) -> dict[str, str]:
        tags = {"best_tid": str(best.tid)}
        run_id = self._tids.get(best.tid, best.run_id)
        return tags if run_id is None else {**tags, "best_run_id": run_id}

    def _log_with_losses(self, **batch: Any) -> None:
        """Write a batch to the parent, and the losses that wait with it."""
        writer, parent = self.target()
        waiting = self._series[:]  # more may be appended meanwhile
        renamed = self._free("metrics", {point[0]: point[0] for point in waiting})
        names = {old: new for new, old in renamed.items()}
        series = [(names[name], value, moment, tid) for name, value, moment, tid in waiting]
        writer.log(parent, series=series, **batch)
        del self._series[: len(waiting)]

    def finish(self, summary: SearchSummary, counts: dict[str, int], moment: int) -> None:
        """Write how the search ended, and end the parent run if it is the search's own."""
        writer, parent = self.target()
        retried = False
        try:
            self._remove_twins(writer, parent)
            self._summarize(summary, counts, moment)
        except Exception as error:
            retried = is_passing(error)
            raise
        finally:
            if self.own_run is not None and not retried:
                set_status(writer.client, parent, summary.status, moment)

    def _summarize(self, summary: SearchSummary, counts: dict[str, int], moment: int) -> None:
        writer, parent = self.target()
        params: dict[str, str] = {}
        tags: dict[str, str] = {}
        best = None if summary.best_trial is None else TrialRecord.of(summary.best_trial)
        if best is not None:
            tags = self._tags_of_best(best)
            params = {
                f"best_{name}": value
                for name, value in best.params(self._space, self._names).items()
            }
            for name, text in best.choices(self._space, self._names).items():
                tags[clean_key(f"best_choice.{name}")] = text
        note = self._require_note()
        pages = pages_of(self._info, self.points, self.uuid, parent, note.go_on)
        if summary.error:
            pages["traceback", "txt"] = redacted(summary.error)
        report = note.link("report", parent, file=self._file("report", "html"))
        if ("report", "html") not in pages:
            report = ""
        outcome = Outcome(summary.status, counts, self.failures.commonest(), report=report)
        if best is not None:
            run_id = tags.get("best_run_id")
            outcome = outcome.with_best(note, best, run_id, best.tid in self._tids, self._space)
        self._log_with_losses(
            params=self._free("params", params),
            metrics=self._free("metrics", {f"trials_{name}": n for name, n in counts.items()}),
            tags={**self._free("tags", tags), **self._described(note, note.ended(outcome))},
            step=sum(counts.values()),
            moment=moment,
        )
        for (stem, kind), text in pages.items():
            writer.client.log_text(parent, text, self._file(stem, kind))

    def _remove_twins(self, writer: RunWriter, parent: str) -> None:
        """Delete runs that a server made when MLflow's client repeated a call that had worked."""
        if not is_remote(self._tracking_uri):
            return
        for run in writer.children(self._experiment_id, parent, fmin_uuid=self.uuid):
            tid = run.data.tags.get("tid", "")
            ours = self._tids.get(int(tid)) if tid.isdigit() else None
            if ours is not None and run.info.run_id != ours:
                writer.client.delete_run(run.info.run_id)

    # -- the trials ----------------------------------------------------------------------------

    def create(self, child: ChildRun) -> None:
        """Make the run of a trial, if it has none."""
        writer, parent = self.target()
        if child.run_id is not None:
            return
        name = f"trial-{child.tid}"
        tags = {
            "mlflow.parentRunId": parent,
            "mlflow.runName": name,
            "fmin_uuid": self.uuid,
            "tid": str(child.tid),
        }
        run = None
        if self.resumed is not None and child.known is not None:
            run = writer.reopen(child.known)
        elif child.attempted:
            found = writer.children(
                self._experiment_id, parent, fmin_uuid=self.uuid, tid=tags["tid"]
            )
            run = next(found, None)
        if run is None:
            child.attempted = True
            every = {**self._context_tags, **tags, **to_tags(child.document)}
            run = writer.client.create_run(self._experiment_id, child.started, every, name)
        child.run_id = self._tids[child.tid] = run.info.run_id
        child.payload = {
            **self.payload_without_run(),
            "run_id": run.info.run_id,
            "parent_run_id": parent,
            "experiment_id": run.info.experiment_id,
            "info": info_of(run),
            "tags": tags,
        }

    def payload_without_run(self) -> dict[str, Any]:
        """Return what a worker must know about the store."""
        return {
            "run_id": None,
            "experiment_id": None,
            "tracking_uri": worker_uri(self._tracking_uri),
            "registry_uri": None if self._registry_uri is None else worker_uri(self._registry_uri),
            "environment": worker_environment(),
        }

    def start_again(self, child: ChildRun, tags: Mapping[str, str]) -> None:
        """Record that a trial was lost and runs again."""
        writer, run_id = self._run_of(child)
        writer.reopen(run_id)  # the objective may have ended it
        writer.log(run_id, tags=tags)

    def record(self, child: ChildRun, record: TrialRecord) -> None:
        """Record the outcome of a trial."""
        writer, run_id = self._run_of(child)
        writer.log(
            run_id,
            params=record.params(self._space, self._names),
            metrics={"trial": record.tid, **record.metrics},  # an axis of MLflow's charts
            tags=record.tags(self._space, self._names),
            moment=record.ended,
            series=[("reported_loss", loss, record.ended, step) for step, loss in record.curve],
        )

    def end_trial(self, child: ChildRun, record: TrialRecord) -> None:
        """End the run of a trial, with the traceback if it failed."""
        writer, run_id = self._run_of(child)
        set_status(writer.client, run_id, record.run_status, record.ended)
        if record.error:
            writer.client.log_text(run_id, record.error, "traceback.txt")

    def give_up(self, run_id: str, now: int) -> None:
        """End the run of a trial that runs again in another run."""
        writer, _ = self.target()
        set_status(writer.client, run_id, "KILLED", now)

    def _run_of(self, child: ChildRun) -> tuple[RunWriter, str]:
        self.create(child)
        writer, _ = self.target()
        assert child.run_id is not None
        return writer, child.run_id


def _version() -> str:
    try:
        return importlib.metadata.version("sparktune")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"
