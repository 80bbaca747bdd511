"""Spaces that are valid, but probably not what was meant.

A constant is suspicious only in a space without any hyperparameter: next to hyperparameters, pairs
of numbers such as ``betas=(0.9, 0.999)`` are common constants.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator
from typing import Any

from sparktune._arguments import is_number
from sparktune._space.compile import CompiledSpace
from sparktune._space.expr import Apply, Literal

__all__ = ["warn_of_constants"]

logger = logging.getLogger("sparktune.hp")

# Constants that a warning names.
_NAMED = 3


def warn_of_constants(space: CompiledSpace) -> None:
    """Warn of a space without hyperparameters, with the calls that may have been meant."""
    if space.params:
        return
    calls = (_call(label, value) for label, value in _constants(space.expr))
    meant = ", ".join(itertools.islice(filter(None, calls), _NAMED))
    hint = f" Hint: for a constant that should vary write {meant}." if meant else ""
    logger.warning(
        "A space should have hyperparameters, made with hp; this one has none, so that all trials "
        "evaluate the same point.%s",
        hint,
    )


def _constants(root: Apply) -> Iterator[tuple[str, Any]]:
    """Yield the constants of dicts, each with its key; lists of constants are constants."""
    # A stack, not recursion: containers may be nested deeper than Python has frames.
    waiting: list[tuple[Apply, str]] = [(root, "x")]
    while waiting:
        node, label = waiting.pop()
        if isinstance(node, Literal):
            yield label, node.obj
        elif node.name == "dict" and node.named_args:
            waiting += [(child, key) for key, child in reversed(node.named_args)]
        elif node.name == "pos_args":
            items = [child.obj for child in node.pos_args if isinstance(child, Literal)]
            if len(items) == len(node.pos_args):
                yield label, items
            else:
                waiting += [(child, label) for child in reversed(node.pos_args)]


def _call(label: str, value: Any) -> str | None:
    """Return the call of `hp` that a constant stands for, None if there is none."""
    if is_number(value):
        return f"hp.uniform({label!r}, low, high)"
    items = list(value) if isinstance(value, (list, range)) else []
    if len(items) < 2 or not all(is_number(item) or isinstance(item, str) for item in items):
        return None
    shown = [f"{item:.12g}" if is_number(item) else repr(item)[:30] for item in items[:_NAMED]]
    if len(items) == 2 and all(map(is_number, items)) and items[0] < items[1]:
        return f"hp.uniform({label!r}, {shown[0]}, {shown[1]})"
    more = ", ..." if len(items) > _NAMED else ""
    return f"hp.choice({label!r}, [{', '.join(shown)}{more}])"
