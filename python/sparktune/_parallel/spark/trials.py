"""`SparkTrials`: trials that run on a Spark cluster."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from sparktune._parallel.parallelism import MAX_PARALLELISM, TrialsPerTask, check_parallelism
from sparktune._parallel.spark import cluster
from sparktune._parallel.spark.sessions import (
    Session,
    check_resource_profile,
    find_session,
    make_backend,
)
from sparktune._parallel.trials import ParallelTrials
from sparktune.exceptions import BackendLost, InvalidArgument

if TYPE_CHECKING:
    from sparktune._parallel.backend import Backend
    from sparktune._search.domain import Domain

__all__ = ["SparkTrials"]

logger = logging.getLogger("sparktune.spark")


class SparkTrials(ParallelTrials):
    """The trials of a search that runs on Spark: each trial is one Spark job with one task.

    The driver suggests trials, and the workers evaluate them, several at once. The objective and
    everything it refers to must be picklable. For an objective that runs Spark jobs itself, with
    MLlib for example, use `Trials`.

    Parameters
    ----------
    parallelism : int or None, default None
        The most trials at once, up to 128. None (and, with a warning, zero or less) means the
        number of executors, in local mode that of the task slots. A number above what the cluster
        can run at once is reduced to that, unless the cluster can grow (dynamic allocation).
    timeout : float or None, default None
        Time limit for `fmin` in seconds, greater than 0. Then running trials are cancelled, and
        `fmin` returns; finished trials are kept. Takes precedence over the `timeout` of `fmin`.
    loss_threshold : float or None, default None
        The search ends when a loss is below it. Takes precedence over the `loss_threshold` of
        `fmin`.
    spark_session : pyspark.sql.SparkSession, optional
        Classic or of Spark Connect; by default the active session, or a new one. Not stopped, and
        not pickled with the object.
    resource_profile : pyspark.resource.ResourceProfile, optional
        What each trial needs (stage-level scheduling), such as two cores or a GPU. Ignored, with a
        warning, in local mode; refused where the cluster cannot do it.
    trial_timeout : float or None, default None
        Time limit for one trial in seconds, from the start of its task. Then the job is cancelled;
        the trial fails with `sparktune.exceptions.TrialTimeout`, and the search goes on.
    reuse_objective : bool, default False
        Whether each worker unpickles the objective once, instead of once per trial. This saves time
        if trials are short and the objective refers to much data, but a trial then sees what the
        trials before it have changed there.
    trials_per_task : int or "auto", default 1
        The most trials that a Spark task runs one after the other. More than 1 pays for trials of
        less than a second, at some cost in what the search finds; ``"auto"`` measures how long
        trials take, and leaves long ones alone. See docs/parallel.md.

    Attributes
    ----------
    parallelism : int
        The most trials at once. A search follows the cluster as it shrinks and grows, up to the
        number that was asked for.
    user_specified_parallelism : int or None
        The number that was asked for.

    Raises
    ------
    ImportError
        If pyspark is not installed.
    JavaNotFound
        If a new session cannot start because Java is missing, broken or too old.
    InvalidArgument
        If an argument is out of range, or the session cannot be used.
    InvalidArgumentType
        If an argument has the wrong type.
    """

    # On the class, so that views and unpickled objects have them.
    _session: Session | None = None
    _resource_profile: Any = None
    _logger = logger

    def __init__(
        self,
        parallelism: int | None = None,
        timeout: float | None = None,
        loss_threshold: float | None = None,
        spark_session: Any = None,
        resource_profile: Any = None,
        *,
        trial_timeout: float | None = None,
        reuse_objective: bool = False,
        trials_per_task: TrialsPerTask = 1,
    ) -> None:
        super().__init__(timeout, loss_threshold, trial_timeout, reuse_objective, trials_per_task)
        requested = check_parallelism(parallelism)
        self.user_specified_parallelism = parallelism
        self._set_up(find_session(spark_session), requested, resource_profile)
        self.refresh()

    def __getstate__(self) -> dict[str, Any]:
        # A session belongs to its process; so does a profile, which may hold a Java object.
        dropped = ("_session", "_resource_profile")
        return {key: value for key, value in super().__getstate__().items() if key not in dropped}

    @property
    def _spark(self) -> Any:
        """The user's session, None in an unpickled object."""
        return None if self._session is None else self._session.spark

    def _set_up(self, session: Session, requested: int | None, resource_profile: Any) -> None:
        found = session.read_cluster()
        if resource_profile is not None:
            if found.local:
                logger.warning(
                    "`resource_profile` of SparkTrials must be used on a cluster; it is ignored in "
                    "local mode, where Spark has no stage-level scheduling."
                )
                resource_profile = None
            else:
                check_resource_profile(session, resource_profile)
                found = session.read_cluster(resource_profile)
        self.parallelism = cluster.decide_parallelism(requested, found)
        self._resource_profile = resource_profile
        self._session = session

    def _make_backend(self, domain: Domain) -> Backend:
        session = self._session
        if session is None:  # unpickled
            session = find_session(None)
            self._set_up(session, self.user_specified_parallelism, self._resource_profile)
        if session.is_stopped():
            raise InvalidArgument(
                "The Spark session of SparkTrials must not be stopped. Make a session, and a new "
                "SparkTrials with it; to go on with these trials, pickle and unpickle them."
            )
        try:
            return make_backend(session, domain, self._resource_profile, self.reuse_objective)
        except Exception as error:
            if not session.is_stopped():
                raise
            raise BackendLost(
                "The Spark session was stopped while the search began, so no trial can run."
            ) from error

    def _most_at_once(self, backend: Backend) -> int:
        asked = self.user_specified_parallelism
        if asked is None or asked <= self.parallelism or backend.slots() is None:
            return self.parallelism
        # What the cluster had too few slots for at first, it may have slots for later.
        return min(asked, MAX_PARALLELISM)
