"""`TrialCollection`: documents, which of them count, and ids; what `Trials` is built on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from sparktune._trials.documents import (
    JOB_VALID_STATES,
    TRIAL_KEYS,
    TRIAL_MISC_KEYS,
    Trial,
    new_trial_doc,
)
from sparktune.exceptions import InvalidTrial

if TYPE_CHECKING:
    from sparktune._space.compile import CompiledSpace
    from sparktune._tracking.base import ResumedSearch
    from sparktune._trials.history import HistoryCache

__all__ = ["TrialCollection"]

Self = TypeVar("Self", bound="TrialCollection")


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
    """Keeps trial documents, and a list of those that count in step with them."""

    asynchronous: bool = False

    # On the class, so that views, old pickles and subclasses without super().__init__() have them.
    _history: HistoryCache | None = None
    _space: CompiledSpace | None = None
    _resumed: ResumedSearch | None = None  # where the trials were read from
    _listed: int = 0  # how many of _dynamic_trials have been looked at for _trials ...
    _listed_of: list[Trial] | None = None  # ... and the list that this was

    def __init__(self, exp_key: Any = None, refresh: bool = True) -> None:
        self._ids: set[Any] = set()
        self._dynamic_trials: list[Trial] = []
        self._trials: list[Trial]
        self._exp_key = exp_key
        self.attachments: dict[str, Any] = {}
        if refresh:
            self.refresh()

    def view(self: Self, exp_key: Any = None, refresh: bool = True) -> Self:
        """Return an object that shares the documents and shows those of one experiment.

        Parameters
        ----------
        exp_key : Any, optional
            The experiment; None shows all.
        refresh : bool, default True
            Whether to call `refresh` on it at once.
        """
        view = object.__new__(type(self))
        view._exp_key = exp_key
        view._ids = self._ids
        view._dynamic_trials = self._dynamic_trials
        view.attachments = self.attachments
        if refresh:
            view.refresh()
        return view

    def _showing(self: Self, trials: list[Trial]) -> Self:
        """Return a cheap view whose `trials` is the given list; all else is shared."""
        view = object.__new__(type(self))
        view.__dict__.update(self.__dict__)
        view._history = None
        view._trials = trials
        return view

    def __getstate__(self) -> dict[str, Any]:
        # The caches are rebuilt on demand, and a space may hold what pickle refuses.
        dropped = ("_history", "_space")
        return {key: value for key, value in self.__dict__.items() if key not in dropped}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

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

    def _shows(self, doc: Trial) -> bool:
        return doc["state"] in JOB_VALID_STATES and (
            self._exp_key is None or doc["exp_key"] == self._exp_key
        )

    def refresh(self) -> None:
        """Bring `trials` in line with the documents; reads all of them.

        Call it after you changed documents by hand. New documents and trials that ERROR or CANCEL
        ended appear in or leave `trials` by it.
        """
        # As `_shows` says, but this reads all documents: a call each would be most of the cost.
        docs, key = self._dynamic_trials, self._exp_key
        if key is None:
            self._trials = [doc for doc in docs if doc["state"] in JOB_VALID_STATES]
        else:
            self._trials = [doc for doc in docs if self._shows(doc)]
        self._ids.update([doc["tid"] for doc in self._trials])
        self._listed = len(self._dynamic_trials)
        self._listed_of = self._dynamic_trials

    @property
    def _cheaply_refreshed(self) -> bool:
        kind = type(self)
        return (
            kind.refresh is TrialCollection.refresh
            and kind._insert_trial_docs is TrialCollection._insert_trial_docs
        )

    def _note_inserted(self) -> None:
        """Do what `refresh` would do, given that documents were only appended."""
        docs = self._dynamic_trials
        if self._listed_of is not docs or self._listed > len(docs) or not self._cheaply_refreshed:
            self.refresh()
            return
        for doc in docs[self._listed :]:
            if self._shows(doc):
                self._trials.append(doc)
                self._ids.add(doc["tid"])
        self._listed = len(docs)

    def _note_changed(self, doc: Trial) -> None:
        """Do what `refresh` would do, given that only `doc` changed."""
        if not self._cheaply_refreshed or self._listed_of is not self._dynamic_trials:
            self.refresh()
            return
        if self._history is not None:
            self._history.note(doc)
        if not self._shows(doc):
            # From the end: what changes is nearly always recent.
            for position in range(len(self._trials) - 1, -1, -1):
                if self._trials[position] is doc:
                    del self._trials[position]
                    break

    def _history_for(self, space: CompiledSpace) -> HistoryCache:
        """Return the cache that feeds the sampler of `space` with these trials."""
        if self._history is None or self._history.space is not space:
            from sparktune._trials.history import HistoryCache

            self._history = HistoryCache(space)
        return self._history

    def assert_valid_trial(self, trial: Trial) -> Trial:
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
            If it is no dict, lacks a key, contradicts itself or is of another experiment.
        """
        if not (hasattr(trial, "keys") and hasattr(trial, "values")):
            raise InvalidTrial("A trial must be a dict; got", trial)
        for key in TRIAL_KEYS:
            if key not in trial:
                raise InvalidTrial(f"A trial must have the key {key!r}; got", trial)
        for key in TRIAL_MISC_KEYS:
            if key not in trial["misc"]:
                raise InvalidTrial(f"The `misc` of a trial must have {key!r}; got", trial["misc"])
        if trial["tid"] != trial["misc"]["tid"]:
            raise InvalidTrial(
                "A trial must have the same `tid` in itself and in its `misc`; got",
                (trial["tid"], trial["misc"]["tid"]),
            )
        if trial["exp_key"] != self._exp_key:
            raise InvalidTrial(
                f"A trial must have the `exp_key` of its Trials, {self._exp_key!r}; got",
                repr(trial["exp_key"]),
            )
        return trial

    def _insert_trial_docs(self, docs: Iterable[Trial]) -> list[Any]:
        """Append documents without a check; returns their ids."""
        docs = list(docs)
        tids = [doc["tid"] for doc in docs]
        self._dynamic_trials.extend(docs)
        self._ids.update(tids)
        return tids

    def insert_trial_doc(self, doc: Trial) -> Any:
        """Check and append one document; it shows in `trials` after the next `refresh`.

        Parameters
        ----------
        doc : Trial
            Kept as it is, not copied.

        Returns
        -------
        int
            Its id.

        Raises
        ------
        InvalidTrial
            See `assert_valid_trial`.
        """
        return self._insert_trial_docs([self.assert_valid_trial(doc)])[0]

    def insert_trial_docs(self, docs: Iterable[Trial]) -> list[Any]:
        """Check and append documents; they show in `trials` after the next `refresh`.

        Parameters
        ----------
        docs : iterable of Trial
            Such as `new_trial_docs` returns; none is inserted when one is wrong.

        Returns
        -------
        list of int
            Their ids.

        Raises
        ------
        InvalidTrial
            See `assert_valid_trial`.
        """
        return self._insert_trial_docs([self.assert_valid_trial(doc) for doc in docs])

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
        """
        first = len(self._ids)
        if any(tid in self._ids for tid in range(first, first + n)):
            first = 1 + max(tid for tid in self._ids if isinstance(tid, (int, np.integer)))
        tids = list(range(first, first + n))
        self._ids.update(tids)
        return tids

    def new_trial_docs(
        self,
        tids: Sequence[int],
        specs: Sequence[Any],
        results: Sequence[dict[str, Any]],
        miscs: Sequence[dict[str, Any]],
    ) -> list[Trial]:
        """Return the documents of trials that have not started; does not insert them.

        Parameters
        ----------
        tids, specs, results, miscs : sequence
            One entry a trial.
        """
        return [
            new_trial_doc(tid, spec, result, misc, self._exp_key)
            for tid, spec, result, misc in zip(tids, specs, results, miscs, strict=True)
        ]

    def source_trial_docs(
        self,
        tids: Sequence[int],
        specs: Sequence[Any],
        results: Sequence[dict[str, Any]],
        miscs: Sequence[dict[str, Any]],
        sources: Sequence[Trial],
    ) -> list[Trial]:
        """Return documents of trials that were derived from others.

        Parameters
        ----------
        tids, specs, results, miscs : sequence
            One entry a trial. Each `misc` gets the keys `tid`, `cmd` and `from_tid`.
        sources : sequence of Trial
            Where state, owner, times and experiment come from.

        Raises
        ------
        InvalidTrial
            If a `misc` already has another `tid`, `cmd` or `from_tid`.
        """
        docs = []
        for tid, spec, result, misc, source in zip(
            tids, specs, results, miscs, sources, strict=True
        ):
            doc = new_trial_doc(tid, spec, result, misc)
            for key in ("state", "exp_key", "owner", "book_time", "refresh_time"):
                doc[key] = source[key]
            for key, value in (("tid", tid), ("cmd", None), ("from_tid", source["tid"])):
                if misc.setdefault(key, value) != value:
                    raise InvalidTrial(f"The `misc` of a derived trial has another {key!r}:", misc)
            docs.append(doc)
        return docs

    def delete_all(self) -> None:
        """Forget all trials and attachments; ids that were given are not given again."""
        self._dynamic_trials = []
        self.attachments = {}
        self.refresh()

    @property
    def trials(self) -> list[Trial]:
        """Documents of trials that are new, running or done."""
        return self._trials
