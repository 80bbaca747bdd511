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
        with contextlib.suppress(OSError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main(int(sys.argv[1]))
