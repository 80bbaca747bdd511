"""`ParallelTrials`: what `SparkTrials` and `ProcessTrials` have in common."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sparktune._parallel.parallelism import (
    MAX_PARALLELISM,
    TrialsPerTask,
    check_trials_per_task,
    warn_if_idle,
)
from sparktune._search.arguments import (
    validate_loss_threshold,
    validate_timeout,
    validate_trial_timeout,
)
from sparktune._search.handles import Handles
from sparktune._search.trials import Trials
from sparktune.exceptions import InvalidArgument, InvalidArgumentType

if TYPE_CHECKING:
    from sparktune._parallel.backend import Backend
    from sparktune._pruning.pruner import Pruner
    from sparktune._search.domain import Domain
    from sparktune._search.handles import Lines
    from sparktune._search.runner import Runner, RunnerOptions

__all__ = ["ParallelTrials"]


class ParallelTrials(Trials):
    """The trials of a search that runs several at once, elsewhere; a base class.

    A subclass decides on `parallelism` and implements `_make_backend`.

    Parameters
    ----------
    timeout, loss_threshold, trial_timeout : float or None
        See the attributes.
    reuse_objective : bool
        See the attributes.
    trials_per_task : int or "auto"
        See the attributes.

    Attributes
    ----------
    timeout : float or None
        Time limit for `fmin` in seconds; takes precedence over its `timeout` argument.
    loss_threshold : float or None
        The search ends when a loss is below it; takes precedence over the argument of `fmin`.
    trial_timeout : float or None
        Seconds that a trial may take.
    reuse_objective : bool
        Whether the trials of a worker share one objective instead of getting a fresh one each.
    trials_per_task : int or "auto"
        The most trials that a worker gets at once.
    parallelism : int
        The most trials at once.
    user_specified_parallelism : int or None
        The number that was asked for.
    """

    asynchronous = True
    MAX_CONCURRENT_JOBS_ALLOWED = MAX_PARALLELISM

    # On the class, so that views and unpickled objects have them.
    timeout: float | None = None
    loss_threshold: float | None = None
    trial_timeout: float | None = None
    reuse_objective: bool = False
    trials_per_task: TrialsPerTask = 1
    user_specified_parallelism: int | None = None
    parallelism: int = 1
    _fmin_cancelled = False
    _fmin_cancelled_reason: str | None = None
    _logger = logging.getLogger("sparktune.dispatch")

    def __init__(
        self,
        timeout: float | None = None,
        loss_threshold: float | None = None,
        trial_timeout: float | None = None,
        reuse_objective: bool = False,
        trials_per_task: TrialsPerTask = 1,
    ) -> None:
        super().__init__(exp_key=None, refresh=False)
        validate_timeout(timeout)
        validate_loss_threshold(loss_threshold)
        validate_trial_timeout(trial_timeout)
        if not isinstance(reuse_objective, bool):
            raise InvalidArgumentType(
                f"`reuse_objective` of {type(self).__name__} must be True or False; "
                f"got {reuse_objective!r}."
            )
        self.trials_per_task = check_trials_per_task(trials_per_task, type(self).__name__)
        self.timeout = timeout
        self.loss_threshold = loss_threshold
        self.trial_timeout = trial_timeout
        self.reuse_objective = reuse_objective

    def __str__(self) -> str:
        return f"{type(self).__name__}(trials={self.trials})"

    @property
    def fmin_cancelled_reason(self) -> str | None:
        """Why the last search ended early; None if it did not."""
        return self._fmin_cancelled_reason

    def delete_all(self) -> None:
        """Forget all trials and attachments, and why the last search ended."""
        super().delete_all()
        self._fmin_cancelled = False
        self._fmin_cancelled_reason = None

    # -- searching -----------------------------------------------------------------------------

    def _make_backend(self, domain: Domain) -> Backend:
        """Return where the trials of a search run."""
        raise NotImplementedError

    def _most_at_once(self, backend: Backend) -> int:
        """Return the most trials that the search may ever run at once."""
        return self.parallelism

    def make_runner(self, domain: Domain, options: RunnerOptions) -> Runner:
        """Return what runs the trials of a search.

        Parameters
        ----------
        domain : Domain
            Objective and space; shipped to the workers once.
        options : RunnerOptions
            Options of the search.

        Raises
        ------
        UnpicklableObjective, SparkObjectInObjective
            If the objective cannot travel; name the variable.
        InvalidArgument
            If trials cannot run, or the objective needs the expression of the space.
        """
        from sparktune._parallel.batches import Batches
        from sparktune._parallel.dispatcher import Dispatcher

        name = type(self).__name__
        if domain.fn is None or domain.pass_expr_memo_ctrl:
            raise InvalidArgument(
                f"The objective of {name} must take a point of the space; "
                "`pass_expr_memo_ctrl` needs the driver. Use Trials() for such an objective."
            )
        backend = self._make_backend(domain)
        if self.user_specified_parallelism is not None:
            warn_if_idle(self.parallelism, options.max_evals)
        most = self._most_at_once(backend)
        handles = Handles(domain, options.handle, _lines(domain, backend, options.handle.pruner))
        batches = Batches(self.trials_per_task, options.left)
        return Dispatcher(
            backend, most, self.trial_timeout, options.seed, options.store, handles, batches
        )

    def fmin(
        self,
        fn: Callable[..., Any],
        space: Any,
        algo: Any = None,
        max_evals: int | None = None,
        timeout: float | None = None,
        loss_threshold: float | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        """Search with these trials; see `sparktune.fmin`, which has the same parameters.

        A `timeout` or `loss_threshold` that the object was created with takes precedence.
        """
        __tracebackhide__ = True
        timeout = self._preferred("timeout", self.timeout, timeout)
        loss_threshold = self._preferred("loss_threshold", self.loss_threshold, loss_threshold)
        self._fmin_cancelled = False
        self._fmin_cancelled_reason = None
        try:
            best = super().fmin(
                fn, space, algo, max_evals, timeout, loss_threshold, *args, **kwargs
            )
            self._logger.debug("fmin thread exits normally.")
            return best
        finally:
            # In Hyperopt's words, for tools that read them.
            if self._fmin_cancelled:
                self._logger.warning("fmin cancelled because of %s", self._fmin_cancelled_reason)
            self._logger.info(
                "Total Trials: %d: %d succeeded, %d failed, %d cancelled.",
                self.count_total_trials(),
                self.count_successful_trials(),
                self.count_failed_trials(),
                self.count_cancelled_trials(),
            )

    def _preferred(self, name: str, own: float | None, given: float | None) -> float | None:
        if own is None:
            return given
        if given is not None and given != own:
            owner = type(self).__name__
            text = "`%s` was given to %s (%s) and to fmin (%s); that of %s is used."
            self._logger.warning(text, name, owner, own, given, owner)
        return own


def _lines(domain: Domain, backend: Backend, pruner: Pruner | None) -> Lines | None:
    """Return what keeps running trials up to date, None if nothing would change or nothing can."""
    if pruner is None or not pruner.follows or not domain.takes_trial:
        return None
    try:
        hosts = backend.line_hosts()
    except Exception:
        logging.getLogger("sparktune.dispatch").debug("The driver has no address.", exc_info=True)
        return None
    if hosts is None:
        return None
    from sparktune._parallel.live import Listener

    return Listener(pruner, hosts)
