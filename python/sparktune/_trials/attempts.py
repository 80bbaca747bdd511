"""How often a trial was started: `misc["attempts"]` describes each attempt that was lost."""

from __future__ import annotations

from sparktune._trials.documents import Trial

__all__ = ["attempt_of"]


def attempt_of(trial: Trial) -> int:
    """Return how many attempts of a trial were lost, which is the number of the present one."""
    return len(trial["misc"].get("attempts", ()))
