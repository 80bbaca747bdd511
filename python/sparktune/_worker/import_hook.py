"""Waits for an import, so that an objective that never imports a module does not pay for it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

__all__ = ["ImportHook"]


class ImportHook:
    """Calls `ready` once a module has been imported; an entry of ``sys.meta_path``."""

    def __init__(self, name: str, ready: Callable[[], None]) -> None:
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
            spec = self._find(path, target)
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

    def _find(self, path: Any, target: Any) -> Any:
        for finder in sys.meta_path:
            find = getattr(finder, "find_spec", None)
            if finder is not self and find is not None:
                spec = find(self.name, path, target)
                if spec is not None:
                    return spec
        return None
