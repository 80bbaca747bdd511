"""`Lease`: one writer at a time, without locks, and without clocks that agree."""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import platform
import re
import secrets
import threading
import time
import weakref
from pathlib import Path
from typing import Any, NamedTuple

from sparktune._journal.folders import Folder, delete_all
from sparktune._journal.pieces import Segment, generation_of
from sparktune._journal.store import InUse

__all__ = ["Lease", "LeaseLost"]

logger = logging.getLogger("sparktune.journal")

_NAME = re.compile(r"holder-(\d{6})\.json")


class LeaseLost(OSError):
    """Another process writes the journal now; nothing may be written any more."""

    def __init__(self, message: str) -> None:
        super().__init__(errno.ESTALE, message)


class Lease:
    """The right to write into a folder, for one process.

    Each holder is of a newer generation than all before it, and keeps a file, named by its
    generation, that it writes again every `renew` seconds. Whoever wants to follow it watches this
    file for `expires` seconds. If it does not change, the watcher creates the file of the next
    generation, which succeeds for one process only. A holder that comes back finds this file.

    No clock of another computer is read. A process that stops in the middle of a write, for longer
    than `expires`, finishes it when it comes back; readers skip records of an older generation.

    Parameters
    ----------
    folder : Folder
        Where the files are.
    renew : float
        Seconds after which the holder's file is written again.
    expires : float
        Seconds without change after which another process takes over.
    settle : float
        Seconds to wait before looking whether another process created the same file, for stores
        that do not prevent it.
    """

    def __init__(self, folder: Folder, renew: float, expires: float, settle: float) -> None:
        self._folder = folder
        self._renew_after, self._expires, self._settle = renew, expires, settle
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._holder: dict[str, Any] | None = None
        self._pid = 0
        self._lost = ""
        self._renewed = (0.0, 0.0)

    @property
    def generation(self) -> int:
        """The generation of this holder, 0 before it is one."""
        return self._holder["generation"] if self._holder else 0

    # -- taking it ---------------------------------------------------------------------------------

    def take(self) -> None:
        """Become the holder, of a generation newer than all holders and segments.

        Raises
        ------
        InUse
            If there is another one.
        """
        before, written = self._generations()
        newest = max(before, default=0)
        if newest:
            self._watch(newest)
        holder = {
            "generation": max(newest, written) + 1,
            "token": secrets.token_hex(16),
            "counter": 0,
            **_this_process(),
        }
        begin = _now()
        try:
            self._create(holder)
            time.sleep(self._settle)
            self._confirm(holder, before)
        except BaseException:
            self._withdraw(holder)
            raise
        self._lock = threading.Lock()  # in a fork, the other one may be held for ever
        self._holder, self._pid, self._lost = holder, os.getpid(), ""
        self._renewed = begin
        self._stop = threading.Event()
        threading.Thread(
            target=_keep,
            args=(weakref.ref(self), self._stop, self._renew_after),
            name="sparktune-journal-lease",
            daemon=True,
        ).start()
        with contextlib.suppress(OSError):
            delete_all(self._folder, map(_name, before))

    def _generations(self) -> tuple[set[int], int]:
        """Return the generations of holders, and the newest of segments."""
        names = self._folder.names()
        holders = {int(match[1]) for name in names if (match := _NAME.fullmatch(name))}
        return holders, generation_of(one for name in names if (one := Segment.named(name)))

    def _watch(self, generation: int) -> None:
        """Return when the holder of a generation is gone, raise `InUse` if it is not."""
        try:
            first = self._folder.read(_name(generation))
            holder = _parsed(first)
            if _is_dead(holder):
                return
            logger.info(
                "%s may be in use by %s; watching it for up to %g s.",
                self._folder.place, _words(holder), self._expires,
            )  # fmt: skip
            begin = time.monotonic()
            while time.monotonic() - begin < self._expires:
                time.sleep(min(self._renew_after, self._expires) / 4)
                if self._folder.read(_name(generation)) != first:
                    raise self._in_use(holder)
        except FileNotFoundError:  # it ended
            return

    def _create(self, holder: dict[str, Any]) -> None:
        name = _name(holder["generation"])
        try:
            self._folder.create(name, _data(holder))
        except FileExistsError:
            with contextlib.suppress(FileNotFoundError):
                found = _parsed(self._folder.read(name))
                # A driver that repeats a request without an answer finds its own file.
                if found.get("token") != holder["token"]:
                    raise self._in_use(found) from None

    def _confirm(self, holder: dict[str, Any], before: set[int]) -> None:
        """Raise `InUse` if another process is becoming the holder as well."""
        holders, written = self._generations()
        others = holders - before - {holder["generation"]}
        if others:
            raise self._in_use(self._found(max(others)))
        if written >= holder["generation"]:  # by a holder that came and went meanwhile
            raise self._in_use({})
        found = self._found(holder["generation"])
        if found.get("token") != holder["token"]:
            raise self._in_use(found)

    def _found(self, generation: int) -> dict[str, Any]:
        try:
            return _parsed(self._folder.read(_name(generation)))
        except FileNotFoundError:
            return {}

    def _withdraw(self, holder: dict[str, Any]) -> None:
        """Delete the file of a holder, if it is still its own."""
        with contextlib.suppress(OSError):
            if self._found(holder["generation"]).get("token") == holder["token"]:
                self._folder.delete(_name(holder["generation"]))

    def _in_use(self, holder: dict[str, Any]) -> InUse:
        return InUse(
            f"A journal must be written by one search at a time; {self._folder.place!r} is in use "
            f"by {_words(holder)}. Hint: wait until that search ends, or stop it."
        )

    # -- keeping it --------------------------------------------------------------------------------

    def check(self) -> None:
        """Return if this process may write now.

        Raises
        ------
        LeaseLost
            If another process took over, or if the lease was not taken here.
        OSError
            If that cannot be found out.
        """
        if self._pid != os.getpid():
            raise LeaseLost(f"This process has not opened the journal {self._folder.place!r}")
        if not self._lost and _seconds_since(self._renewed) > self._expires - self._renew_after:
            self.renew()
        if self._lost:
            raise LeaseLost(self._lost)

    def renew(self) -> None:
        """Write the holder's file again, unless there is a newer one."""
        with self._lock:
            holder, begin = self._holder, _now()
            if holder is None or self._lost:
                return
            found = self._follower(holder)
            if found is not None:
                self._lost = (
                    f"The journal {self._folder.place!r} was taken over by {_words(found)}, so "
                    "this process must not write any more. Hint: it did not renew its lease for "
                    f"{self._expires:g} s; it may have been suspended or without network"
                )
                self._stop.set()
                return
            self._holder = {**holder, "counter": holder["counter"] + 1}
            self._folder.write(_name(holder["generation"]), _data(self._holder))
            self._renewed = begin

    def _follower(self, holder: dict[str, Any]) -> dict[str, Any] | None:
        """Return who took over, None if nobody did."""
        holders, written = self._generations()
        newest = max(holders, default=0)
        found = self._found(max(newest, holder["generation"]))
        if newest > holder["generation"]:
            return found
        if found and found.get("token") != holder["token"]:
            return found
        return {} if written > holder["generation"] else None

    def release(self) -> None:
        """Let others write, at once if the folder can be reached; may be called twice."""
        if self._pid != os.getpid():  # not taken, or in a fork, where locks may be held for ever
            return
        self._stop.set()
        with self._lock:
            holder, self._holder, self._pid = self._holder, None, 0
            if holder is not None and not self._lost:
                self._withdraw(holder)


def _keep(ref: weakref.ref[Lease], stop: threading.Event, seconds: float) -> None:
    """Renew a lease until it is released, lost or forgotten."""
    while not stop.wait(seconds):
        lease = ref()
        if lease is None:
            return
        try:
            lease.renew()
        except Exception as error:  # the next time may be better
            logger.debug("The lease was not renewed: %s", error)
        del lease


# --- Files ----------------------------------------------------------------------------------------


def _name(generation: int) -> str:
    return f"holder-{generation:06}.json"


def _data(holder: dict[str, Any]) -> bytes:
    return json.dumps(holder).encode()


def _parsed(data: bytes) -> dict[str, Any]:
    """Return what is in a holder's file; nothing if it is being written."""
    try:
        found = json.loads(data)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _words(holder: dict[str, Any]) -> str:
    if "pid" not in holder:
        return "another process"
    return f"process {holder['pid']} on {holder.get('host')}"


# --- Time and processes ---------------------------------------------------------------------------


def _now() -> tuple[float, float]:
    return time.monotonic(), time.time()


def _seconds_since(then: tuple[float, float]) -> float:
    # The one stands still while a computer sleeps, the other may be set back.
    return max(now - before for now, before in zip(_now(), then, strict=True))


def _this_process() -> dict[str, Any]:
    return {"host": platform.node(), "machine": _machine(), **_Process.of(os.getpid())._asdict()}


def _machine() -> str:
    """Return what tells a running system from others: containers may share host names and pids."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{platform.node()}/{boot}/{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return ""


class _Process(NamedTuple):
    pid: int
    started: str  # "" if there is no such process

    @classmethod
    def of(cls, pid: int) -> _Process:
        """Return a process of this machine, which must have /proc."""
        try:
            # The second field, the name, may have spaces and brackets.
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except (OSError, UnicodeError):
            return cls(pid, "")
        return cls(pid, "" if fields[0] in "ZX" else fields[19])


def _is_dead(holder: dict[str, Any]) -> bool:
    """Whether a holder is known to have ended: it was a process of this very system."""
    if not holder.get("machine") or holder["machine"] != _machine():
        return False
    pid, started = holder.get("pid"), holder.get("started")
    return isinstance(pid, int) and bool(started) and _Process.of(pid).started != started
