"""Progress of a search, shown by context managers.

A progress callback takes `initial` (trials done before) and `total` (`max_evals`) and returns a
context manager. The object that it yields has a method ``update(n)``, called as trials end, and
gets an attribute ``postfix``, a text with the best loss and how many trials were pruned and failed.

If the object has a method ``show_facts(facts)``, this is called with `Facts`: at the start, at the
end, and in between at most twice per second, however many trials end. Its `postfix` also says how
many slots are busy, if trials run side by side.

`show_progressbar` of `fmin` takes your own callback. The default shows the live view in notebooks,
and the bar of `tqdm_progress_callback` elsewhere.
"""

from __future__ import annotations

import contextlib
import sys
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sparktune._listing import listing

__all__ = ["Facts", "default_callback", "no_progress_callback", "tqdm_progress_callback"]

__dir__ = listing(__all__)

# A bar in a terminal is drawn again after so many seconds, although nothing has changed: its clock
# goes on, and what Spark writes over it does not stay.
_AGAIN_SECONDS = 1.0


@dataclass(frozen=True)
class Facts:
    """How a search goes, at one moment.

    Attributes
    ----------
    done : int
        Trials that ended, those of earlier searches too.
    total : int or None
        `max_evals`; None if there is no bound.
    what : str
        "loss"; "score" if the search maximizes.
    best : float or None
        The best loss or score so far.
    best_tid : int or None
        The trial that has it.
    best_params : dict
        Its values by label; choices have the names of their options.
    running : int
        Trials that run.
    slots : int or None
        How many may run at once; None if they run one by one or are run by others.
    pruned, failed : int
        Trials of this search.
    failures : tuple of (tid, str)
        The last trials that raised, each with its error in one line.
    per_minute : float or None
        Trials that end per minute, measured over the last ones.
    ending : str or None
        Once the search has ended: why, empty if all trials were evaluated.
    seconds : float
        Since the search began.
    seconds_left : float or None
        About how long it goes on; None if that is unknown.
    ended : sequence of dict
        The documents of the trials that ended, in this order; it grows while the search goes on.
    """

    done: int = 0
    total: int | None = None
    what: str = "loss"
    best: float | None = None
    best_tid: Any = None
    best_params: Mapping[str, Any] = field(default_factory=dict)
    running: int = 0
    slots: int | None = None
    pruned: int = 0
    failed: int = 0
    failures: tuple[tuple[Any, str], ...] = ()
    per_minute: float | None = None
    ending: str | None = None
    seconds: float = 0.0
    seconds_left: float | None = None
    ended: Sequence[Any] = ()


@contextlib.contextmanager
def tqdm_progress_callback(initial: int, total: int) -> Iterator[Any]:
    """Show a tqdm bar: a widget in notebooks, else a line on standard error.

    Parameters
    ----------
    initial : int
        Trials that were done before.
    total : int
        `max_evals`; ``sys.maxsize`` means that there is no bound.
    """
    # Imported here: it is slow, and many searches show no bar. Standard output and error are left
    # as they are, so that bars and prints of the objective work.
    with warnings.catch_warnings():
        # In a notebook without ipywidgets the bar is a line of text, which is fine.
        warnings.filterwarnings("ignore", message="IProgress not found")
        from tqdm.auto import tqdm

    class Bar(tqdm):  # type: ignore[misc]
        """A bar that is drawn again when its text changes between two trials."""

        _said: Any = None
        _said_at = 0.0

        def display(self, *args: Any, **kwargs: Any) -> Any:
            self._said, self._said_at = self.postfix, time.monotonic()
            return super().display(*args, **kwargs)

        def show_facts(self, facts: Facts) -> None:
            # Elsewhere, as in the log of a job, each drawing would be one more line.
            terminal = getattr(self.fp, "isatty", bool)()
            if self.postfix != self._said or (
                terminal and time.monotonic() >= self._said_at + _AGAIN_SECONDS
            ):
                self.refresh()

    with Bar(
        total=None if total >= sys.maxsize else total,
        initial=initial,
        postfix="best loss: ?",
        dynamic_ncols=True,
        unit="trial",
    ) as bar:
        yield bar


class _NoProgress:
    postfix = ""

    def update(self, n: int) -> None:
        """Do nothing."""


@contextlib.contextmanager
def no_progress_callback(initial: int, total: int) -> Iterator[Any]:
    """Show nothing.

    Parameters
    ----------
    initial, total : int
        As for `tqdm_progress_callback`.
    """
    yield _NoProgress()


default_callback = tqdm_progress_callback
