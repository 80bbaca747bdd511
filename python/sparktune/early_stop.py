"""Functions that end a search before `max_evals`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from sparktune._arguments import Rule, check_all
from sparktune._listing import listing
from sparktune._trials.results import finite_loss

__all__ = ["no_progress_loss"]

__dir__ = listing(__all__)

logger = logging.getLogger("sparktune.early_stop")

_RULES = {
    "iteration_stop_count": Rule("int", low=1),
    "percent_increase": Rule("number", low=0, finite=True),
}


def no_progress_loss(
    iteration_stop_count: int = 20, percent_increase: float = 0.0
) -> Callable[..., tuple[bool, list[Any]]]:
    """Stop when the best loss has not improved for a number of trials.

    Parameters
    ----------
    iteration_stop_count : int, default 20
        Number of consecutive trials without improvement after which the search stops; at least 1.
        Trials that failed or have no finite loss are not counted.
    percent_increase : float, default 0.0
        An improvement counts only if it exceeds this percentage of the best loss; at least 0.

    Returns
    -------
    callable
        A function for the `early_stop_fn` argument of `fmin`.

    Raises
    ------
    InvalidArgument, InvalidArgumentType
        If an argument is out of range or of the wrong type.

    Examples
    --------
    >>> from sparktune import fmin, hp, tpe
    >>> best = fmin(
    ...     abs, hp.uniform("x", -1, 1), algo=tpe.suggest, max_evals=500,
    ...     early_stop_fn=no_progress_loss(10), verbose=False,
    ... )
    """
    given = {"iteration_stop_count": iteration_stop_count, "percent_increase": percent_increase}
    patience = check_all(_RULES, given)["iteration_stop_count"]
    share = float(percent_increase) / 100.0

    def stop_fn(
        trials: Any, best_loss: float | None = None, iteration_no_progress: int = 0
    ) -> tuple[bool, list[Any]]:
        finished = trials.trials
        loss = finite_loss(finished[-1]["result"]) if finished else None
        if loss is None:
            return False, [best_loss, iteration_no_progress]
        if best_loss is None:
            # The first loss is counted as a trial without progress, as Hyperopt does.
            return False, [loss, iteration_no_progress + 1]
        if loss < best_loss - abs(best_loss) * share:
            return False, [loss, 0]
        iteration_no_progress += 1
        logger.debug(
            "No progress for %d of %d trials: the loss %g is not better than %g.",
            iteration_no_progress,
            patience,
            loss,
            best_loss,
        )
        return iteration_no_progress >= patience, [best_loss, iteration_no_progress]

    return stop_fn
