"""Trials made by hand for the views: of any number, with all that can become of a trial."""

import datetime
import math

import numpy as np

from sparktune import trials_from_docs
from sparktune.base import JOB_STATE_CANCEL, JOB_STATE_DONE, JOB_STATE_ERROR, JOB_STATE_RUNNING

BEGAN = datetime.datetime(2026, 1, 1, 12)
AWKWARD = "</script><script>alert('&')</script>\x00\u202e\ud800 \u6df1\u5ea6"


def document(tid, vals, loss=None, state=JOB_STATE_DONE, start=0.0, seconds=1.0, **misc):
    result = {"status": "new"}
    if state == JOB_STATE_DONE:
        result = {"status": "ok"} if loss is None else {"status": "ok", "loss": loss}
    return {
        "tid": tid,
        "state": state,
        "spec": None,
        "result": result,
        "misc": {
            "tid": tid,
            "cmd": None,
            "idxs": {label: [tid] for label in vals},
            "vals": {label: [] if value is None else [value] for label, value in vals.items()},
            **misc,
        },
        "exp_key": None,
        "owner": None,
        "version": 0,
        "book_time": BEGAN + datetime.timedelta(seconds=start),
        "refresh_time": BEGAN + datetime.timedelta(seconds=start + seconds),
    }


def failed(tid, vals, message="no", **more):
    trace = f"Traceback (most recent call last):\n  File 'train.py'\nValueError: {message}"
    return document(tid, vals, state=JOB_STATE_ERROR, error=("<class 'ValueError'>", message),
                    traceback=trace, **more)  # fmt: skip


def mixed(count, labels=4, seed=0):
    """Return documents of trials of all kinds, four at a time; every tenth fails."""
    random = np.random.default_rng(seed)
    docs = []
    for tid in range(count):
        vals = {f"param_{i}": float(random.lognormal()) for i in range(labels)}
        if tid % 3 == 0 and labels > 1:
            vals["param_1"] = None
        times = {"start": float(tid // 4), "seconds": 0.25 + 0.7 * float(random.random())}
        loss = float(np.exp(random.normal() - 2 * tid / count))
        if tid % 10 == 7:
            docs.append(failed(tid, vals, f"bad value {tid}", **times))
        elif tid % 40 == 13:
            docs.append(document(tid, vals, math.nan, **times))
        elif tid % 40 == 23:
            docs.append(document(tid, vals, math.inf, **times))
        elif tid % 40 == 33:
            docs.append(document(tid, vals, state=JOB_STATE_CANCEL, **times))
        elif tid == count - 1:
            docs.append(document(tid, vals, state=JOB_STATE_RUNNING, **times))
        else:
            docs.append(document(tid, vals, loss, **times))
            if tid % 5 == 0:
                steps = list(range(1, 11))
                losses = [loss * (1 + 2 / step) for step in steps]
                docs[-1]["result"]["curve"] = {"steps": steps, "losses": losses}
            if tid % 20 == 5:
                docs[-1]["result"]["status"] = "pruned"
    return docs


def awkward(count=30):
    """Return documents whose every text is markup."""
    docs = []
    for tid in range(count):
        vals = {AWKWARD: tid / count, AWKWARD + "2": AWKWARD}
        docs.append(failed(tid, vals, AWKWARD) if tid % 3 == 0 else document(tid, vals, float(tid)))
    return docs


def made(docs, **settings):
    trials = trials_from_docs(docs, validate=False)
    trials._settings = settings or None
    return trials
