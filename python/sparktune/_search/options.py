"""`SearchOptions`: the arguments of `fmin`, checked once."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from math import inf
from typing import Any

from sparktune import progress
from sparktune._arguments import check_all
from sparktune._journal.journal import journal_of
from sparktune._pruning.policies import policy_of
from sparktune._search.arguments import (
    RULES,
    checked_callbacks,
    checked_catch,
    checked_max_failures,
    checked_retries,
)
from sparktune._search.calls import check_algo, check_early_stop
from sparktune._search.randomness import checked_rstate
from sparktune._search.signatures import Callback, EarlyStop, SuggestFunction
from sparktune._trials.savefile import SaveFile
from sparktune._views.notebook import shows_updates

__all__ = ["SearchOptions"]


@dataclass(frozen=True)
class SearchOptions:
    """How to search; `fmin` describes each option."""

    algo: SuggestFunction
    max_evals: int | None = None
    timeout: float | None = None
    loss_threshold: float | None = None
    rstate: Any = None
    pass_expr_memo_ctrl: bool | None = None
    catch_eval_exceptions: bool | tuple[type[BaseException], ...] = False
    verbose: bool = True
    return_argmin: bool = True
    max_queue_len: int = 1
    show_progressbar: Any = True
    early_stop_fn: EarlyStop | None = None
    trials_save_file: str | os.PathLike[str] = ""
    points_to_evaluate: Sequence[Mapping[str, Any]] | None = None
    max_failures: float | None = None
    mlflow: bool | None = None
    avoid_duplicates: bool = False
    maximize: bool = False
    callbacks: Sequence[Callback] = ()
    retries: int | Mapping[str, int] | None = None
    journal: Any = None
    prune: Any = None

    def __post_init__(self) -> None:
        if isinstance(self.max_evals, float) and self.max_evals == inf:
            vars(self)["max_evals"] = None  # as Hyperopt understands it
        checked = check_all(RULES, vars(self))
        check_algo(self.algo)
        check_early_stop(self.early_stop_fn)
        checked["rstate"] = checked_rstate(self.rstate)
        checked["max_failures"] = checked_max_failures(self.max_failures)
        checked["retries"] = checked_retries(self.retries)
        checked["catch_eval_exceptions"] = checked_catch(self.catch_eval_exceptions)
        checked["callbacks"] = checked_callbacks(self.callbacks)
        checked["journal"] = journal_of(self.journal)
        checked["prune"] = policy_of(self.prune)
        vars(self).update(checked)
        if self.trials_save_file:
            SaveFile(self.trials_save_file).check()

    @property
    def limit(self) -> int:
        """`max_evals`, where None is more than any search has."""
        return sys.maxsize if self.max_evals is None else self.max_evals

    @property
    def retries_by_reason(self) -> Mapping[str, int]:
        """How many attempts of a trial may be lost in which way; see `TrialError.reason`."""
        return self.retries if isinstance(self.retries, Mapping) else {}

    @property
    def progress_callback(self) -> Any:
        """What shows the progress; see `sparktune.progress`."""
        if callable(self.show_progressbar):
            return self.show_progressbar
        if not (self.show_progressbar and self.verbose):
            return progress.no_progress_callback
        # Whoever replaced the default, as one could in Hyperopt, wants that one.
        if progress.default_callback is progress.tqdm_progress_callback and shows_updates():
            from sparktune._views.live_view import live_progress_callback

            return live_progress_callback
        return progress.default_callback

    def keywords(self) -> dict[str, Any]:
        """Return the options as arguments of the `fmin` of a class of trials.

        Options that Hyperopt lacks are left out at their default: not every class knows them.
        """
        ours = {
            "points_to_evaluate",
            "max_failures",
            "mlflow",
            "avoid_duplicates",
            "maximize",
            "callbacks",
            "retries",
            "journal",
            "prune",
        }
        return {
            each.name: value
            for each in fields(self)
            if (value := getattr(self, each.name)) != each.default or each.name not in ours
        }
