"""Kills the worker processes if the driver dies, however it dies.

An interpreter of its own runs it as a script: a worker that is busy inside an extension module
could not notice that the driver died, nor could the processes that an objective has started. The
driver writes lines to its standard input: ``+12`` for each process group to kill, ``-12`` when it
is gone.
"""

import contextlib
import os
import select
import signal
import sys
from pathlib import Path

__all__ = ["kill_tree"]


def main(driver: int) -> None:
    """Wait until the driver is gone, then kill the groups that it left."""
    groups: set[int] = set()
    with contextlib.suppress(OSError, AttributeError):
        # The input might not end with the driver: a child of the driver may hold the pipe open.
        driver = os.pidfd_open(driver)
        os.set_blocking(0, False)
        poll = select.poll()
        poll.register(driver, select.POLLIN)
        poll.register(0, select.POLLIN)
        rest = b""
        while not any(descriptor == driver for descriptor, _ in poll.poll()):
            rest, open_ = _read(rest, groups)
            if not open_:
                break
        _read(rest, groups)
        _kill(groups)
        return
    for line in sys.stdin.buffer:
        _note(line, groups)
    _kill(groups)


def _read(rest: bytes, groups: set[int]) -> tuple[bytes, bool]:
    """Read what there is; return the unfinished line, and whether there may be more."""
    with contextlib.suppress(BlockingIOError):
        while data := os.read(0, 4096):
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                _note(line, groups)
        return rest, False
    return rest, True


def _note(line: bytes, groups: set[int]) -> None:
    group = int(line[1:])
    if line.startswith(b"+"):
        groups.add(group)
    else:
        groups.discard(group)


def _kill(groups: set[int]) -> None:
    for group in groups:
        kill_tree(group)


def kill_tree(leader: int) -> None:
    """Kill the process group of `leader` and, on Linux, the descendants that have left it.

    Not found are those below a process that has ended: a daemon is meant to live on.
    """
    try:
        os.killpg(leader, signal.SIGSTOP)  # so that it starts no others meanwhile
    except OSError:
        return  # it is gone
    tree = [leader]
    for process in tree:  # which grows
        with contextlib.suppress(OSError):
            for thread in Path(f"/proc/{process}/task").iterdir():
                children = [int(child) for child in (thread / "children").read_text().split()]
                _signal(children, signal.SIGSTOP)
                tree += children
    _signal(tree, signal.SIGKILL)


def _signal(processes: list[int], number: int) -> None:
    """Send a signal to processes and to the groups that they lead."""
    for process in processes:
        for send in (os.killpg, os.kill):
            with contextlib.suppress(OSError):
                send(process, number)


if __name__ == "__main__":
    main(int(sys.argv[1]))
