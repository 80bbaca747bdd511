"""Keeps a search from trying a point twice, with any suggester: `avoid_duplicates` of `fmin`."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from sparktune._space.compile import CompiledSpace, Param
from sparktune._suggest.suggestion import documents_of, draw, space_of
from sparktune._trials.documents import Trial
from sparktune._trials.following import SupportsTrials, ledger_of
from sparktune._trials.ledger import Ledger, Subscription

__all__ = ["DistinctSuggester", "all_points"]

logger = logging.getLogger("sparktune.fmin")

# How often to ask the suggester, then random search, to replace a known point.
_ASK = 5
_DRAW = 50
# Spaces with more points than this are not listed: random draws find new ones.
_LISTED = 100_000

Key = frozenset[tuple[str, Any]]


def _key(vals: Mapping[str, Sequence[Any]]) -> Key:
    """Return what identifies a point: the values of its active hyperparameters."""
    return frozenset((label, _rounded(each[0])) for label, each in vals.items() if len(each))


def _rounded(value: Any) -> Any:
    # A user who writes 0.3 means the 3 * 0.1 that a quantised parameter gives.
    return float(f"{value:.12g}") if isinstance(value, (float, int, np.number)) else repr(value)


class DistinctSuggester:
    """A suggest function that leaves out the points that the trials have already.

    Where `algo` suggests a known point it is asked again with other seeds, then random search is;
    finally a point is picked from the list of those left, if the space is finite. Trials that were
    cancelled or lost do not count, since their points were not evaluated. Use one instance per
    search: it remembers which documents it has read.
    """

    def __init__(self, algo: Callable[..., list[Trial]]) -> None:
        self._algo = algo
        self._known: set[Key] = set()
        self._ledger: Ledger | None = None
        self._subscription: Subscription | None = None
        self._points: dict[Key, dict[str, float]] | None = None  # those left, once listed

    def __call__(
        self, new_ids: Iterable[int], domain: Any, trials: SupportsTrials, seed: int
    ) -> list[Trial]:
        """Suggest at most one new trial per id; fewer if no point is left."""
        ids = list(new_ids)
        space = space_of(domain)
        self._read_documents(trials)
        kept: list[Trial] = []
        for doc in list(self._algo(ids, domain, trials, seed)):
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
            if entry.teaches:
                self._known.add(_key(entry.doc["misc"]["vals"]))

    def _is_new(self, doc: Trial) -> bool:
        """Record a point; return whether it was unknown."""
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
            logger.warning("The search ends: %d random draws in a row gave no new point.", _DRAW)
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
    """Return the values of each point by label, or None if there are more than `limit` points."""
    columns = []
    for param in space.params:
        values = _values(param, limit)
        if values is None:
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
    """Yield all combinations; None stands for inactive."""
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


def _values(param: Param, limit: int) -> list[float] | None:
    """Return the values that a hyperparameter can have, or None if there are more than `limit`."""
    name, args = param.distribution, param.args
    step: float = 1
    if name == "categorical":
        numbers: Sequence[int] = [i for i, p in enumerate(args) if p > 0]
    elif name == "randint":
        numbers = range(int(args[0]), int(args[1]))
    elif name in ("quniform", "qloguniform"):
        low, high, step = args
        if name == "qloguniform":
            low, high = math.exp(low), math.exp(high)
        # A draw lies between the bounds, which themselves are hit with probability 0.
        numbers = range(math.floor(low / step - 0.5) + 1, math.ceil(high / step + 0.5))
    else:
        return None
    # A range may be too long for len().
    return None if numbers[limit:] else [number * step for number in numbers]
