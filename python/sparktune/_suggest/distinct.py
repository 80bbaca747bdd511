"""Keeps a search from trying a point twice, whoever suggests: `avoid_duplicates` of `fmin`."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from sparktune._space.compile import CompiledSpace, Param
from sparktune._suggest.suggestion import documents_of, draw, space_of
from sparktune._trials.documents import JOB_STATE_CANCEL, Trial
from sparktune._trials.following import SupportsTrials, ledger_of
from sparktune._trials.ledger import Ledger, Subscription

__all__ = ["DistinctSuggester", "all_points"]

logger = logging.getLogger("sparktune.fmin")

# How often to ask the suggester, and then random search, for a point in the place of a known one.
_ASK = 5
_DRAW = 50
# Spaces with more points than this are not listed: random draws find new ones.
_LISTED = 100_000

Key = frozenset[tuple[str, Any]]


def _key(vals: Mapping[str, Sequence[Any]]) -> Key:
    """Return what makes a point the same as another: the values of what is active in it."""
    return frozenset((label, _rounded(each[0])) for label, each in vals.items() if len(each))


def _rounded(value: Any) -> Any:
    # A user who writes 0.3 means the 3 * 0.1 that a quantised parameter gives.
    return float(f"{value:.12g}") if isinstance(value, (float, int, np.number)) else repr(value)


class DistinctSuggester:
    """A suggest function that leaves out the points that the trials have already.

    Parameters
    ----------
    algo : callable
        The suggest function that is asked. Where it gives a known point it is asked again with
        other seeds, then random search is; at last, what is left of a finite space is listed.

    Notes
    -----
    Trials in any state count but cancelled ones, whose points were not evaluated. For one search:
    it remembers which documents it has read.
    """

    def __init__(self, algo: Callable[..., list[Trial]]) -> None:
        self._algo = algo
        self._known: set[Key] = set()
        self._ledger: Ledger | None = None
        self._subscription: Subscription | None = None
        self._points: dict[Key, dict[str, float]] | None = None  # those that are left, once listed

    def __call__(
        self, new_ids: Iterable[int], domain: Any, trials: SupportsTrials, seed: int
    ) -> list[Trial]:
        """Suggest at most one new trial an id; fewer where no point is left."""
        ids = list(new_ids)
        space = space_of(domain)
        self._read_documents(trials)
        docs = list(self._algo(ids, domain, trials, seed))
        kept: list[Trial] = []
        for doc in docs:
            found = doc if self._is_new(doc) else self._another(doc["tid"], domain, trials, seed)
            if found is None:
                found = self._listed(doc["tid"], domain, trials, space, seed)
            if found is None:
                break
            kept.append(found)
        return kept

    def _read_documents(self, trials: SupportsTrials) -> None:
        if self._ledger is None or self._subscription is None:
            self._ledger = ledger_of(trials)
            self._subscription = self._ledger.subscribe()
        self._ledger.update()
        news, _ = self._subscription.news()
        for entry in news:
            if entry.state not in (JOB_STATE_CANCEL, None):
                self._known.add(_key(entry.doc["misc"]["vals"]))

    def _is_new(self, doc: Trial) -> bool:
        """Whether a point is not known yet; it is from now on."""
        key = _key(doc["misc"]["vals"])
        if key in self._known:
            return False
        self._known.add(key)
        return True

    def _another(self, tid: int, domain: Any, trials: SupportsTrials, seed: int) -> Trial | None:
        seeds = np.random.default_rng([seed, abs(tid)])
        for suggest, times in ((self._algo, _ASK), (draw, _DRAW)):
            for _ in range(times):
                for doc in suggest([tid], domain, trials, int(seeds.integers(2**31))):
                    if self._is_new(doc):
                        return doc
        return None

    def _listed(
        self, tid: int, domain: Any, trials: SupportsTrials, space: CompiledSpace, seed: int
    ) -> Trial | None:
        if self._points is None:
            self._points = all_points(space, _LISTED)
        if self._points is None:
            logger.warning(
                "The search ends: %d random draws in a row gave no point that is new.", _DRAW
            )
            return None
        for key in self._known & self._points.keys():
            del self._points[key]
        if not self._points:
            logger.warning("The search ends: all points of the space have been tried.")
            return None
        left = list(self._points.values())
        vals = left[int(np.random.default_rng([seed, abs(tid)]).integers(len(left)))]
        row = np.array([space.row_from_vals(vals)])
        (doc,) = documents_of([tid], row, domain, trials, space)
        self._known.add(_key(doc["misc"]["vals"]))
        return doc


def all_points(space: CompiledSpace, limit: int) -> dict[Key, dict[str, float]] | None:
    """Return all points of a space.

    Parameters
    ----------
    space : CompiledSpace
        The space.
    limit : int
        The most points to list.

    Returns
    -------
    dict or None
        Values by label for each point, under what makes it different from the others; None where
        the space has more, or infinitely many.
    """
    columns = []
    for param in space.params:
        values = _values(param)
        if values is None or len(values) > limit:
            return None
        columns.append(values)
    points: dict[Key, dict[str, float]] = {}
    for number, row in enumerate(_rows(space.params, columns)):
        if number > limit:
            return None
        vals = {p.label: v for p, v in zip(space.params, row, strict=True) if v is not None}
        if space.opaque:
            vals = space.prune(vals)
        points[_key({label: [value] for label, value in vals.items()})] = vals
    return points


def _rows(
    params: Sequence[Param], columns: Sequence[Sequence[float]]
) -> Iterator[list[float | None]]:
    """Go through all combinations; None stands for what is inactive."""
    # A stack, not recursion: spaces may have more parameters than Python has frames.
    todo: list[list[float | None]] = [[]]
    while todo:
        row = todo.pop()
        if len(row) == len(params):
            yield row
            continue
        param, values = params[len(row)], columns[len(row)]
        active = any(all(row[i] == value for i, value in part) for part in param.conditions)
        todo += [[*row, value] for value in values] if active else [[*row, None]]


def _values(param: Param) -> Sequence[float] | None:
    """Return the values that a hyperparameter can have, None for infinitely many."""
    name, args = param.distribution, param.args
    if name == "randint":
        return range(int(args[0]), int(args[1]))
    if name == "categorical":
        return [i for i, p in enumerate(args) if p > 0]
    if name in ("quniform", "qloguniform"):
        low, high, q = args
        if name == "qloguniform":
            low, high = math.exp(low), math.exp(high)
        # A draw lies between the bounds, which themselves are hit with probability 0.
        first, last = math.floor(low / q - 0.5) + 1, math.ceil(high / q + 0.5) - 1
        # As a range: it may be much longer than what is listed.
        return _Multiples(range(first, last + 1), q)
    return None


class _Multiples(Sequence[float]):
    """Multiples of a step."""

    def __init__(self, counts: range, step: float) -> None:
        self._counts = counts
        self._step = step

    def __len__(self) -> int:
        return len(self._counts)

    def __getitem__(self, index: Any) -> Any:
        return self._counts[index] * self._step
