"""A process that writes a journal in segments; see `Writer` in segment_kit.

    python segment_writer.py JSON

Prints a line for what happened, and goes on when it reads one.
"""

import json
import os
import sys

from segment_kit import lines, numbers

from sparktune._journal import lease
from sparktune._journal.folders import FsspecFolder, LocalFolder
from sparktune._journal.segments import SegmentStore
from sparktune._journal.store import InUse


def say(*words):
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def main(job):
    if job["machine"]:  # as if this were another computer
        lease._machine = lambda: job["machine"]
    url, options = job["url"], job["options"]
    folder = FsspecFolder(url, options) if "://" in url else LocalFolder(url)
    store = SegmentStore(folder, limit=job["limit"], **job["lease"])
    say("ready")
    sys.stdin.readline()
    try:
        store.open()
    except InUse as error:
        say("in use:", error)
        return
    found = numbers(store)
    assert found == list(range(len(found))), found
    say("open", len(found))
    if job["fork"]:
        child = os.fork()
        if child == 0:
            store.close()  # which must not delete the lease
            sys.stdin.readline()
            os._exit(0)
    n = len(found)
    for _ in range(job["appends"]):
        store.append(lines(n, n + n % 3), n, n + n % 3)
        n += 1 + n % 3
        say("has", n)
    sys.stdin.readline()
    store.close()
    say("closed")


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
