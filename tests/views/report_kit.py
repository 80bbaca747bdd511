"""Trials for the views, with all that can become of a trial, and a reader of reports."""

import datetime
import json
import math
from html.parser import HTMLParser

import numpy as np

from sparktune import Trials, fmin, hp, rand, trials_from_docs
from sparktune._views.report import report_html
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


class Page(HTMLParser):
    """Reads a report: its sections as text, its code blocks, its tags."""

    def __init__(self, text):
        super().__init__()
        self.sections, self.codes, self.tags, self.links = {}, [], [], []
        self._section = self._in = None
        self.data = None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append(tag)
        self.links += [attrs[key] for key in ("src", "href") if key in attrs]
        if tag == "section":
            self._section = attrs["id"]
            self.sections[self._section] = ""
        if tag == "pre":
            self.codes.append("")
        self._in = "data" if attrs.get("id") == "data" else tag

    def handle_endtag(self, tag):
        self._section = None if tag == "section" else self._section
        self._in = None if tag == "pre" else self._in

    def handle_data(self, data):
        if self._in == "data":
            self.data = json.loads(data)
            self._in = None
        elif self._in == "pre":
            self.codes[-1] += data
        if self._section:
            self.sections[self._section] += data


def page_of(trials, **more):
    return Page(report_html(trials, **more))


def search(fn=None, max_evals=40, trials=None, **more):
    def objective(point):
        if point["x"] > 0.8:
            raise ValueError(f"{point['x']} is too large")
        return point["x"] ** 2

    trials = Trials() if trials is None else trials
    space = {
        "x": hp.uniform("x", -1, 1),
        "model": hp.choice(
            "m", [{"type": "svm", "C": hp.loguniform("C", -3, 3)}, {"type": "tree"}]
        ),
    }
    more = {"rstate": 7, "catch_eval_exceptions": True, **more}
    fmin(fn or objective, space, rand.suggest, max_evals, trials=trials, verbose=False, **more)
    return trials, space
