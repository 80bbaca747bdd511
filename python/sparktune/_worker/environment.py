"""Environment variables that are set for a while."""

from __future__ import annotations

import os
from collections.abc import Mapping

__all__ = ["swap_environment"]


def swap_environment(settings: Mapping[str, str | None]) -> dict[str, str | None]:
    """Set environment variables (None unsets one) and return what they were."""
    before = {name: os.environ.get(name) for name in settings}
    for name, value in settings.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    return before
