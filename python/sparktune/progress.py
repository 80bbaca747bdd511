"""Progress of a search, shown by context managers.

A progress callback takes `initial` (trials done before) and `total` (`max_evals`) and returns a
context manager. The object that it yields has a method ``update(n)``, called as trials end, and
gets an attribute ``postfix``, a text with the best loss and the number of failed trials.
`show_progressbar` of `fmin` takes your own callback.
"""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Iterator
from typing import Any

from sparktune._listing import listing

__all__ = ["default_callback", "no_progress_callback", "tqdm_progress_callback"]

__dir__ = listing(__all__)


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

    with tqdm(
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
