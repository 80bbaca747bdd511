"""`Trials`: the documents of a search, in memory."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from sparktune.documents import (
    JOB_STATE_DONE,
    JOB_STATE_ERROR,
    JOB_STATE_NEW,
    JOB_STATE_RUNNING,
    JOB_STATES,
    JOB_VALID_STATES,
    STATUS_OK,
    TRIAL_KEYS,
    TRIAL_MISC_KEYS,
    Trial,
    finite_loss,
    miscs_to_idxs_vals,
    new_trial_doc,
    spec_from_misc,
)
from sparktune.exceptions import AllTrialsFailed, InvalidTrial, SparktuneError
from sparktune.utils import pmin_sampled

if TYPE_CHECKING:
    import pandas as pd

    from sparktune.compile import CompiledSpace
    from sparktune.domain import Domain
    from sparktune.history import HistoryCache
    from sparktune.runner import Runner, RunnerOptions
    from sparktune.tracking.base import ResumedSearch

__all__ = ["Trials", "trials_from_docs"]

logger = logging.getLogger("sparktune.trials")

Self = TypeVar("Self", bound="Trials")


class _Attachments:
    """The attachments of one trial, by name."""

    def __init__(self, trials: Trials, trial: Trial) -> None:
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


class Trials:
    """The trials of a search, as live documents that callers may read and change.

    Parameters
    ----------
    exp_key : Any, optional
        Only documents with this key belong to the object; None takes all.
    refresh : bool, default True
        Whether to call `refresh` at once.

    Attributes
    ----------
    attachments : dict
        Attachments of all trials; see `trial_attachments`.
    asynchronous : bool
        Whether trials run while the search goes on.

    Notes
    -----
    May be subclassed. A subclass that overrides `refresh` or `_insert_trial_docs` (to keep the
    documents somewhere else, say) has them called after each change; otherwise the search updates
    the object in time proportional to what changed.
    """

    asynchronous: bool = False

    # On the class, so that views, old pickles and subclasses without super().__init__() have them.
    _history: HistoryCache | None = None
    _space_expr: Any = None
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
        dropped = ("_history", "_space_expr")
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

    @classmethod
    def from_mlflow(
        cls: type[Self], run_id: str, *, fmin_uuid: str | None = None, **kwargs: Any
    ) -> Self:
        """Read the trials of a search back from MLflow, so that `fmin` can go on with it.

        The trials have the values, types, results and errors that they had; attachments and what is
        no plain data in results is lost. Trials that had not ended are new and run again, into the
        runs that they have. `fmin` goes on to `max_evals` in the same parent run, and refuses
        another space.

        Parameters
        ----------
        run_id : str
            The parent run, in the store that ``mlflow.set_tracking_uri`` or the environment names.
        fmin_uuid : str, optional
            The search's tag of that name, if several searches were recorded in the run.
        **kwargs : Any
            Passed to the class, such as `parallelism` of `SparkTrials`.

        Raises
        ------
        ImportError
            If MLflow is not installed.
        InvalidArgument
            If there is no such run, or no such search in it.
        """
        from sparktune.tracking.resume import read_search

        docs, resumed = read_search(run_id, fmin_uuid)
        trials = cls(**kwargs)
        for doc in docs:
            doc["exp_key"] = trials._exp_key
        trials.insert_trial_docs(docs)
        trials.refresh()
        trials._resumed = resumed
        return trials

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
            kind.refresh is Trials.refresh and kind._insert_trial_docs is Trials._insert_trial_docs
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
            from sparktune.history import HistoryCache

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

    # -- what the trials say -------------------------------------------------------------------

    @property
    def trials(self) -> list[Trial]:
        """Documents of trials that are new, running or done."""
        return self._trials

    @property
    def tids(self) -> list[Any]:
        """Ids of `trials`."""
        return [doc["tid"] for doc in self._trials]

    @property
    def specs(self) -> list[Any]:
        """`spec` of each of `trials`."""
        return [doc["spec"] for doc in self._trials]

    @property
    def results(self) -> list[dict[str, Any]]:
        """`result` of each of `trials`."""
        return [doc["result"] for doc in self._trials]

    @property
    def miscs(self) -> list[dict[str, Any]]:
        """`misc` of each of `trials`."""
        return [doc["misc"] for doc in self._trials]

    @property
    def idxs_vals(self) -> tuple[dict[str, list[int]], dict[str, list[Any]]]:
        """The pair of `idxs` and `vals`."""
        return miscs_to_idxs_vals(self.miscs)

    @property
    def idxs(self) -> dict[str, list[int]]:
        """For each label, the ids of the trials in which it is active."""
        return self.idxs_vals[0]

    @property
    def vals(self) -> dict[str, list[Any]]:
        """For each label, its values in the trials in which it is active."""
        return self.idxs_vals[1]

    def count_by_state_synced(self, arg: Any, trials: Iterable[Trial] | None = None) -> int:
        """Count trials by state.

        Parameters
        ----------
        arg : int or iterable of int
            One or more of `JOB_STATES`.
        trials : iterable of Trial, optional
            By default `trials` as of the last `refresh`.

        Raises
        ------
        TypeError
            If `arg` is neither a state nor several.
        """
        if not hasattr(arg, "__iter__") and arg in JOB_STATES:
            states = {arg}
        elif hasattr(arg, "__iter__") and all(state in JOB_STATES for state in arg):
            states = set(arg)
        else:
            raise TypeError(f"`arg` must be one of {JOB_STATES} or several of them; got {arg!r}.")
        return sum(doc["state"] in states for doc in (self._trials if trials is None else trials))

    def count_by_state_unsynced(self, arg: Any) -> int:
        """Count trials by state as they are now, ERROR and CANCEL included.

        Parameters
        ----------
        arg : int or iterable of int
            One or more of `JOB_STATES`.
        """
        docs: Iterable[Trial] = self._dynamic_trials
        if self._exp_key is not None:
            docs = (doc for doc in docs if doc["exp_key"] == self._exp_key)
        return self.count_by_state_synced(arg, trials=docs)

    def losses(self, bandit: Domain | None = None) -> list[Any]:
        """Return the loss of each of `trials`, None where there is none.

        Parameters
        ----------
        bandit : Domain, optional
            Its `loss` method is used instead of ``result.get("loss")``.
        """
        if bandit is None:
            return [result.get("loss") for result in self.results]
        return [
            bandit.loss(result, spec) for result, spec in zip(self.results, self.specs, strict=True)
        ]

    def statuses(self, bandit: Domain | None = None) -> list[Any]:
        """Return the status of each of `trials`.

        Parameters
        ----------
        bandit : Domain, optional
            Its `status` method is used instead of ``result.get("status")``.
        """
        if bandit is None:
            return [result.get("status") for result in self.results]
        return [
            bandit.status(result, spec)
            for result, spec in zip(self.results, self.specs, strict=True)
        ]

    def average_best_error(self, bandit: Domain | None = None) -> float:
        """Return the true loss of the best trial, allowing for uncertain losses.

        Where results have a `loss_variance`, it is the mean of their `true_loss` (by default the
        `loss`) weighted by the probability that each is the best. Only trials with status ``'ok'``
        and a finite loss count.

        Parameters
        ----------
        bandit : Domain, optional
            Its methods are used instead of the keys of the results.

        Raises
        ------
        ValueError
            If no trial counts.
        """
        rows = []
        for result, spec in zip(self.results, self.specs, strict=True):
            if bandit is None:
                if finite_loss(result) is None:
                    continue
                loss = result["loss"]
                row = (loss, result.get("loss_variance", 0), result.get("true_loss", loss))
            else:
                if bandit.status(result) != STATUS_OK:
                    continue
                row = (
                    bandit.loss(result, spec),
                    bandit.loss_variance(result, spec),
                    bandit.true_loss(result, spec),
                )
                if not np.all(np.isfinite(row)):
                    raise ValueError(f"Loss, its variance and true loss must be finite; got {row}.")
            rows.append(row)
        if not rows:
            raise ValueError("No trial ended with status 'ok' and a finite loss.")
        table = np.asarray(sorted(rows), dtype=float)
        loss, variance, true_loss = table.T
        if not variance.any():
            return float(true_loss[0])
        rivals = int(np.searchsorted(loss, loss[0] + 3 * np.sqrt(variance[0]), side="left"))
        chance = pmin_sampled(loss[:rivals], variance[:rivals])
        return float((chance * true_loss[:rivals]).sum())

    @property
    def best_trial(self) -> Trial:
        """The trial with the lowest finite loss among those with status ``'ok'``.

        Raises
        ------
        AllTrialsFailed
            If there is none. The message shows why the first failure happened.
        """
        best, lowest = None, np.inf
        for doc in self.trials:
            loss = finite_loss(doc["result"])
            if loss is not None and loss < lowest:
                best, lowest = doc, loss
        if best is None:
            raise AllTrialsFailed(self._why_no_best())
        return best

    def _why_no_best(self) -> str:
        counts = {
            "failed": self.count_by_state_unsynced(JOB_STATE_ERROR),
            "done, but without a finite loss": self.count_by_state_unsynced(JOB_STATE_DONE),
            "not finished": self.count_by_state_unsynced([JOB_STATE_NEW, JOB_STATE_RUNNING]),
        }
        shown = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
        # Begins as Hyperopt's message does where there is nothing to choose from.
        none_left = "" if self._trials else "There are no evaluation tasks to choose from. "
        message = (
            f"{none_left}No trial ended with status 'ok' and a finite loss, so there is no best "
            f"trial ({shown or 'there are no trials'})."
        )
        failure = first_failure(self._dynamic_trials)
        return f"{message} The first failure:\n{failure}" if failure else message

    @property
    def argmin(self) -> dict[str, Any]:
        """Values of the best trial by label, inactive ones absent; of a choice the position.

        Raises
        ------
        AllTrialsFailed
            If there is no best trial.
        """
        return {
            label: values[0] for label, values in self.best_trial["misc"]["vals"].items() if values
        }

    @property
    def best_run_id(self) -> str:
        """The MLflow run of the best trial.

        Raises
        ------
        AllTrialsFailed
            If there is no best trial.
        SparktuneError
            If the trial was not recorded in MLflow.
        """
        best = self.best_trial
        run_id = best["misc"].get("run_id")
        if run_id is None:
            raise SparktuneError(
                f"The best trial, {best['tid']}, has no MLflow run. Hint: record the search with "
                "fmin(..., mlflow=True)."
            )
        return str(run_id)

    def to_pandas(self) -> pd.DataFrame:
        """Return a table with a row a trial, failed and cancelled ones included.

        Returns
        -------
        pandas.DataFrame
            ``tid``, ``state``, ``status``, ``loss``, ``start_time``, ``end_time``, ``run_id`` and
            ``params.<label>`` for each hyperparameter: its value, of a choice what it chose (as
            text where that is no plain value), missing where it was inactive. Before a search with
            this object, as after loading it, the space is unknown, and choices have positions.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        from sparktune.table import trials_table

        docs = [doc for doc in self._dynamic_trials
                if self._exp_key is None or doc["exp_key"] == self._exp_key]  # fmt: skip
        return trials_table(docs, self._space_expr)

    @property
    def best_params(self) -> Any:
        """The best trial's point as the objective saw it: choices by value, not position.

        Raises
        ------
        AllTrialsFailed
            If there is no best trial.
        SparktuneError
            If no search has run with this object since it was made or unpickled.
        """
        if self._space_expr is None:
            raise SparktuneError(
                "`best_params` must know the space, and this object has not been used in a search "
                "since it was made or loaded; use `space_eval(space, trials.argmin)`."
            )
        from sparktune.compile import compile_space
        from sparktune.program import run_program

        spec = spec_from_misc(self.best_trial["misc"])
        return run_program(compile_space(self._space_expr).program, spec)

    # -- searching -----------------------------------------------------------------------------

    def make_runner(self, domain: Domain, options: RunnerOptions) -> Runner:
        """Return what runs the trials of a search.

        Parameters
        ----------
        domain : Domain
            Objective and space.
        options : RunnerOptions
            What the search says about itself.

        Returns
        -------
        Runner
            One that evaluates in this thread, or, if `asynchronous`, one that watches workers
            which take the trials themselves.
        """
        from sparktune.runner import PollingRunner, SerialRunner

        if options.asynchronous:
            return PollingRunner(self, options.poll_interval_secs)
        return SerialRunner(domain, self, options.tracker)

    def fmin(
        self,
        fn: Callable[..., Any],
        space: Any,
        algo: Any = None,
        max_evals: int | None = None,
        timeout: float | None = None,
        loss_threshold: float | None = None,
        max_queue_len: int = 1,
        rstate: Any = None,
        verbose: bool = False,
        pass_expr_memo_ctrl: bool | None = None,
        catch_eval_exceptions: bool = False,
        return_argmin: bool = True,
        show_progressbar: Any = True,
        early_stop_fn: Callable[..., Any] | None = None,
        trials_save_file: Any = "",
        *,
        points_to_evaluate: Sequence[Mapping[str, Any]] | None = None,
        max_failures: float | None = None,
        mlflow: bool | None = None,
        avoid_duplicates: bool = False,
    ) -> Any:
        """Search with these trials; see `sparktune.fmin`, which has the same parameters."""
        from sparktune.fmin import fmin

        return fmin(
            fn,
            space,
            algo=algo,
            max_evals=max_evals,
            timeout=timeout,
            loss_threshold=loss_threshold,
            trials=self,
            rstate=rstate,
            allow_trials_fmin=False,
            pass_expr_memo_ctrl=pass_expr_memo_ctrl,
            catch_eval_exceptions=catch_eval_exceptions,
            verbose=verbose,
            return_argmin=return_argmin,
            points_to_evaluate=points_to_evaluate,
            max_queue_len=max_queue_len,
            show_progressbar=show_progressbar,
            early_stop_fn=early_stop_fn,
            trials_save_file=trials_save_file,
            max_failures=max_failures,
            mlflow=mlflow,
            avoid_duplicates=avoid_duplicates,
        )


def first_failure(docs: Iterable[Trial]) -> str | None:
    """Return what is known of the first failed trial: its traceback, else its error.

    Parameters
    ----------
    docs : iterable of Trial
        Documents in any state.
    """
    for doc in docs:
        if doc["state"] == JOB_STATE_ERROR:
            misc = doc["misc"]
            if misc.get("traceback"):
                return str(misc["traceback"])
            if misc.get("error"):
                return ": ".join(str(part) for part in misc["error"])
    return None


def trials_from_docs(docs: Iterable[Trial], validate: bool = True, **kwargs: Any) -> Trials:
    """Make a `Trials` of documents.

    Parameters
    ----------
    docs : iterable of Trial
        Kept as they are, not copied.
    validate : bool, default True
        Whether to check each document.
    **kwargs : Any
        Passed to `Trials`.

    Raises
    ------
    InvalidTrial
        If a document is wrong and `validate` is True.
    """
    trials = Trials(**kwargs)
    if validate:
        trials.insert_trial_docs(docs)
    else:
        trials._insert_trial_docs(docs)
    trials.refresh()
    return trials
