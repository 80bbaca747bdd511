"""`Trials`: the trials of a search, in memory, and searching with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from sparktune._trials.documents import Trial
from sparktune._trials.findings import Findings

if TYPE_CHECKING:
    from sparktune._search.domain import Domain
    from sparktune._search.runner import Runner, RunnerOptions

__all__ = ["Trials", "trials_from_docs"]

Self = TypeVar("Self", bound="Trials")


class Trials(Findings):
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
        from sparktune._tracking.resume import read_search

        docs, resumed = read_search(run_id, fmin_uuid)
        trials = cls(**kwargs)
        for doc in docs:
            doc["exp_key"] = trials._exp_key
        trials.insert_trial_docs(docs)
        trials.refresh()
        trials._resumed = resumed
        return trials

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
        from sparktune._search.runner import PollingRunner, SerialRunner

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
