"""Puts back what a trial has changed in its process, so that the next trial does not see it.

What a process can put back: the working directory, the environment, signal handlers, timers and
the signal mask, `sys.path`, and the standard streams, also when the objective has closed them. The
global random generators of Python and NumPy start each trial from its own seed. Imported modules,
threads and memory stay as the trial leaves them.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

from sparktune._worker.home import home
from sparktune._worker.import_hook import ImportHook

__all__ = ["isolate"]

Undo = Callable[[], object]

# `signal` makes enums of all it returns, which takes ten times as long.
_raw: Any = sys.modules.get("_signal", signal)
_TIMERS = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)
_SIGNALS = tuple(
    int(number)
    for number in sorted(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP})
    if number < getattr(signal, "SIGRTMIN", 65)
)
_NUMPY = "numpy.random"
# What cannot be read, such as the name of a folder that was removed, cannot be put back.
_GUARD = contextlib.suppress(Exception)


def isolate(seed: int | None) -> Callable[[], None]:
    """Prepare this process for a trial; return what undoes the changes that the trial makes.

    `seed`, of 32 bits, is what the random generators start from; None leaves them alone. Neither
    this function nor what it returns raises.
    """
    undos: list[Undo] = []
    for keep in (_keep_streams, _keep_folder, _keep_environment, _keep_path, _keep_signals):
        with _GUARD:
            undos.append(keep())
    if seed is not None:
        undos.append(_seed(seed))

    def undo_all() -> None:
        for undo in undos:
            with _GUARD:
                undo()

    return undo_all


# -- what a trial may change ----------------------------------------------------------------------


def _keep_folder() -> Undo:
    before = os.getcwd()  # noqa: PTH109 - each trial pays for it

    def undo() -> None:
        with _GUARD:  # the folder may be gone
            if os.getcwd() == before:  # noqa: PTH109
                return
        os.chdir(before)

    return undo


def _keep_environment() -> Undo:
    # The dict inside `os.environ`: copying that one costs 1 us, the other 40.
    inside: Any = getattr(os.environ, "_data", os.environ)
    before = dict(inside)

    def undo() -> None:
        if inside == before:
            return
        decode = str if inside is os.environ else os.fsdecode
        wanted = {decode(name): decode(value) for name, value in before.items()}
        for name in set(os.environ) - set(wanted):
            del os.environ[name]
        os.environ.update(wanted)

    return undo


def _keep_path() -> Undo:
    path, before = sys.path, sys.path[:]

    def undo() -> None:
        sys.path = path
        if path != before:
            path[:] = before

    return undo


def _keep_signals() -> Undo:
    if threading.current_thread() is not threading.main_thread():
        return int  # only the main thread may set handlers
    if not hasattr(home(), "signals"):  # read once per process: only trials change them
        home().signals = [_raw.getsignal(number) for number in _SIGNALS]
    before = home().signals
    mask = _raw.pthread_sigmask(signal.SIG_BLOCK, ())

    def undo() -> None:
        for timer in _TIMERS:  # first: its signal would find the handler of before
            if _raw.getitimer(timer)[0]:
                signal.setitimer(timer, 0)
        if [_raw.getsignal(number) for number in _SIGNALS] != before:
            for number, handler in zip(_SIGNALS, before, strict=True):
                # None: Python has not set it, and cannot set it again.
                if handler is not None and _raw.getsignal(number) != handler:
                    signal.signal(number, handler)
        if _raw.pthread_sigmask(signal.SIG_BLOCK, ()) != mask:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    return undo


# -- standard streams -----------------------------------------------------------------------------

_STREAMS = ("stdin", "stdout", "stderr")


def _keep_streams() -> Undo:
    kept = _kept_descriptors()
    before = [sys.stdin, sys.stdout, sys.stderr]

    def undo() -> None:
        for number, (copy, identity) in enumerate(kept):
            if copy is not None and _identity(number) != identity:
                os.dup2(copy, number)
        for number, stream in enumerate(before):
            if stream is not None and _is_closed(stream):
                before[number] = _open_again(number, stream)
        sys.stdin, sys.stdout, sys.stderr = before

    return undo


def _kept_descriptors() -> list[tuple[int | None, Any]]:
    """Return copies of the descriptors 0 to 2, made once per process, and what they refer to."""
    if not hasattr(home(), "descriptors"):
        kept: list[tuple[int | None, Any]] = []
        for number in range(len(_STREAMS)):
            identity = _identity(number)
            kept.append((None if identity is None else os.dup(number), identity))
        home().descriptors = kept
    descriptors: list[tuple[int | None, Any]] = home().descriptors
    return descriptors


def _identity(descriptor: int) -> tuple[int, ...] | None:
    """Return which file a descriptor refers to, None if it is closed."""
    try:
        return os.fstat(descriptor)[1:3]
    except OSError:
        return None


def _is_closed(stream: Any) -> bool:
    try:
        return bool(stream.closed)
    except ValueError:  # it was detached
        return True
    except AttributeError:
        return False


def _open_again(number: int, closed: Any) -> Any:
    settings = {"encoding": "utf-8", "errors": "replace"}
    for name in settings:
        with contextlib.suppress(Exception):  # it was detached
            settings[name] = getattr(closed, name) or settings[name]
    # Not closed with the object, or the next trial could not have it again.
    mode = "w" if number else "r"
    stream = open(number, mode, closefd=False, **settings)  # type: ignore[call-overload] # noqa: SIM115
    setattr(sys, f"__{_STREAMS[number]}__", stream)
    return stream


# -- random numbers -------------------------------------------------------------------------------


def _seed(seed: int) -> Undo:
    """Seed the global random generators; that of NumPy once the objective imports it."""
    random.seed(seed)
    if _seed_numpy(seed):
        return int
    hook = ImportHook(_NUMPY, lambda: _seed_numpy(seed))
    hook.install()
    return hook.remove


def _seed_numpy(seed: int) -> bool:
    """Seed NumPy's generator; return whether it is there."""
    numpy: Any = sys.modules.get(_NUMPY)
    if numpy is None:
        return False
    with contextlib.suppress(Exception):  # the user has set another bit generator
        numpy.seed(seed)
    return True
