"""Waits for an import, so that an objective that never imports a module does not pay for it."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

__all__ = ["ImportHook"]


class ImportHook:
    """Calls `ready` when a module is imported; an entry of ``sys.meta_path``."""

    def __init__(self, name: str, ready: Callable[[], object]) -> None:
        self.name = name
        self.ready = ready
        self.searching = False

    def install(self) -> None:
        """Start to wait."""
        sys.meta_path.insert(0, self)

    def remove(self) -> bool:
        """Stop waiting; return whether it was still waiting."""
        waiting = self in sys.meta_path
        if waiting:
            sys.meta_path.remove(self)
        return waiting

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Let the other finders find the module, and call `ready` after it was executed."""
        if name != self.name or self.searching:
            return None
        self.searching = True
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self.searching = False
        loader = getattr(spec, "loader", None)
        if loader is None or not hasattr(loader, "exec_module"):
            return spec
        execute = loader.exec_module

        def execute_and_report(module: ModuleType) -> None:
            execute(module)
            if self.remove():
                self.ready()

        with contextlib.suppress(AttributeError):  # a loader that takes no attributes: no hook
            loader.exec_module = execute_and_report
        return spec
