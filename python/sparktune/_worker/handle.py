"""`TrialHandle`: what an objective with a second parameter `trial` gets for it.

It is made where the trial runs, from plain data that travel with the trial, by `Objective.run` and
by `Domain.evaluate`.
"""

from __future__ import annotations

import math
import shutil
import socket
import tempfile
import threading
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from sparktune._worker.callbacks import FrameworkCallbacks
from sparktune._worker.line import Line
from sparktune._worker.rules import Curve, rule_of

__all__ = ["MARKER", "TrialHandle", "TrialPruned", "call_with_handle"]

MARKER = ".sparktune"
"""The file in a search's folder of checkpoints by which a worker knows it; holds its token."""


class TrialPruned(BaseException):
    """Ends a trial that has no prospects; raised by `TrialHandle.report`.

    Not an `Exception`, so that an objective that catches those is ended all the same.
    """


class TrialHandle(FrameworkCallbacks):
    """A trial, as its objective sees it: the second parameter of ``def train(params, trial)``.

    A pickle of it is a plain record (`types.SimpleNamespace`) of `tid`, `attempt` and, if it was
    used, `checkpoint_dir`.

    Attributes
    ----------
    tid : int or None
        The id of the trial; None where an objective is evaluated without one.
    attempt : int
        How many attempts of the trial were lost before this one; see `retries` of `fmin`.
    """

    def __init__(
        self,
        tid: Any = None,
        attempt: int = 0,
        root: str | None = None,
        token: str = "",
        hint: str = "",
        rule: tuple[str, dict[str, Any]] | None = None,
        sign: float = 1.0,
        line: tuple[str, int, bytes, Any] | None = None,
    ) -> None:
        self.tid = tid
        self.attempt = attempt
        self._root = root
        self._token = token
        self._hint = hint
        self._folder: str | None = None
        self._rule = None if rule is None else rule_of(rule)
        self._sign = sign
        self._curve: Curve | None = None
        self._ended = False
        self._pruned = False
        self._error = ""  # of the rule
        self._lock = threading.Lock()
        self._line = None if line is None else Line(line, self)

    def report(self, value: Any, step: Any = None) -> None:
        """Report how good the model is by now; ends the trial if it has no prospects.

        Parameters
        ----------
        value : float
            The loss at this step, or the score if ``maximize=True``. NaN counts as the worst.
        step : float, optional
            How far the trial is: an epoch, the number of trees, a fold. By default one more than
            the last. Of reports whose step is not larger than the last one's, only the first
            counts.

        Raises
        ------
        TrialPruned
            If the trial ends here, because `prune` of `fmin` says so. It is not an `Exception`: do
            not catch it.
        TypeError, ValueError
            If `value` or `step` is not a number.
        """
        loss, step = _loss(value, self._sign), self._step(step)
        with self._lock:
            if self._ended:
                return  # by a thread or a callback that outlives the trial
            if self._curve is None:
                self._curve = Curve()
            if self._curve.last is None or step > self._curve.last[0]:
                self._curve.add(step, loss)
                self._pruned = self._pruned or self._has_no_prospects()
                if self._line is not None:
                    self._line.reported()
            if self._pruned:
                raise TrialPruned(f"trial {self.tid} ends at step {step:g}")

    def _follow(self, rule: tuple[str, dict[str, Any]]) -> None:
        """Take a newer rule in the middle of the trial."""
        newer = rule_of(rule)
        with self._lock:
            if not self._ended and not self._error:
                newer.follow(self._rule, self._curve)
                self._rule = newer

    def _has_no_prospects(self) -> bool:
        try:
            return self._rule is not None and bool(self._rule.stops(self._curve))
        except Exception as error:  # of a policy that the user wrote
            self._rule, self._error = None, f"{type(error).__name__}: {error}"
            return False

    def _step(self, step: Any) -> float:
        if step is None:
            last = None if self._curve is None else self._curve.last
            return 0.0 if last is None else last[0] + 1
        return _number("step", step)

    def _close(self) -> dict[str, Any] | None:
        """Take no further reports, and return those that were made."""
        with self._lock:
            self._ended = True
            curve = self._curve
        if self._line is not None:
            self._line.close()
        if curve is None:
            return None
        found = {"steps": list(map(_whole, curve.steps)), "losses": list(curve.losses)}
        return {**found, "error": self._error} if self._error else found

    @property
    def checkpoint_dir(self) -> str:
        """The path of the trial's own folder, which it finds again when it runs again.

        The folder is made when it is first asked for.

        Raises
        ------
        RuntimeError
            If this host does not see the folder that the driver has made for the search.
        """
        if self._folder is None:
            self._folder = self._make_folder()
        return self._folder

    def _make_folder(self) -> str:
        if self._root is None:  # evaluated by hand, so it cannot run again
            folder = tempfile.mkdtemp(prefix="sparktune-")
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
            return folder
        root = Path(self._root)
        try:
            found = (root / MARKER).read_text()
        except OSError:
            found = ""
        # Without this check each host would have a folder of its own, and lose what others wrote.
        # Not a FileNotFoundError: objectives catch that where they look for a checkpoint.
        if found != self._token:
            raise RuntimeError(
                "`trial.checkpoint_dir` needs a folder that the driver and all workers share; "
                f"host {socket.gethostname()!r} does not see the search's folder {self._root!r}. "
                f"Hint: {self._hint}."
            )
        folder = str(root / str(self.tid))
        Path(folder).mkdir(exist_ok=True)
        return folder

    def __repr__(self) -> str:
        return f"TrialHandle(tid={self.tid}, attempt={self.attempt})"

    # A copy is the same trial. A pickle must not need this class, which came here by value.

    def __copy__(self) -> TrialHandle:
        return self

    def __deepcopy__(self, memo: Any) -> TrialHandle:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        kept = {"tid": self.tid, "attempt": self.attempt, "checkpoint_dir": self._folder}
        return SimpleNamespace, (), kept


def call_with_handle(fn: Callable[..., Any], point: Any, handle: TrialHandle) -> Any:
    """Call an objective with its trial's handle; return what it returned, with its curve.

    If the trial was pruned, the result has the status ``"pruned"``, and no loss yet.
    """
    try:
        returned = fn(point, trial=handle)
    except TrialPruned:
        if not handle._pruned:
            raise
        return {"status": "pruned", "curve": handle._close()}
    finally:
        curve = handle._close()
    if curve is None:
        return returned
    if isinstance(returned, Mapping):
        return returned if "curve" in returned else {**returned, "curve": curve}
    try:
        return {"status": "ok", "loss": float(returned), "curve": curve}
    except (TypeError, ValueError):
        return returned  # the search says what is wrong


def _loss(value: Any, sign: float) -> float:
    number = _number("value", value)
    return math.inf if math.isnan(number) else sign * number


def _number(name: str, value: Any) -> float:
    if hasattr(value, "item") and not isinstance(value, (int, float)):
        value = value.item()  # of an array or tensor of one element
    if isinstance(value, (str, bytes)):
        raise TypeError(f"`{name}` of trial.report must be a number; got {value!r}.")
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"`{name}` of trial.report must be a number; got {value!r:.100}."
        ) from error


def _whole(step: float) -> float:
    return int(step) if math.isfinite(step) and step == int(step) else step
