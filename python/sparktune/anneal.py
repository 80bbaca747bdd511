"""Annealing: draws near good trials, closer the more has been tried."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sparktune._listing import listing
from sparktune._suggest.calls import suggest_function
from sparktune._suggest.settings import sampler
from sparktune._suggest.suggestion import (
    checked_ids,
    checked_seed,
    columns_of,
    documents_of,
    history_of,
    space_of,
)
from sparktune._trials.documents import Trial

__all__ = ["suggest", "suggest_batch"]

__dir__ = listing(__all__)


@suggest_function
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
        One new document per id.

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
    >>> bool(abs(best["x"]) < 1)
    True
    """
    chosen = sampler("anneal", "anneal.suggest", avg_best_idx=avg_best_idx, shrink_coef=shrink_coef)
    space = space_of(domain)
    ids = checked_ids(new_ids)
    feeder = history_of(trials, space)
    rows = feeder.history.suggest(chosen, ids, checked_seed(seed))
    return documents_of(ids, rows, domain, trials, space, feeder)


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
    docs = suggest(new_ids, domain, trials, seed, avg_best_idx, shrink_coef)
    return columns_of(docs, space_of(domain))
