"""`read`: a reader of pickles that calls nothing but the reconstructors it is given.

`pickle.Unpickler` calls what a pickle names with the arguments of the pickle. This reader takes the
opcodes from `pickletools` and keeps a stack of its own, so that no class or function is called, and
no attribute set, except through the tables of a `Vocabulary`.
"""

from __future__ import annotations

import io
import pickletools
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["NotPlain", "Pending", "Vocabulary", "check_key", "check_nesting", "read"]

# A container of a container of ... as a key: hashing it recurses in C, without a limit.
_KEY_DEPTH = 20

Arguments = tuple[Any, ...]


class NotPlain(ValueError):
    """What a pickle holds is not what its vocabulary allows."""


@dataclass(eq=False)
class Pending:
    """An object that exists once its state is known, such as a NumPy array."""

    build: Callable[[Any], Any]
    memos: list[int] = field(default_factory=list)  # under which numbers the pickle refers to it


@dataclass(frozen=True)
class Vocabulary:
    """What a pickle may name, call and change.

    Attributes
    ----------
    find : callable
        Takes module and name; returns what they stand for, or raises. Never an object whose class
        is in `states`.
    calls : mapping
        From what `find` returned to what is called in its place, with the same arguments.
    classes : mapping
        The same for objects that are made without a call of their class.
    states : mapping
        From the class of an object to what sets its state.
    """

    find: Callable[[str, str], Any]
    calls: Mapping[Any, Callable[..., Any]]
    classes: Mapping[Any, Callable[..., Any]]
    states: Mapping[type, Callable[[Any, Any], None]]


def read(data: bytes, vocabulary: Vocabulary) -> Any:
    """Return what a pickle holds.

    Raises
    ------
    Exception
        Of any kind, if `data` is not a whole pickle; `NotPlain` if the vocabulary forbids it; what
        `vocabulary.find` raises.
    """
    reader = _Reader(vocabulary)
    for opcode, arg, _ in pickletools.genops(io.BytesIO(data)):
        if opcode.name == "STOP":
            return reader.pop()
        act = _ACTS.get(opcode.name)
        if act is not None:
            act(reader, arg)
        elif opcode.name in _LITERALS:
            reader.stack.append(arg)
        else:
            raise NotPlain(f"the opcode {opcode.name} is not let in")
    raise NotPlain("it has no end")


class _Reader:
    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.stack: list[Any] = []
        self.marks: list[int] = []  # where in the stack the marks are
        self.memo: dict[int, Any] = {}

    # -- the stack -----------------------------------------------------------------------------

    def pop(self) -> Any:
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            raise NotPlain("it takes what it has not put")
        return _whole(self.stack.pop())

    @property
    def top(self) -> Any:
        return self.stack[-1]

    def since_mark(self) -> list[Any]:
        mark = self.marks.pop()
        items = self.stack[mark:]
        del self.stack[mark:]
        for item in items:
            _whole(item)
        return items

    def remember(self, number: int) -> None:
        self.memo[number] = self.top
        if type(self.top) is Pending:
            self.top.memos.append(number)

    # -- containers ----------------------------------------------------------------------------

    def append(self, items: list[Any]) -> None:
        target = self.top
        if type(target) is list:
            target.extend(items)
        elif type(target) is deque:
            target.extend(map(check_nesting, items))
        elif type(target) in self.vocabulary.states:  # a class of the user
            for item in items:
                target.append(item)
        else:
            raise NotPlain(f"it appends to {type(target).__name__}")

    def set_items(self, items: list[Any]) -> None:
        target = self.top
        if not isinstance(target, dict) and type(target) not in self.vocabulary.states:
            raise NotPlain(f"it sets items of {type(target).__name__}")
        check = check_nesting if type(target) is defaultdict else _whole
        for key, value in _pairs(items):
            target[key] = check(value)

    def add_items(self, items: list[Any]) -> None:
        if type(self.top) is not set:
            raise NotPlain(f"it adds to {type(self.top).__name__}")
        self.top.update(map(check_key, items))

    # -- names, calls and states ---------------------------------------------------------------

    def find(self, module: Any, name: Any) -> None:
        if not isinstance(module, str) or not isinstance(name, str):
            raise NotPlain("a name must be text")
        self.stack.append(self.vocabulary.find(module, name))

    def call(self, known: Mapping[Any, Callable[..., Any]], function: Any, args: Any) -> None:
        if not isinstance(args, tuple):
            raise NotPlain("arguments must be a tuple")
        called = known.get(check_key(function))
        if called is None:
            raise NotPlain(f"it calls a {type(function).__name__}, which is not let in")
        self.stack.append(called(*args))

    def build(self, state: Any) -> None:
        target = self.top
        if type(target) is Pending:
            built = self.stack[-1] = target.build(state)
            for number in target.memos:
                self.memo[number] = built
            return
        setter = self.vocabulary.states.get(type(target))
        if setter is None:
            raise NotPlain(f"it sets the state of {type(target).__name__}")
        setter(target, state)


def _whole(value: Any) -> Any:
    if type(value) is Pending:
        raise NotPlain("an object is used before its state is known")
    return value


def check_key(key: Any, depth: int = 0) -> Any:
    """Return a key or an item of a set; raise `NotPlain` if it is nested deeply."""
    if depth > _KEY_DEPTH:
        raise NotPlain("a key is nested too deeply")
    if isinstance(key, (tuple, frozenset)):
        for part in key:
            check_key(part, depth + 1)
    return key


def check_nesting(value: Any) -> Any:
    """Return a value for a container that Python frees by recursion, unless it is one itself.

    Such containers in each other, thousands deep, end the process.
    """
    if isinstance(value, (deque, defaultdict)) or getattr(value, "dtype", None) == "O":
        raise NotPlain(f"a {type(value).__name__} must be in a list or a dict")
    return value


def _pairs(items: list[Any]) -> list[tuple[Any, Any]]:
    return [(check_key(key), value) for key, value in zip(items[::2], items[1::2], strict=True)]


def _popped(count: int) -> Callable[[_Reader, Any], None]:
    def act(reader: _Reader, _: Any) -> None:
        items = [reader.pop() for _ in range(count)]
        reader.stack.append(tuple(reversed(items)))

    return act


def _pushed(make: Callable[[list[Any]], Any]) -> Callable[[_Reader, Any], None]:
    return lambda reader, _: reader.stack.append(make(reader.since_mark()))


def _set_item(reader: _Reader, _: Any) -> None:
    value, key = reader.pop(), reader.pop()
    reader.set_items([key, value])


def _stack_global(reader: _Reader, _: Any) -> None:
    name, module = reader.pop(), reader.pop()
    reader.find(module, name)


def _reduce(reader: _Reader, _: Any) -> None:
    args, function = reader.pop(), reader.pop()
    reader.call(reader.vocabulary.calls, function, args)


def _new_object(reader: _Reader, _: Any) -> None:
    args, cls = reader.pop(), reader.pop()
    reader.call(reader.vocabulary.classes, cls, args)


def _instance(reader: _Reader, names: str) -> None:
    args = tuple(reader.since_mark())
    reader.find(*names.split(" ", 1))
    reader.call(reader.vocabulary.calls, reader.pop(), args)


def _object(reader: _Reader, _: Any) -> None:
    function, *args = reader.since_mark()
    reader.call(reader.vocabulary.calls, function, tuple(args))


def _remember(reader: _Reader, number: int) -> None:
    reader.remember(int(number))


def _recall(reader: _Reader, number: int) -> None:
    reader.stack.append(reader.memo[int(number)])


def _pop(reader: _Reader, _: Any) -> None:
    if reader.marks and reader.marks[-1] == len(reader.stack):
        reader.marks.pop()
    else:
        reader.stack.pop()


_LITERALS = frozenset(
    ("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT",
     "STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE",
     "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8")
)  # fmt: skip

_ACTS: dict[str, Callable[[_Reader, Any], None]] = {
    "PROTO": lambda reader, _: None,
    "FRAME": lambda reader, _: None,
    "READONLY_BUFFER": lambda reader, _: None,
    "NONE": lambda reader, _: reader.stack.append(None),
    "NEWTRUE": lambda reader, _: reader.stack.append(True),
    "NEWFALSE": lambda reader, _: reader.stack.append(False),
    "MARK": lambda reader, _: reader.marks.append(len(reader.stack)),
    "POP": _pop,
    "POP_MARK": lambda reader, _: reader.since_mark().clear(),
    "DUP": lambda reader, _: reader.stack.append(_whole(reader.top)),
    "PUT": _remember,
    "BINPUT": _remember,
    "LONG_BINPUT": _remember,
    "MEMOIZE": lambda reader, _: reader.remember(len(reader.memo)),
    "GET": _recall,
    "BINGET": _recall,
    "LONG_BINGET": _recall,
    "EMPTY_LIST": lambda reader, _: reader.stack.append([]),
    "EMPTY_TUPLE": lambda reader, _: reader.stack.append(()),
    "EMPTY_DICT": lambda reader, _: reader.stack.append({}),
    "EMPTY_SET": lambda reader, _: reader.stack.append(set()),
    "LIST": _pushed(list),
    "TUPLE": _pushed(tuple),
    "TUPLE1": _popped(1),
    "TUPLE2": _popped(2),
    "TUPLE3": _popped(3),
    "DICT": _pushed(lambda items: dict(_pairs(items))),
    "FROZENSET": _pushed(lambda items: frozenset(map(check_key, items))),
    "APPEND": lambda reader, _: reader.append([reader.pop()]),
    "APPENDS": lambda reader, _: reader.append(reader.since_mark()),
    "SETITEM": _set_item,
    "SETITEMS": lambda reader, _: reader.set_items(reader.since_mark()),
    "ADDITEMS": lambda reader, _: reader.add_items(reader.since_mark()),
    "GLOBAL": lambda reader, names: reader.find(*names.split(" ", 1)),
    "STACK_GLOBAL": _stack_global,
    "REDUCE": _reduce,
    "NEWOBJ": _new_object,
    "INST": _instance,
    "OBJ": _object,
    "BUILD": lambda reader, _: reader.build(reader.pop()),
}
