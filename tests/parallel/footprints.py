"""Objectives that leave traces in their worker, for `ProcessTrials` and all Spark sessions.

Functions return the objectives, so that these are pickled by value, as in a notebook.
"""

import contextlib
import types
from pathlib import Path

import numpy as np

from sparktune import hp, with_data


def children():
    """Return the ids of this process's children."""
    import pytest

    tasks = Path("/proc/self/task")
    if not tasks.exists():
        pytest.skip("needs /proc")
    found = set()
    for task in tasks.iterdir():
        with contextlib.suppress(OSError):  # a thread that has just ended
            found.update(map(int, (task / "children").read_text().split()))
    return found


SCRIPT = """
seen = []
def note():
    seen.append(1)
    return len(seen)
"""


def grower():
    """Return an objective that adds to all that it can reach, its space, and one count for each."""

    class Config:
        seen = []  # noqa: RUF012

    closed, array = [], np.zeros(3)
    module = types.ModuleType("a_module_of_the_user")
    exec(SCRIPT, vars(module))
    script = {"__name__": "__main__"}
    exec(SCRIPT, script)
    note = script["note"]

    def objective(point, data, default=[]):  # noqa: B006
        option = point["option"]
        for each in (closed, default, Config.seen, data["names"]):
            each.append(1)
        for each in (array, option):
            each += 1
        Config.count = getattr(Config, "count", 0) + 1
        counts = [len(each) for each in (closed, default, Config.seen, data["names"])]
        counts += [int(array[0]), int(option[0]), Config.count, note(), module.note()]
        try:
            data["array"][0] += 1
        except ValueError:
            counts.append("read-only")
        data["frame"]["new"] = "new" in data["frame"]
        counts.append(int(data["frame"]["new"][0]))
        return {"loss": point["x"], "status": "ok", "facts": counts}

    import pandas as pd

    frame = pd.DataFrame({"a": np.arange(3.0)})
    data = {"names": [], "array": np.zeros(3), "frame": frame}
    space = {"x": hp.uniform("x", -5, 5), "option": hp.choice("option", [np.zeros(1)])}
    return with_data(objective, data=data), space, [1] * 9 + ["read-only", 0]


def litterer():
    """Return an objective that reports the state of its process, and then spoils it."""

    def state():
        import contextlib
        import os
        import signal
        import sys

        streams = []
        for number, stream in enumerate((sys.stdin, sys.stdout, sys.stderr)):
            with contextlib.suppress(OSError):
                os.fstat(number)
                streams.append([number, stream is not None and not stream.closed])
        sys.stdout.write("to standard output")
        return {
            "pid": os.getpid(),
            "folder": os.getcwd(),  # noqa: PTH109
            "environment": sorted(os.environ.items()),
            "handler": str(signal.getsignal(signal.SIGUSR1)),
            "timer": signal.getitimer(signal.ITIMER_REAL)[0] > 0,
            "mask": len(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
            "path": list(sys.path),
            "streams": streams,
        }

    def objective(point):
        import io
        import os
        import signal
        import sys

        found = state()
        os.chdir("/")
        os.environ["LITTER"] = "1"
        del os.environ["PATH"]
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        signal.setitimer(signal.ITIMER_REAL, 100)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
        sys.path.insert(0, "/litter")
        sys.stdout.close()
        sys.stdin.close()
        sys.stderr = io.StringIO()
        os.closerange(0, 3)
        return {"loss": point["x"], "status": "ok", "facts": found}

    return objective, {"x": hp.uniform("x", -5, 5)}


def gambler():
    """Return an objective that draws random numbers without a seed of its own."""

    def objective(point):
        import random

        import numpy as np

        drawn = [random.random(), np.random.rand()]  # noqa: NPY002
        return {"loss": point["x"], "status": "ok", "facts": drawn}

    return objective, {"x": hp.uniform("x", -5, 5)}
