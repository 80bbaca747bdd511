"""The functions that expressions may call, by name."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from sparktune.exceptions import InvalidArgument

__all__ = ["FunctionTable", "PyllImportError", "SymbolTableEntry"]

F = TypeVar("F", bound=Callable[..., Any])


class PyllImportError(ImportError):
    """`SymbolTable.inject` or `SymbolTable.import_` was given an undefined name."""


class FunctionTable:
    """Functions by name; see `sparktune._space.graph.SymbolTable`."""

    def __init__(self) -> None:
        self._impls: dict[str, Callable[..., Any]] = {}

    def __getattr__(self, name: str) -> Any:
        # Only reached for names that are not defined; defined ones are instance attributes.
        raise AttributeError(
            f"scope has no function {name!r}; add one with @scope.define (def {name}(...): ...)."
        )

    def _define(self, name: str, f: F, o_len: int | None, pure: bool) -> F:
        setattr(self, name, SymbolTableEntry(self, name, o_len, pure))
        self._impls[name] = f
        return f

    def define(self, f: F, o_len: int | None = None, pure: bool = False) -> F:
        """Add the function `f` under its own name; usable as a decorator.

        Parameters
        ----------
        f : callable
            The function that the node calls when it is evaluated.
        o_len : int, optional
            The length of what `f` returns, if fixed; it allows ``a, b = scope.f(x)``.
        pure : bool
            True if `f` has no side effect.

        Returns
        -------
        callable
            `f` itself.

        Raises
        ------
        InvalidArgument
            If the name is taken. A rerun notebook cell or reloaded module may replace its own
            function.
        """
        name = f.__name__
        if hasattr(self, name) and not _same_source(self._impls.get(name), f):
            raise InvalidArgument(
                f"scope.{name} is already defined and cannot be overridden; "
                "give the function another name, or call scope.undefine first."
            )
        return self._define(name, f, o_len, pure)

    def define_if_new(self, f: F, o_len: int | None = None, pure: bool = False) -> F:
        """Add `f` unless it is there already; a different function of that name is an error."""
        name = f.__name__
        if hasattr(self, name) and self._impls.get(name) is not f:
            raise InvalidArgument(f"scope.{name} is already defined as another function.")
        return self._define(name, f, o_len, pure)

    def define_pure(self, f: F) -> F:
        """Add `f`, which has no side effects."""
        return self.define(f, o_len=None, pure=True)

    def define_info(self, o_len: int | None = None, pure: bool = False) -> Callable[[F], F]:
        """Return a decorator that adds a function with these properties."""
        return functools.partial(self.define, o_len=o_len, pure=pure)

    def undefine(self, f: str | Callable[..., Any]) -> None:
        """Remove the function `f` (itself or its name)."""
        name = f if isinstance(f, str) else f.__name__
        del self._impls[name]
        delattr(self, name)

    def inject(self, *args: str, **kwargs: str) -> dict[str, Any]:
        """Return a dict of the named builders; ``inject("log", e="exp")`` renames one."""
        found: dict[str, Any] = {}
        for new, old in [*((a, a) for a in args), *kwargs.items()]:
            if not hasattr(self, old):
                raise PyllImportError(f"scope has no function {old!r}.")
            found[new] = getattr(self, old)
        return found

    def import_(self, _globals: dict[str, Any], *args: str, **kwargs: str) -> None:
        """Put the builders that `inject` returns into a dict, such as ``globals()``."""
        _globals.update(self.inject(*args, **kwargs))


def _same_source(old: Callable[..., Any] | None, new: Callable[..., Any]) -> bool:
    """Return whether `new` is a newer version of the user's function `old`."""
    if old is None:
        return False
    place = (getattr(old, "__module__", None), getattr(old, "__qualname__", None))
    if place != (getattr(new, "__module__", None), getattr(new, "__qualname__", None)):
        return False
    # Only functions of the user's with a Python body are replaced, not ours or builtins.
    return hasattr(old, "__code__") and not str(place[0]).startswith("sparktune.")


class SymbolTableEntry:
    """The type of ``scope.f``; calling it builds an `Apply` node."""

    def __init__(self, symbol_table: Any, apply_name: str, o_len: int | None, pure: bool) -> None:
        self.symbol_table = symbol_table
        self.apply_name = apply_name
        self.o_len = o_len
        self.pure = pure

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Build the node that calls this function on these arguments."""
        return self.symbol_table._new_apply(self.apply_name, args, kwargs, self.o_len, self.pure)
