"""`SparkTrials`: trials that run on a Spark cluster."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sparktune.arguments import validate_loss_threshold, validate_timeout
from sparktune.documents import JOB_STATE_CANCEL, JOB_STATE_DONE, JOB_STATE_ERROR
from sparktune.exceptions import InvalidArgument
from sparktune.spark import cluster
from sparktune.spark.sessions import find_session, is_stopped, make_backend, read_cluster
from sparktune.trials import Trials

if TYPE_CHECKING:
    from sparktune.domain import Domain
    from sparktune.runner import Runner, RunnerOptions

__all__ = ["SparkTrials"]

logger = logging.getLogger("sparktune.spark")

CANCELLED_BY_USER = "fmin run cancelled by user"


class SparkTrials(Trials):
    """The trials of a search that runs on Spark: each trial is one Spark job with one task.

    The driver proposes trials, the workers evaluate them, several at once. The objective and all
    that it refers to must be picklable. For an objective that runs Spark jobs itself (MLlib, say),
    use `Trials`.

    Parameters
    ----------
    parallelism : int or None, default None
        The most trials at once, up to 128. None (and, with a warning, zero or less) means the
        number of executors, in local mode that of the task slots. A number above what the cluster
        can run at once is reduced to that, unless the cluster can grow (dynamic allocation).
    timeout : float or None, default None
        Seconds that `fmin` may take, greater than 0. Then the trials that run are cancelled, and
        `fmin` returns; finished trials are kept. Goes before the `timeout` of `fmin`.
    loss_threshold : float or None, default None
        The search ends when a loss is below it. Goes before the `loss_threshold` of `fmin`.
    spark_session : pyspark.sql.SparkSession, optional
        Classic or of Spark Connect; by default the active session, or a new one. Not stopped, and
        not pickled with the object.
    resource_profile : pyspark.resource.ResourceProfile, optional
        What each trial needs (stage-level scheduling). Ignored, with a warning, in local mode.

    Attributes
    ----------
    parallelism : int
        The number that was decided on.
    user_specified_parallelism : int or None
        The number that was asked for.

    Raises
    ------
    ImportError
        If pyspark is not installed.
    InvalidArgument
        If an argument is out of range, or the session cannot be used.
    InvalidArgumentType
        If an argument has the wrong type.
    """

    asynchronous = True
    MAX_CONCURRENT_JOBS_ALLOWED = cluster.MAX_PARALLELISM

    # On the class, so that views and unpickled objects have them.
    timeout: float | None = None
    loss_threshold: float | None = None
    user_specified_parallelism: int | None = None
    parallelism: int = 1
    _spark: Any = None
    _resource_profile: Any = None
    _fmin_cancelled = False
    _fmin_cancelled_reason: str | None = None

    def __init__(
        self,
        parallelism: int | None = None,
        timeout: float | None = None,
        loss_threshold: float | None = None,
        spark_session: Any = None,
        resource_profile: Any = None,
    ) -> None:
        super().__init__(exp_key=None, refresh=False)
        requested = cluster.check_parallelism(parallelism)
        validate_timeout(timeout)
        validate_loss_threshold(loss_threshold)
        self.timeout = timeout
        self.loss_threshold = loss_threshold
        self.user_specified_parallelism = parallelism
        self._spark = find_session(spark_session)
        self._set_up_cluster(requested, resource_profile)
        self.refresh()

    def __str__(self) -> str:
        return f"SparkTrials(trials={self.trials})"

    def __getstate__(self) -> dict[str, Any]:
        # A session belongs to its process; so does a profile, which may hold a Java object.
        dropped = ("_spark", "_resource_profile")
        return {key: value for key, value in super().__getstate__().items() if key not in dropped}

    def _set_up_cluster(self, requested: int | None, resource_profile: Any) -> None:
        found = read_cluster(self._spark)
        self.parallelism = cluster.decide_parallelism(requested, found)
        if resource_profile is not None and found.local:
            logger.warning(
                "`resource_profile` of SparkTrials must be used on a cluster; it is ignored in "
                "local mode, where Spark has no stage-level scheduling."
            )
            resource_profile = None
        self._resource_profile = resource_profile

    # -- what became of the trials -------------------------------------------------------------

    @property
    def fmin_cancelled_reason(self) -> str | None:
        """Why the last search ended early; None if it did not."""
        return self._fmin_cancelled_reason

    def count_successful_trials(self) -> int:
        """Return the number of trials that ended without an error."""
        return self.count_by_state_unsynced(JOB_STATE_DONE)

    def count_failed_trials(self) -> int:
        """Return the number of trials that ended with an error."""
        return self.count_by_state_unsynced(JOB_STATE_ERROR)

    def count_cancelled_trials(self) -> int:
        """Return the number of trials that were cancelled."""
        return self.count_by_state_unsynced(JOB_STATE_CANCEL)

    def count_total_trials(self) -> int:
        """Return the number of trials that ended, in whatever way."""
        return self.count_by_state_unsynced([JOB_STATE_DONE, JOB_STATE_ERROR, JOB_STATE_CANCEL])

    def delete_all(self) -> None:
        """Forget all trials and attachments, and why the last search ended."""
        super().delete_all()
        self._fmin_cancelled = False
        self._fmin_cancelled_reason = None

    # -- searching -----------------------------------------------------------------------------

    def make_runner(self, domain: Domain, options: RunnerOptions) -> Runner:
        """Return what runs the trials of a search on Spark.

        Parameters
        ----------
        domain : Domain
            Objective and space; shipped to the workers once.
        options : RunnerOptions
            What the search says about itself.

        Raises
        ------
        UnpicklableObjective, SparkObjectInObjective
            If the objective cannot travel; name the variable.
        InvalidArgument
            If the Spark session was stopped, or the objective wants the expression of the space.
        """
        # Here, so that the class can be looked at where pyspark is not installed.
        from sparktune.dispatch.dispatcher import Dispatcher

        if domain.fn is None or domain.pass_expr_memo_ctrl:
            raise InvalidArgument(
                "The objective of SparkTrials must take a point of the space; "
                "`pass_expr_memo_ctrl` needs the driver. Use Trials() for such an objective."
            )
        if self._spark is None:  # unpickled
            self._spark = find_session(None)
            self._set_up_cluster(self.user_specified_parallelism, self._resource_profile)
        if is_stopped(self._spark):
            raise InvalidArgument(
                "The Spark session of SparkTrials must not be stopped. Make a session, and a new "
                "SparkTrials with it; to go on with these trials, pickle and unpickle them."
            )
        backend = make_backend(self._spark, domain, self._resource_profile)
        return Dispatcher(backend, self.parallelism)

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

        The `timeout` and the `loss_threshold` that the object was made with go before those
        given here.
        """
        timeout = _preferred("timeout", self.timeout, timeout)
        loss_threshold = _preferred("loss_threshold", self.loss_threshold, loss_threshold)
        self._fmin_cancelled = False
        self._fmin_cancelled_reason = None
        try:
            best = super().fmin(
                fn, space, algo, max_evals, timeout, loss_threshold, *args, **kwargs
            )
            logger.debug("fmin thread exits normally.")
            return best
        except KeyboardInterrupt:
            self._fmin_cancelled = True
            self._fmin_cancelled_reason = CANCELLED_BY_USER
            raise
        finally:
            # In Hyperopt's words, for tools that read them.
            if self._fmin_cancelled:
                logger.warning("fmin cancelled because of %s", self._fmin_cancelled_reason)
            logger.info(
                "Total Trials: %d: %d succeeded, %d failed, %d cancelled.",
                self.count_total_trials(),
                self.count_successful_trials(),
                self.count_failed_trials(),
                self.count_cancelled_trials(),
            )


def _preferred(name: str, own: float | None, given: float | None) -> float | None:
    if own is None:
        return given
    if given is not None and given != own:
        logger.warning(
            "`%s` was given to SparkTrials (%s) and to fmin (%s); that of SparkTrials is used.",
            name,
            own,
            given,
        )
    return own
