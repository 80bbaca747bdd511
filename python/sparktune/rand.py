"""Random search."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sparktune._listing import listing
from sparktune._suggest.calls import suggest_function
from sparktune._suggest.suggestion import draw, draw_columns
from sparktune._trials.documents import Trial

__all__ = ["suggest", "suggest_batch"]

__dir__ = listing(__all__)


@suggest_function
def suggest(new_ids: Iterable[int], domain: Any, trials: Any, seed: int) -> list[Trial]:
    """Draw new trials from the prior, whatever happened before.

    Parameters
    ----------
    new_ids : iterable of int
        Ids of the new trials, from `Trials.new_trial_ids`.
    domain : Domain
        The space.
    trials : Trials
        Makes the documents; not changed.
    seed : int
        At least 0. The same seed and id give the same trial.

    Returns
    -------
    list of Trial
        One new document per id.

    Raises
    ------
    InvalidArgument, InvalidArgumentType
        If `new_ids` are not ints, or `seed` is invalid.
    """
    return draw(new_ids, domain, trials, seed)


def suggest_batch(
    new_ids: Iterable[int], domain: Any, trials: Any, seed: int
) -> tuple[dict[str, list[int]], dict[str, list[Any]]]:
    """Draw new trials from the prior, as columns.

    Parameters
    ----------
    new_ids, domain, trials, seed
        As for `suggest`.

    Returns
    -------
    idxs, vals : dict of str to list
        For each label the ids of the trials in which it is active, and its values there.
    """
    return draw_columns(new_ids, domain, trials, seed)
