"""`Watch`: what a progress bar or the live view is told about one search, and when."""

from __future__ import annotations

import contextlib
import sys
import time
from collections import deque
from collections.abc import Iterator
from math import isfinite
from typing import Any, Protocol

from sparktune import progress
from sparktune._search.board import Board
from sparktune._search.ending import Ending
from sparktune._search.options import SearchOptions
from sparktune._search.runner import TrialError
from sparktune._space.reader import SpaceReader
from sparktune._trials.documents import STATUS_FAIL, STATUS_PRUNED, Trial, spec_from_misc
from sparktune._trials.findings import best_of, brief_error, outcome_of
from sparktune._trials.results import finite_loss
from sparktune._trials.table import named
from sparktune.progress import Facts

__all__ = ["Shown", "Watch"]

# Facts are told once in so many seconds, and less often where showing them is slow: showing takes
# at most one part in 200 of the time. The longest pause is for a front end that was slow once.
_PAUSE_SECONDS = 0.5
_SHARE = 200
_LONGEST_PAUSE_SECONDS = 10.0

_FAILURES = 3  # that are shown
_ENDS = 60  # over which the rate is measured: so many trials, or so many pauses


class Shown(Protocol):
    """What is read of a search loop."""

    options: SearchOptions
    asynchronous: bool
    polled: bool
    ending: Ending | None
    progress_callback: Any


class Watch:
    """Counts what happens in a search, and shows it.

    Parameters
    ----------
    domain : Domain
        The space.
    maximize : bool
        Whether losses are negative scores.
    """

    def __init__(self, domain: Any, maximize: bool) -> None:
        self._domain = domain
        self._maximize = maximize
        self._failed = 0
        self._pruned = 0
        self._failures: deque[tuple[Any, str]] = deque(maxlen=_FAILURES)
        self._best: tuple[Trial, dict[str, Any]] | None = None
        self._options: dict[str, list[Any]] | None = None
        self._board: Board | None = None
        self._ended: list[Trial] = []
        self._total: int | None = None
        self._reset()

    @property
    def _what(self) -> str:
        return "score" if self._maximize else "loss"

    @contextlib.contextmanager
    def showing(self, search: Shown, board: Board, initial: int) -> Iterator[None]:
        """Show how the search goes until it ends, however it ends.

        Parameters
        ----------
        search : Shown
            The search.
        board : Board
            Its trials.
        initial : int
            How many of them were done before.
        """
        limit = search.options.limit
        self._reset()
        with search.progress_callback(initial=initial, total=limit) as shown:
            self._shown, self._board, self._initial = shown, board, initial
            self._side = bool(search.asynchronous) and not search.polled
            self._total = None if limit >= sys.maxsize else limit
            self._takes_facts = callable(getattr(shown, "show_facts", None))
            self._ended = list(board.finished) if self._takes_facts else []
            self._tell_bar()
            try:
                self._show(None)
                yield
            except BaseException as error:
                self._show(None, _why_raised(error))
                raise
            else:
                self._show(None, "" if search.ending is None else search.ending.message)
            finally:
                self._reset()

    def _reset(self) -> None:
        """Forget what was shown, but not what was counted."""
        self._shown, self._takes_facts = progress._NoProgress(), False
        self._ended = []
        self._board = None
        self._side = False
        self._slots: int | None = None
        self._running = 0
        self._initial, self._count = 0, 0
        self._total = None
        self._start = time.monotonic()
        self._due = self._start + _PAUSE_SECONDS
        self._ends: deque[tuple[float, int]] = deque([(self._start, 0)], maxlen=_ENDS)
        self._told = ""

    def trial_ended(self, trial: Trial) -> None:
        """Count a trial, and move the bar."""
        outcome = outcome_of(trial)
        self._failed += outcome == STATUS_FAIL
        self._pruned += outcome == STATUS_PRUNED
        self._count += 1
        if self._takes_facts:
            self._ended.append(trial)
            self._note_end(time.monotonic())
        self._tell_bar()
        self._shown.update(1)

    def _note_end(self, now: float) -> None:
        """Note for the rate that a trial ended now."""
        if len(self._ends) > 1 and now < self._ends[-2][0] + _PAUSE_SECONDS:
            self._ends.pop()
        self._ends.append((now, self._count))

    def trial_failed(self, trial: Trial, error: TrialError) -> None:
        """Keep the error of a trial, in one line."""
        self._failures.append((trial["tid"], brief_error(error.type_name, error.message)))

    def look(self, capacity: int, seconds_left: float | None) -> float | None:
        """Show the facts if it is time, and return how long to wait for the next event at most.

        Called when the search is about to wait, with the trials that may start now, and the
        seconds that are left.
        """
        board = self._board
        if board is None or not self._takes_facts:
            return seconds_left
        if self._side:
            self._running = len(board.running)
            self._slots = self._running + capacity
            self._tell_bar()
        now = time.monotonic()
        if now >= self._due:
            self._show(seconds_left)
            end = time.monotonic()
            pause = min(_SHARE * (end - now), _LONGEST_PAUSE_SECONDS)
            self._due, now = end + max(_PAUSE_SECONDS, pause), end
        if not self._side:  # what waits is the trial itself, or polls at an interval of its own
            return seconds_left
        return self._due - now if seconds_left is None else min(seconds_left, self._due - now)

    # -- what is shown -------------------------------------------------------------------------

    def _tell_bar(self) -> None:
        """Set the text of the bar, if it is a new one."""
        parts, loss = [], float("inf") if self._board is None else self._board.best_loss
        if isfinite(loss):
            parts.append(f"best {self._what}: {-loss if self._maximize else loss:.6g}")
        if self._slots is not None and self._slots > 1:
            parts.append(f"{self._running}/{self._slots} busy")
        if self._pruned:
            parts.append(f"{self._pruned:,} pruned")
        if self._failed:
            parts.append(f"{self._failed:,} failed")
        text = ", ".join(parts)
        if text and text != self._told:
            self._told = self._shown.postfix = text

    def _show(self, seconds_left: float | None, ending: str | None = None) -> None:
        if ending is not None:
            self._slots = None
            self._tell_bar()
        if self._takes_facts:
            self._shown.show_facts(self._facts(seconds_left, ending))

    def _facts(self, seconds_left: float | None, ending: str | None) -> Facts:
        assert self._board is not None
        now, done = time.monotonic(), self._initial + self._count
        per_minute, (since, before), (until, count) = None, self._ends[0], self._ends[-1]
        if until > since:
            per_minute = 60 * (count - before) / (until - since)
        if per_minute and self._total is not None:
            need = max(0.0, 60 * (self._total - done) / per_minute - (now - until))
            seconds_left = need if seconds_left is None else min(need, seconds_left)
        loss = self._board.best_loss
        best = self._find_best(loss) if isfinite(loss) else None
        return Facts(
            done=done,
            total=self._total,
            what=self._what,
            best=None if best is None else (-loss if self._maximize else loss),
            best_tid=None if best is None else best[0]["tid"],
            best_params={} if best is None else best[1],
            running=len(self._board.running),
            slots=self._slots,
            pruned=self._pruned,
            failed=self._failed,
            failures=tuple(self._failures),
            per_minute=per_minute,
            ending=ending,
            seconds=now - self._start,
            seconds_left=None if ending is not None else seconds_left,
            ended=self._ended,
        )

    def _find_best(self, loss: float) -> tuple[Trial, dict[str, Any]] | None:
        """Return the trial with the best loss, and its values."""
        if self._best is None or finite_loss(self._best[0]["result"]) != loss:
            trial = best_of(self._ended)
            self._best = None if trial is None else (trial, self._values(trial))
        return self._best

    def _values(self, trial: Trial) -> dict[str, Any]:
        spec = spec_from_misc(trial["misc"])
        if self._options is None:
            self._options = _options(self._domain)
        options = self._options
        return {
            label: named(options[label], value) if label in options else value
            for label, value in spec.items()
        }


def _options(domain: Any) -> dict[str, list[Any]]:
    """Return names of the options of each choice, none if the space is too large to be read."""
    try:
        return SpaceReader(domain.expr).names()
    except Exception:
        return {}


def _why_raised(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "it was interrupted"
    return f"{type(error).__name__} was raised"
