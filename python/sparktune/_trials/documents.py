"""Trial documents: their states, statuses and keys.

A trial is a plain dict with the keys that Hyperopt writes, so code that reads or builds documents
by hand keeps working. The functions here keep no state.
"""

from __future__ import annotations

import datetime
import numbers
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias, TypedDict, cast

import numpy as np

from sparktune.exceptions import InvalidArgument, InvalidTrial, ObjectiveNotLoaded, TrialLost

__all__ = [
    "JOB_STATES",
    "JOB_STATE_CANCEL",
    "JOB_STATE_DONE",
    "JOB_STATE_ERROR",
    "JOB_STATE_NEW",
    "JOB_STATE_RUNNING",
    "JOB_VALID_STATES",
    "STATUS_FAIL",
    "STATUS_NEW",
    "STATUS_OK",
    "STATUS_PRUNED",
    "STATUS_RUNNING",
    "STATUS_STRINGS",
    "STATUS_SUSPENDED",
    "TRIAL_KEYS",
    "TRIAL_MISC_KEYS",
    "UNFINISHED",
    "Misc",
    "Result",
    "Trial",
    "check_id",
    "check_trial",
    "coarse_utcnow",
    "derived_trial_doc",
    "is_lost",
    "make_plain",
    "miscs_to_idxs_vals",
    "miscs_update_idxs_vals",
    "new_trial_doc",
    "plain",
    "spec_from_misc",
]

Result: TypeAlias = dict[str, Any]  # what an objective returned, beside `status` and `loss`


class _MiscBase(TypedDict):
    tid: int
    cmd: Any
    idxs: dict[str, list[int]]
    vals: dict[str, list[Any]]


class Misc(_MiscBase, total=False):
    """The `misc` of a trial: its values by label, its error, its MLflow run."""

    workdir: str | None
    error: tuple[str, str]
    traceback: str
    run_id: str
    from_tid: int
    attempts: list[dict[str, Any]]


class _TrialBase(TypedDict):
    tid: int
    spec: Any
    result: Result
    misc: Misc
    state: int
    owner: Any
    book_time: datetime.datetime | None
    refresh_time: datetime.datetime | None
    exp_key: Any


class Trial(_TrialBase, total=False):
    """A trial, as Hyperopt writes it: a plain dict that code may build and change by hand."""

    version: int


# What an objective says about its own result.
STATUS_NEW = "new"
STATUS_RUNNING = "running"
STATUS_SUSPENDED = "suspended"
STATUS_OK = "ok"
STATUS_FAIL = "fail"
STATUS_PRUNED = "pruned"  # not Hyperopt's: the trial was ended, and its loss is an estimate
STATUS_STRINGS = (STATUS_NEW, STATUS_RUNNING, STATUS_SUSPENDED, STATUS_OK, STATUS_FAIL,
                  STATUS_PRUNED)  # fmt: skip

# What the search says about a trial.
JOB_STATE_NEW = 0
JOB_STATE_RUNNING = 1
JOB_STATE_DONE = 2
JOB_STATE_ERROR = 3
JOB_STATE_CANCEL = 4
JOB_STATES = [JOB_STATE_NEW, JOB_STATE_RUNNING, JOB_STATE_DONE, JOB_STATE_ERROR, JOB_STATE_CANCEL]
UNFINISHED = (JOB_STATE_NEW, JOB_STATE_RUNNING)
# Trials in these states are in `Trials.trials`.
JOB_VALID_STATES = {JOB_STATE_NEW, JOB_STATE_RUNNING, JOB_STATE_DONE}

# Errors, as `misc["error"]` names them, that say nothing about the point of the trial.
_NO_FAULT = (str(TrialLost), str(ObjectiveNotLoaded))

TRIAL_KEYS = list(_TrialBase.__annotations__)
TRIAL_MISC_KEYS = list(_MiscBase.__annotations__)
_TRIAL_KEYS, _MISC_KEYS = frozenset(TRIAL_KEYS), frozenset(TRIAL_MISC_KEYS)

_NUMPY, _FLOAT, _INT = np.generic, np.float64, np.int64


def coarse_utcnow() -> datetime.datetime:
    """Return the present time in UTC, without a zone, cut to milliseconds.

    Returns
    -------
    datetime.datetime
        What `book_time` and `refresh_time` of a trial hold.
    """
    now = datetime.datetime.now(datetime.timezone.utc)
    return now.replace(tzinfo=None, microsecond=now.microsecond // 1000 * 1000)


def new_trial_doc(tid: int, spec: Any, result: Result, misc: Misc, exp_key: Any = None) -> Trial:
    """Return the document of a trial that has not started; `result` and `misc` are not copied."""
    return {
        "state": JOB_STATE_NEW,
        "tid": tid,
        "spec": spec,
        "result": result,
        "misc": misc,
        "exp_key": exp_key,
        "owner": None,
        "version": 0,
        "book_time": None,
        "refresh_time": None,
    }


def is_lost(trial: Trial) -> bool:
    """Return whether a failed trial ended through no fault of its objective."""
    error = trial["misc"].get("error")
    return isinstance(error, (tuple, list)) and bool(error) and error[0] in _NO_FAULT


def check_trial(trial: Trial | dict[str, Any], exp_key: Any = None) -> Trial:
    """Check that something is a trial document."""
    if not (hasattr(trial, "keys") and hasattr(trial, "values")):
        raise InvalidTrial("A trial must be a dict; got", trial)
    if not _TRIAL_KEYS.issubset(trial):
        missing = next(key for key in TRIAL_KEYS if key not in trial)
        raise InvalidTrial(f"A trial must have the key {missing!r}; got", trial)
    _check_dict("misc", trial["misc"])
    _check_dict("result", trial["result"])
    if not _MISC_KEYS.issubset(trial["misc"]):
        missing = next(key for key in TRIAL_MISC_KEYS if key not in trial["misc"])
        raise InvalidTrial(f"The `misc` of a trial must have {missing!r}; got", trial["misc"])
    if type(trial["tid"]).__hash__ is None:
        check_id("tid", trial["tid"])
    if trial["tid"] != trial["misc"]["tid"]:
        raise InvalidTrial(
            "A trial must have the same `tid` in itself and in its `misc`; got",
            (trial["tid"], trial["misc"]["tid"]),
        )
    if trial["exp_key"] != exp_key:
        raise InvalidTrial(
            f"A trial must have the `exp_key` of its Trials, {exp_key!r}; got",
            repr(trial["exp_key"]),
        )
    _check_dict("vals", trial["misc"]["vals"])
    _check_dict("idxs", trial["misc"]["idxs"])
    if not isinstance(trial["state"], (int, np.integer)):
        raise InvalidTrial(
            f"The `state` of a trial must be one of {JOB_STATES}; got", trial["state"]
        )
    return cast("Trial", trial)


def check_id(name: str, tid: Any) -> int:
    """Return the id of a trial as an int; it may be a float without a fraction.

    Trials take other ids as well, as Hyperopt does, but suggesters cannot learn from them.
    """
    fraction = isinstance(tid, (float, np.floating)) and not float(tid).is_integer()
    if isinstance(tid, (numbers.Integral, float, np.floating)) and not fraction:
        return int(tid)
    raise InvalidTrial(
        f"The `{name}` of a trial must be an int; got {tid!r}. Hint: `trials.new_trial_ids(n)` "
        "returns ids that are free."
    )


def _check_dict(name: str, part: Any) -> None:
    if not (hasattr(part, "keys") and hasattr(part, "values")):
        raise InvalidTrial(f"The `{name}` of a trial must be a dict; got {part!r:.300}.")


def make_plain(trial: Trial | dict[str, Any]) -> Trial:
    """Replace the NumPy scalars among the ids and the values of a trial by Python's; return it."""
    misc = trial["misc"]
    if type(trial["tid"]) is not int:
        tid = plain(trial["tid"])
        whole = isinstance(tid, float) and tid.is_integer()
        trial["tid"] = misc["tid"] = int(tid) if whole else tid
    for column in (misc["vals"], misc["idxs"]):
        if isinstance(column, dict):
            _make_values_plain(column)
    return cast("Trial", trial)


def plain(value: Any) -> Any:
    """Return a NumPy scalar as a Python object, anything else as it is."""
    return value.item() if isinstance(value, _NUMPY) else value


def _make_values_plain(column: dict[str, Any]) -> None:
    for values in column.values():
        # A trial has one value or none; whatever else a document made by hand has stays.
        if type(values) is list and values:
            kind = type(values[0])
            if kind is _FLOAT:  # float() takes a fraction of the time of item()
                values[0] = float(values[0])
            elif kind is not int and isinstance(values[0], _NUMPY):
                values[0] = int(values[0]) if kind is _INT else values[0].item()


def derived_trial_doc(tid: int, spec: Any, result: Result, misc: Misc, source: Trial) -> Trial:
    """Return the document of a trial that was derived from another."""
    doc = new_trial_doc(tid, spec, result, misc)
    doc["state"], doc["exp_key"], doc["owner"] = source["state"], source["exp_key"], source["owner"]
    doc["book_time"], doc["refresh_time"] = source["book_time"], source["refresh_time"]
    given: dict[str, Any] = cast("dict[str, Any]", misc)
    for key, value in (("tid", tid), ("cmd", None), ("from_tid", source["tid"])):
        if given.setdefault(key, value) != value:
            raise InvalidTrial(f"The `misc` of a derived trial has another {key!r}:", misc)
    return doc


def miscs_update_idxs_vals(
    miscs: Sequence[Misc] | Sequence[dict[str, Any]],
    idxs: Mapping[str, Sequence[int]],
    vals: Mapping[str, Sequence[Any]],
    assert_all_vals_used: bool = True,
    idxs_map: Mapping[int, int] | None = None,
) -> Sequence[Misc] | Sequence[dict[str, Any]]:
    """Write columns of values into the `misc` of each trial.

    Parameters
    ----------
    miscs : sequence of dict
        One `misc` per trial, each with its `tid`; changed in place.
    idxs : mapping of label to sequence of int
        The ids of the trials in which the label is active.
    vals : mapping of label to sequence
        The values, in the order of `idxs`.
    assert_all_vals_used : bool, default True
        Whether an id without a `misc` is an error (True) or ignored.
    idxs_map : mapping of int to int, optional
        Replaces ids of `idxs` before they are looked up.

    Returns
    -------
    sequence of dict
        `miscs`.

    Raises
    ------
    InvalidArgument
        If `idxs` and `vals` do not have the same labels and lengths.
    KeyError
        If an id has no `misc` and `assert_all_vals_used` is True.
    """
    if set(idxs) != set(vals):
        raise InvalidArgument(
            f"`idxs` and `vals` must have the same labels; got {[*idxs]} and {[*vals]}."
        )
    renamed = idxs_map or {}
    by_tid = {misc["tid"]: misc for misc in miscs}
    for misc in miscs:
        misc["idxs"] = {label: [] for label in idxs}
        misc["vals"] = {label: [] for label in idxs}
    for label, tids in idxs.items():
        values = vals[label]
        if len(tids) != len(values):
            raise InvalidArgument(
                f"`idxs` and `vals` of {label!r} must be equally long; "
                f"got {len(tids)} and {len(values)}."
            )
        for given, value in zip(tids, values, strict=True):
            tid = renamed.get(given, given)
            if assert_all_vals_used or tid in by_tid:
                by_tid[tid]["idxs"][label] = [tid]
                by_tid[tid]["vals"][label] = [value]
    return miscs


def miscs_to_idxs_vals(
    miscs: Sequence[Mapping[str, Any]], keys: Iterable[str] | None = None
) -> tuple[dict[str, list[int]], dict[str, list[Any]]]:
    """Gather the values of all trials as columns; the inverse of `miscs_update_idxs_vals`.

    Parameters
    ----------
    miscs : sequence of dict
        One `misc` per trial.
    keys : iterable of str, optional
        The labels; by default all that a trial has.

    Returns
    -------
    idxs, vals : dict of str to list
        For each label the ids of the trials in which it is active, and its values there.

    Raises
    ------
    InvalidArgument
        If there is no trial and no `keys`.
    InvalidTrial
        If the `idxs` of a trial contradict its `vals`.
    """
    if keys is None:
        if not miscs:
            raise InvalidArgument("The labels cannot be inferred without a trial; pass `keys`.")
        # Points that users gave may lack labels, even in the first trial.
        keys = dict.fromkeys(label for misc in miscs for label in misc["idxs"])
    idxs: dict[str, list[int]] = {label: [] for label in keys}
    vals: dict[str, list[Any]] = {label: [] for label in idxs}
    for misc in miscs:
        for label in idxs:
            tids, values = misc["idxs"].get(label, ()), misc["vals"].get(label, ())
            if len(tids) != len(values) or (tids and list(tids) != [misc["tid"]]):
                raise InvalidTrial(
                    f"`idxs` of {label!r} in trial {misc['tid']} must be [] or the trial's id, and "
                    f"as long as `vals`; got {tids!r} and {values!r}."
                )
            idxs[label].extend(tids)
            vals[label].extend(values)
    return idxs, vals


def spec_from_misc(misc: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of the active hyperparameters of a trial by label.

    Parameters
    ----------
    misc : dict
        The `misc` of a trial.

    Raises
    ------
    NotImplementedError
        If a label has more than one value.
    """
    spec = {}
    for label, values in misc["vals"].items():
        if len(values) > 1:
            raise NotImplementedError(
                f"A trial must have at most one value of {label!r}; got {values!r}."
            )
        if len(values):
            spec[label] = values[0]
    return spec
