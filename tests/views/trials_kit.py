"""Trials as documents, and the searches that are hard to draw."""

import datetime
import math

from sparktune import hp, trials_from_docs
from sparktune._space.compile import compile_space
from sparktune._space.expr import as_apply

START = datetime.datetime(2026, 1, 2, 3, 4, 5)
NEW, RUNNING, DONE, ERROR, CANCEL = range(5)


def doc(tid, loss=None, vals=None, state=DONE, seconds=(0.0, 1.0), **more):
    """The document of a trial; `more` has a status, curve or score, an error, or attempts."""
    status = more.get("status", {NEW: "new", RUNNING: "running"}.get(state, "ok"))
    result = {"status": status} | ({} if loss is None else {"loss": loss})
    result |= {key: more[key] for key in ("curve", "score") if key in more}
    vals = {label: [] if value is None else [value] for label, value in (vals or {}).items()}
    misc = {"tid": tid, "cmd": None, "vals": vals,
            "idxs": {label: [tid] * len(found) for label, found in vals.items()}}  # fmt: skip
    misc |= {key: more[key] for key in ("error", "attempts") if key in more}
    start, end = (
        None if each is None else START + datetime.timedelta(seconds=each) for each in seconds
    )
    return {"tid": tid, "state": state, "spec": None, "result": result, "misc": misc,
            "exp_key": None, "owner": None, "version": 0, "book_time": start,
            "refresh_time": end}  # fmt: skip


def trials_of(docs, space=None):
    """Trials of documents, which know the space that they are from if it is given."""
    trials = trials_from_docs(docs)
    if space is not None:
        trials._space = compile_space(as_apply(space))
        trials._distributions = {
            p.label: (p.distribution, p.args, p.conditions) for p in trials._space.params
        }
    return trials


def failed(tid, message="no luck", vals=None, kind=ValueError, **more):
    return doc(tid, vals=vals, state=ERROR, error=(str(kind), message), **more)


SPACE = {
    "model": hp.choice(
        "model",
        [
            {"type": "svm", "C": hp.loguniform("C", -7, 7)},
            {"type": "forest", "depth": hp.quniform("depth", 2, 20, 1)},
        ],
    ),
    "batch": hp.choice("batch", [256, 16, 64]),
    "x": hp.uniform("x", -1, 1),
}


def searched(count=40, maximize=False):
    """A conditional search with each kind of outcome, on two slots."""
    docs = []
    for i in range(count):
        svm = i % 3 > 0
        x, c, depth = math.sin(i), 10.0 ** (i % 7 - 3), 2.0 + i % 9
        vals = {"model": 0 if svm else 1, "batch": i % 3, "x": x,
                "C": c if svm else None, "depth": None if svm else depth}  # fmt: skip
        when = (float(i // 2), i // 2 + 0.9)
        loss = 0.1 + x * x + (abs(math.log10(c)) if svm else depth / 10)
        more = {"score": -loss} if maximize else {}
        curve = {"steps": [1, 2, 3], "losses": [loss + 2, loss + 1, loss]}
        if i % 10 == 7:
            docs.append(failed(i, f"x={x:.3f} is too large", vals, seconds=when))
        elif i % 10 == 4:
            short = {"steps": [1], "losses": [loss + 2]}
            docs.append(doc(i, loss + 1, vals, seconds=when, status="pruned", curve=short))
        elif i % 10 == 9 and i > count - 10:
            docs.append(doc(i, vals=vals, state=RUNNING, seconds=(when[0], None)))
        else:
            docs.append(doc(i, loss, vals, seconds=when, curve=curve, **more))
    return trials_of(docs, SPACE)


def _vals(i):
    return {"x": float(i), "y": float(i * i % 7)}


def _many_params():
    return trials_of(
        [doc(i, float(i % 5), {f"p{k}": float((i * k) % 11) for k in range(50)}) for i in range(20)]
    )


def _many_options():
    space = hp.choice("c", [f"option number {k}" for k in range(100)])
    return trials_of([doc(i, 1.0 + i * 37 % 100, {"c": i * 7 % 100}) for i in range(150)], space)


def _strange_labels():
    long = "classifier.pipeline.step.with.a.very.long.path." * 4
    labels = [f"{long}a", f"{long}b", "<b>bold</b> & 'co'", "$\\alpha_{$", "名前 ёж 🦔", "_hidden"]
    space = {
        **{label: hp.uniform(label, 0, 1) for label in labels},
        "choice": hp.choice("choice", ["<script>alert(1)</script>", "$x^2$", "日本", "x" * 300]),
    }
    docs = [
        doc(i, float(i + 1), {"choice": i % 4, **dict.fromkeys(labels, i / 9)}) for i in range(9)
    ]
    return trials_of([*docs, failed(9, "<img src=x onerror=alert(1)> $\\frac{$ 名前")], space)


def _extremes():
    losses = [1e308, -1e308, 5e-324, 0.0, 1.0, 1e-300, 1e300, -1.0]
    return trials_of([doc(i, loss, {"x": loss, "y": 1.0}) for i, loss in enumerate(losses)])


CASES = {
    "none": lambda: trials_of([]),
    "one": lambda: trials_of([doc(0, 1.0, {"x": 0.5, "y": 0.1})]),
    "one without a hyperparameter": lambda: trials_of([doc(0, 1.0)]),
    "only failures": lambda: trials_of([failed(i, vals=_vals(i)) for i in range(5)]),
    "not finite": lambda: trials_of(
        [doc(i, loss, _vals(i)) for i, loss in enumerate([math.nan, math.inf, -math.inf] * 3)]
    ),
    "some not finite": lambda: trials_of(
        [doc(i, loss, _vals(i)) for i, loss in enumerate([math.nan, 1.0, math.inf, 2.0, 0.5])]
    ),
    "an outlier": lambda: trials_of(
        [doc(i, 1e9 if i == 7 else -1.0 + i / 10, _vals(i)) for i in range(30)]
    ),
    "running": lambda: trials_of(
        [doc(0, state=RUNNING, seconds=(0.0, None)), doc(1, state=NEW, seconds=(None, None))]
    ),
    "equal": lambda: trials_of([doc(i, 2.0, {"x": 3.0, "y": 3.0}) for i in range(8)]),
    "extremes": _extremes,
    "mixed": searched,
    "maximized": lambda: searched(maximize=True),
    "50 hyperparameters": _many_params,
    "100 options": _many_options,
    "strange labels": _strange_labels,
    "texts as ids": lambda: trials_of(
        [_with_id(doc(i, float(i), _vals(i)), f"t{i}") for i in range(4)]
    ),
}


def _with_id(document, tid):
    document["tid"] = document["misc"]["tid"] = tid
    return document


def large(count=20_000):
    """Many trials of many hyperparameters."""
    labels = [f"p{k}" for k in range(20)]
    return trials_of(
        [
            failed(i, f"at {i}", seconds=(i / 8, i / 8 + 1))
            if i % 50 == 7
            else doc(i, 1.0 + i * 7919 % 10_007 / (1 + i), {x: i * (k + 1) % 101 / 101
                     for k, x in enumerate(labels)}, seconds=(i / 8, i / 8 + 1))
            for i in range(count)
        ]
    )  # fmt: skip
