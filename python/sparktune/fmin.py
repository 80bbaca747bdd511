"""`fmin`, the function that runs a search, and its helpers."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, ParamSpec, Protocol, TypeVar, cast, overload

from sparktune import tpe
from sparktune._arguments import known_arguments
from sparktune._hyperopt.old_pickles import load_hyperopt_trials
from sparktune._journal.journal import Journal
from sparktune._listing import listing
from sparktune._search.arguments import OBJECTIVE, annotated_space, check_trials
from sparktune._search.ask_tell import Search
from sparktune._search.calls import is_maximized
from sparktune._search.domain import Domain
from sparktune._search.iterator import FMinIter
from sparktune._search.narrator import tell_what_is_kept
from sparktune._search.options import SearchOptions
from sparktune._search.points import generate_trial, insert_points
from sparktune._search.search import search
from sparktune._search.signatures import Callback, EarlyStop, Objective, SuggestFunction
from sparktune._space.compile import evaluate_assignment
from sparktune._trials.savefile import SaveFile
from sparktune._worker.program import call_with_keywords
from sparktune._worker.score import loss_of_score
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

__dir__ = listing(__all__)

P = ParamSpec("P")
F = TypeVar("F", bound=Callable[..., Any])


def generate_trials_to_calculate(points: Sequence[Mapping[str, Any]]) -> Trials:
    """Return trials with points that a search evaluates before its own suggestions.

    Parameters
    ----------
    points : list of dict
        Values by label; the position for a choice.

    Returns
    -------
    Trials
        For the `trials` of `fmin`. The points do not count towards `max_evals`.

    Raises
    ------
    InvalidArgumentType
        If `points` is not a list of dicts.
    """
    if not hasattr(points, "__iter__") or isinstance(points, Mapping):
        raise InvalidArgumentType(f"`points` must be a list of dicts; got {points!r}.")
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
    if not callable(fn):
        raise InvalidArgumentType(f"`fn` must be a function; got {fn!r}.")
    result = functools.partial(fn, **kwargs)
    if hasattr(fn, "fmin_pass_expr_memo_ctrl"):
        result.fmin_pass_expr_memo_ctrl = fn.fmin_pass_expr_memo_ctrl  # type: ignore[attr-defined]
    return result


def space_eval(space: Any, hp_assignment: Mapping[str, Any]) -> Any:
    """Return the point of a space that the values of its hyperparameters select.

    Parameters
    ----------
    space : Any
        The space.
    hp_assignment : mapping of str to scalar
        Values by label, such as `fmin` returns; the position for a choice.

    Returns
    -------
    Any
        The point as the objective sees it.

    Raises
    ------
    InvalidArgument
        If a hyperparameter that the point needs has no value, or one that it cannot have.

    Examples
    --------
    >>> from sparktune import hp
    >>> space_eval({"kernel": hp.choice("k", ["rbf", "linear"])}, {"k": 1})
    {'kernel': 'linear'}
    """
    return evaluate_assignment(space, hp_assignment)


class _Fmin(Protocol[P]):
    """The type of `fmin`, so that its arguments need not be repeated for each overload."""

    @overload
    def __call__(
        self, fn: Objective, space: Any, *args: Any, return_argmin: bool, **kwargs: Any
    ) -> Any: ...
    @overload
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> dict[str, Any]: ...


# What other libraries call arguments of `fmin`, and what to write instead.
_OTHER_NAMES = {
    "objective": "fn",
    "func": "fn",
    "search_space": "space",
    "n_trials": "max_evals",
    "n_iter": "max_evals",
    "num_samples": "max_evals",
    "seed": "rstate",
    "rseed": "rstate",
    "random_state": "rstate",
    "n_jobs": "trials=ProcessTrials(4)",
    "parallelism": "trials=ProcessTrials(4)",
    "direction": "maximize=True",
    "catch": "catch_eval_exceptions",
}


def _returns_argmin(f: Callable[P, Any]) -> _Fmin[P]:
    named: Any = known_arguments(_OTHER_NAMES)(f)
    return cast("_Fmin[P]", named)  # a callable of P takes what both overloads take


@_returns_argmin
def fmin(
    fn: Objective,
    space: Any,
    algo: SuggestFunction | None = None,
    max_evals: int | None = None,
    timeout: float | None = None,
    loss_threshold: float | None = None,
    trials: Any = None,
    rstate: Any = None,
    allow_trials_fmin: bool = True,
    pass_expr_memo_ctrl: bool | None = None,
    catch_eval_exceptions: bool | tuple[type[BaseException], ...] = False,
    verbose: bool = True,
    return_argmin: bool = True,
    points_to_evaluate: Sequence[Mapping[str, Any]] | None = None,
    max_queue_len: int = 1,
    show_progressbar: Any = True,
    early_stop_fn: EarlyStop | None = None,
    trials_save_file: str | os.PathLike[str] = "",
    *,
    max_failures: float | None = None,
    mlflow: bool | None = None,
    avoid_duplicates: bool = False,
    maximize: bool = False,
    callbacks: Sequence[Callback] = (),
    retries: int | Mapping[str, int] | None = None,
    prune: Any = None,
    journal: str | os.PathLike[str] | Journal | None = None,
) -> Any:
    """Search for the point of a space where an objective is lowest.

    Parameters
    ----------
    fn : callable
        The objective. It gets a point of `space` and returns the loss as a number, or a dict with
        `status` (``STATUS_OK`` or ``STATUS_FAIL``), `loss` if the status is ok, and anything else
        that is worth keeping; ``attachments``, a dict, is kept in ``trials.attachments``. A second
        parameter with the name `trial` and no default gets the trial's handle: `trial.tid`,
        `trial.attempt` and `trial.checkpoint_dir`, see docs/parallel.md, and `trial.report`, see
        `prune`.
    space : Any
        Hyperparameters made with ``hp``, nested in dicts, lists and tuples; or ``"annotated"`` to
        take them from the annotations of the parameters of `fn`.
    algo : callable, optional
        `tpe.suggest` (the default), `rand.suggest` or your own.
    max_evals : int, optional
        The maximum number of trials; None means no limit. Those already in `trials` count: new,
        running and done ones, and where the search survives failures (see
        `catch_eval_exceptions`) failed ones too, so the same call again does nothing. Cancelled
        trials do not count, nor do `points_to_evaluate` in the search that evaluates them.
    timeout : float, optional
        Seconds after which the search ends; positive. Trials that run elsewhere are cancelled; a
        trial that runs in this process is finished first.
    loss_threshold : float, optional
        The search ends when a loss is below it.
    trials : Trials, optional
        Where trials are kept: `Trials` evaluates them here one by one, `ProcessTrials` in processes
        of this machine, `SparkTrials` on a cluster.
        Trials that are already in it are taken into account. Those that were running when the
        driver of an earlier search died run again with the same values.
    rstate : numpy.random.Generator, numpy.random.RandomState or int, optional
        The source of randomness, or its seed. The default seed is the environment variable
        `SPARKTUNE_SEED` or `HYPEROPT_FMIN_SEED`; without it, every search is different.
    allow_trials_fmin : bool, default True
        Whether to call ``trials.fmin``, if there is one.
    pass_expr_memo_ctrl : bool, optional
        Whether `fn` is called as ``fn(expr=, memo=, ctrl=)``; see `fmin_pass_expr_memo_ctrl`.
    catch_eval_exceptions : bool or tuple of exception classes, default False
        Whether the search goes on when `fn` raises or returns something that is not a result. With
        `SparkTrials` and `ProcessTrials` it goes on anyway when `fn` raises. With a tuple, such as
        ``(ValueError,)``, it goes on after these exceptions only, wherever trials run.
    verbose : bool, default True
        Whether to show a progress bar, if `show_progressbar` is True.
    return_argmin : bool, default True
        Whether to return values by label (for a choice, the position) or the point.
    points_to_evaluate : list of dict, optional
        Points to evaluate first: values by label; for a choice, the position. Ignored if `trials`
        has trials already.
    max_queue_len : int, default 1
        How many trials to suggest ahead, at least 1. Trials that run one by one are suggested in
        batches of this size.
    show_progressbar : bool or callable, default True
        Whether to show one (if `verbose`), in notebooks a live view; or what shows it: see
        `sparktune.progress`.
    early_stop_fn : callable, optional
        ``early_stop_fn(trials, *args) -> (stop, args)``, called once for each trial that is done,
        in the order in which they end. ``trials.trials`` has only trials that are done, the latest
        last; `args` go into the next call. See `sparktune.early_stop`.
    trials_save_file : str or os.PathLike, default ""
        A file to keep a copy of the trials in; loaded at the beginning if it exists and `trials`
        is None. It is written when the search ends, for whatever reason, and before that at most
        once per second (less often if that takes long). If it cannot be written, one warning says
        so, and the search goes on. It is a pickle: use only files you wrote. A file that Hyperopt
        wrote is read by `load_hyperopt_trials`. Large values of parallel trials' results are in a
        folder beside it; see docs/parallel.md.
    max_failures : int or float, optional
        How many trials may raise before the search ends; a float is a share of the trials that
        have ended, once ten have. Used only where the search survives failures: with `SparkTrials`,
        `ProcessTrials` or `catch_eval_exceptions`.
    mlflow : bool, optional
        Whether to log to MLflow. By default a `SparkTrials` search is logged if MLflow is
        installed, any other only inside an active run.
    avoid_duplicates : bool, default False
        Whether to try no point twice, with any suggest function. The search ends when all points
        of a finite space have been tried. Trials already in `trials` count, and so do
        `points_to_evaluate`.
    maximize : bool, default False
        Whether `fn` returns a score, which is better the higher it is: a number, or a dict with the
        key `score`. The `loss` of a trial is then the negative of its score, which its result keeps
        as well, and `loss_threshold` is the score at which the search ends.
    callbacks : list of callable, optional
        Functions called as ``callback(trials, trial)`` after each trial that ended, whether it
        failed or not, with its document. What one raises ends the search.
    retries : int or dict, optional
        How often a trial runs again, with the same values, that was lost with its process or its
        executor. ``{"lost": 2, "timeout": 1}`` also runs a trial again that took longer than the
        `trial_timeout` of `ProcessTrials` or `SparkTrials`. What an objective raises is never run
        again; nor can a trial be lost that runs in this process. See docs/parallel.md.
    prune : bool, str, policy or callable, optional
        Which trials end when they have no prospects: `fn` has a second parameter `trial`, and calls
        ``trial.report(loss, step=epoch)``. True is ``"envelope"``; others are ``"median"``,
        ``"percentile"``, ``"asha"``, ``"hyperband"``, ``"wilcoxon"`` (for folds),
        ``"patience"``, a policy of `sparktune.pruning`, or a function of (curves, curve). See
        docs/pruning.md.
    journal : str, os.PathLike or Journal, optional
        A folder where everything that happens is written down at once, a finished trial before the
        search acts on it. The same call with the same path goes on after any end, a kill too:
        trials that had ended are known, those that had not run again with the same values, and
        `max_evals` counts all. See docs/journal.md, and `Journal` for its settings.

    Returns
    -------
    dict or Any
        ``trials.argmin``, or the point if `return_argmin` is False (None if there is none, because
        no trial was evaluated).

    Raises
    ------
    InvalidArgument, InvalidArgumentType
        If an argument is wrong, or `trials_save_file` cannot be written to or holds anything but
        trials; or if `journal` is in use, or of another objective.
    DamagedJournal
        If a record of `journal` is not as it was written.
    BadSearchSpace
        If the space is wrong.
    InvalidTrial
        If `trials` has trials of another space. Wider ranges and more options are allowed.
    InvalidResult
        If the objective returns something that is not a result.
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
    given = locals().copy()  # the arguments by name; first, before there are other locals
    __tracebackhide__ = True
    options = SearchOptions(
        **{each.name: given[each.name] for each in fields(SearchOptions) if each.name != "algo"},
        algo=tpe.suggest if algo is None else algo,
    )
    OBJECTIVE.check("fn", fn)
    check_trials(trials)
    if isinstance(space, str) and space == "annotated":
        space = annotated_space(fn)
        fn = functools.partial(call_with_keywords, fn)
    if maximize and not is_maximized(fn):
        fn = functools.partial(loss_of_score, fn)
        if loss_threshold is not None:
            options = replace(options, loss_threshold=-loss_threshold)
    is_given = trials is not None
    if trials is None and trials_save_file:
        trials = SaveFile(trials_save_file).load(load_hyperopt_trials)
    if trials is None:
        trials = Trials()
    elif allow_trials_fmin and _searches_itself(trials):
        if points_to_evaluate is not None and not _takes_points(trials):
            insert_points(trials, points_to_evaluate, Domain(fn, space).space)
            options = replace(options, points_to_evaluate=None)
        return trials.fmin(fn, space, **options.keywords())
    try:
        return search(trials, fn, space, options)
    except KeyboardInterrupt:
        tell_what_is_kept(trials, is_given, trials_save_file, options.journal)
        raise


Trials._fmin = fmin
Search._default_algo = staticmethod(tpe.suggest)


def _searches_itself(trials: Any) -> bool:
    """Whether the trials have their own `fmin`; Hyperopt's does not know our spaces."""
    own = getattr(type(trials), "fmin", None)
    return own not in (None, Trials.fmin) and not own.__module__.startswith("hyperopt.")


def _takes_points(trials: Any) -> bool:
    """Whether `trials.fmin` knows `points_to_evaluate`, which Hyperopt's does not."""
    parameters = inspect.signature(trials.fmin).parameters
    return isinstance(trials, Trials) and (
        "points_to_evaluate" in parameters
        or any(each.kind is each.VAR_KEYWORD for each in parameters.values())
    )
