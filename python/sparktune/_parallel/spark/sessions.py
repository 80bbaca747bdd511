"""Classic sessions and those of Spark Connect: which one there is, and what differs."""

from __future__ import annotations

from typing import Any

from sparktune._parallel.backend import Backend
from sparktune._parallel.cargo import Cargo, pack
from sparktune._parallel.spark import cluster
from sparktune._parallel.spark.cluster import Cluster
from sparktune._parallel.spark.reasons import reason
from sparktune._search.domain import Domain
from sparktune.exceptions import InvalidArgument, InvalidArgumentType

__all__ = [
    "check_resource_profile",
    "find_session",
    "is_connect",
    "is_stopped",
    "make_backend",
    "read_cluster",
]


def find_session(session: Any) -> Any:
    """Return a session that is not stopped: the given one, the active one, or a new one.

    Parameters
    ----------
    session : pyspark.sql.SparkSession or None
        Of either kind.
    """
    try:
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise ImportError(
            "SparkTrials needs pyspark, which cannot be imported; "
            'hint: pip install "sparktune[spark]".'
        ) from error
    if session is None:
        session = SparkSession.getActiveSession() or SparkSession.builder.getOrCreate()
    if is_connect(session):
        if not hasattr(session, "is_stopped"):
            raise InvalidArgument(
                "`spark_session` of SparkTrials must be a classic session with this version of "
                "pyspark; hint: Spark Connect is supported with pyspark 4.0 or newer."
            )
    elif not isinstance(session, SparkSession):
        raise InvalidArgumentType(
            "`spark_session` of SparkTrials must be a pyspark.sql.SparkSession or None; "
            f"got {type(session).__name__}."
        )
    if is_stopped(session):
        raise InvalidArgument(
            "`spark_session` of SparkTrials must not be stopped; "
            "hint: SparkSession.builder.getOrCreate() makes a new one."
        )
    return session


def is_connect(session: Any) -> bool:
    """Return whether a session is one of Spark Connect.

    Parameters
    ----------
    session : Any
        A session.
    """
    return any(cls.__module__.startswith("pyspark.sql.connect") for cls in type(session).__mro__)


def is_stopped(session: Any) -> bool:
    """Return whether a session can run no more jobs.

    Parameters
    ----------
    session : pyspark.sql.SparkSession
        Of either kind.
    """
    if is_connect(session):
        from sparktune._parallel.spark import connect

        return connect.is_stopped(session)
    return cluster.is_stopped(session.sparkContext)


def read_cluster(session: Any, resource_profile: Any = None) -> Cluster:
    """Read what is known of the cluster.

    Parameters
    ----------
    session : pyspark.sql.SparkSession
        Of either kind.
    resource_profile : pyspark.resource.ResourceProfile, optional
        What each trial needs.
    """
    if is_connect(session):
        from sparktune._parallel.spark import connect

        return connect.read_cluster(session, resource_profile)
    return cluster.read_cluster(session, resource_profile)


def check_resource_profile(session: Any, resource_profile: Any) -> None:
    """Have Spark look at a resource profile, and know it from here on.

    Parameters
    ----------
    session : pyspark.sql.SparkSession
        Of either kind.
    resource_profile : pyspark.resource.ResourceProfile
        What each trial needs.

    Raises
    ------
    InvalidArgument
        If the cluster cannot have tasks with such a profile.
    """
    try:
        if is_connect(session):
            from pyspark.sql import SparkSession

            if SparkSession.getActiveSession() is not session:  # pyspark asks the active one
                raise InvalidArgument(
                    "`resource_profile` of SparkTrials needs `spark_session` to be the active "
                    "session. Make the session of the trials the first that is made."
                )
            resource_profile.id  # noqa: B018  asks the server, and keeps what it says
        else:
            session.sparkContext.emptyRDD().withResources(resource_profile)  # runs no job
    except InvalidArgument:
        raise
    except Exception as error:
        raise InvalidArgument(
            f"`resource_profile` of SparkTrials cannot be used on this cluster: {reason(error)}"
        ) from None


def make_backend(
    session: Any, domain: Domain, resource_profile: Any, result_limit: int | None
) -> Backend:
    """Return what runs trials on this kind of session.

    Parameters
    ----------
    session : pyspark.sql.SparkSession
        Of either kind.
    domain : Domain
        What all trials share.
    resource_profile : pyspark.resource.ResourceProfile or None
        What each trial needs.
    result_limit : int or None
        The most bytes that the pickled result of a trial may have.
    """
    if is_connect(session):
        from sparktune._parallel.spark import connect

        cargo = _pack(domain, min(result_limit or connect.RESULT_LIMIT, connect.RESULT_LIMIT))
        return connect.ConnectBackend(session, cargo, resource_profile)
    from sparktune._parallel.spark.classic import ClassicBackend

    return ClassicBackend(session, _pack(domain, result_limit), resource_profile)


def _pack(domain: Domain, result_limit: int | None) -> Cargo:
    assert domain.fn is not None
    # Every executor has the cloudpickle inside pyspark.
    return pack(
        domain.fn,
        domain.space.program,
        pickler="pyspark.cloudpickle",
        result_limit=result_limit,
    )
