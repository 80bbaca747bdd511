"""Hyperopt's module name for documents, `Trials` and `Domain`; only re-exports.

`Objective`, `Result`, `SuggestFunction`, `EarlyStop`, `Trial` and `TrialHandle` are types for
annotations.
"""

from __future__ import annotations

from sparktune import pyll
from sparktune._hyperopt.sonify import SONify
from sparktune._listing import listing
from sparktune._search.arguments import validate_loss_threshold, validate_timeout
from sparktune._search.ctrl import Ctrl
from sparktune._search.domain import Domain
from sparktune._search.signatures import EarlyStop, Objective, Result, SuggestFunction
from sparktune._space.draw import recursive_set_rng_kwarg
from sparktune._space.expr import use_obj_for_literal_in_memo
from sparktune._trials.documents import (
    JOB_STATE_CANCEL,
    JOB_STATE_DONE,
    JOB_STATE_ERROR,
    JOB_STATE_NEW,
    JOB_STATE_RUNNING,
    JOB_STATES,
    JOB_VALID_STATES,
    STATUS_FAIL,
    STATUS_NEW,
    STATUS_OK,
    STATUS_RUNNING,
    STATUS_STRINGS,
    STATUS_SUSPENDED,
    TRIAL_KEYS,
    TRIAL_MISC_KEYS,
    Trial,
    miscs_to_idxs_vals,
    miscs_update_idxs_vals,
    spec_from_misc,
)
from sparktune._trials.pmin import pmin_sampled
from sparktune._worker.handle import TrialHandle
from sparktune.exceptions import (
    AllTrialsFailed,
    DuplicateLabel,
    InvalidLoss,
    InvalidResultStatus,
    InvalidTrial,
)
from sparktune.trials import Trials, trials_from_docs

__all__ = [
    "JOB_STATES",
    "JOB_STATE_CANCEL",
    "JOB_STATE_DONE",
    "JOB_STATE_ERROR",
    "JOB_STATE_NEW",
    "JOB_STATE_RUNNING",
    "JOB_VALID_STATES",
    "STATUS_FAIL",
    "STATUS_NEW",
    "STATUS_OK",
    "STATUS_RUNNING",
    "STATUS_STRINGS",
    "STATUS_SUSPENDED",
    "TRIAL_KEYS",
    "TRIAL_MISC_KEYS",
    "AllTrialsFailed",
    "Ctrl",
    "Domain",
    "DuplicateLabel",
    "EarlyStop",
    "InvalidLoss",
    "InvalidResultStatus",
    "InvalidTrial",
    "Objective",
    "Result",
    "SONify",
    "SuggestFunction",
    "Trial",
    "TrialHandle",
    "Trials",
    "miscs_to_idxs_vals",
    "miscs_update_idxs_vals",
    "pmin_sampled",
    "pyll",
    "recursive_set_rng_kwarg",
    "spec_from_misc",
    "trials_from_docs",
    "use_obj_for_literal_in_memo",
    "validate_loss_threshold",
    "validate_timeout",
]

__dir__ = listing(__all__)
