"""What outlives a task in a worker process.

A function that was sent by value gets new globals each time it arrives, so a module of ours cannot
keep anything at module level. What must last is kept in a module made here, in ``sys.modules``.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

__all__ = ["NAME", "home", "leave_note", "take_notes"]

NAME = "_sparktune_worker"


def home() -> Any:
    """Return the module that lasts as long as the process.

    Its attributes: `objectives` (by the hash of their cargo), `parts` and `blocks` (what the
    objective that is being unpickled refers to), `garbage` (bytes of objectives that may wait for
    the garbage collector), `refusals` (why an MLflow server refuses us, by its URI and a hash of
    the credentials) and `notes` (messages for the driver). `isolation` adds what it asks the system
    for once.
    """
    if NAME not in sys.modules:
        module = ModuleType(NAME)
        vars(module).update(objectives={}, parts={}, blocks={}, garbage=0, refusals={}, notes=[])
        sys.modules.setdefault(NAME, module)
    return sys.modules[NAME]


def leave_note(text: str) -> None:
    """Leave a message for the driver, which the answer of the trial takes along."""
    home().notes.append(text)


def take_notes() -> list[str]:
    """Return the messages for the driver, and forget them."""
    notes: list[str] = home().notes
    home().notes = []
    return notes
