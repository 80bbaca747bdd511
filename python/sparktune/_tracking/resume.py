"""Reads a search back from its parent run, so that `fmin` can continue it."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sparktune._space.reader import SpaceReader
from sparktune._tracking.base import ResumedSearch
from sparktune._tracking.exact import TAG, Unreadable, decode_trial, from_tags
from sparktune._tracking.store import CONNECT_SECONDS, RunWriter, absolute_uri, redacted
from sparktune._trials.documents import (
    JOB_STATE_CANCEL,
    JOB_STATE_DONE,
    JOB_STATE_NEW,
    JOB_STATE_RUNNING,
    STATUS_NEW,
    UNFINISHED,
    Trial,
)
from sparktune._worker.mlflow_access import check_reachable
from sparktune.exceptions import BadSearchSpace, InvalidArgument, InvalidArgumentType

__all__ = ["check_same_space", "read_runs", "read_search"]

logger = logging.getLogger("sparktune.mlflow")

_SHOWN_DIFFERENCES = 10


def read_search(run_id: str, fmin_uuid: str | None = None) -> tuple[list[Trial], ResumedSearch]:
    """Read the trials of a search from the current MLflow tracking store, sorted by id.

    Trials that had not ended are new again, unless they were cancelled. `fmin_uuid` is needed if
    several searches are recorded in the parent run `run_id`.

    Raises
    ------
    ImportError
        If MLflow is not installed.
    InvalidArgument
        If there is no such run, or no such search in it.
    InvalidArgumentType
        If an argument is not a str.
    """
    for name, value in (("run_id", run_id), ("fmin_uuid", fmin_uuid)):
        if not isinstance(value, str) and not (name == "fmin_uuid" and value is None):
            raise InvalidArgumentType(f"`{name}` must be a str; got {value!r}.")
    try:
        import mlflow
    except ImportError as error:
        raise ImportError(
            "`from_mlflow` needs MLflow, which is not installed; "
            "hint: pip install 'sparktune[mlflow]'."
        ) from error

    reader = RunWriter(absolute_uri(mlflow.get_tracking_uri()), "")
    try:
        parent = reader.client.get_run(run_id)
    except mlflow.exceptions.MlflowException as error:
        raise InvalidArgument(
            f"`run_id` must be a run of the store at {mlflow.get_tracking_uri()}, the parent run "
            f"of a search; got {run_id!r} ({error}). Hint: mlflow.set_tracking_uri(...)."
        ) from error
    uuid = _which_search(parent, fmin_uuid)
    found: dict[int, tuple[bool, Trial]] = {}
    unreadable = 0
    open_runs = set()
    for run in reader.children(parent.info.experiment_id, run_id, fmin_uuid=uuid):
        trial = _read_trial(run)
        if trial is None:
            unreadable += 1
            continue
        ended = trial["state"] != JOB_STATE_NEW
        if ended and run.info.status == "RUNNING":
            open_runs.add(run.info.run_id)
        # The same id twice: a server that was away may have created a run that was never used.
        if trial["tid"] not in found or (ended and not found[trial["tid"]][0]):
            found[trial["tid"]] = (ended, trial)
    if unreadable:
        logger.warning(
            "%d runs under run %s are left out: they have no %r tag that can be read.",
            unreadable, run_id, TAG,
        )  # fmt: skip
    trials = [trial for _, (_, trial) in sorted(found.items())]
    space = _read_space(reader, parent, uuid)
    return trials, ResumedSearch(run_id, uuid, space, frozenset(open_runs))


def read_runs(where: Mapping[str, str], trials: Iterable[Trial]) -> ResumedSearch | None:
    """Return where a search was recorded whose trials are known from elsewhere.

    The documents of trials that have not ended get their runs, to go on in them. None, with a
    warning, if the store cannot be asked or the run is gone: the search then gets a new parent.

    Parameters
    ----------
    where : mapping
        The ``uri`` of the store, the parent's ``run_id`` and the ``uuid`` of the search.
    trials : iterable of Trial
        All trials of the search.
    """
    try:
        import mlflow

        now = absolute_uri(mlflow.get_tracking_uri())
        if now != where["uri"]:
            raise InvalidArgument(f"the tracking store is now {redacted(now)}")
        check_reachable(now, CONNECT_SECONDS)
        reader = RunWriter(now, "")
        parent = reader.client.get_run(where["run_id"])
        if parent.info.lifecycle_stage != "active":
            raise InvalidArgument("the run is deleted")
        children = reader.children(
            parent.info.experiment_id, where["run_id"], fmin_uuid=where["uuid"]
        )
        runs = {run.data.tags.get("tid", ""): run for run in children}
    except Exception as error:
        logger.warning(
            "The search was recorded in run %s of %s, which cannot be used (%s: %s), so what "
            "follows is recorded in another run.",
            where.get("run_id"), redacted(str(where.get("uri"))), type(error).__name__,
            redacted(str(error))[:300],
        )  # fmt: skip
        return None
    missing = set()
    for trial in trials:
        run = runs.get(str(trial["tid"]))
        if run is not None:
            trial["misc"]["run_id"] = run.info.run_id
            continue
        trial["misc"].pop("run_id", None)  # of a run that was deleted
        if trial["state"] not in UNFINISHED:
            missing.add(int(trial["tid"]))
    still_open = frozenset(
        run.info.run_id for run in runs.values() if run.info.status in ("RUNNING", "SCHEDULED")
    )
    return ResumedSearch(
        where["run_id"], where["uuid"], open_runs=still_open, missing=frozenset(missing)
    )


def _which_search(parent: Any, wanted: str | None) -> str:
    """Return the uuid of the search to read."""
    uuids = [
        value
        for name, value in sorted(parent.data.tags.items())
        if name == "fmin_uuid" or name == f"fmin_uuid_{value}"
    ]
    if not uuids:
        raise InvalidArgument(
            f"`run_id` must be the parent run of a search; run {parent.info.run_id} has no tag "
            "`fmin_uuid`."
        )
    if wanted is None and len(uuids) > 1:
        raise InvalidArgument(
            f"Run {parent.info.run_id} holds {len(uuids)} searches; say which one with "
            f"`fmin_uuid`: {', '.join(uuids)}."
        )
    if wanted is not None and wanted not in uuids:
        raise InvalidArgument(
            f"`fmin_uuid` must be a search of run {parent.info.run_id}, one of "
            f"{', '.join(uuids)}; got {wanted!r}."
        )
    return uuids[0] if wanted is None else wanted


def _read_trial(run: Any) -> Trial | None:
    """Return the document of a trial, None if its run has none."""
    tid, text = run.data.tags.get("tid", ""), from_tags(run.data.tags)
    if not re.fullmatch("[0-9]{1,18}", tid) or text is None:
        return None
    try:
        trial = decode_trial(text, int(tid))
    except Unreadable as error:
        logger.debug("The trial of run %s cannot be read: %s", run.info.run_id, error)
        return None
    trial["misc"]["run_id"] = run.info.run_id
    if trial["state"] == JOB_STATE_RUNNING:
        if run.data.tags.get("trial_status") == "cancelled":
            trial["state"] = JOB_STATE_CANCEL
        else:
            # Its search died: it must run again, with the same values.
            trial["state"] = JOB_STATE_NEW
            trial["result"] = {"status": STATUS_NEW}
            trial["book_time"] = trial["refresh_time"] = None
    if trial["state"] == JOB_STATE_DONE and "status" not in trial["result"]:
        return None
    return trial


def _read_space(reader: RunWriter, parent: Any, uuid: str) -> Any:
    """Return the description of the search's space, None if it cannot be read."""
    second = f"fmin_uuid_{uuid}" in parent.data.tags
    file = f"space_{uuid}.json" if second else "space.json"
    try:
        return json.loads(reader.read_text(parent.info.run_id, file))
    except Exception as error:
        logger.warning(
            "The space of the search in run %s cannot be read (%s), so it is not compared with "
            "the space of the resumed search.",
            parent.info.run_id, error,
        )  # fmt: skip
        return None


def check_same_space(resumed: ResumedSearch, space: Any) -> None:
    """Raise `BadSearchSpace` if a space is not the one that the search began with."""
    if resumed.space is None:
        return
    now = json.loads(json.dumps(SpaceReader(space).describe(), default=str))
    different = [f"  {path}: {old} -> {new}" for path, old, new in _differences(resumed.space, now)]
    if different:
        more = len(different) - _SHOWN_DIFFERENCES
        if more > 0:
            different = [*different[:_SHOWN_DIFFERENCES], f"  and {more} more"]
        raise BadSearchSpace(
            "The space must be the one that the search began with (run "
            f"{resumed.run_id}); it differs, then -> now:\n" + "\n".join(different) + "\n"
            "Hint: for another space begin a new search, with `points_to_evaluate` for good points."
        )


def _differences(old: Any, new: Any, path: str = "$") -> Iterator[tuple[str, str, str]]:
    """Yield the places where two JSON values differ, as paths through the space."""
    if isinstance(old, dict) and isinstance(new, dict):
        place = "{}.{}"
    elif isinstance(old, list) and isinstance(new, list):
        old, new, place = dict(enumerate(old)), dict(enumerate(new)), "{}[{}]"
    else:
        if old != new or isinstance(old, bool) is not isinstance(new, bool):
            yield path, _short(old), _short(new)
        return
    for key in dict.fromkeys([*old, *new]):
        here = place.format(path, key)
        if key in old and key in new:
            yield from _differences(old[key], new[key], here)
        else:
            then, now = (_short(each[key]) if key in each else "nothing" for each in (old, new))
            yield here, then, now


def _short(value: Any) -> str:
    if isinstance(value, dict) and ("$param" in value or "$choice" in value):
        label = value.get("$param", value.get("$choice"))
        args = ", ".join(_short(arg) for arg in value.get("args", ()))
        return f"{label} = {value.get('distribution')}({args})"
    text = json.dumps(value)
    return text if len(text) <= 100 else text[:97] + "..."
