"""`Entry`: what was read from a document, so that a later reading can tell what changed."""

from __future__ import annotations

from itertools import chain
from math import inf
from typing import Any

from sparktune._trials.documents import Trial

__all__ = ["Entry", "same_values", "values_of"]


def values_of(doc: Trial) -> tuple[Any, ...]:
    """Return the values of the hyperparameters of a trial, not copied."""
    vals = doc["misc"]["vals"].values()
    try:
        return tuple(chain.from_iterable(vals))
    except TypeError:  # a user wrote a value without a list around it
        return tuple(vals)


def same_values(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    """Whether values are identical or equal."""
    try:
        return one == other
    except Exception:  # arrays, which do not compare to a bool
        return False


class Entry:
    """A document, and what was read from it.

    Attributes
    ----------
    place : int
        Where the ledger has the document.
    shows : bool
        Whether the trial is in `Ledger.trials`.
    teaches : bool
        Whether the sampler's history has the trial.
    state : int or None
        One of `JOB_STATES`; None if the document is no longer in the list.
    loss : Any
        The `loss` of its result, None if there is none.
    status : Any
        The `status` of its result.
    source : Any
        The id of the trial that this one was derived from, by default its own.
    rank : float
        The loss if the trial may be the best one, otherwise infinity.
    """

    __slots__ = (
        "_values",
        "doc",
        "loss",
        "place",
        "rank",
        "shows",
        "source",
        "state",
        "status",
        "teaches",
    )

    def __init__(self, doc: Trial, place: int) -> None:
        self.doc = doc
        self.place = place
        self.shows = False
        self.teaches = False
        self.state: int | None = None
        self.loss: Any = None
        self.status: Any = None
        self.source: Any = None
        self.rank = inf
        self._values: tuple[Any, ...] | None = None  # None until they are asked for

    def values(self) -> tuple[Any, ...]:
        """Return the values of the hyperparameters: the same tuple while they are equal."""
        values = values_of(self.doc)
        if self._values is None or not same_values(self._values, values):
            self._values = values
        return self._values

    def has_outcome(self) -> bool:
        """Whether state, loss and status of the document are what was read from it."""
        result = self.doc["result"]
        same = self.doc["state"] == self.state and result.get("loss") is self.loss
        return same and bool(result.get("status") == self.status)

    def is_current(self) -> bool:
        """Whether the document still has what was read from it."""
        doc = self.doc
        misc = doc["misc"]
        return (
            self.has_outcome()
            and bool(misc.get("from_tid", doc["tid"]) == self.source)
            and (self._values is None or same_values(values_of(doc), self._values))
        )
