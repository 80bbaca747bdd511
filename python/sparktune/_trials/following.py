"""`ledger_of`: the ledger of any trials, also of classes that keep documents in their own way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from sparktune._trials.collection import TrialCollection
from sparktune._trials.documents import Misc, Result, Trial
from sparktune._trials.ledger import Ledger

__all__ = ["FollowingLedger", "SupportsTrials", "ledger_of"]


class SupportsTrials(Protocol):
    """What a search needs of trials, which ours have and Hyperopt's."""

    @property
    def _dynamic_trials(self) -> list[Trial]: ...

    @property
    def trials(self) -> list[Trial]:
        """Documents of trials that are new, running or done."""

    def refresh(self) -> None:
        """Bring `trials` in line with the documents."""

    def new_trial_docs(
        self,
        tids: Sequence[int],
        specs: Sequence[Any],
        results: Sequence[Result],
        miscs: Sequence[Misc],
    ) -> list[Trial]:
        """Return the documents of trials that have not started."""


class FollowingLedger(Ledger):
    """The ledger of an object that keeps its documents itself: somebody else's class of trials.

    Parameters
    ----------
    trials : SupportsTrials
        The object. Its `refresh` is called after each change, and `update` looks at all documents.
    """

    def __init__(self, trials: SupportsTrials) -> None:
        super().__init__()
        self._owner = trials

    def take_in(self) -> None:
        """Call the object's `refresh`."""
        self._owner.refresh()

    def update(self) -> None:
        """Write down what changed in the object's documents."""
        self.docs = self._owner._dynamic_trials
        self.exp_key = getattr(self._owner, "_exp_key", None)
        self.refresh()
        self.follow()

    def changed(self, doc: Trial) -> None:
        """Call the object's `refresh`, and write down what changed."""
        self._owner.refresh()
        self.update()


def ledger_of(trials: SupportsTrials, polled: bool = False) -> Ledger:
    """Return the ledger of trials, or one that follows them if they have their own ways.

    Parameters
    ----------
    trials : SupportsTrials
        Ours, a subclass that overrides `refresh` or `_insert_trial_docs`, or any object with
        Hyperopt's methods.
    polled : bool, default False
        Whether others change documents at any time, so that all have to be looked at.
    """
    kind = type(trials)
    if (
        not polled
        and isinstance(trials, TrialCollection)
        and kind.refresh is TrialCollection.refresh
        and kind._insert_trial_docs is TrialCollection._insert_trial_docs  # type: ignore[attr-defined]
    ):
        return trials._ledger
    return FollowingLedger(trials)
