"""`search`: a whole search, from its arguments to its answer. `fmin` calls it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sparktune._journal.keeper import JournalKeeper
from sparktune._search.calls import check_objective
from sparktune._search.data import ObjectiveWithData
from sparktune._search.domain import Domain
from sparktune._search.ending import DONE
from sparktune._search.journaling import begin_record, journal_for
from sparktune._search.loop import SearchLoop
from sparktune._search.narrator import tell_that_all_is_done
from sparktune._search.options import SearchOptions
from sparktune._search.past import check_past, run_again
from sparktune._search.points import insert_points
from sparktune._search.remembered import settings_of
from sparktune._search.signatures import Objective
from sparktune._space.compile import evaluate_assignment
from sparktune._space.traps import warn_of_constants
from sparktune._suggest.distinct import DistinctSuggester
from sparktune._tracking.base import SearchInfo
from sparktune._tracking.resume import check_same_space
from sparktune._tracking.switch import make_tracker
from sparktune._trials.documents import UNFINISHED
from sparktune._views.seen_trials import SeenTrials
from sparktune.exceptions import AllTrialsFailed, InvalidArgument

__all__ = ["search"]


def search(trials: Any, fn: Objective, space: Any, options: SearchOptions) -> Any:
    """Search with given trials, without calling their `fmin`; returns and raises as `fmin` does."""
    __tracebackhide__ = True  # IPython and pytest leave such frames out of tracebacks
    domain = Domain(fn, space, pass_expr_memo_ctrl=options.pass_expr_memo_ctrl)
    check_objective(fn, domain.expr, domain.pass_expr_memo_ctrl)
    if options.prune is not None and not domain.takes_trial:
        raise InvalidArgument(
            "`prune` needs an objective that reports to its trial; the objective has no parameter "
            "`trial`. Hint: def objective(point, trial), and trial.report(loss, step=epoch) in it."
        )
    warn_of_constants(domain.space)
    with journal_for(trials, options, _name_and_code(domain.fn)) as journal:
        return _search(trials, domain, options, journal)


def _search(
    trials: Any, domain: Domain, options: SearchOptions, journal: JournalKeeper | None
) -> Any:
    __tracebackhide__ = True
    info = _describe(trials, domain, options)
    settings = settings_of(trials, options, info)
    check_past(
        trials,
        domain.space,
        info.resumed is not None and info.resumed.space is not None,
        "`trials`" if journal is None else f"The journal {journal.journal.place!r}",
    )
    if options.points_to_evaluate is not None:
        inserted = insert_points(trials, options.points_to_evaluate, domain.space)
        if journal is not None and inserted:
            journal.points = inserted
    if options.avoid_duplicates:
        options = replace(options, algo=DistinctSuggester(options.algo))
    if journal is not None:
        journal.begin(begin_record(journal, domain, options, _name_and_code(domain.fn), info))
    loop = SearchLoop(domain, trials, options, journal=journal)
    if not loop.polled:
        run_again(trials)

    def answer() -> Any:
        if options.return_argmin:
            if options.max_evals == 0 and not getattr(trials, "_dynamic_trials", True):
                raise AllTrialsFailed(
                    "There are no evaluation tasks to choose from: `max_evals` must be at least 1 "
                    "for a search without `trials` to go on with; got 0, so there are no trials. "
                    "Hint: return_argmin=False returns None then."
                )
            return trials.argmin
        return evaluate_assignment(domain.space, trials.argmin) if len(trials.trials) else None

    done, limit = loop.count_evals(), options.limit
    all_done = 0 < limit <= done and all(
        doc["state"] not in UNFINISHED for doc in trials._dynamic_trials
    )
    # A driver that was killed after its last trial may not have told MLflow.
    if all_done and (journal is None or journal.was_told):
        tell_that_all_is_done(done, limit)
        if journal is not None:
            journal.end(DONE, "all trials had ended", None)
        return answer()
    if isinstance(trials, SeenTrials):
        trials._settings = settings
    tracker = make_tracker(
        enabled=options.mlflow,
        parallel=_on_cluster(loop) or info.resumed is not None,
        session=getattr(trials, "_spark", None),
    )
    try:
        return loop.conduct(tracker, info, answer)
    finally:
        if (where := tracker.parent()) is not None:
            settings["mlflow_run"] = where["run_id"]


def _describe(trials: Any, domain: Domain, options: SearchOptions) -> SearchInfo:
    """Return what the tracker must know about a search."""
    resumed = getattr(trials, "_resumed", None)
    past = []
    if resumed is not None:
        check_same_space(resumed, domain.expr)
        past = [doc for doc in trials._dynamic_trials if doc["state"] not in UNFINISHED]
    per_task = getattr(trials, "trials_per_task", 1)
    params = {
        "max_evals": options.max_evals,
        "timeout": options.timeout,
        "loss_threshold": options.loss_threshold,
        "max_queue_len": options.max_queue_len,
        "algo": _name_of(options.algo),
        "parallelism": getattr(trials, "parallelism", None),
        "trial_timeout": getattr(trials, "trial_timeout", None),
        "trials_per_task": None if per_task == 1 else per_task,
        "avoid_duplicates": options.avoid_duplicates or None,
        "retries": options.retries,
    }
    known = (doc["misc"].get("run_id") for doc in reversed(trials._dynamic_trials))
    ours = (each for each in type(trials).__mro__ if each.__module__.startswith("sparktune."))
    return SearchInfo(
        params=params,
        space=domain.expr,
        resumed=resumed,
        past=past,
        objective=_name_and_code(domain.fn)[0],
        trials_class=next((each.__name__ for each in ours), "Trials"),
        maximize=options.maximize,
        trials=trials,
        known_run=next((run_id for run_id in known if run_id), None),
    )


def _on_cluster(loop: SearchLoop) -> bool:
    """Return whether trials run on a cluster that this package talks to."""
    elsewhere = bool(loop.asynchronous) and not loop.polled
    return elsewhere and bool(getattr(loop.trials, "on_cluster", True))


def _name_of(algo: Callable[..., Any]) -> str:
    while isinstance(algo, functools.partial):
        algo = algo.func
    module, name = getattr(algo, "__module__", ""), getattr(algo, "__qualname__", "")
    return f"{module}.{name}" if name else type(algo).__name__


def _name_and_code(fn: Any) -> tuple[str, Any]:
    """Return the name of an objective without its wrappers, empty if it has none, and itself."""
    while isinstance(fn, (functools.partial, ObjectiveWithData)):
        if isinstance(fn, ObjectiveWithData):
            fn = fn.fn
        elif fn.args and str(getattr(fn.func, "__module__", "")).startswith("sparktune."):
            fn = fn.args[0]  # `fmin` has wrapped it
        else:
            fn = fn.func
    name = getattr(fn, "__name__", type(fn).__name__)
    return (name if isinstance(name, str) and name.isidentifier() else ""), fn
