"""The expression language in one place: nodes, `scope` with its functions, walks, evaluation.

Other modules import from here; importing it also fills `scope`.
"""

from __future__ import annotations

from sparktune._space import symbols as _symbols  # noqa: F401 - fills scope
from sparktune._space.evaluate import (
    GarbageCollected,
    Lambda,
    UndefinedValue,
    apply,
    clone,
    clone_merge,
    dfs,
    p0,
    p1,
    p2,
    p3,
    p4,
    partial,
    rec_eval,
    toposort,
)
from sparktune._space.nodes import (
    Apply,
    Literal,
    MissingArgument,
    PyllImportError,
    SymbolTable,
    SymbolTableEntry,
    as_apply,
    scope,
)

__all__ = [
    "Apply",
    "GarbageCollected",
    "Lambda",
    "Literal",
    "MissingArgument",
    "PyllImportError",
    "SymbolTable",
    "SymbolTableEntry",
    "UndefinedValue",
    "apply",
    "as_apply",
    "clone",
    "clone_merge",
    "dfs",
    "p0",
    "p1",
    "p2",
    "p3",
    "p4",
    "partial",
    "rec_eval",
    "scope",
    "toposort",
]
