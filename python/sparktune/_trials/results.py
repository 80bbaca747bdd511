"""Results: what objectives may return, and what counts as a loss."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from sparktune._trials.documents import STATUS_OK, STATUS_STRINGS, Result
from sparktune.exceptions import InvalidLoss, InvalidResult, InvalidResultStatus

__all__ = ["finite_loss", "normalize_result", "split_attachments"]


def finite_loss(result: Mapping[str, Any]) -> float | None:
    """Return the loss of a result if it is finite and the status is ``'ok'``, otherwise None."""
    if result.get("status") != STATUS_OK:
        return None
    try:
        loss = float(result["loss"])
    except (KeyError, OverflowError, TypeError, ValueError):
        return None
    return loss if math.isfinite(loss) else None


def normalize_result(rval: Any) -> Result:
    """Turn what an objective returned into a new result document.

    Parameters
    ----------
    rval : float, int, numpy number, dict or what `dict` accepts
        A number is the loss. A dict must have a `status` of `STATUS_STRINGS`, and a `loss` that
        ``float()`` accepts if the status is ``'ok'``; it may hold anything else.

    Raises
    ------
    InvalidResult
        If `rval` is neither a number nor a dict (or the like) with a `status`.
    InvalidResultStatus
        If the status is unknown.
    InvalidLoss
        If the status is ``'ok'`` and the loss is missing or not a number.
    """
    if isinstance(rval, (float, int, np.number)) and not np.iscomplexobj(rval):
        try:
            return {"loss": float(rval), "status": STATUS_OK}
        except OverflowError as error:
            raise InvalidLoss(rval) from error
    if isinstance(rval, np.ndarray) and rval.size == 1 and rval.dtype.kind in "biuf":
        # A loss in an array, such as `losses.mean(keepdims=True)`.
        return {"loss": float(rval.item()), "status": STATUS_OK}
    try:
        # As in Hyperopt, whatever `dict` accepts: a Series of pandas, say, or pairs.
        result = dict(rval)
    except (TypeError, ValueError):
        result = {}
    if not result and not isinstance(rval, Mapping):
        hint = " Did the objective forget its `return`?" if rval is None else ""
        raise InvalidResult(rval, f"{InvalidResult(rval)}{hint}")
    if "status" not in result:
        message = f"{InvalidResult(rval)} Add 'status': sparktune.STATUS_OK to the dict."
        raise InvalidResult(rval, message)
    status = result["status"]
    if not isinstance(status, str) or status not in STATUS_STRINGS:
        raise InvalidResultStatus(result)
    if status == STATUS_OK:
        try:
            loss = result["loss"]
            result["loss"] = float(loss.item() if isinstance(loss, np.ndarray) else loss)
        except (KeyError, OverflowError, TypeError, ValueError) as error:
            message = f"{InvalidLoss(result)} For a trial without a loss return STATUS_FAIL."
            raise InvalidLoss(result, message) from error
    attachments = result.get("attachments")
    if attachments is not None and not isinstance(attachments, Mapping):
        raise InvalidResult(
            result,
            "The 'attachments' of a result must be a dict of name to value; "
            f"got {type(attachments).__name__}.",
        )
    return result


def split_attachments(result: Result) -> dict[str, Any]:
    """Remove the attachments from a result document, and return them by name."""
    attachments: Mapping[str, Any] | None = result.pop("attachments", None)
    return attachments if isinstance(attachments, dict) else dict(attachments or {})
