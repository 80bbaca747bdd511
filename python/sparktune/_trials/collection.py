"""`TrialCollection`: a ledger under the names that Hyperopt's `Trials` has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from sparktune._trials.documents import (
    Misc,
    Result,
    Trial,
    check_trial,
    derived_trial_doc,
    make_plain,
    new_trial_doc,
)
from sparktune._trials.findings import docs_of
from sparktune._trials.history import HistoryFeeder
from sparktune._trials.large import LargeDict
from sparktune._trials.ledger import Ledger
from sparktune.exceptions import InvalidArgument, InvalidArgumentType

if TYPE_CHECKING:
    from sparktune._space.compile import CompiledSpace

__all__ = ["TrialCollection"]

Self = TypeVar("Self", bound="TrialCollection")

# Attributes of Hyperopt's `Trials` that callers read and write; here they belong to the ledger.
_HYPEROPTS = ("_dynamic_trials", "_trials", "_ids", "_exp_key")


def _of_ledger(name: str) -> Any:
    return property(
        lambda trials: getattr(trials._ledger, name),
        lambda trials, value: setattr(trials._ledger, name, value),
    )


class _Attachments:
    """The attachments of one trial, by name."""

    def __init__(self, trials: TrialCollection, trial: Trial) -> None:
        self._trials = trials
        self._trial = trial

    def _key(self, name: str) -> str:
        return self._trials.aname(self._trial, name)

    def __contains__(self, name: str) -> bool:
        return self._key(name) in self._trials.attachments

    def __getitem__(self, name: str) -> Any:
        return self._trials.attachments[self._key(name)]

    def __setitem__(self, name: str, value: Any) -> None:
        self._trials.attachments[self._key(name)] = value

    def __delitem__(self, name: str) -> None:
        del self._trials.attachments[self._key(name)]


class TrialCollection:
    """Keeps the documents of a search; `Trials` adds results and searching.

    Parameters
    ----------
    exp_key : Any, optional
        Only documents with this key belong to the object; None takes all.
    refresh : bool, default True
        Whether to call `refresh` at once.
    """

    asynchronous: bool = False
    attachments: dict[str, Any]

    # On the class, so views, old pickles and subclasses without super().__init__() have them too.
    _feeder: HistoryFeeder | None = None
    _space: CompiledSpace | None = None
    # By label, the distribution, its arguments and conditions in the latest search; pickled, so
    # that the next search can tell another space.
    _distributions: dict[str, tuple[Any, ...]] | None = None
    _journal: str | None = None  # the id of the journal that has the trials

    def __init__(self, exp_key: Any = None, refresh: bool = True) -> None:
        self._exp_key = exp_key
        self.attachments = LargeDict()
        if refresh:
            self.refresh()

    @cached_property
    def _ledger(self) -> Ledger:
        return Ledger()

    _dynamic_trials: list[Trial] = _of_ledger("docs")
    _ids: set[Any] = _of_ledger("ids")
    _exp_key: Any = _of_ledger("exp_key")

    @property
    def _trials(self) -> list[Trial]:
        return self._ledger.trials

    @_trials.setter
    def _trials(self, trials: list[Trial]) -> None:
        self._ledger.show(trials)

    def view(self: Self, exp_key: Any = None, refresh: bool = True) -> Self:
        """Return an object that shares the documents but shows only those of one experiment.

        Parameters
        ----------
        exp_key : Any, optional
            The experiment; None shows all.
        refresh : bool, default True
            Whether to call `refresh` on it at once.
        """
        view = object.__new__(type(self))
        vars(view)["_ledger"] = Ledger(self._dynamic_trials, exp_key, self._ids)
        view.attachments = self.attachments
        if refresh:
            view.refresh()
        return view

    def _showing(self: Self, trials: list[Trial]) -> Self:
        """Return a view whose `trials` is the given list; all else is shared."""
        view = object.__new__(type(self))
        vars(view).update(vars(self))
        vars(view)["_ledger"] = Ledger(self._dynamic_trials, self._exp_key, self._ids)
        view._feeder = None
        view._trials = trials
        return view

    def __getstate__(self) -> dict[str, Any]:
        # Derived objects are rebuilt on demand, and a space may hold what cannot be pickled.
        dropped = ("_ledger", "_feeder", "_space")
        state = {key: value for key, value in vars(self).items() if key not in dropped}
        return state | {name: getattr(self, name) for name in _HYPEROPTS}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            if name not in ("_listed", "_listed_of"):  # from pickles older than the ledger
                setattr(self, name, value)
        if type(self.attachments) is dict:  # as which a `LargeDict` is pickled
            self.attachments = LargeDict(self.attachments)
        self._ledger.restore()

    def __iter__(self) -> Iterator[Trial]:
        return iter(self._trials)

    def __len__(self) -> int:
        return len(self._trials)

    def __getitem__(self, item: Any) -> Any:
        raise NotImplementedError(
            "Trials cannot be indexed, since a position is not a trial id; "
            "use `trials.trials[position]`."
        )

    # -- attachments ---------------------------------------------------------------------------

    def aname(self, trial: Trial, name: str) -> str:
        """Return the key in `attachments` of the attachment `name` of `trial`."""
        return f"ATTACH::{trial['tid']}::{name}"

    def trial_attachments(self, trial: Trial) -> Any:
        """Return the attachments of a trial, by name.

        Parameters
        ----------
        trial : Trial
            The document.

        Returns
        -------
        object
            Supports ``in``, ``[name]``, ``[name] = value`` and ``del [name]``.
        """
        return _Attachments(self, trial)

    # -- documents -----------------------------------------------------------------------------

    def refresh(self) -> None:
        """Bring `trials` in line with the documents; reads all of them.

        Call it after you changed documents by hand. Documents that were inserted then appear in
        `trials`, and those of trials that ended with ERROR or CANCEL leave it.
        """
        self._ledger.refresh()

    def _history_for(self, space: CompiledSpace) -> HistoryFeeder:
        """Return the feeder of the sampler of `space`."""
        if self._feeder is None or self._feeder.space is not space:
            self._feeder = HistoryFeeder(self._ledger, space)
        return self._feeder

    def assert_valid_trial(self, trial: Trial | dict[str, Any]) -> Trial:
        """Check that something is a trial document.

        Parameters
        ----------
        trial : dict
            The document.

        Returns
        -------
        Trial
            The same object.

        Raises
        ------
        InvalidTrial
            If it is not a dict, lacks a key, contradicts itself or is of another experiment.
        """
        return check_trial(trial, self._ledger.exp_key)

    def _insert_trial_docs(self, docs: Iterable[Trial]) -> list[Any]:
        """Append documents without a check, and return their ids."""
        docs = list(docs)
        tids = [doc["tid"] for doc in docs]
        ledger = self._ledger
        ledger.docs.extend(docs)
        ledger.ids.update(tids)
        return tids

    def insert_trial_doc(self, doc: Trial | dict[str, Any]) -> Any:
        """Check and append one document; it shows in `trials` after the next `refresh`.

        Parameters
        ----------
        doc : Trial
            Kept, not copied. NumPy scalars among its values become Python numbers.

        Returns
        -------
        int
            Its id.

        Raises
        ------
        InvalidTrial
            See `assert_valid_trial`.
        """
        return self._insert_trial_docs([make_plain(self.assert_valid_trial(doc))])[0]

    def insert_trial_docs(self, docs: Iterable[Trial | dict[str, Any]]) -> list[Any]:
        """Check and append documents; they show in `trials` after the next `refresh`.

        Parameters
        ----------
        docs : iterable of Trial
            As `new_trial_docs` returns them; if one is wrong, none is inserted. NumPy scalars
            among their values become Python numbers.

        Returns
        -------
        list of int
            Their ids.

        Raises
        ------
        InvalidTrial
            See `assert_valid_trial`.
        """
        if not hasattr(docs, "__iter__"):
            raise InvalidArgumentType(f"`docs` must be documents of trials; got {docs!r}.")
        checked = [self.assert_valid_trial(doc) for doc in docs]
        return self._insert_trial_docs([make_plain(doc) for doc in checked])

    def new_trial_ids(self, n: int) -> list[int]:
        """Reserve ids.

        Parameters
        ----------
        n : int
            How many.

        Returns
        -------
        list of int
            Consecutive ids, from the number of ids given so far; higher if documents that were
            inserted by hand have one of these.

        Raises
        ------
        InvalidArgument
            If `n` is not an int of at least 0.
        """
        if not isinstance(n, (int, np.integer)):
            raise InvalidArgumentType(f"`n` must be an int; got {n!r}.")
        if n < 0:
            raise InvalidArgument(f"`n` must be at least 0; got {n}.")
        ids = self._ledger.ids
        tids = range(len(ids), len(ids) + n)
        if not ids.isdisjoint(tids):
            first = 1 + max(tid for tid in ids if isinstance(tid, (int, np.integer)))
            tids = range(first, first + n)
        ids.update(tids)
        return list(tids)

    def new_trial_docs(
        self,
        tids: Sequence[int],
        specs: Sequence[Any],
        results: Sequence[Result],
        miscs: Sequence[Misc],
    ) -> list[Trial]:
        """Return the documents of trials that have not started; does not insert them.

        Parameters
        ----------
        tids, specs, results, miscs : sequence
            One entry per trial.
        """
        exp_key = self._ledger.exp_key
        rows = zip(tids, specs, results, miscs, strict=True)
        return [new_trial_doc(*row, exp_key) for row in rows]

    def source_trial_docs(
        self,
        tids: Sequence[int],
        specs: Sequence[Any],
        results: Sequence[Result],
        miscs: Sequence[Misc],
        sources: Sequence[Trial],
    ) -> list[Trial]:
        """Return documents of trials that were derived from others.

        Parameters
        ----------
        tids, specs, results, miscs : sequence
            One entry per trial. Each `misc` gets the keys `tid`, `cmd` and `from_tid`.
        sources : sequence of Trial
            Where state, owner, times and experiment come from.

        Raises
        ------
        InvalidTrial
            If a `misc` already has another `tid`, `cmd` or `from_tid`.
        """
        rows = zip(tids, specs, results, miscs, sources, strict=True)
        return [derived_trial_doc(*row) for row in rows]

    def delete_all(self) -> None:
        """Forget all trials and attachments; ids that were given are not given again."""
        self._dynamic_trials = []
        self.attachments = LargeDict()
        self.refresh()

    def _all_docs(self) -> list[Trial]:
        """Return the documents in any state, of this experiment."""
        return list(docs_of(self))

    @property
    def trials(self) -> list[Trial]:
        """Documents of trials that are new, running or done."""
        return self._trials
