"""`Objective`: the objective of a search on a worker, unpickled afresh for each trial.

An objective that changes what it closes over, such as an array, a default argument or a global of
its script, must not see the changes of the trial before it. So the worker keeps the pickle, not the
objective. Only the data of `sparktune.with_data` are shared by trials, as read-only buffers.
"""

from __future__ import annotations

import functools
import gc
import pickle
import struct
import sys
from collections.abc import Callable, Mapping
from typing import Any

from sparktune._worker.handle import TrialHandle, call_with_handle
from sparktune._worker.home import home
from sparktune._worker.isolation import isolate
from sparktune._worker.mlflow_run import worker_run
from sparktune._worker.program import Program, run_program

__all__ = ["Loaded", "Objective", "attach", "call_with_trial", "contents"]

Loaded = tuple[Callable[..., Any], Program]

_GARBAGE_LIMIT = 64 * 1024 * 1024
"""How many bytes of unpickled objectives may wait for the garbage collector: a function and its
globals refer to each other, so they are not freed when the trial ends."""


class Objective:
    """What a cargo unpickles to.

    Parameters
    ----------
    pickled : bytes
        The pickle of the objective and, unless `program` is given, of the space.
    program : Program or None
        The space, if a trial cannot change it.
    parts : dict of str to Any
        What `pickled` refers to and a trial cannot change: the code of functions, and functions and
        classes of `sparktune._worker`. Reading it once per process makes trials faster.
    classes : str
        The module whose `_DYNAMIC_CLASS_TRACKER_BY_ID` has the classes that unpickling makes; an
        empty string if it makes none.
    reuse : bool
        Whether to unpickle once per process instead of once per trial.
    call : callable or None
        `call_with_trial`, if the objective takes the handle of its trial.
    """

    def __init__(
        self,
        pickled: bytes,
        program: Program | None,
        parts: Mapping[str, Any],
        classes: str,
        reuse: bool,
        call: Callable[..., Any] | None,
    ) -> None:
        self.pickled = pickled
        self.program = program
        self.parts = parts
        self.classes = classes
        self.reuse = reuse
        self.call = call
        self.kept: Loaded | None = None
        self.blocks: dict[str, Any] = {}  # of parcels, by their keys

    def load(self, parcels: Mapping[str, Any]) -> Loaded:
        """Return the objective and the space of one trial."""
        if self.kept is not None:
            return self.kept
        base = home()
        if base.garbage > _GARBAGE_LIMIT:
            gc.collect()
            base.garbage = 0
        base.garbage += len(self.pickled)
        for key, parcel in parcels.items():
            if key not in self.blocks:
                self.blocks[key] = memoryview(contents(parcel)).cast("B")
        base.parts, base.blocks = self.parts, self.blocks  # for what unpickling calls
        try:
            loaded: Loaded = pickle.loads(self.pickled)
        finally:
            base.parts, base.blocks = {}, {}
        if self.program is not None:
            loaded = loaded[0], self.program
        if self.reuse:
            self.kept = loaded
        return loaded

    def run(
        self,
        loaded: Loaded,
        values: Mapping[str, Any],
        tracked: Any,
        seed: int | None,
        handle: Mapping[str, Any] | None = None,
    ) -> Any:
        """Evaluate the objective; return what it returned.

        `handle` has the arguments of its `TrialHandle`, None if it takes none.
        """
        fn, program = loaded
        undo = isolate(seed)
        try:
            with worker_run(tracked):
                point = run_program(program, values)
                if self.call is None or handle is None:
                    return fn(point)
                return self.call(fn, point, handle)
        finally:
            undo()
            if self.classes and not self.reuse:
                self._forget_classes()

    def _forget_classes(self) -> None:
        """Have the next trial make its classes anew; cloudpickle would return those of this one."""
        classes = getattr(sys.modules.get(self.classes), "_DYNAMIC_CLASS_TRACKER_BY_ID", {})
        classes.clear()


def call_with_trial(fn: Callable[..., Any], point: Any, handle: Mapping[str, Any]) -> Any:
    """Call an objective with its trial's handle, made from these arguments."""
    return call_with_handle(fn, point, TrialHandle(**handle))


def contents(shipped: Any) -> Any:
    """Return the bytes of a cargo or parcel; `sparktune._worker.task` says what they come as."""
    if isinstance(shipped, (bytes, memoryview)):
        return shipped
    return shipped() if callable(shipped) else shipped.value


def attach(fn: Callable[..., Any], key: str) -> Callable[..., Any]:
    """Return an objective with the data of a parcel; what an `ObjectiveWithData` unpickles to."""
    block = home().blocks[key]
    (count,) = struct.unpack_from("<Q", block)
    lengths = struct.unpack_from(f"<{count}Q", block, 8)
    start, pieces = 8 * (count + 1), []
    for length in lengths:
        start += -start % 64
        # Read-only, also if the block is not: trials share it.
        pieces.append(block[start : start + length].toreadonly())
        start += length
    home().garbage += lengths[0]
    return functools.partial(fn, **pickle.loads(pieces[0], buffers=pieces[1:]))
