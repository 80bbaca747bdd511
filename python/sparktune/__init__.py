"""Hyperparameter tuning for Python models, on one machine or on Spark.

The public names are Hyperopt's: code written for it runs with the import changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sparktune import anneal, exceptions, hp, mix, rand, tpe
from sparktune._core import __version__
from sparktune._hyperopt import prior as _prior  # noqa: F401 - defines scope.draw_idxs_vals
from sparktune._hyperopt.logs import follow_hyperopt
from sparktune._hyperopt.names import (
    LEFT_OUT,
    MODULES,
    answer_for_names_without_files,
    install_as_hyperopt,
    refuse,
)
from sparktune._hyperopt.old_pickles import load_hyperopt_trials
from sparktune._journal.journal import Journal
from sparktune._search.ask_tell import Asked, Search
from sparktune._search.console import log_to_console
from sparktune._search.ctrl import Ctrl
from sparktune._search.data import with_data
from sparktune._search.domain import Domain
from sparktune._trials.documents import (
    JOB_STATE_CANCEL,
    JOB_STATE_DONE,
    JOB_STATE_ERROR,
    JOB_STATE_NEW,
    JOB_STATE_RUNNING,
    JOB_STATES,
    STATUS_FAIL,
    STATUS_NEW,
    STATUS_OK,
    STATUS_PRUNED,
    STATUS_RUNNING,
    STATUS_STRINGS,
    STATUS_SUSPENDED,
)
from sparktune.early_stop import no_progress_loss
from sparktune.fmin import (
    FMinIter,
    fmin,
    fmin_pass_expr_memo_ctrl,
    generate_trials_to_calculate,
    partial,
    space_eval,
)
from sparktune.trials import Trials, trials_from_docs

if TYPE_CHECKING:
    from sparktune._parallel.processes.trials import ProcessTrials
    from sparktune._parallel.spark.trials import SparkTrials

__all__ = [
    "JOB_STATES",
    "JOB_STATE_CANCEL",
    "JOB_STATE_DONE",
    "JOB_STATE_ERROR",
    "JOB_STATE_NEW",
    "JOB_STATE_RUNNING",
    "STATUS_FAIL",
    "STATUS_NEW",
    "STATUS_OK",
    "STATUS_PRUNED",
    "STATUS_RUNNING",
    "STATUS_STRINGS",
    "STATUS_SUSPENDED",
    "Asked",
    "Ctrl",
    "Domain",
    "FMinIter",
    "Journal",
    "ProcessTrials",
    "Search",
    "SparkTrials",
    "Trials",
    "__version__",
    "anneal",
    "exceptions",
    "fmin",
    "fmin_pass_expr_memo_ctrl",
    "generate_trials_to_calculate",
    "hp",
    "install_as_hyperopt",
    "load_hyperopt_trials",
    "mix",
    "no_progress_loss",
    "partial",
    "rand",
    "space_eval",
    "tpe",
    "trials_from_docs",
    "with_data",
]

follow_hyperopt()
log_to_console()
answer_for_names_without_files()


def __getattr__(name: str) -> Any:
    # Modules that need Spark or a plotting library are imported on first use.
    if name == "SparkTrials":
        from sparktune._parallel.spark.trials import SparkTrials

        return SparkTrials
    if name == "ProcessTrials":
        from sparktune._parallel.processes.trials import ProcessTrials

        return ProcessTrials
    if name in MODULES or name == "pruning":
        import importlib

        return importlib.import_module(f"sparktune.{name}")
    if name in LEFT_OUT:
        # Not an ImportError, so that hasattr() answers; importing the module raises that.
        raise AttributeError(str(refuse(name)))
    raise AttributeError(f"module 'sparktune' has no attribute {name!r}")


def __dir__() -> list[str]:
    # For completion: public names only, not the rooms behind them.
    return sorted({*__all__, *(name for name in MODULES if "." not in name), "pruning", "trials"})
