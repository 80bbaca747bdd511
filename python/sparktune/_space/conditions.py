"""When is a hyperparameter part of a point? Conditions on the choices above it.

A condition is a set of alternatives; each is a set of ``(label, value)`` that must all hold.
``(label, value)`` holds where that choice is itself active and has that value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

__all__ = ["ALWAYS", "Alternatives", "Conjunction", "simplified", "with_choice"]

Conjunction: TypeAlias = "frozenset[tuple[str, int]]"
Alternatives: TypeAlias = "frozenset[Conjunction]"

#: No condition.
ALWAYS: Alternatives = frozenset([frozenset()])


def with_choice(condition: Alternatives, label: str, value: int) -> Alternatives:
    """Return the condition that `condition` holds and the choice `label` has `value`."""
    return frozenset(
        part | {(label, value)}
        for part in condition
        if not any(name == label and other != value for name, other in part)
    )


def simplified(
    condition: Iterable[Conjunction],
    domains: Mapping[str, range],
    active: Mapping[str, Alternatives],
) -> Alternatives:
    """Return an equal condition with fewer alternatives.

    Parameters
    ----------
    condition : iterable of Conjunction
        The alternatives.
    domains : mapping of str to range
        All values of each choice.
    active : mapping of str to Alternatives
        When each choice is known to be active.

    Returns
    -------
    Alternatives
        No alternative implies another, and none covers all values of a choice one by one.
    """
    parts = _absorbed(set(condition))
    while (merged := _merge_one(parts, domains, active)) is not None:
        parts = _absorbed(merged)
    return frozenset(parts)


def _absorbed(parts: set[Conjunction]) -> set[Conjunction]:
    """Drop the alternatives that say more than another one."""
    kept: set[Conjunction] = set()
    for part in sorted(parts, key=len):
        if not any(other <= part for other in kept):
            kept.add(part)
    return kept


def _merge_one(
    parts: set[Conjunction],
    domains: Mapping[str, range],
    active: Mapping[str, Alternatives],
) -> set[Conjunction] | None:
    """Replace alternatives that differ in one choice only and cover all its values by one."""
    groups: dict[tuple[str, Conjunction], set[int]] = {}
    for part in parts:
        for label, value in part:
            groups.setdefault((label, part - {(label, value)}), set()).add(value)
    for (label, rest), values in groups.items():
        # The values cover everything only where the choice exists at all.
        if len(values) == len(domains[label]) and any(c <= rest for c in active[label]):
            return {p for p in parts if not any(p == rest | {(label, v)} for v in values)} | {rest}
    return None
