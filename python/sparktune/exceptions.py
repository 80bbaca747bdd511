"""The errors that sparktune raises.

Names and base classes are Hyperopt's where it has them, so ``except`` clauses written for it keep
working. Every class also derives from `SparktuneError` and can be pickled. Every message states the
rule, the value that broke it and, if there is one, a way out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sparktune._listing import listing

__all__ = [
    "AllTrialsFailed",
    "BackendLost",
    "BadSearchSpace",
    "BadSearchSpaceType",
    "DamagedJournal",
    "DuplicateLabel",
    "InvalidAnnotatedParameter",
    "InvalidArgument",
    "InvalidArgumentType",
    "InvalidLoss",
    "InvalidResult",
    "InvalidResultStatus",
    "InvalidTrial",
    "JobFailed",
    "ObjectiveNotLoaded",
    "SearchFailed",
    "SparkObjectInObjective",
    "SparktuneError",
    "TrialLost",
    "TrialTimeout",
    "UnknownParameter",
    "UnpicklableObjective",
]

__dir__ = listing(__all__)

# A result may hold a whole model; a message shows only its beginning.
_SHOWN = 300


def _shown(value: Any) -> str:
    """Return a bounded ``repr`` that never raises."""
    try:
        text = repr(value)
    except Exception:
        text = f"<{type(value).__name__} whose repr() fails>"
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."


class SparktuneError(Exception):
    """Base class of all errors that sparktune defines."""


# -- the search space --------------------------------------------------------------------------


class BadSearchSpace(SparktuneError, ValueError):
    """The search space is invalid."""


class BadSearchSpaceType(BadSearchSpace, TypeError):
    """A value in a search space has the wrong type, such as a label that is not a string."""


class DuplicateLabel(BadSearchSpace):
    """Two different hyperparameters of one space have the same label."""


class _WithResult(SparktuneError, ValueError):
    _rule: str

    def __init__(self, result: Any = None, message: str | None = None) -> None:
        super().__init__(message or f"{self._rule}; got {_shown(result)}.")
        self.result = result

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return type(self), (self.result, str(self))


class InvalidAnnotatedParameter(_WithResult):
    """A parameter of the objective has an annotation that is not a hyperparameter.

    Parameters
    ----------
    result : Any
        The offending annotation, kept as ``.result`` (Hyperopt's name for it).
    message : str, optional
        The whole message; by default one is made from `result`.
    """

    _rule = (
        'With space="annotated" every annotated parameter of the objective must have an '
        "annotation made by hp.*"
    )


# -- arguments ---------------------------------------------------------------------------------


class InvalidArgument(SparktuneError, ValueError):
    """An argument has an invalid value."""


class InvalidArgumentType(InvalidArgument, TypeError):
    """An argument has the wrong type."""


class UnknownParameter(SparktuneError, KeyError):
    """The space has no hyperparameter of that label."""

    def __str__(self) -> str:
        # A KeyError shows the repr of its argument.
        return str(self.args[0]) if self.args else type(self).__name__


class DamagedJournal(SparktuneError, ValueError):
    """A record of a journal is not as it was written.

    Parameters
    ----------
    message : str
        What is wrong, and what can be saved.
    record : int
        The number of the first such record; kept as ``.record``.
    """

    def __init__(self, message: str = "The journal is damaged.", record: int = 0) -> None:
        super().__init__(message)
        self.record = record

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return type(self), (str(self), self.record)


# -- trials and results ------------------------------------------------------------------------


class InvalidTrial(SparktuneError, ValueError):
    """An object that is not a valid trial document was used as one.

    Parameters
    ----------
    msg : str
        What is wrong.
    obj : Any, optional
        The offending object; kept as ``.obj`` and shown in the message.
    """

    def __init__(self, msg: str = "Not a trial document:", obj: Any = None) -> None:
        super().__init__(f"{msg} {_shown(obj)}" if obj is not None else msg)
        self.msg = msg
        self.obj = obj

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return type(self), (self.msg, self.obj)


class InvalidResult(_WithResult):
    """The objective returned something that is not a valid result.

    Parameters
    ----------
    result : Any, optional
        What the objective returned; kept as ``.result``.
    message : str, optional
        The whole message; by default one is made from `result`.
    """

    _rule = (
        "The objective must return a number, or a dict with 'status' (and 'loss' when the status "
        "is 'ok')"
    )


class InvalidResultStatus(InvalidResult):
    """The objective returned a status that is not in `STATUS_STRINGS`."""

    _rule = (
        "The 'status' of a result must be one of 'new', 'running', 'suspended', 'ok', 'fail' "
        "(sparktune.STATUS_OK, sparktune.STATUS_FAIL, ...)"
    )


class InvalidLoss(InvalidResult):
    """The objective returned status 'ok' without a loss that is a number."""

    _rule = "A result with status 'ok' must have a 'loss' that float() accepts"


class AllTrialsFailed(SparktuneError):
    """No trial ended with status 'ok', so there is no best one."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(
            message or "No trial ended with status 'ok' and a loss, so there is no best trial."
        )


class SearchFailed(SparktuneError, RuntimeError):
    """The search ended because too many trials failed (see `max_failures`)."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or "The search ended because too many trials failed.")


# -- sending the objective to workers ----------------------------------------------------------


class UnpicklableObjective(SparktuneError, TypeError):
    """The objective, or an object that it refers to, cannot be pickled."""


class ObjectiveNotLoaded(SparktuneError, RuntimeError):
    """Workers cannot run the objective: their Python lacks a module, or is another version."""


class SparkObjectInObjective(SparktuneError, TypeError):
    """The objective refers to a SparkSession, DataFrame or similar, which only the driver has."""


# -- trials that run elsewhere -----------------------------------------------------------------


class JobFailed(SparktuneError, RuntimeError):
    """A trial failed outside its objective, for example because its process died."""


class TrialLost(JobFailed):
    """A trial ended through no fault of its objective, for example because its executor was lost.

    Suggesters learn nothing from such a trial; all other failed trials count as bad ones.
    """


class TrialTimeout(JobFailed, TimeoutError):
    """A trial took longer than its `trial_timeout` and was stopped."""


class JavaNotFound(SparktuneError, RuntimeError):
    """Spark cannot start, because Java is missing, broken or too old."""


class BackendLost(SparktuneError, RuntimeError):
    """No trial can run any more, for example because the Spark session was stopped."""
