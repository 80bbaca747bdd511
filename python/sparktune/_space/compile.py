"""Expression -> `CompiledSpace`: the flat parameters that the sampler sees, and the `Program`.

Only hyperparameters and the choices above them go to Rust. What the space computes from them
stays in Python, so that any expression may stand above a hyperparameter.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from sparktune._space.checks import HpCall
from sparktune._space.conditions import ALWAYS, Alternatives, simplified, with_choice
from sparktune._space.describe import describe_node, paths_to
from sparktune._space.expr import Apply, MissingArgument, as_apply, rec_eval
from sparktune._space.lowering import build_program, evaluate_assignment, label_of, space_nodes
from sparktune._worker import program as ops
from sparktune._worker.program import Program, fill_slot, run_program
from sparktune.exceptions import BadSearchSpace, DuplicateLabel

if TYPE_CHECKING:
    from sparktune._core import Space

__all__ = ["CompiledSpace", "Param", "compile_space", "evaluate_assignment"]

logger = logging.getLogger("sparktune.compile")

#: Distributions whose values are integers in trial documents.
_INTEGER = frozenset(["randint", "categorical"])


class _Shared(dict[float, np.number[Any]]):
    """Scalars that come again, each made once: it takes more memory than a reference to it."""

    def __init__(self, make: Callable[[float], np.number[Any]]) -> None:
        self._make = make

    def __missing__(self, value: float) -> np.number[Any]:
        made = self._make(value)
        if value and len(self) < 4096:  # no zeros: there are two of them, which are equal
            self[value] = made
        return made


# A condition of more alternatives than this is left to Python; see `CompiledSpace.opaque`.
_MAX_ALTERNATIVES = 256


@dataclass(frozen=True)
class Param:
    """A hyperparameter as the sampler sees it.

    Attributes
    ----------
    label : str
        Its name.
    distribution : str
        Such as ``"quniform"``; choices are ``"randint"``, or ``"categorical"`` with priors.
    args : tuple of float
        The distribution's arguments.
    conditions : tuple of tuple of (int, int)
        Alternatives; each a tuple of (index of an earlier parameter, value) that must all hold.
        ``((),)`` means always active.
    """

    label: str
    distribution: str
    args: tuple[float, ...]
    conditions: tuple[tuple[tuple[int, int], ...], ...] = ((),)


@dataclass(frozen=True)
class CompiledSpace:
    """A search space, ready for suggesting and evaluating.

    Attributes
    ----------
    params : tuple of Param
        The hyperparameters, parents before children.
    program : Program
        Builds points from values.
    opaque : bool
        True where the sampler cannot decide which hyperparameters are active: its suggestions
        may then hold too many, and `prune` removes those.
    options : dict of str to tuple of str
        Texts of the options of each choice.
    text : str
        A text of the whole space.
    """

    params: tuple[Param, ...]
    program: Program
    opaque: bool = False
    options: dict[str, tuple[str, ...]] = field(default_factory=dict)
    text: str = ""

    def __getstate__(self) -> dict[str, Any]:
        # What is derived, the Rust object above all, is made again where it is needed.
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @cached_property
    def core(self) -> Space:
        """The same parameters as a Rust object."""
        from sparktune._core import Space

        return Space(
            [(p.label, p.distribution, list(p.args), [list(c) for c in p.conditions])
             for p in self.params]
        )  # fmt: skip

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Labels of the parameters, in the order of `params` and of rows."""
        return tuple(p.label for p in self.params)

    @cached_property
    def _makers(self) -> tuple[Callable[[float], np.number[Any]], ...]:
        def maker(distribution: str) -> Callable[[float], np.number[Any]]:
            if distribution in _INTEGER:
                return _Shared(np.int64).__getitem__
            return _Shared(np.float64).__getitem__ if distribution[0] == "q" else np.float64

        return tuple(maker(param.distribution) for param in self.params)

    def evaluate(self, vals: Mapping[str, Any], ctrl: Any = None) -> Any:
        """Build the point that the objective sees; see `run_program`."""
        return run_program(self.program, vals, ctrl)

    def row_from_vals(self, vals: Mapping[str, Any]) -> list[float]:
        """Return values as one float a parameter, NaN where there is none.

        Parameters
        ----------
        vals : mapping of str to scalar or list
            Values by label. ``[value]`` and ``[]``, as trial documents have them, are fine.
            Labels that the space does not have are ignored.
        """
        row = []
        for label in self.labels:
            value = vals.get(label, math.nan)
            if isinstance(value, (list, tuple)):
                value = value[0] if value else math.nan
            row.append(float(value))
        return row

    def vals_from_row(self, row: Sequence[float] | np.ndarray[Any, Any]) -> dict[str, Any]:
        """Return a row as numpy scalars by label, without the inactive ones.

        Choices and ``randint`` are ``int64``, all others ``float64``, as Hyperopt has them.
        """
        values = row.tolist() if isinstance(row, np.ndarray) else row
        return {label: some[0] for label, some in self.lists_from_row(values).items() if some}

    def lists_from_row(self, row: Sequence[float]) -> dict[str, list[Any]]:
        """Return a row as trials have it: by label a list of one numpy scalar, or of none.

        Parameters
        ----------
        row : sequence of float
            One value a parameter, NaN where inactive.
        """
        return {
            label: [make(value)] if value == value else []  # NaN is not itself
            for label, make, value in zip(self.labels, self._makers, row, strict=True)
        }

    def active_labels(self, vals: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the labels that the point of `vals` needs, in the order of `params`.

        Parameters
        ----------
        vals : mapping of str to scalar
            Values of at least the hyperparameters that the choices depend on.

        Raises
        ------
        KeyError
            If a value is missing that decides a choice; the key is its label.
        """
        active = _walk(self.program, vals)
        return tuple(label for label in self.labels if label in active)

    def prune(self, vals: Mapping[str, Any]) -> dict[str, Any]:
        """Return `vals` without the hyperparameters that its point does not need."""
        active = _walk(self.program, vals)
        return {label: value for label, value in vals.items() if label in active}

    def description(self) -> dict[str, Any]:
        """Return the space as JSON-able data, equal for equal spaces.

        Returns
        -------
        dict
            ``space`` (a text) and ``parameters``: for each label its ``distribution``, ``args``,
            ``conditions`` (alternatives of ``[label, value]`` pairs; ``[[]]`` is always) and, for
            a choice, its ``options`` as texts.
        """
        parameters: dict[str, Any] = {}
        for p in self.params:
            entry: dict[str, Any] = {
                "distribution": p.distribution,
                "args": list(p.args),
                "conditions": [[[self.labels[i], v] for i, v in part] for part in p.conditions],
            }
            if p.label in self.options:
                entry["options"] = list(self.options[p.label])
            parameters[p.label] = entry
        return {"space": self.text, "parameters": parameters}


def _walk(program: Program, vals: Mapping[str, Any]) -> set[str]:
    """Return the labels that a point needs; of the rest only what decides switches is computed."""
    slots = dict(program.constants)
    active: set[str] = set()
    seen: set[int] = set()
    todo = [program.root]
    while todo:
        i = todo.pop()
        step = program.steps[i]
        if step is None or i in seen:
            continue
        seen.add(i)
        kind, a, b = step
        if kind == ops.PARAM:
            active.add(a)
        elif kind == ops.SWITCH:
            position = ops.branch_index(fill_slot(program, vals, slots, a), len(b))
            todo += [a, b[position]]
        else:
            todo += b
    return active


def compile_space(expr: Any, ctrl_type: Any = None) -> CompiledSpace:
    """Compile a search space.

    Parameters
    ----------
    expr : Any
        The space: nodes, or dicts, lists and tuples that hold them.
    ctrl_type : Any, optional
        A constant that stands for the ``ctrl`` of an evaluation; see `build_program`.

    Returns
    -------
    CompiledSpace
        The space.

    Raises
    ------
    DuplicateLabel
        If two hyperparameters have one label. The same node in several places is one.
    BadSearchSpace
        If anything else about the space is wrong.
    """
    root = as_apply(expr)
    nodes = space_nodes(root)
    found = _hyperparameters(root, nodes)
    distributions = {label: _distribution(label, node) for label, node in found.items()}
    conditions, exact = _conditions(nodes, distributions)
    order, conditions, acyclic = _ordered(list(found), conditions)
    program = build_program(root, ctrl_type)
    index = {label: i for i, label in enumerate(order)}
    params = tuple(
        Param(label, *distributions[label], _indexed(conditions[label], index)) for label in order
    )
    return CompiledSpace(
        params=params,
        program=program,
        opaque=not (exact and acyclic),
        options=_options(nodes),
        text=describe_node(root, limit=10_000),
    )


def _hyperparameters(root: Apply, nodes: list[Apply]) -> dict[str, Apply]:
    """Return the ``hyperopt_param`` nodes by label."""
    found: dict[str, list[Apply]] = {}
    for node in nodes:
        if node.name == "hyperopt_param":
            found.setdefault(label_of(node), []).append(node)
    for label, same in found.items():
        if len(same) > 1:
            places = [
                f"{path} ({node.made_at})" if node.made_at else path
                for node, path in zip(same, paths_to(root, same), strict=True)
            ]
            raise DuplicateLabel(
                f"Each hyperparameter must have its own label; {label!r} is used at "
                f"{', '.join(places[:-1])} and {places[-1]}. "
                "Rename all but one, or make it once and use the same object in each place."
            )
    return {label: node for label, (node,) in found.items()}


def _distribution(label: str, node: Apply) -> tuple[str, tuple[float, ...]]:
    """Return the distribution of a hyperparameter and its arguments, checked."""
    inner = node.arg["obj"]
    name = inner.name
    call = HpCall(name, label)
    if name not in _ARGUMENTS:
        raise BadSearchSpace(
            f"A hyperparameter must hold one of {', '.join(sorted(_ARGUMENTS))}; {label!r} holds "
            f"{describe_node(inner)}."
        )
    given = inner.arg
    args = [given.get(arg, MissingArgument) for arg in _ARGUMENTS[name]]
    if name == "categorical":
        return name, _probabilities(call, args[0])
    if name == "randint":
        low, high = args
        ends = (0, low) if high is MissingArgument else (low, high)
        bounds = [call.integer(arg, end) for arg, end in zip(("low", "high"), ends, strict=True)]
        if bounds[0] >= bounds[1]:
            raise call.fail(
                "`high` must be greater than `low`", f"low={bounds[0]}, high={bounds[1]}"
            )
        return name, (float(bounds[0]), float(bounds[1]))
    if MissingArgument in args:
        raise BadSearchSpace(f"scope.{name} of {label!r} must have {', '.join(_ARGUMENTS[name])}.")
    if "uniform" in name:
        call.bounds(args[0], args[1], log="log" in name)
    else:
        call.spread(args[0], args[1], log="log" in name)
    if name.startswith("q"):
        call.step(args[2])
    numbers = zip(_ARGUMENTS[name], args, strict=True)
    return name, tuple(call.number(arg, value) for arg, value in numbers)


_ARGUMENTS: dict[str, tuple[str, ...]] = {
    "uniform": ("low", "high"),
    "loguniform": ("low", "high"),
    "quniform": ("low", "high", "q"),
    "qloguniform": ("low", "high", "q"),
    "normal": ("mu", "sigma"),
    "lognormal": ("mu", "sigma"),
    "qnormal": ("mu", "sigma", "q"),
    "qlognormal": ("mu", "sigma", "q"),
    "randint": ("low", "high"),
    "categorical": ("p",),
}


def _probabilities(call: HpCall, node: Apply) -> tuple[float, ...]:
    """Return the probabilities of a categorical, summing to 1 as closely as floats can."""
    items = node.pos_args if node.name == "pos_args" else list(rec_eval(node))
    weights = call.probabilities([call.number("p", p) for p in items], "p")
    total = math.fsum(weights)
    return tuple(w / total for w in weights)


def _conditions(
    nodes: list[Apply], distributions: Mapping[str, tuple[str, tuple[float, ...]]]
) -> tuple[dict[str, Alternatives], bool]:
    """Return when each hyperparameter is active, and whether that is exact."""
    domains = {
        label: _domain(*distribution)
        for label, distribution in distributions.items()
        if distribution[0] in _INTEGER
    }
    exact = True
    parts: dict[Apply, set[Any]] = {node: set() for node in nodes}
    parts[nodes[-1]] = set(ALWAYS)  # inputs come first, so the root is last
    active: dict[str, Alternatives] = {}
    # From the root down: all that uses a node is done before the node itself.
    for node in reversed(nodes):
        condition = simplified(parts[node], domains, active)
        if len(condition) > _MAX_ALTERNATIVES:
            condition, exact = ALWAYS, False
        if node.name == "hyperopt_param":
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
            exact = False
            for branch in branches:
                parts[branch] |= condition
            continue
        _check_positions(label, domains[label], len(branches))
        # The choice may be looked at before it is reached itself: it is active at least here.
        known = active.get(label, frozenset()) | condition
        active[label] = simplified(known, domains, {**active, label: known})
        for value, branch in enumerate(branches):
            if value in domains[label]:
                parts[branch] |= with_choice(condition, label, value)
    return active, exact


def _domain(name: str, args: tuple[float, ...]) -> range:
    return range(len(args)) if name == "categorical" else range(int(args[0]), int(args[1]))


def _choice_of(selector: Apply) -> str | None:
    """Return the label that a switch depends on, if it is a hyperparameter's very value."""
    while selector.name == "int" and len(selector.inputs()) == 1:
        selector = selector.inputs()[0]
    return label_of(selector) if selector.name == "hyperopt_param" else None


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
    order: list[str] = []
    acyclic = True
    left = dict.fromkeys(labels)
    while left:
        ready = [label for label in left if not parents[label] & left.keys()]
        if not ready:
            ready = [next(iter(left))]
            conditions[ready[0]] = ALWAYS
            acyclic = False
        for label in ready:
            order.append(label)
            del left[label]
    return order, conditions, acyclic


def _indexed(
    condition: Alternatives, index: Mapping[str, int]
) -> tuple[tuple[tuple[int, int], ...], ...]:
    return tuple(sorted(tuple(sorted((index[k], v) for k, v in part)) for part in condition))


def _options(nodes: list[Apply]) -> dict[str, tuple[str, ...]]:
    """Return texts of the options of each choice."""
    texts: dict[str, tuple[str, ...]] = {}
    for node in nodes:
        if node.name == "switch":
            label = _choice_of(node.pos_args[0])
            if label is not None and label not in texts:
                texts[label] = tuple(describe_node(branch) for branch in node.pos_args[1:])
    return texts
