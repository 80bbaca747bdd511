"""How often a trial was started: `misc["attempts"]` describes each attempt that was lost."""

from __future__ import annotations

from typing import Any

from sparktune._trials.documents import Trial, coarse_utcnow
from sparktune._trials.findings import brief_error

__all__ = ["attempt_of", "attempts_of", "count_lost", "note_lost"]

_LONGEST = 300  # of an error


def attempt_of(trial: Trial) -> int:
    """Return how many attempts of a trial were lost, which is the number of the present one."""
    return len(_lost(trial))


def attempts_of(trial: Trial) -> int:
    """Return how often a trial was started."""
    return attempt_of(trial) + (trial.get("book_time") is not None)


def count_lost(trial: Trial, reason: str) -> int:
    """Return how many attempts were lost in one way."""
    return sum(each.get("reason") == reason for each in _lost(trial))


def note_lost(trial: Trial, reason: str, type_name: str, message: str) -> None:
    """Write into a document that its present attempt was lost.

    Parameters
    ----------
    trial : Trial
        A trial that is running.
    reason : str
        ``"lost"``, ``"timeout"``, or another word for what happened.
    type_name, message : str
        As in ``misc["error"]``.
    """
    error = brief_error(type_name, message)
    trial["misc"].setdefault("attempts", []).append(
        {
            "reason": reason,
            "error": error if len(error) <= _LONGEST else error[: _LONGEST - 3] + "...",
            "start_time": trial["book_time"],
            "end_time": coarse_utcnow(),
        }
    )


def _lost(trial: Trial) -> list[dict[str, Any]]:
    return trial["misc"].get("attempts", [])
