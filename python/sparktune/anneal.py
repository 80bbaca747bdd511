"""Annealing: draws near good trials, closer the more has been tried."""

from __future__ import annotations

import math
import numbers
from bisect import insort
from collections.abc import Iterable
from typing import Any

import numpy as np

from sparktune import stochastic
from sparktune.compile import CompiledSpace, Param
from sparktune.documents import Trial
from sparktune.exceptions import InvalidArgument, InvalidArgumentType
from sparktune.history import worst_if_unknown
from sparktune.suggest import checked_ids, checked_seed, documents_of, space_of

__all__ = ["suggest", "suggest_batch"]

# A geometric distribution goes this far with a probability of 1e-12.
_FAR = math.log(1e-12)


def suggest(
    new_ids: Iterable[int],
    domain: Any,
    trials: Any,
    seed: int,
    avg_best_idx: float = 2.0,
    shrink_coef: float = 0.1,
) -> list[Trial]:
    """Suggest new trials near good ones.

    Each hyperparameter is drawn around its value in one of the best trials, from its own kind of
    distribution, made narrower: to ``1 / (1 + shrink_coef * n)`` of its width after n trials that
    have it. A hyperparameter that no trial has is drawn from the prior.

    Parameters
    ----------
    new_ids : iterable of int
        Ids of the new trials, from `Trials.new_trial_ids`.
    domain : Domain
        The space.
    trials : Trials
        The trials so far; not changed. Trials without a loss count as the worst.
    seed : int
        At least 0. The same seed, id and trials give the same suggestion.
    avg_best_idx : float, default 2.0
        How far down the list of trials, best first, to look for one to draw near to: the mean
        position, counted from 1; at least 1, which always takes the best.
    shrink_coef : float, default 0.1
        How fast the search narrows; at least 0, which never does.

    Returns
    -------
    list of Trial
        One new document an id.

    Raises
    ------
    InvalidArgument, InvalidArgumentType
        If an argument is out of range or of the wrong type.

    Examples
    --------
    >>> from sparktune import anneal, fmin, hp
    >>> best = fmin(
    ...     abs, hp.uniform("x", -9, 9), algo=anneal.suggest, max_evals=50, rstate=0, verbose=False
    ... )
    >>> abs(best["x"]) < 1
    True
    """
    _check(avg_best_idx, shrink_coef)
    space = space_of(domain)
    ids = checked_ids(new_ids)
    seed = checked_seed(seed)
    known = _Known(trials.trials, space, float(avg_best_idx))
    rows = np.full((len(ids), len(space.params)), math.nan)
    for row, tid in zip(rows, ids, strict=True):
        # A seed sequence takes no negative numbers, and ids may be.
        rng = np.random.default_rng(abs(seed + tid))
        _fill(row, space, _Picker(known, float(avg_best_idx), rng), float(shrink_coef), rng)
    return documents_of(ids, rows, domain, trials, space)


def suggest_batch(
    new_ids: Iterable[int],
    domain: Any,
    trials: Any,
    seed: int,
    avg_best_idx: float = 2.0,
    shrink_coef: float = 0.1,
) -> tuple[dict[str, list[int]], dict[str, list[Any]]]:
    """Suggest new trials near good ones, as columns.

    Parameters
    ----------
    new_ids, domain, trials, seed, avg_best_idx, shrink_coef
        As for `suggest`.

    Returns
    -------
    idxs, vals : dict of str to list
        For each label the ids of the trials in which it is active, and its values there.
    """
    idxs: dict[str, list[int]] = {label: [] for label in space_of(domain).labels}
    vals: dict[str, list[Any]] = {label: [] for label in idxs}
    for doc in suggest(new_ids, domain, trials, seed, avg_best_idx, shrink_coef):
        for label in idxs:
            idxs[label] += doc["misc"]["idxs"][label]
            vals[label] += doc["misc"]["vals"][label]
    return idxs, vals


def _check(avg_best_idx: Any, shrink_coef: Any) -> None:
    for name, value, least in (("avg_best_idx", avg_best_idx, 1), ("shrink_coef", shrink_coef, 0)):
        if not isinstance(value, numbers.Real) or isinstance(value, bool):
            raise InvalidArgumentType(
                f"`{name}` of anneal.suggest must be a number; got {value!r}."
            )
        if not least <= float(value) < math.inf:
            raise InvalidArgument(
                f"`{name}` of anneal.suggest must be at least {least} and finite; got {value!r}."
            )


class _Known:
    """For each hyperparameter: how many trials have it, and its values in the best of them."""

    def __init__(self, docs: Iterable[Trial], space: CompiledSpace, avg_best_idx: float) -> None:
        stay = 1.0 - 1.0 / avg_best_idx
        kept = 1 if stay == 0.0 else math.ceil(_FAR / math.log(stay)) + 1
        self.counts = dict.fromkeys(space.labels, 0)
        # (loss, position, trial id, value), best first; of equal losses the oldest first
        self.best: dict[str, list[tuple[float, int, Any, Any]]] = {
            label: [] for label in space.labels
        }
        latest = {doc["tid"]: doc for doc in docs}
        for position, doc in enumerate(latest.values()):
            loss = worst_if_unknown(doc["result"].get("loss"))
            vals = doc["misc"]["vals"]
            for label, best in self.best.items():
                values = vals.get(label)
                if values is None or not len(values):
                    continue
                self.counts[label] += 1
                if len(best) < kept or loss < best[-1][0]:
                    insort(best, (loss, position, doc["tid"], values[0]))
                    del best[kept:]


class _Picker:
    """Picks the trials that one new trial is drawn near to."""

    def __init__(self, known: _Known, avg_best_idx: float, rng: np.random.Generator) -> None:
        self.counts = known.counts
        self._best = known.best
        self._p = 1.0 / avg_best_idx
        self._rng = rng
        self._picked: list[Any] = []  # ids of trials, in the order in which they were picked

    def value(self, label: str) -> Any:
        """Return the value of a hyperparameter in the trial picked for it."""
        best = self._best[label]
        # Values that were good together stay together: a trial that was picked for another
        # hyperparameter is taken again.
        by_tid = {tid: value for _, _, tid, value in best}
        for tid in self._picked:
            if tid in by_tid:
                return by_tid[tid]
        position = min(int(self._rng.geometric(self._p)) - 1, len(best) - 1)
        _, _, tid, value = best[position]
        self._picked.append(tid)
        return value


def _fill(
    row: np.ndarray[Any, Any],
    space: CompiledSpace,
    picker: _Picker,
    shrink_coef: float,
    rng: np.random.Generator,
) -> None:
    """Draw a value for each hyperparameter that is active, parents first."""
    for i, param in enumerate(space.params):
        if not any(all(row[j] == value for j, value in part) for part in param.conditions):
            continue
        count = picker.counts[param.label]
        if count:
            share = 1.0 / (1.0 + shrink_coef * count)
            row[i] = _near(param, float(picker.value(param.label)), share, rng)
        else:
            row[i] = _prior(param, rng)


def _prior(param: Param, rng: np.random.Generator) -> float:
    if param.distribution == "randint":
        return int(rng.integers(int(param.args[0]), int(param.args[1])))
    if param.distribution == "categorical":
        return float(stochastic.categorical(param.args, rng)[0])
    return float(getattr(stochastic, param.distribution)(*param.args, rng=rng))


def _near(param: Param, value: float, share: float, rng: np.random.Generator) -> float:
    """Draw from the prior as `share` makes it narrower around a value."""
    name, args = param.distribution, param.args
    if name in ("randint", "categorical"):
        # The value itself, with a probability that grows; else the prior.
        return _prior(param, rng) if rng.random() < share else value
    if "log" in name:
        # A quantised value may be 0.
        value = math.log(value) if value > 0 else -math.inf
    if "uniform" in name:
        low, high = args[:2]
        half = 0.5 * (high - low) * share
        middle = min(max(value, low + half), high - half)
        draw = rng.uniform(middle - half, middle + half)
    else:
        # 0 stands for what was rounded down to it.
        draw = rng.normal(max(value, math.log(1e-16)) if "log" in name else value, args[1] * share)
    if "log" in name:
        draw = math.exp(min(draw, 709.0))  # what a float holds
    if name.startswith("q"):
        draw = round(draw / args[2]) * args[2]
    return draw
