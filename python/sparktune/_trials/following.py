"""`ledger_of`: the ledger of any trials, also of classes that keep documents in their own way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from sparktune._trials.collection import TrialCollection
from sparktune._trials.documents import Misc, Result, Trial
from sparktune._trials.ledger import Ledger

__all__ = ["FollowingLedger", "SupportsTrials", "ledger_of"]


class SupportsTrials(Protocol):
    """What a search needs from trials, ours or of classes written for Hyperopt."""

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
    """The ledger of an object that keeps its documents itself, of another package's class, say."""

    def __init__(self, trials: SupportsTrials) -> None:
        super().__init__()
        self._owner = trials

    def take_in(self) -> None:
        """Call the object's `refresh`."""
        self._owner.refresh()

    def update(self) -> None:
        """Record what changed in the object's documents; compares all of them."""
        self.docs = self._owner._dynamic_trials
        self.exp_key = getattr(self._owner, "_exp_key", None)
        self.refresh()
        self.follow()

    def changed(self, doc: Trial) -> None:
        """Call the object's `refresh`, and record what changed."""
        self._owner.refresh()
        self.update()


def ledger_of(trials: SupportsTrials, polled: bool = False) -> Ledger:
    """Return the ledger of trials, or one that follows them if their class has its own ways.

    Such a class overrides `refresh` or `_insert_trial_docs`, or is not ours. If `polled`, other
    processes change documents at any time, so all have to be compared.
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
