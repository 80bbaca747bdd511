"""`Trials`: the trials of a search, in memory, and their `fmin`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from sparktune._journal.contents import without_collections
from sparktune._journal.journal import Journal
from sparktune._search.ctrl import Ctrl
from sparktune._search.runner import make_runner
from sparktune._space.compile import evaluate_assignment
from sparktune._tracking.base import ResumedSearch
from sparktune._tracking.resume import read_search
from sparktune._trials import findings
from sparktune._trials.documents import Misc, Result, Trial, miscs_to_idxs_vals, plain
from sparktune._views.seen_trials import SeenTrials
from sparktune.exceptions import AllTrialsFailed, SparktuneError

if TYPE_CHECKING:
    from sparktune._search.domain import Domain

__all__ = ["Trials", "trials_from_docs"]

Self = TypeVar("Self", bound="Trials")


class Trials(SeenTrials):
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

    # `sparktune.fmin` is above this class and puts itself here.
    _fmin: ClassVar[Callable[..., Any]]

    # The MLflow run that the trials were read from, and that the search writes to again.
    _resumed: ResumedSearch | None = None

    # -- results -------------------------------------------------------------------------------

    @property
    def tids(self) -> list[Any]:
        """Ids of `trials`."""
        return [doc["tid"] for doc in self._trials]

    @property
    def specs(self) -> list[Any]:
        """`spec` of each of `trials`."""
        return [doc["spec"] for doc in self._trials]

    @property
    def results(self) -> list[Result]:
        """`result` of each of `trials`."""
        return [doc["result"] for doc in self._trials]

    @property
    def miscs(self) -> list[Misc]:
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

    def losses(self, bandit: Domain | None = None) -> list[Any]:
        """Return the loss of each of `trials`, None if there is none.

        Parameters
        ----------
        bandit : Domain, optional
            Its `loss` method is used instead of ``result.get("loss")``.
        """
        if bandit is None:
            return [result.get("loss") for result in self.results]
        return [bandit.loss(doc["result"], doc["spec"]) for doc in self._trials]

    def statuses(self, bandit: Domain | None = None) -> list[Any]:
        """Return the status of each of `trials`.

        Parameters
        ----------
        bandit : Domain, optional
            Its `status` method is used instead of ``result.get("status")``.
        """
        if bandit is None:
            return [result.get("status") for result in self.results]
        return [bandit.status(doc["result"], doc["spec"]) for doc in self._trials]

    def average_best_error(self, bandit: Domain | None = None) -> float:
        """Return the true loss of the best trial, allowing for uncertain losses.

        If results have a `loss_variance`, it is the mean of their `true_loss` (by default the
        `loss`) weighted by the probability that each is the best. Only trials with status ``'ok'``
        and a finite loss count.

        Parameters
        ----------
        bandit : Domain, optional
            Its methods are used instead of the keys of the results.

        Raises
        ------
        InvalidArgument
            If no trial counts.
        """
        return findings.average_best_error(self._trials, bandit)

    @property
    def best_trial(self) -> Trial:
        """The trial with the lowest finite loss among those with status ``'ok'``.

        Raises
        ------
        AllTrialsFailed
            If there is none. The message shows why the first failure happened.
        """
        best = findings.best_of(self.trials)
        if best is None:
            raise AllTrialsFailed(findings.why_no_best(self._all_docs(), self._trials))
        return best

    @property
    def best_loss(self) -> float:
        """The loss of the best trial.

        Raises
        ------
        AllTrialsFailed
            If there is no best trial.
        """
        return float(self.best_trial["result"]["loss"])

    @property
    def argmin(self) -> dict[str, Any]:
        """Values of the best trial by label, inactive ones absent; of a choice the position.

        They are Python's numbers, also where an old pickle has NumPy's.

        Raises
        ------
        AllTrialsFailed
            If there is no best trial.
        """
        vals = self.best_trial["misc"]["vals"]
        return {label: plain(values[0]) for label, values in vals.items() if values}

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
        best = self.best_trial
        if self._space is None:
            raise SparktuneError(
                "`best_params` must know the space, and this object has not been used in a search "
                "since it was made or loaded; use `space_eval(space, trials.argmin)`."
            )
        return evaluate_assignment(self._space, best["misc"]["vals"])

    # -- searching -----------------------------------------------------------------------------

    @classmethod
    def from_mlflow(
        cls: type[Self], run_id: str, *, fmin_uuid: str | None = None, **kwargs: Any
    ) -> Self:
        """Read the trials of a search back from MLflow, so that `fmin` can go on with it.

        The trials keep their values, types, results and errors. Attachments are lost, and so is
        what is not plain data in results. Trials that had not ended become new and run again,
        in their old runs. `fmin` continues up to `max_evals` in the same parent run, and
        refuses a different space.

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
        docs, resumed = read_search(run_id, fmin_uuid)
        trials = cls(**kwargs)
        for doc in docs:
            doc["exp_key"] = trials._exp_key
        trials.insert_trial_docs(docs)
        trials.refresh()
        trials._resumed = resumed
        return trials

    @classmethod
    def from_journal(
        cls: type[Self], path: Any, *, allow_pickle: bool = False, **kwargs: Any
    ) -> Self:
        """Read the trials of a journal, also while a search writes it, on any computer.

        To go on with a search, pass the path as `journal` to `fmin` instead.

        Parameters
        ----------
        path : str, os.PathLike or Journal
            The journal.
        allow_pickle : bool, default False
            Whether values of results that are not plain data, such as models, are unpickled when
            they are looked at. That runs code of whoever wrote the journal; otherwise such a value
            is an object with a method `load`, and nothing in the journal is run.
        **kwargs : Any
            Passed to the class, such as `parallelism` of `SparkTrials`.

        Returns
        -------
        Trials
            With the documents as they were written: states, values, results, errors and
            attachments.

        Raises
        ------
        InvalidArgument
            If there is no journal, or one of another version.
        DamagedJournal
            If a record is not as it was written.
        """
        journal = path if isinstance(path, Journal) else Journal(path)
        with without_collections():
            contents = journal.contents()
            docs, attachments = journal.trials(contents, journal.values_of(allow_pickle))
            trials = cls(**kwargs)
            for doc in docs:
                doc["exp_key"] = trials._exp_key
            trials._insert_trial_docs(docs)
            trials.attachments.update(dict.items(attachments))
            trials.refresh()
        trials._journal = contents.id
        return trials

    make_runner = make_runner

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
        catch_eval_exceptions: bool | tuple[type[BaseException], ...] = False,
        return_argmin: bool = True,
        show_progressbar: Any = True,
        early_stop_fn: Callable[..., Any] | None = None,
        trials_save_file: Any = "",
        *,
        points_to_evaluate: Sequence[Mapping[str, Any]] | None = None,
        max_failures: float | None = None,
        mlflow: bool | None = None,
        avoid_duplicates: bool = False,
        maximize: bool = False,
        callbacks: Sequence[Callable[..., object]] = (),
        retries: int | Mapping[str, int] | None = None,
        prune: Any = None,
        journal: Any = None,
    ) -> Any:
        """Search with these trials; see `sparktune.fmin`, which has the same parameters."""
        given = {name: value for name, value in locals().items() if name != "self"}
        __tracebackhide__ = True
        return type(self)._fmin(**given, trials=self, allow_trials_fmin=False)


# The public place, which pickles name.
Trials.__module__ = "sparktune.trials"
Ctrl.default_trials = Trials


def trials_from_docs(
    docs: Iterable[Trial | dict[str, Any]], validate: bool = True, **kwargs: Any
) -> Trials:
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
        trials._insert_trial_docs(cast("Iterable[Trial]", docs))
    trials.refresh()
    return trials
