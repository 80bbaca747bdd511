"""The conditions under which a hyperparameter is part of a point.

A condition is a set of alternatives; each is a set of ``(label, value)`` that must all hold.
``(label, value)`` holds if that choice is itself active and has that value.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from sparktune._space.checks import INTEGER, Distribution
from sparktune._space.graph import Apply
from sparktune._space.parameters import is_parameter, label_of
from sparktune._space.walks import dfs
from sparktune.exceptions import BadSearchSpace

__all__ = ["Condition", "choice_values", "conditions_of"]

Conjunction: TypeAlias = "frozenset[tuple[str, int]]"
Alternatives: TypeAlias = "frozenset[Conjunction]"

#: A condition as the sampler has it: choices by the index of their parameter.
Condition: TypeAlias = "tuple[tuple[tuple[int, int], ...], ...]"

#: No condition.
ALWAYS: Alternatives = frozenset([frozenset()])

# A condition with more alternatives than this is left to Python; see `CompiledSpace.opaque`.
_MAX_ALTERNATIVES = 256


def conditions_of(
    nodes: list[Apply], distributions: Mapping[str, Distribution]
) -> tuple[dict[str, Condition], bool]:
    """Return when each hyperparameter is active, parents first, and whether that is exact.

    `nodes` come from `space_nodes`.
    """
    conditions, exact = _from_the_root_down(nodes, distributions)
    order, conditions, acyclic = _ordered(list(distributions), conditions)
    index = {label: i for i, label in enumerate(order)}
    indexed = {
        label: tuple(
            sorted(tuple(sorted((index[k], v) for k, v in part)) for part in conditions[label])
        )
        for label in order
    }
    return indexed, exact and acyclic


def _from_the_root_down(
    nodes: list[Apply], distributions: Mapping[str, Distribution]
) -> tuple[dict[str, Alternatives], bool]:
    """Return when each hyperparameter is active, and whether that is exact."""
    domains = {
        label: choice_values(*distribution)
        for label, distribution in distributions.items()
        if distribution[0] in INTEGER
    }
    exact = True
    parts: dict[Apply, set[Any]] = {node: set() for node in nodes}
    parts[nodes[-1]] = set(ALWAYS)  # inputs come first, so the root is last
    active: dict[str, Alternatives] = {}
    # From the root down: all that uses a node is done before the node itself.
    for node in reversed(nodes):
        condition = _simplified(parts[node], domains, active)
        if len(condition) > _MAX_ALTERNATIVES:
            condition, exact = ALWAYS, False
        if is_parameter(node):
            active[label_of(node)] = condition
            continue
        if node.name != "switch":
            for child in node.inputs():
                parts[child] |= condition
            continue
        selector, *branches = node.pos_args
        parts[selector] |= condition
        label = _choice_of(selector)
        if label is None or label not in domains:
            # Options without hyperparameters, such as those of hp.ordinal, need no conditions.
            exact = exact and not any(is_parameter(node) for node in _below(branches))
            for branch in branches:
                parts[branch] |= condition
            continue
        _check_positions(label, domains[label], len(branches))
        # The switch may be visited before its choice, which is active at least here.
        known = active.get(label, frozenset()) | condition
        active[label] = _simplified(known, domains, {**active, label: known})
        for value, branch in enumerate(branches):
            if value in domains[label]:
                parts[branch] |= _with_choice(condition, label, value)
    return active, exact


def _below(branches: list[Apply]) -> Iterator[Apply]:
    """Yield the nodes that make up the options of a switch."""
    return (node for branch in branches for node in dfs(branch))


def choice_values(name: str, args: tuple[float, ...]) -> range:
    """Return the values of a choice with this distribution."""
    return range(len(args)) if name == "categorical" else range(int(args[0]), int(args[1]))


def _choice_of(selector: Apply) -> str | None:
    """Return the label of the hyperparameter whose value selects a branch, if it is one."""
    while selector.name == "int" and len(selector.inputs()) == 1:
        selector = selector.inputs()[0]
    return label_of(selector) if is_parameter(selector) else None


def _check_positions(label: str, domain: range, count: int) -> None:
    wrong = domain[0] if domain[0] < 0 else domain[-1]
    if not 0 <= wrong < count:
        raise BadSearchSpace(
            f"A switch over {label!r} must have a branch for each of its values; got {count} "
            f"branches, and {label!r} can be {wrong}."
        )


def _ordered(
    labels: list[str], conditions: dict[str, Alternatives]
) -> tuple[list[str], dict[str, Alternatives], bool]:
    """Order labels so that parents come first; return also whether that was possible.

    Through shared nodes two choices can decide about each other. Then one of them is made
    unconditional for the sampler, and `CompiledSpace.prune` decides.
    """
    conditions = dict(conditions)
    parents = {label: {name for part in conditions[label] for name, _ in part} for label in labels}
    children: dict[str, list[str]] = {label: [] for label in labels}
    for label, names in parents.items():
        for name in names:
            children[name].append(label)
    position = {label: i for i, label in enumerate(labels)}
    waits_for = {label: len(names) for label, names in parents.items()}
    left = dict.fromkeys(labels)
    ready = [label for label in labels if not waits_for[label]]
    order: list[str] = []
    acyclic = True
    while left:
        if not ready:
            ready = [next(iter(left))]
            conditions[ready[0]] = ALWAYS
            acyclic = False
        for label in ready:
            order.append(label)
            del left[label]
        freed = []
        for child in (child for label in ready for child in children[label]):
            waits_for[child] -= 1
            if not waits_for[child] and child in left:
                freed.append(child)
        ready = sorted(freed, key=position.__getitem__)
    return order, conditions, acyclic


def _with_choice(condition: Alternatives, label: str, value: int) -> Alternatives:
    """Return the condition that `condition` holds and the choice `label` has `value`."""
    return frozenset(
        part | {(label, value)}
        for part in condition
        if not any(name == label and other != value for name, other in part)
    )


def _simplified(
    condition: Iterable[Conjunction],
    domains: Mapping[str, range],
    active: Mapping[str, Alternatives],
) -> Alternatives:
    """Return an equal condition with fewer alternatives.

    In the result no alternative implies another, and none cover all values of a choice one by one.
    `domains` has all values of each choice, `active` when each is known to be active.
    """
    parts = set(condition)
    if len(parts) == 1 and not any(len(domains[label]) == 1 for label, _ in next(iter(parts))):
        return frozenset(parts)  # as in a deep tree, where conditions are long
    parts = _absorbed(parts)
    while (merged := _merge_one(parts, domains, active)) is not None:
        parts = _absorbed(merged)
    return frozenset(parts)


def _absorbed(parts: set[Conjunction]) -> set[Conjunction]:
    """Drop alternatives that are special cases of another one."""
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
    """Merge alternatives that differ in one choice only and cover all its values."""
    groups: dict[tuple[str, Conjunction], set[int]] = {}
    for part in parts:
        for label, value in part:
            if len(domains[label]) > len(parts):
                continue  # too few alternatives to cover all its values
            groups.setdefault((label, part - {(label, value)}), set()).add(value)
    for (label, rest), values in groups.items():
        # The values cover everything only where the choice exists at all.
        if len(values) == len(domains[label]) and any(c <= rest for c in active[label]):
            return {p for p in parts if not any(p == rest | {(label, v)} for v in values)} | {rest}
    return None
