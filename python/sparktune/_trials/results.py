"""Results: what objectives may return, and what counts as a loss."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from typing import Any

from sparktune._trials.documents import STATUS_OK, STATUS_STRINGS, Result
from sparktune.exceptions import InvalidLoss, InvalidResult, InvalidResultStatus

__all__ = ["finite_loss", "is_score", "normalize_result", "split_attachments"]


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
    rval : number, array or tensor of one element, dict or what `dict` accepts
        What ``float()`` accepts, other than text, is the loss. A dict, or a Series or pairs with
        these keys, must have a `status` of `STATUS_STRINGS`, and a `loss` that
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
    result = _as_dict(rval)
    if result is None:
        return {"loss": _bare_loss(rval), "status": STATUS_OK}
    if "status" not in result:
        message = f"{InvalidResult(rval)} Add 'status': sparktune.STATUS_OK to the dict."
        raise InvalidResult(rval, message)
    status = result["status"]
    if not isinstance(status, str) or status not in STATUS_STRINGS:
        raise InvalidResultStatus(result)
    if status == STATUS_OK:
        try:
            result["loss"] = float(_element(result["loss"]))
        except (KeyError, OverflowError, RuntimeError, TypeError, ValueError) as error:
            loss = result.get("loss")
            hint = "" if loss is None else _hint(loss)
            hint = hint or " For a trial without a loss return STATUS_FAIL."
            raise InvalidLoss(result, f"{InvalidLoss(result)}{hint}") from error
    attachments = result.get("attachments")
    if attachments is not None and not isinstance(attachments, Mapping):
        raise InvalidResult(
            result,
            "The 'attachments' of a result must be a dict of name to value; "
            f"got {type(attachments).__name__}.",
        )
    return result


def _as_dict(rval: Any) -> dict[Any, Any] | None:
    """Return a result as a new dict, None if it is something else."""
    if isinstance(rval, Mapping):
        return dict(rval)
    if isinstance(rval, (float, int, str, bytes)):
        return None
    try:
        # As in Hyperopt, whatever `dict` accepts: a Series of pandas, say, or pairs.
        result = dict(rval)
    except Exception:  # what a library's own iteration raises
        return None
    return result if "status" in result or "loss" in result else None


def _bare_loss(rval: Any) -> float:
    """Return the loss that an objective returned without a dict."""
    try:
        value = _element(rval)
        # float() takes these as well, complex numbers of NumPy with a warning.
        if not isinstance(value, (str, bytes, bytearray)) and not _is_complex(value):
            return float(value)
    except OverflowError as error:
        raise InvalidLoss(rval) from error
    except Exception as error:  # what a library's own conversion raises
        raise InvalidResult(rval, f"{InvalidResult(rval)}{_hint(rval)}") from error
    raise InvalidResult(rval, f"{InvalidResult(rval)}{_hint(rval)}")


def _element(value: Any) -> Any:
    """Return the only element of an array or tensor, and anything else as it is."""
    item = None if isinstance(value, (float, int)) else getattr(value, "item", None)
    return item() if callable(item) else value


def _hint(value: Any) -> str:
    """Return a hint for a value that is not a loss, with a space before it; empty if none fits."""
    if value is None:
        return " Did the objective forget its `return`?"
    if isinstance(value, (str, bytes)):
        return " Hint: return float(...) of text that is a number."
    if _is_complex(value):
        return " Hint: return a real number, such as abs(...) of it."
    if isinstance(value, (tuple, list, set)):
        return (
            " Hint: return a dict to keep more than the loss: "
            "{'loss': ..., 'status': STATUS_OK, 'accuracy': ...}."
        )
    if hasattr(value, "shape") or hasattr(value, "mean"):
        return " Hint: return one number, such as its .mean()."
    return " Hint: call it, with ()." if inspect.isroutine(value) else ""


def _is_complex(value: Any) -> bool:
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    return isinstance(value, complex) or bool(kind == "c")


def split_attachments(result: Result) -> dict[str, Any]:
    """Remove the attachments from a result document, and return them by name."""
    attachments: Mapping[str, Any] | None = result.pop("attachments", None)
    return attachments if isinstance(attachments, dict) else dict(attachments or {})


def is_score(result: Mapping[str, Any]) -> bool:
    """Whether the loss is the negative of the score, as `fmin(maximize=True)` makes results."""
    loss = finite_loss(result)
    try:
        return loss is not None and "score" in result and float(result["score"]) == -loss
    except (TypeError, ValueError):
        return False
