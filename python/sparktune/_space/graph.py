"""Expression nodes: the graph that a search space is, and the table of functions that builds it.

A node is an `Apply`: the name of a function in `scope` and the nodes of its arguments. Constants
are `Literal` nodes. `hp.uniform("x", 0, 1) * 2` builds such a graph. Names, attributes and argument
order are Hyperopt's, because frameworks walk them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from io import StringIO
from typing import Any, TextIO, TypeAlias

import numpy as np

from sparktune._space.evaluate import Evaluation
from sparktune._space.functions import FunctionTable
from sparktune._space.unevaluated import Unevaluated, check_constant
from sparktune._space.walks import dfs
from sparktune.exceptions import BadSearchSpace

__all__ = ["Apply", "Literal", "MissingArgument", "Space", "SymbolTable", "as_apply", "scope"]

Constant: TypeAlias = Any
_Operator: TypeAlias = "Callable[[Apply, Any], Apply]"

#: What a search space may be: hyperparameters and expressions, in dicts, lists and tuples.
Space: TypeAlias = "Apply | Mapping[Any, Space] | list[Space] | tuple[Space, ...] | Constant"


class MissingArgument:
    """Stands in `Apply.arg` for a parameter that the call leaves out."""


class SymbolTable(FunctionTable):
    """The functions that expressions may call, and what builds the calls.

    ``scope.f(a, b)`` builds the node that calls ``f`` on ``a`` and ``b`` when it is evaluated;
    ``scope.define`` adds a function.
    """

    def _new_apply(
        self,
        name: str,
        args: Iterable[Any],
        kwargs: Mapping[str, Any],
        o_len: int | None = None,
        pure: bool = False,
    ) -> Apply:
        named = [(k, as_apply(kwargs[k])) for k in sorted(kwargs)]
        return Apply(name, [as_apply(a) for a in args], named, o_len=o_len, pure=pure)


scope = SymbolTable()


def as_apply(obj: Any) -> Apply:
    """Turn an object into a node.

    Nodes stay as they are. Tuples and lists become ``pos_args`` nodes (they evaluate to tuples),
    dicts become ``dict`` nodes with their keys sorted where they can be. Anything else becomes a
    `Literal`.

    Raises
    ------
    BadSearchSpace
        If a container holds itself.
    BadSearchSpaceType
        If the object is a node that Hyperopt made, or a set of nodes.
    """
    if not isinstance(obj, (tuple, list, dict)):
        return _leaf(obj)
    # A stack, not recursion: containers may be nested deeper than Python has frames.
    stack = [_Container(obj)]
    around = {id(obj)}
    while True:
        container = stack[-1]
        child = next(container.items, _NOTHING)
        if child is _NOTHING:
            stack.pop()
            around.discard(id(container.obj))
            node = container.node()
            if not stack:
                return node
            stack[-1].nodes.append(node)
        elif not isinstance(child, (tuple, list, dict)):
            container.nodes.append(_leaf(child))
        elif id(child) in around:
            kind = type(child).__name__
            raise BadSearchSpace(
                f"A space must not hold itself; got a {kind} that does. Hint: put a copy inside."
            )
        else:
            around.add(id(child))
            stack.append(_Container(child))


_NOTHING = object()


class _Container:
    """A container on its way to become a node: its items one by one, and the nodes of those."""

    def __init__(self, obj: Any) -> None:
        self.obj = obj
        self.nodes: list[Apply] = []
        self.keys: list[str] | None = None
        if isinstance(obj, dict):
            pairs = _sorted_items(obj)
            obj = [[list(pair) for pair in pairs]]
            if all(isinstance(k, str) for k, _ in pairs):
                self.keys = [k for k, _ in pairs]
                obj = [v for _, v in pairs]
        self.items = iter(obj)

    def node(self) -> Apply:
        name = "dict" if isinstance(self.obj, dict) else "pos_args"
        if self.keys is None:
            length = len(self.nodes) if isinstance(self.obj, tuple) else None
            return Apply(name, self.nodes, [], length, pure=True)
        named = zip(self.keys, self.nodes, strict=True)
        return Apply(name, [], named, len(self.keys), pure=True)


def _leaf(obj: Any) -> Apply:
    if isinstance(obj, Apply):
        return obj
    check_constant(obj)
    return Literal(obj)


def _operators(name: str) -> tuple[_Operator, _Operator]:
    """Return the methods for ``node <operator> other`` and ``other <operator> node``."""
    return (
        lambda node, other: _operation(name, node, other),
        lambda node, other: _operation(name, other, node),
    )


def _operation(name: str, *args: Any) -> Apply:
    return Apply(name, [as_apply(arg) for arg in args], pure=True)


def _sorted_items(mapping: Mapping[Any, Any]) -> list[tuple[Any, Any]]:
    try:
        return sorted(mapping.items(), key=lambda item: item[0])
    except TypeError:  # keys of several types, or nodes: the order they were written in
        return list(mapping.items())


class Apply(Unevaluated):
    """A node that calls the scope function `name` on its inputs.

    Parameters
    ----------
    name : str
        Name of the function in `scope`.
    pos_args : sequence of Apply
        Positional arguments.
    named_args : sequence of (str, Apply)
        Keyword arguments.
    o_len : int, optional
        Length of the value, if fixed; allows unpacking and ``len``.
    pure : bool
        True if the function has no side effect.
    define_params : dict, optional
        Arguments of `SymbolTable.define_if_new`, applied where the node is unpickled.
    """

    # numpy must leave `np.float64(2) * node` to the node's own operators.
    __array_ufunc__ = None

    #: "file:line" where the user made this hyperparameter; only for messages, never pickled.
    made_at: str | None = None

    def __init__(
        self,
        name: str,
        pos_args: Sequence[Apply],
        named_args: Iterable[tuple[str, Apply] | list[Any]] = (),
        o_len: int | None = None,
        pure: bool = False,
        define_params: dict[str, Any] | None = None,
    ) -> None:
        self.name = name
        self.pos_args = list(pos_args)
        self.named_args: list[Any] = [[k, v] for k, v in named_args]
        self.o_len = o_len
        self.pure = pure
        self.define_params = define_params
        for node in self.inputs():
            if not isinstance(node, Apply):
                raise TypeError(
                    f"The inputs of an Apply must be nodes; got {node!r}. Use as_apply on it."
                )

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k != "made_at"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self.define_params:
            scope.define_if_new(**self.define_params)

    def inputs(self) -> list[Apply]:
        """Return the argument nodes: positional ones first, then the named ones."""
        if self.named_args:
            return self.pos_args + [v for _, v in self.named_args]
        return self.pos_args

    @property
    def arg(self) -> dict[str, Any]:
        """The argument nodes by parameter name; `MissingArgument` for those not given.

        Raises
        ------
        TypeError
            If the function does not take these arguments, or its signature cannot be inspected.
        """
        fn = scope._impls[self.name]
        try:
            signature = _signature(fn)
        except ValueError as e:
            raise TypeError(f"The signature of scope.{self.name} cannot be inspected.") from e
        bound = signature.bind_partial(*self.pos_args, **dict(self.named_args))
        return {p: bound.arguments.get(p, MissingArgument) for p in signature.parameters}

    def set_kwarg(self, name: str, value: Any) -> None:
        """Set the keyword argument `name` to `value`, in place."""
        for pair in self.named_args:
            if pair[0] == name:
                pair[1] = as_apply(value)
                return
        if self.arg.get(name, MissingArgument) is not MissingArgument:
            raise NotImplementedError(
                f"{name!r} of scope.{self.name} was given by position; "
                "set_kwarg cannot turn it into a keyword."
            )
        self.named_args.append([name, as_apply(value)])
        self.named_args.sort(key=lambda pair: pair[0])

    def clone_from_inputs(self, inputs: Sequence[Apply], o_len: Any = "same") -> Apply:
        """Return a node that calls the same function on other inputs (as many as now)."""
        if len(inputs) != len(self.inputs()):
            raise TypeError(
                f"scope.{self.name} has {len(self.inputs())} inputs; got {len(inputs)}."
            )
        n = len(self.pos_args)
        named = [(k, new) for (k, _), new in zip(self.named_args, inputs[n:], strict=True)]
        new = self.__class__(
            self.name,
            inputs[:n],
            named,
            self.o_len if o_len == "same" else o_len,
            self.pure,
            self.define_params,
        )
        if self.made_at is not None:
            new.made_at = self.made_at
        return new

    def replace_input(self, old_node: Apply, new_node: Apply) -> list[int]:
        """Replace an input, in place; return the positions in `inputs` where it stood."""
        found = []
        for i, node in enumerate(self.pos_args):
            if node is old_node:
                self.pos_args[i] = new_node
                found.append(i)
        for i, pair in enumerate(self.named_args):
            if pair[1] is old_node:
                self.named_args[i] = [pair[0], new_node]
                found.append(i + len(self.pos_args))
        return found

    def eval(self, memo: Mapping[int, Any] | None = None) -> Any:
        """Evaluate the graph below this node.

        `memo` has values of nodes by their ``id``; see `rec_eval` for values by node.
        """
        by_node = {n: memo[id(n)] for n in dfs(self) if id(n) in memo} if memo else {}
        return Evaluation(scope._impls).run(self, by_node)

    def pprint(
        self,
        ofile: TextIO,
        lineno: list[int] | None = None,
        indent: int = 0,
        memo: dict[Apply, str] | None = None,
    ) -> None:
        """Write the graph to `ofile`, one node per line; repeated nodes are references."""
        seen = {} if memo is None else memo
        line = [0] if lineno is None else lineno
        # A stack, not recursion: a long chain of operators must not end in RecursionError.
        todo: list[tuple[Apply | str, int]] = [(self, indent)]
        while todo:
            item, depth = todo.pop()
            if isinstance(item, str):
                text = item
            elif item in seen:
                text = seen[item]
            else:
                text = item._title()
                seen[item] = f"{text}  [line:{line[0]}]"
                for k, v in reversed(item.named_args):
                    todo += [(v, depth + 2), (f" {k} =", depth)]
                todo += [(v, depth + 2) for v in reversed(item.pos_args)]
            ofile.write(f"{line[0]} {' ' * depth}{text}\n")
            line[0] += 1

    def _title(self) -> str:
        return self.name

    def __str__(self) -> str:
        out = StringIO()
        self.pprint(out)
        return out.getvalue()[:-1]

    # Like Hyperopt, == and != compare identity: nodes are keys of memo dicts.
    __add__, __radd__ = _operators("add")
    __sub__, __rsub__ = _operators("sub")
    __mul__, __rmul__ = _operators("mul")
    __truediv__, __rtruediv__ = _operators("truediv")
    __floordiv__, __rfloordiv__ = _operators("floordiv")
    __pow__, __rpow__ = _operators("pow")
    __lt__, __gt__ = _operators("lt")[0], _operators("gt")[0]
    __le__, __ge__ = _operators("le")[0], _operators("ge")[0]

    def __neg__(self) -> Apply:
        return _operation("neg", self)

    def __getitem__(self, idx: Any) -> Apply:
        if self.o_len is not None and isinstance(idx, int) and idx >= self.o_len:
            raise IndexError(f"index {idx} of an expression of length {self.o_len}")
        return _operation("getitem", self, idx)

    def __call__(self, *args: Any, **kwargs: Any) -> Apply:
        """Build the node that calls the value of this one."""
        return scope._new_apply("call", (self, args, kwargs), {})


@lru_cache(maxsize=256)
def _signature(fn: Callable[..., Any]) -> inspect.Signature:
    return inspect.signature(fn)


class Literal(Apply):
    """A constant; evaluation returns the very object `obj`."""

    def __init__(self, obj: Any = None) -> None:
        try:
            o_len = len(obj)
        except Exception:  # a user's __len__ may raise anything; then there is no usable length
            o_len = None
        super().__init__("literal", [], [], o_len, pure=True)
        self._obj = obj

    @property
    def obj(self) -> Any:
        """The constant."""
        return self._obj

    @property
    def arg(self) -> dict[str, Any]:
        """A constant has no arguments."""
        return {}

    def eval(self, memo: Mapping[int, Any] | None = None) -> Any:
        """Return the constant, or the value that `memo` has for it."""
        return self._obj if memo is None else memo.get(id(self), self._obj)

    def clone_from_inputs(self, inputs: Sequence[Apply], o_len: Any = "same") -> Apply:
        """Return a new node of the same constant."""
        return self.__class__(self._obj)

    def replace_input(self, old_node: Apply, new_node: Apply) -> list[int]:
        """Do nothing: a constant has no inputs."""
        return []

    def _title(self) -> str:
        if isinstance(self._obj, np.ndarray):
            return f"Literal{{np.ndarray,shape={self._obj.shape}}}"
        return f"Literal{{{self._obj}}}"
