"""Places for segments, lines with numbers, and folders that fail."""

import json
import logging
import signal
import subprocess
import sys
import threading
import uuid
from pathlib import Path

import pytest

from sparktune._journal.folders import FsspecFolder, LocalFolder
from sparktune._journal.segments import SegmentStore

# Lease periods for tests in which nobody waits for a holder that lives.
QUICK = {"renew": 0.05, "expires": 0.3, "settle": 0.01}
# A holder that is watched for long: it is seen to be alive much earlier.
PATIENT = {"renew": 0.05, "expires": 60.0, "settle": 0.01}


class S3:
    """A server in this process, which keeps its objects when it is stopped."""

    def __init__(self):
        from moto.server import ThreadedMotoServer

        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
        self.start()
        host, self._server._port = self._server.get_host_and_port()
        self.options = {
            "key": "key",
            "secret": "secret",
            "config_kwargs": {
                "retries": {"max_attempts": 0},
                "connect_timeout": 5,
                "read_timeout": 20,
            },
            "endpoint_url": f"http://{host}:{self._server._port}",
        }
        self.bucket = f"bucket-{uuid.uuid4().hex}"
        self.files().mkdir(self.bucket)

    def files(self):
        """Return fsspec's file system, as a user of the bucket would have it."""
        import s3fs

        return s3fs.S3FileSystem(**self.options)

    def start(self):
        self._server.start()

    def stop(self):
        self._server.stop()
        self._server._server.server_close()


class Place:
    """Where a journal is, as a new process would find it each time."""

    def __init__(self, kind, url, options=None):
        self.kind, self.url, self.options = kind, url, options

    def folder(self):
        if self.kind == "local":
            return LocalFolder(self.url)
        return FsspecFolder(self.url, self.options)

    def arguments(self):
        """Return what a script needs to make the same folder."""
        return {"url": self.url, "options": self.options}


def make_place(kind, request):
    name = f"déjà vu/{uuid.uuid4().hex}"
    if kind == "local":
        return Place(kind, str(request.getfixturevalue("tmp_path") / name))
    if kind == "memory":
        pytest.importorskip("fsspec")
        return Place(kind, f"memory://{name}")
    server = request.getfixturevalue("s3")
    return Place(kind, f"s3://{server.bucket}/{name}", server.options)


def lines(first, last, by=""):
    """Return the records of some numbers, as one writer would write them."""
    return b"".join(b"%d %s\n" % (n, by.encode()) for n in range(first, last + 1))


def numbers(store):
    """Return the numbers of the records in a store."""
    parts = list(store.read())
    assert not any(part.is_open for part in parts)
    return [int(line.split()[0]) for part in parts for line in part.data.splitlines()]


def holders(place):
    return [name for name in place.folder().names() if name.startswith("holder-")]


def reader(place):
    return SegmentStore(place.folder())


class Killed(BaseException):
    """Stands for the end of the process."""


class Faulty:
    """A folder in which the step `at` fails, and all later ones too if the process was killed.

    `when` says whether it fails before, in the middle of, or after what it does.
    """

    def __init__(self, folder, at, when, error=Killed):
        self._folder, self._at, self._when, self._error = folder, at, when, error
        self._lock = threading.Lock()
        self.place = folder.place
        self.steps = 0

    @property
    def has_failed(self):
        return self.steps > self._at

    def _do(self, name, *args):
        with self._lock:
            step = self.steps
            self.steps += 1
        if step > self._at and self._error is Killed:
            raise Killed
        do = getattr(self._folder, name)
        if step == self._at:
            if self._when == "after":
                do(*args)
            elif self._when == "middle" and name in ("write", "create"):
                do(args[0], args[1][: len(args[1]) // 2])
            raise self._error(f"step {step}: {name} {args[:1]}")
        return do(*args)

    def make(self):
        self._do("make")

    def names(self):
        return self._do("names")

    def exists(self, name):
        return self._do("exists", name)

    def read(self, name):
        return self._do("read", name)

    def write(self, name, data):
        self._do("write", name, data)

    def create(self, name, data):
        self._do("create", name, data)

    def delete(self, name):
        self._do("delete", name)


class Writer:
    """A process that opens a journal and appends to it (segment_writer.py)."""

    def __init__(self, place, *, appends=0, machine="", limit=5, fork=False, **periods):
        job = {
            "url": place.url, "options": place.options, "appends": appends, "machine": machine,
            "limit": limit, "fork": fork, "lease": QUICK | periods,
        }  # fmt: skip
        script = Path(__file__).with_name("segment_writer.py")
        self._process = subprocess.Popen(
            [sys.executable, str(script), json.dumps(job)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.says() == "ready"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        self._process.stdin.close()
        self._process.stdout.close()

    def go(self):
        """Let it do what comes next."""
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def says(self):
        """Return the next line of what it prints."""
        return self._process.stdout.readline().rstrip("\n")

    def kill(self):
        """Kill it with SIGKILL, and return what it still said."""
        self._process.kill()
        self._process.wait()
        return self._process.stdout.read().split("\n")

    def stop(self):
        self._process.send_signal(signal.SIGSTOP)

    def resume(self):
        self._process.send_signal(signal.SIGCONT)
