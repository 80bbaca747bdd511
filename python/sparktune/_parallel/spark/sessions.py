"""What `SparkTrials` needs of a Spark session, and which kind a session is."""

from __future__ import annotations

from typing import Any

from sparktune._parallel.backend import Backend
from sparktune._parallel.cargo import pack
from sparktune._parallel.spark.classic import ClassicSession
from sparktune._parallel.spark.connect import ConnectSession
from sparktune._parallel.spark.reasons import reason
from sparktune._parallel.spark.start import start_session
from sparktune._search.domain import Domain
from sparktune.exceptions import InvalidArgument, InvalidArgumentType

__all__ = ["Session", "check_resource_profile", "find_session", "make_backend"]


Session = ClassicSession | ConnectSession


def find_session(spark: Any) -> Session:
    """Return a session that is not stopped: the given one, the active one, or a new one.

    Raises
    ------
    ImportError
        If pyspark is not installed.
    JavaNotFound
        If a new session cannot start because of Java.
    InvalidArgument
        If the session is stopped, or this pyspark is too old for its kind.
    InvalidArgumentType
        If it is not a session.
    """
    try:
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise ImportError(
            "SparkTrials needs pyspark, which cannot be imported; "
            'hint: pip install "sparktune[spark]".'
        ) from error
    if spark is None:
        spark = SparkSession.getActiveSession() or start_session()
    session: Session
    if _is_connect(spark):
        if not hasattr(spark, "is_stopped"):
            raise InvalidArgument(
                "`spark_session` of SparkTrials must be a classic session with this version of "
                "pyspark; hint: Spark Connect is supported with pyspark 4.0 or newer."
            )
        session = ConnectSession(spark)
    elif isinstance(spark, SparkSession):
        session = ClassicSession(spark)
    else:
        raise InvalidArgumentType(
            "`spark_session` of SparkTrials must be a pyspark.sql.SparkSession or None; "
            f"got {type(spark).__name__}."
        )
    if session.is_stopped():
        raise InvalidArgument(
            "`spark_session` of SparkTrials must not be stopped; "
            "hint: SparkSession.builder.getOrCreate() makes a new one."
        )
    return session


def _is_connect(spark: Any) -> bool:
    # By name: the classes of Spark Connect cannot be imported without gRPC.
    return any(cls.__module__.startswith("pyspark.sql.connect") for cls in type(spark).__mro__)


def check_resource_profile(session: Session, resource_profile: Any) -> None:
    """Raise `InvalidArgument` if tasks on the cluster cannot have a resource profile."""
    try:
        session.register(resource_profile)
    except InvalidArgument:
        raise
    except Exception as error:
        raise InvalidArgument(
            f"`resource_profile` of SparkTrials cannot be used on this cluster: {reason(error)}"
        ) from None


def make_backend(
    session: Session, domain: Domain, resource_profile: Any, reuse_objective: bool = False
) -> Backend:
    """Return what runs the trials of a search."""
    assert domain.fn is not None
    cargo = pack(
        domain.fn,
        domain.space.program,
        pickler="pyspark.cloudpickle",  # which every executor has
        result_limit=session.result_limit(),
        reuse=reuse_objective,
    )
    return session.make_backend(cargo, resource_profile)
