"""Measure journals in segments: appends per second, number of files, and how fast one opens.

In a local folder and in a local S3 server (moto, in a process of its own; `pip install 's3fs'
'moto[server]'`). The server answers in about a millisecond; add the latency of a real one, some 20
to 50 ms, to each of the requests.

    python benches/journal_store.py [--records 100000] [--appends 1000] [--bytes 300] [--all]
"""

from __future__ import annotations

import argparse
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen
from zlib import crc32

from sparktune._journal.folders import Folder, FsspecFolder, LocalFolder
from sparktune._journal.segments import SegmentStore


class Counted:
    """A folder that counts what it is asked for."""

    def __init__(self, folder: Folder) -> None:
        self._folder, self.place = folder, folder.place
        self.calls: Counter[str] = Counter()
        self.written = 0

    def __getattr__(self, name: str) -> Any:
        def call(*args: Any) -> Any:
            self.calls[name] += 1
            if name == "write":
                self.written += len(args[1])
            return getattr(self._folder, name)(*args)

        return call


def lines(first: int, last: int, size: int) -> bytes:
    """Return records as lines of about `size` bytes."""
    found = []
    for n in range(first, last + 1):
        text = json.dumps({"n": n, "kind": "done", "result": {"loss": n / 7}, "rest": ""}).encode()
        text = text[:-2] + b"x" * (size - len(text) - 10) + text[-2:]
        found.append(b"%08x %b\n" % (crc32(text), text))
    return b"".join(found)


@contextmanager
def server() -> Iterator[dict[str, Any]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                urlopen(f"{url}/moto-api/data.json").close()
                break
            except OSError:
                time.sleep(0.1)
        yield {"key": "key", "secret": "secret", "endpoint_url": url}
    finally:
        process.kill()
        process.wait()


def measure(name: str, folder: Folder, appends: int, each: int, size: int) -> None:
    """Print how fast a journal of `appends` appends with `each` records is written and read."""
    counted = Counted(folder)
    store = SegmentStore(counted, settle=0.0)
    store.open()
    batches = [lines(i * each, (i + 1) * each - 1, size) for i in range(appends)]
    counted.calls.clear()
    counted.written = most = 0
    begin = time.perf_counter()
    for i, batch in enumerate(batches):
        store.append(batch, i * each, (i + 1) * each - 1)
        most = max(most, len(store._pieces or ()))
    seconds = time.perf_counter() - begin
    calls = counted.calls.total() / appends
    store.close()

    records, data = appends * each, sum(map(len, batches))
    fresh = SegmentStore(folder)
    begin = time.perf_counter()
    found = sum(part.data.count(b"\n") for part in fresh.read())
    opening = time.perf_counter() - begin
    assert found == records, (found, records)
    print(
        f"| {name} | {records:,} | {appends:,} | {appends / seconds:,.0f} | {calls:.1f} "
        f"| {counted.written / data:.1f} | {most} | {len(folder.names())} | {opening:.3f} s |",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--appends", type=int, default=1_000, help="one record each")
    parser.add_argument("--bytes", type=int, default=300, help="of a record")
    parser.add_argument("--all", action="store_true", help="also all records one by one (minutes)")
    args = parser.parse_args()

    head = "where records appends appends/s calls/append written/byte most-files files reading"
    print("|", " | ".join(head.split()), "|")
    print("| --- |" + " ---: |" * 8)
    with server() as options, tempfile.TemporaryDirectory() as temporary:
        import s3fs

        s3fs.S3FileSystem(**options).mkdir("bench")

        def folders() -> Iterator[tuple[str, Folder]]:
            path = Path(temporary) / uuid.uuid4().hex
            yield "local folder", LocalFolder(path)
            shutil.rmtree(path)
            yield "S3 (moto)", FsspecFolder(f"s3://bench/{uuid.uuid4().hex}", options)

        # One record per append is what a slow search does, many are a fast one, or parallel trials.
        for appends, each in ((args.appends, 1), (args.appends, args.records // args.appends)):
            for name, folder in folders():
                measure(name, folder, appends, each, args.bytes)
        if args.all:
            path = Path(temporary) / "all"
            measure("local folder", LocalFolder(path), args.records, 1, args.bytes)


if __name__ == "__main__":
    main()
