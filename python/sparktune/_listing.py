"""What `dir()` and completion show of a public module. Imports nothing else of sparktune."""

from __future__ import annotations

from collections.abc import Callable, Iterable

__all__ = ["listing"]


def listing(names: Iterable[str]) -> Callable[[], list[str]]:
    """Return the ``__dir__`` of a module whose ``__all__`` has these names."""
    shown = sorted(names)
    return lambda: list(shown)
