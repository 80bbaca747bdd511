"""Trials of an earlier search: do they fit the space of the new one, and which must run again.

Users widen ranges and add options while they search, so a space may differ from the one before. But
it must have what the trials have: their labels, values and kinds of hyperparameters.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sparktune._space.checks import INTEGER
from sparktune._space.compile import CompiledSpace, Param
from sparktune._trials.collection import TrialCollection
from sparktune._trials.documents import (
    JOB_STATE_CANCEL,
    JOB_STATE_NEW,
    JOB_STATE_RUNNING,
    UNFINISHED,
    Trial,
)
from sparktune._trials.findings import docs_of
from sparktune.exceptions import InvalidTrial

__all__ = ["bounds_of", "check_past", "is_between", "run_again"]

logger = logging.getLogger("sparktune.fmin")

# What a value may exceed a bound by, relative to it: exp(log(bound)) is not exact.
_ROUNDING = 1e-9


def check_past(
    trials: Any, space: CompiledSpace, compared: bool = False, what: str = "`trials`"
) -> None:
    """Check that all trials fit a space, and have `trials` remember its distributions.

    Trials that have not ended may have values outside the bounds of continuous hyperparameters, as
    in `points_to_evaluate`. Trials of a search in the same space are not read again. `compared`
    says that the space is known to be that of the trials, `what` where the trials are from.

    Raises
    ------
    InvalidTrial
        If a trial has a label or a value that the space does not have, lacks one that its point
        needs, or if a hyperparameter that had categories has numbers now, or vice versa.
    """
    now = {p.label: (p.distribution, p.args, p.conditions) for p in space.params}
    before = now if compared else getattr(trials, "_distributions", None)
    differences = _Differences(space)
    for doc in docs_of(trials):
        state = doc["state"]
        if state != JOB_STATE_CANCEL and (before != now or state in UNFINISHED):
            differences.note(doc, before or {})
    if before is not None and getattr(trials, "_dynamic_trials", None):
        differences.note_kinds(before)
    differences.insist(what)
    if isinstance(trials, TrialCollection):
        trials._distributions = now


def run_again(trials: Any) -> None:
    """Make trials new again that were running when the driver of an earlier search died.

    Not for trials that other processes run: those may still be running.
    """
    cut_off = [doc for doc in docs_of(trials) if doc["state"] == JOB_STATE_RUNNING]
    for doc in cut_off:
        doc["state"] = JOB_STATE_NEW
    if cut_off:
        shown = ", ".join(str(doc["tid"]) for doc in cut_off[:10])
        logger.info(
            "Trials %s were running when an earlier search was cut off; they run again.",
            shown + (", ..." if len(cut_off) > 10 else ""),
        )


@dataclass
class _Differences:
    """What trials have and a space does not, and vice versa."""

    space: CompiledSpace
    extra: dict[str, Any] = field(default_factory=dict)  # label -> the first trial that has it
    missing: dict[str, Any] = field(default_factory=dict)
    wrong: dict[str, str] = field(default_factory=dict)  # label -> what is wrong

    def note(self, doc: Trial, before: Mapping[str, tuple[Any, ...]]) -> None:
        """Compare a trial; `before` has the distributions that it was suggested from, if known."""
        tid = doc["tid"]
        given = doc["misc"]["vals"]
        vals = {label: value for label in given if (value := _first(given[label])) is not None}
        row = [vals.get(label) for label in self.space.labels]
        for label in vals.keys() - set(self.space.labels):
            self.extra.setdefault(label, tid)
        for param, value in zip(self.space.params, row, strict=True):
            label = param.label
            if before.get(label) == (param.distribution, param.args, param.conditions):
                continue
            if value is None:
                if not self.space.opaque and _is_active(param, row):
                    self.missing.setdefault(label, tid)
            elif label not in self.wrong:
                rule = _broken_rule(param, value, bounded=doc["state"] not in UNFINISHED)
                if rule:
                    self.wrong[label] = f"trial {tid} has {value!r} for {label!r}, not {rule}"

    def note_kinds(self, before: Mapping[str, tuple[Any, ...]]) -> None:
        """Note the hyperparameters that had categories and have numbers now, or vice versa."""
        for param in self.space.params:
            name = before.get(param.label, (param.distribution,))[0]
            if (name in INTEGER) != (param.distribution in INTEGER):
                kinds = [_kind(each) for each in (name, param.distribution)]
                self.wrong[param.label] = "{!r} had {} and has {} now".format(param.label, *kinds)

    def insist(self, what: str) -> None:
        """Raise if there is a difference."""
        found = [f"trial {tid} has {label!r}, which the space does not have"
                 for label, tid in self.extra.items()]  # fmt: skip
        found += [f"trial {tid} has no value for {label!r}" for label, tid in self.missing.items()]
        found += self.wrong.values()
        if found:
            more = f"; and {len(found) - 5} more" if len(found) > 5 else ""
            raise InvalidTrial(
                f"{what} must have trials of this space only: {'; '.join(found[:5])}{more}. "
                f"The space has {list(self.space.labels)}. Hint: begin with new trials, or another "
                "`trials_save_file` or `journal`, and give known points as `points_to_evaluate`. "
                "The same trials can be used with wider ranges and more options."
            )


def _first(values: Any) -> Any:
    """Return the value in a list of one, None for a list of none, anything else as it is."""
    if isinstance(values, Sequence) and not isinstance(values, str):
        return values[0] if len(values) else None
    return values


def _is_active(param: Param, row: Sequence[Any]) -> bool:
    return any(all(row[i] == value for i, value in part) for part in param.conditions)


def _kind(distribution: str) -> str:
    return "categories" if distribution in INTEGER else "numbers"


def _broken_rule(param: Param, value: Any, bounded: bool) -> str | None:
    """Return what a value must be, if it is not; `bounded` says whether bounds hold."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None  # the sampler warns, and takes it as inactive
    if math.isnan(number):
        return None
    name, args = param.distribution, param.args
    if name in INTEGER:
        low, high = (0, len(args) - 1) if name == "categorical" else (args[0], args[1] - 1)
        if low <= number <= high and number.is_integer():
            return None
        return f"a whole number from {low:.12g} to {high:.12g}"
    low, high = bounds_of(param) if bounded else (0.0 if "log" in name else -math.inf, math.inf)
    if math.isfinite(number) and is_between(number, low, high):
        return None
    if math.isfinite(high):
        return f"a number from {low:.12g} to {high:.12g}"
    return "a finite number of at least 0" if low == 0.0 else "a finite number"


def is_between(number: float, low: float, high: float) -> bool:
    """Whether a number is between two bounds, apart from rounding."""
    slack = _ROUNDING * max(abs(low), abs(high)) if math.isfinite(high) else 0.0
    return low - slack <= number <= high + slack


def bounds_of(param: Param) -> tuple[float, float]:
    """Return the least and the greatest value that a continuous distribution gives."""
    name, args = param.distribution, param.args
    if "normal" in name:
        return (0.0 if "log" in name else -math.inf), math.inf
    low, high = (math.exp(args[0]), math.exp(args[1])) if "log" in name else args[:2]
    # Rounding to a multiple of q may leave the range.
    step = args[2] if name.startswith("q") else 0.0
    return low - step / 2, high + step / 2
