"""`EarlyStopping`: asks the function that may end a search early."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sparktune._search.arguments import checked_verdict
from sparktune._search.board import Board
from sparktune._search.signatures import EarlyStop

__all__ = ["EarlyStopping"]


class EarlyStopping:
    """Shows it the trials that are done, and keeps what it returns for its next call.

    Parameters
    ----------
    board : Board
        Knows the trials that are done.
    """

    def __init__(self, board: Board) -> None:
        self._board = board
        self.args: Any = []

    def ask(self, stop_fn: EarlyStop | None) -> bool:
        """Whether the search has to end."""
        if stop_fn is None:
            return False
        stop, self.args = checked_verdict(stop_fn(self._board.finished_view(), *self.args))
        return bool(stop)

    def recall(self, stop_fn: EarlyStop | None, order: Sequence[int]) -> bool:
        """Ask about trials that another process has run, as if they ended here in this order.

        So the function, and its arguments, are as they were in that process. Returns the last
        answer.
        """
        finished, stop = self._board.finished, False
        place = {tid: at for at, tid in enumerate(order)}
        done = sorted(finished, key=lambda doc: place.get(doc["tid"], -1))
        finished.clear()
        for doc in done:
            finished.append(doc)
            stop = self.ask(stop_fn)
        return stop
