"""Environment variables that are set for a while."""

from __future__ import annotations

import os
from collections.abc import Mapping

__all__ = ["swap_environment"]


def swap_environment(settings: Mapping[str, str | None]) -> dict[str, str | None]:
    """Set environment variables, and return what they were.

    Parameters
    ----------
    settings : mapping of str to str or None
        Values by name; None unsets the variable.
    """
    before = {name: os.environ.get(name) for name in settings}
    for name, value in settings.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    return before
