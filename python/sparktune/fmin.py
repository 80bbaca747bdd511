"""`fmin`, the function that searches, and what goes with it."""

from __future__ import annotations

import functools
import logging
import os
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeVar

from sparktune import tpe
from sparktune._search.arguments import (
    annotated_space,
    check_points,
    check_trials,
    checked_max_evals,
    checked_max_failures,
    checked_positive_int,
    checked_rstate,
    validate_loss_threshold,
    validate_timeout,
)
from sparktune._search.ctrl import Ctrl
from sparktune._search.domain import Domain
from sparktune._search.loop import FMinIter
from sparktune._space.compile import CompiledSpace, compile_space, evaluate_assignment
from sparktune._suggest.distinct import DistinctSuggester
from sparktune._tracking import SearchInfo, SearchSummary, Tracker, make_tracker
from sparktune._tracking.resume import check_same_space
from sparktune._trials.documents import (
    JOB_STATE_NEW,
    JOB_STATE_RUNNING,
    STATUS_NEW,
    Trial,
    new_trial_doc,
)
from sparktune._trials.savefile import SaveFile
from sparktune._worker.program import call_with_keywords
from sparktune.exceptions import InvalidArgumentType
from sparktune.trials import Trials

__all__ = [
    "FMinIter",
    "fmin",
    "fmin_pass_expr_memo_ctrl",
    "generate_trial",
    "generate_trials_to_calculate",
    "partial",
    "space_eval",
]

logger = logging.getLogger("sparktune.fmin")

F = TypeVar("F", bound=Callable[..., Any])


def generate_trial(tid: int, space: Mapping[str, Any]) -> Trial:
    """Return the document of a trial with given values.

    Parameters
    ----------
    tid : int
        Its id.
    space : mapping of str to scalar
        Values by label; of a choice the position.
    """
    misc = {
        "tid": tid,
        "cmd": ("domain_attachment", "FMinIter_Domain"),
        "workdir": None,
        "idxs": {label: [tid] for label in space},
        "vals": {label: [value] for label, value in space.items()},
    }
    return new_trial_doc(tid, None, {"status": STATUS_NEW}, misc)


def generate_trials_to_calculate(points: Sequence[Mapping[str, Any]]) -> Trials:
    """Return trials with points that a search evaluates before its own suggestions.

    Parameters
    ----------
    points : list of dict
        Values by label; of a choice the position.

    Returns
    -------
    Trials
        For the `trials` of `fmin`. The points do not count towards `max_evals`.
    """
    trials = Trials()
    trials.insert_trial_docs([generate_trial(tid, point) for tid, point in enumerate(points)])
    return trials


def fmin_pass_expr_memo_ctrl(f: F) -> F:
    """Mark an objective that is called as ``f(expr=, memo=, ctrl=)``.

    Parameters
    ----------
    f : callable
        It gets the space, a memo with which ``pyll.rec_eval(expr, memo=memo)`` builds the point,
        and the `Ctrl` of the trial.

    Returns
    -------
    callable
        `f`.
    """
    f.fmin_pass_expr_memo_ctrl = True  # type: ignore[attr-defined]
    return f


def partial(fn: Callable[..., Any], **kwargs: Any) -> Any:
    """Fix keyword arguments, like `functools.partial`, and keep `fmin_pass_expr_memo_ctrl`.

    Parameters
    ----------
    fn : callable
        An objective or a suggest function.
    **kwargs : Any
        The arguments.
    """
    result = functools.partial(fn, **kwargs)
    if hasattr(fn, "fmin_pass_expr_memo_ctrl"):
        result.fmin_pass_expr_memo_ctrl = fn.fmin_pass_expr_memo_ctrl  # type: ignore[attr-defined]
    return result


def space_eval(space: Any, hp_assignment: Mapping[str, Any]) -> Any:
    """Return the point of a space that values of hyperparameters stand for.

    Parameters
    ----------
    space : Any
        The space.
    hp_assignment : mapping of str to scalar
        Values by label, such as `fmin` returns; of a choice the position.

    Returns
    -------
    Any
        The point as the objective sees it.

    Raises
    ------
    InvalidArgument
        If a hyperparameter that the point needs has no value.

    Examples
    --------
    >>> from sparktune import hp
    >>> space_eval({"kernel": hp.choice("k", ["rbf", "linear"])}, {"k": 1})
    {'kernel': 'linear'}
    """
    return evaluate_assignment(space, hp_assignment)


def fmin(
    fn: Callable[..., Any],
    space: Any,
    algo: Callable[..., Any] | None = None,
    max_evals: int | None = None,
    timeout: float | None = None,
    loss_threshold: float | None = None,
    trials: Any = None,
    rstate: Any = None,
    allow_trials_fmin: bool = True,
    pass_expr_memo_ctrl: bool | None = None,
    catch_eval_exceptions: bool = False,
    verbose: bool = True,
    return_argmin: bool = True,
    points_to_evaluate: Sequence[Mapping[str, Any]] | None = None,
    max_queue_len: int = 1,
    show_progressbar: Any = True,
    early_stop_fn: Callable[..., Any] | None = None,
    trials_save_file: str | os.PathLike[str] = "",
    *,
    max_failures: float | None = None,
    mlflow: bool | None = None,
    avoid_duplicates: bool = False,
) -> Any:
    """Search for the point of a space where an objective is lowest.

    Parameters
    ----------
    fn : callable
        The objective. It gets a point of `space` and returns the loss as a number, or a dict with
        `status` (``STATUS_OK`` or ``STATUS_FAIL``), `loss` if the status is ok, and anything else
        that is worth keeping; ``attachments``, a dict, is kept in ``trials.attachments``.
    space : Any
        Hyperparameters made by ``hp``, in dicts, lists and tuples as you like; or ``"annotated"``
        to take them from the annotations of the parameters of `fn`.
    algo : callable, optional
        `tpe.suggest` (the default), `rand.suggest` or one's own.
    max_evals : int, optional
        The most trials, those already in `trials` included, but not `points_to_evaluate`. None
        means no bound.
    timeout : float, optional
        Seconds after which the search ends; positive. Trials that run on a cluster are cancelled, a
        trial that runs in this process is finished first.
    loss_threshold : float, optional
        The search ends when a loss is below it.
    trials : Trials, optional
        Where trials are kept: `Trials` evaluates them here one by one, `ProcessTrials` in processes
        of this machine, `SparkTrials` on a cluster.
        Trials that are already in it are taken into account.
    rstate : numpy.random.Generator, numpy.random.RandomState or int, optional
        The source of randomness, or its seed. By default the environment variable `SPARKTUNE_SEED`
        or `HYPEROPT_FMIN_SEED` has the seed; without it each search is another.
    allow_trials_fmin : bool, default True
        Whether ``trials.fmin`` takes over, if there is one.
    pass_expr_memo_ctrl : bool, optional
        Whether `fn` is called as ``fn(expr=, memo=, ctrl=)``; see `fmin_pass_expr_memo_ctrl`.
    catch_eval_exceptions : bool, default False
        Whether the search goes on when `fn` raises or returns something that is no result. With
        `SparkTrials` it goes on anyway when `fn` raises.
    verbose : bool, default True
        Whether to show a progress bar, if `show_progressbar` is True.
    return_argmin : bool, default True
        Whether to return values by label (of a choice the position) or the point.
    points_to_evaluate : list of dict, optional
        Points to begin with: values by label, of a choice the position. Ignored if `trials` has
        trials already.
    max_queue_len : int, default 1
        How many trials to suggest ahead, at least 1. Trials that run one by one are suggested in
        batches of this size.
    show_progressbar : bool or callable, default True
        Whether to show one (if `verbose`), or what shows it: see `sparktune.progress`.
    early_stop_fn : callable, optional
        ``early_stop_fn(trials, *args) -> (stop, args)``, called once for each trial that is done,
        in the order in which they end. ``trials.trials`` has only trials that are done, the latest
        last; `args` go into the next call. See `sparktune.early_stop`.
    trials_save_file : str or os.PathLike, default ""
        A file to keep a copy of the trials in; loaded at the beginning if it exists and `trials`
        is None. It is written at the end, whatever ends the search, and during it at most once a
        second (less often when it takes long). It is a pickle: use only files that you wrote.
    max_failures : int or float, optional
        How many trials may fail by an exception before the search ends; as a float, what share of
        those that ended, once ten have. Counts where the search survives failures: with
        `SparkTrials` or `catch_eval_exceptions`.
    mlflow : bool, optional
        Whether to log to MLflow. By default a `SparkTrials` search is logged if MLflow is
        installed, any other only inside an active run.
    avoid_duplicates : bool, default False
        Whether no point is tried twice, whoever suggests. When all points of a finite space have
        been tried, the search ends. Trials that are in `trials` already count, and
        `points_to_evaluate`.

    Returns
    -------
    dict or Any
        ``trials.argmin``, or the point if `return_argmin` is False (None if there is none, because
        no trial was evaluated).

    Raises
    ------
    InvalidArgument, InvalidArgumentType
        If an argument is wrong.
    BadSearchSpace
        If the space is wrong.
    InvalidResult
        If the objective returns something that is no result.
    AllTrialsFailed
        If no trial ended with status ok and a finite loss. The message shows the first failure.
    SearchFailed
        If more trials fail than `max_failures` allows.

    Examples
    --------
    >>> from sparktune import fmin, hp
    >>> best = fmin(lambda x: (x - 3) ** 2, hp.uniform("x", -10, 10), max_evals=50, verbose=False)
    >>> bool(abs(best["x"] - 3) < 2)
    True
    """
    if not callable(fn):
        raise InvalidArgumentType(f"`fn` must be a function of a point; got {fn!r}.")
    if algo is None:
        algo = tpe.suggest
    elif not callable(algo):
        raise InvalidArgumentType(
            f"`algo` must be a suggest function; got {algo!r}. Hint: tpe.suggest or rand.suggest."
        )
    limit = checked_max_evals(max_evals)
    validate_timeout(timeout)
    validate_loss_threshold(loss_threshold)
    check_trials(trials)
    rstate = checked_rstate(rstate)
    max_queue_len = checked_positive_int("max_queue_len", max_queue_len)
    max_failures = checked_max_failures(max_failures)
    if early_stop_fn is not None and not callable(early_stop_fn):
        raise InvalidArgumentType(
            f"`early_stop_fn` must be a function or None; got {early_stop_fn!r}. "
            "Hint: no_progress_loss(10)."
        )
    if isinstance(space, str) and space == "annotated":
        space = annotated_space(fn)
        fn = functools.partial(call_with_keywords, fn)
    labels: Sequence[str] = ()
    compiled: CompiledSpace | None = None
    if points_to_evaluate is not None:
        compiled = compile_space(space, ctrl_type=Ctrl)
        check_points(points_to_evaluate, compiled)
        labels = compiled.labels

    save_file = SaveFile(trials_save_file) if trials_save_file else None
    if trials is None:
        trials = save_file.load() if save_file is not None else None
    if trials is None:
        trials = Trials()
    elif allow_trials_fmin and _searches_itself(trials):
        if points_to_evaluate:
            _insert_points(trials, points_to_evaluate, labels)
        extras = {
            "max_failures": max_failures,
            "mlflow": mlflow,
            "avoid_duplicates": avoid_duplicates or None,
        }
        ours = type(trials).fmin.__module__.startswith("sparktune.")
        return trials.fmin(
            fn,
            # Other classes get the space as it was given.
            compiled if ours and compiled is not None else space,
            algo=algo,
            max_evals=max_evals,
            timeout=timeout,
            loss_threshold=loss_threshold,
            max_queue_len=max_queue_len,
            rstate=rstate,
            pass_expr_memo_ctrl=pass_expr_memo_ctrl,
            verbose=verbose,
            catch_eval_exceptions=catch_eval_exceptions,
            return_argmin=return_argmin,
            show_progressbar=show_progressbar,
            early_stop_fn=early_stop_fn,
            trials_save_file=trials_save_file,
            # Not every Trials class knows what Hyperopt's does not.
            **{name: value for name, value in extras.items() if value is not None},
        )
    if points_to_evaluate:
        _insert_points(trials, points_to_evaluate, labels)

    domain = Domain(fn, compiled or space, pass_expr_memo_ctrl=pass_expr_memo_ctrl)
    parallel = _runs_elsewhere(trials)
    resumed = getattr(trials, "_resumed", None)
    past: Sequence[Trial] = ()
    if resumed is not None:
        check_same_space(resumed, domain.expr)
        past = [
            doc
            for doc in trials._dynamic_trials
            if doc["state"] not in (JOB_STATE_NEW, JOB_STATE_RUNNING)
        ]
    tracker = make_tracker(
        enabled=mlflow,
        parallel=parallel or resumed is not None,
        session=getattr(trials, "_spark", None),
    )
    search = FMinIter(
        DistinctSuggester(algo) if avoid_duplicates else algo,
        domain,
        trials,
        rstate,
        max_queue_len=max_queue_len,
        max_evals=limit,
        timeout=timeout,
        loss_threshold=loss_threshold,
        verbose=verbose,
        show_progressbar=show_progressbar,
        early_stop_fn=early_stop_fn,
        trials_save_file=trials_save_file,
        max_failures=max_failures,
        tracker=tracker,
    )
    search.catch_eval_exceptions = catch_eval_exceptions
    params = {
        "max_evals": max_evals,
        "timeout": timeout,
        "loss_threshold": loss_threshold,
        "max_queue_len": max_queue_len,
        "algo": _name_of(algo),
        "parallelism": getattr(trials, "parallelism", None),
        "trial_timeout": getattr(trials, "trial_timeout", None),
        "avoid_duplicates": avoid_duplicates or None,
    }
    info = SearchInfo(params=params, space=domain.expr, resumed=resumed, past=past)
    _exhaust(search, tracker, info)

    if return_argmin:
        return trials.argmin
    return evaluate_assignment(domain.space, trials.argmin) if len(trials.trials) else None


def _exhaust(search: FMinIter, tracker: Tracker, info: SearchInfo) -> None:
    """Run a search to its end, and record it whatever the end is."""
    tracker.begin(info)
    status: Literal["FINISHED", "FAILED", "KILLED"] = "FINISHED"
    error: str | None = None
    try:
        search.exhaust()
    except BaseException as exception:
        status = "KILLED" if isinstance(exception, KeyboardInterrupt) else "FAILED"
        error = traceback.format_exc()
        raise
    finally:
        tracker.end(SearchSummary(status, _best_trial(search.trials), error))


def _best_trial(trials: Any) -> Trial | None:
    try:
        best: Trial = trials.best_trial
    except Exception:
        # Foreign classes raise errors of their own, and a search's end must not fail for this.
        return None
    return best


def _insert_points(trials: Any, points: Sequence[Mapping[str, Any]], labels: Sequence[str]) -> None:
    if trials._dynamic_trials:
        logger.info("`points_to_evaluate` is ignored: `trials` has trials already.")
        return
    docs = []
    for tid, point in zip(trials.new_trial_ids(len(points)), points, strict=True):
        doc = generate_trial(tid, point)
        for column in (doc["misc"]["idxs"], doc["misc"]["vals"]):
            column.update((label, []) for label in labels if label not in point)
        doc["exp_key"] = getattr(trials, "_exp_key", None)
        docs.append(doc)
    # Without a refresh, as Hyperopt does it: so they do not count towards max_evals.
    trials.insert_trial_docs(docs)


def _searches_itself(trials: Any) -> bool:
    """Whether `trials.fmin` is to be called; Hyperopt's own does not know our spaces."""
    search = getattr(type(trials), "fmin", None)
    return search is not None and not getattr(search, "__module__", "").startswith("hyperopt.")


def _runs_elsewhere(trials: Any) -> bool:
    """Whether trials run on a cluster that this package talks to."""
    if not getattr(trials, "on_cluster", True):
        return False
    make_runner = getattr(type(trials), "make_runner", Trials.make_runner)
    return bool(trials.asynchronous) and make_runner is not Trials.make_runner


def _name_of(algo: Any) -> str:
    while isinstance(algo, functools.partial):
        algo = algo.func
    module, name = getattr(algo, "__module__", ""), getattr(algo, "__qualname__", "")
    return f"{module}.{name}" if name else type(algo).__name__
