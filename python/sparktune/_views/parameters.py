"""Hyperparameters as axes: places, names of options, scales, and which of many are shown."""

from __future__ import annotations

import difflib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparktune._views.chart import Axis
from sparktune._views.scales import wants_log_axis
from sparktune._views.texts import cut, cut_apart, loss_text
from sparktune._views.ticks import log_ticks, nice_ticks
from sparktune._views.trial_data import Floats, TrialData
from sparktune.exceptions import InvalidArgument, InvalidArgumentType

__all__ = [
    "Parameter",
    "balanced",
    "check_labels",
    "choose",
    "hovers",
    "parameters_of",
    "short_labels",
]

# Longer labels, or names of options, would take the room of the chart.
LONGEST_LABEL = 28
LONGEST_NAME = 16
# More names than this would not be legible on an axis.
MOST_NAMES = 12
# Values that span more than this factor are shown on a logarithmic axis, whatever their prior is.
_LOG_RATIO = 500.0
_LOG_PRIORS = ("loguniform", "qloguniform", "lognormal", "qlognormal")
_FEW = 10  # values that are marked one by one
_HOVERED = 12  # hyperparameters that a text for hovering has
_LISTED = 20  # labels in a message


@dataclass(frozen=True)
class Parameter:
    """A hyperparameter as an axis.

    Attributes
    ----------
    label : str
        Its whole label.
    short : str
        As axes have it.
    values : array
        Per trial; NaN where it was inactive. Places of `names` if it is a choice whose options are
        known.
    names : list of str
        The whole names of the options, in the order of their places.
    log : bool
        Whether its axis is logarithmic.
    """

    label: str
    short: str
    values: Floats
    names: list[str]
    log: bool = False

    @property
    def active(self) -> Any:
        """Whether it has a value in each trial."""
        return np.isfinite(self.values)

    def axis(self, best: int | None = None, most: int = MOST_NAMES) -> Axis:
        """Return its axis; of many names, that of the best trial is shown."""
        if self.names:
            keep = -1 if best is None or not self.active[best] else int(self.values[best])
            return Axis(self.short, names=tuple(self._thinned(most, keep)),
                        range=(-0.5, len(self.names) - 0.5))  # fmt: skip
        found = self.values[self.active]
        whole = bool(len(found)) and len(np.unique(found)) <= _FEW and bool((found % 1 == 0).all())
        return Axis(self.short, log=self.log, whole=whole and not self.log)

    def unit(self) -> tuple[Floats, list[tuple[float, str]]]:
        """Return the places of its values from 0 to 1, and places with texts for an axis."""
        if self.names:
            last = max(1, len(self.names) - 1)
            half = 0.5 if len(self.names) == 1 else 0.0
            names = self._thinned(MOST_NAMES)
            marks = [(at / last + half, name) for at, name in enumerate(names) if name]
            return self.values / last + half, marks
        return unit_of(self.values, self.log)

    def spread(self, vertical: bool = False) -> Floats:
        """Return the values, those of a choice moved a little apart, so that marks do not hide."""
        if not self.names:
            return self.values
        # Multiples of these fill the unit square evenly, and are the same at each call.
        step = 0.5698402909980532 if vertical else 0.7548776662466927
        moved = np.arange(1, len(self.values) + 1) * step % 1.0
        spread: Floats = self.values + (moved - 0.5) * 0.5
        return spread

    def _thinned(self, most: int, keep: int = -1) -> list[str]:
        short = cut_apart(self.names, LONGEST_NAME)
        every = math.ceil(len(short) / most)
        if every == 1:
            return short
        near = set(range(keep - every // 2, keep + every // 2 + 1)) if keep >= 0 else ()
        return [
            name if at == keep or (at % every == 0 and at not in near) else ""
            for at, name in enumerate(short)
        ]


def unit_of(values: Floats, log: bool) -> tuple[Floats, list[tuple[float, str]]]:
    """Return the places of numbers from 0 to 1, and places with texts for an axis."""
    found = values[np.isfinite(values)]
    if not len(found):
        return np.full(len(values), math.nan), []
    low, high = float(found.min()), float(found.max())
    if low == high:
        return np.where(np.isfinite(values), 0.5, math.nan), [(0.5, f"{low:.4g}")]
    if log:
        low, high, values = math.log10(low), math.log10(high), np.log10(values)
    marks = _marks(found, low, high, log)
    # Halves, because the difference of two floats may be infinite.
    half = high / 2 - low / 2
    at = ((np.log10(marks) if log else np.array(marks)) / 2 - low / 2) / half
    texts = [f"{mark:.4g}" for mark in marks]
    return (values / 2 - low / 2) / half, list(zip(at.tolist(), texts, strict=True))


def _marks(found: Floats, low: float, high: float, log: bool) -> list[float]:
    """Return the values that are written beside an axis."""
    few = np.unique(found)
    if len(few) <= _FEW and (few % 1 == 0).all():
        return [float(value) for value in few]
    marks = log_ticks(low, high) if log else nice_ticks(low, high)
    return marks if len(marks) > 1 else [float(few[0]), float(few[-1])]


def parameters_of(data: TrialData, labels: Sequence[str]) -> list[Parameter]:
    """Return hyperparameters as axes, in the order of their labels."""
    short = short_labels(labels)
    return [_parameter(data, label, cut) for label, cut in zip(labels, short, strict=True)]


def short_labels(labels: Sequence[str], longest: int = LONGEST_LABEL) -> list[str]:
    """Return labels cut so that they still differ."""
    return cut_apart(labels, longest)


def _parameter(data: TrialData, label: str, short: str) -> Parameter:
    values = data.values[label]
    options = data.options.get(label, [])
    if options:
        return _choice(label, short, values, options)
    found = values[np.isfinite(values)]
    values = np.where(np.isfinite(values), values, math.nan)
    positive = bool(len(found)) and bool((found > 0).all())
    log = positive and data.priors.get(label) in _LOG_PRIORS and found.max() > found.min()
    return Parameter(label, short, values, [], bool(log) or wants_log_axis(found, _LOG_RATIO))


def _choice(label: str, short: str, values: Floats, options: Sequence[Any]) -> Parameter:
    """Return a choice: numbers among its options in their order, others as the space has them."""
    numeric = all(isinstance(each, (int, float)) and not isinstance(each, bool) for each in options)
    order = sorted(range(len(options)), key=options.__getitem__) if numeric else range(len(options))
    places = np.full(len(options), math.nan)
    places[list(order)] = np.arange(len(options))
    known = np.isfinite(values) & (values >= 0) & (values < len(options))
    moved = np.full(len(values), math.nan)
    moved[known] = places[values[known].astype(int)]
    return Parameter(label, short, moved, [str(options[at]) for at in order])


def check_labels(data: TrialData, labels: Any, name: str = "params") -> list[str]:
    """Return labels as a list, without repetition.

    Raises
    ------
    InvalidArgument
        If a label is unknown, or there is none.
    InvalidArgumentType
        If it is neither a text nor several texts.
    """
    given = [labels] if isinstance(labels, str) else labels
    if not hasattr(given, "__iter__") or not all(isinstance(each, str) for each in (*given,)):
        raise InvalidArgumentType(
            f"`{name}` must be a label or a list of labels; got {labels!r:.300}."
        )
    given = list(dict.fromkeys(given))
    known = list(data.values)
    for label in given:
        if label not in data.values:
            near = difflib.get_close_matches(label, known, n=1)
            hint = f" Hint: {near[0]!r}?" if near else ""
            listed = ", ".join(map(repr, known[:_LISTED])) or "none"
            more = f" and {len(known) - _LISTED} more" if len(known) > _LISTED else ""
            raise InvalidArgument(
                f"`{name}` must be hyperparameters of the trials, which are {listed}{more}; "
                f"got {label!r}.{hint}"
            )
    if not given:
        raise InvalidArgument(f"`{name}` must have at least one label; got {labels!r}.")
    return given


def choose(
    data: TrialData, params: Any, ranking: Sequence[str] | None, most: int
) -> tuple[list[str], str]:
    """Return the labels to draw, and a sentence on those that are left out.

    `params` are the user's; else at most `most` are taken, the first ones of `ranking` if it is
    known, in the order of the space.
    """
    if params is not None:
        return check_labels(data, params), ""
    known = [label for label in data.values if np.isfinite(data.values[label]).any()]
    if len(known) <= most:
        return known, ""
    first = [label for label in (ranking or known) if label in known][:most]
    which = "most important" if ranking else "first"
    shown = [label for label in known if label in first]
    text = f"The {which} {len(shown)} of {len(known)} hyperparameters; name others to see them."
    return shown, text


def balanced(count: int, most: int = 4) -> int:
    """Return in how many columns panels stand, so that few places are empty."""
    if count <= most:
        return count
    return min(range(most - 1, most + 1), key=lambda columns: (-count % columns, -columns))


def hovers(data: TrialData, rows: Sequence[int], labels: Sequence[str] | None = None) -> list[str]:
    """Return a text for each of these trials: id, outcome, loss, values of hyperparameters."""
    if data.brief:
        return [f"trial {data.tids[row]}" for row in rows]
    names = list(data.values if labels is None else labels)[:_HOVERED]
    at = list(rows)
    columns = []
    for label in names:
        each = _parameter(data, label, cut(label, 300))
        options = [f"\n{each.short}: {cut(name, 200)}" for name in each.names]
        columns.append(
            [
                "" if value != value else options[int(value)] if options
                else f"\n{each.short}: {value:.6g}"
                for value in each.values[at].tolist()
            ]
        )  # fmt: skip
    heads = [_head(data, row) for row in at]
    return ["".join(parts) for parts in zip(heads, *columns, strict=True)]


def _head(data: TrialData, row: int) -> str:
    """Return the id, outcome and loss of a trial."""
    outcome = data.outcomes[row]
    head = f"trial {data.tids[row]}" + ("" if outcome == "ok" else f", {outcome}")
    if data.finite[row]:
        head += f"\n{loss_text(data, row)}"
    error = data.errors[row] if data.errors else None
    return f"{head}\n{cut(error, 100)}" if error else head
