"""Searches whose driver "dies" at any byte of its journal, in this process.

What a killed driver leaves is the beginning of the log that it would have written. So one whole
search gives all its deaths: copy the first bytes of its journal, and call `fmin` again.
"""

import functools
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sparktune import Journal, Trials, anneal, fmin, hp, mix, rand, tpe
from sparktune._journal.record import Log
from sparktune._journal.store import Part
from sparktune.early_stop import no_progress_loss

LOG = "journal.log"
SPACE = {
    "x": hp.uniform("x", -5, 5),
    "kind": hp.choice("kind", [{"kind": 0}, {"kind": 1, "y": hp.lognormal("y", 0, 1)}]),
}
SMALL = {"a": hp.quniform("a", 1, 4, 1), "b": hp.choice("b", ["p", "q", "r"])}
POINTS = [{"x": 1.5, "kind": 0}, {"x": -2.5, "kind": 1, "y": 0.5}, {"x": 0.25, "kind": 0}]


def loss_of(point):
    inner = point["kind"]
    return (point["x"] - 1) ** 2 + inner["kind"] * inner.get("y", 0.0)


def loss_in_small(point):
    return abs(point["a"] - 2) + "pqr".index(point["b"])


def failing(point):
    if point["x"] < -1:
        raise ValueError(f"{point['x']} is too low")
    return loss_of(point)


def rich(point):
    value = loss_of(point)
    if point["x"] > 3:
        return {"status": "fail"}
    return {
        "loss": value,
        "status": "ok",
        "curve": np.linspace(0, value, 5_000),  # goes into a file of its own
        "attachments": {"model": b"\0" * 9 + str(value).encode(), "note": "text"},
    }


def the_mix():
    return functools.partial(mix.suggest, p_suggest=[(0.5, rand.suggest), (0.5, anneal.suggest)])


@dataclass(frozen=True)
class Case:
    """A search. `make` returns its arguments anew, as a script does that is started again."""

    fn: object = loss_of
    make: object = dict
    space: object = field(default_factory=lambda: SPACE)
    max_evals: int = 9


def _settings(**given):
    """Return a `make` that calls what is callable by the name `new_*`."""

    def make():
        return {
            key.removeprefix("new_"): value() if key.startswith("new_") else value
            for key, value in given.items()
        }

    return make


CASES = {
    "tpe": Case(make=_settings(algo=tpe.suggest), max_evals=26),
    "rand": Case(make=_settings(algo=rand.suggest)),
    "anneal": Case(make=_settings(algo=anneal.suggest)),
    "mix": Case(make=_settings(new_algo=the_mix), max_evals=12),
    "queue": Case(make=_settings(algo=tpe.suggest, max_queue_len=4), max_evals=26),
    "points": Case(make=_settings(algo=tpe.suggest, points_to_evaluate=POINTS), max_evals=5),
    "points, queue": Case(
        make=_settings(algo=anneal.suggest, points_to_evaluate=POINTS, max_queue_len=4),
    ),
    "points, failing": Case(
        fn=failing,
        make=_settings(points_to_evaluate=POINTS, catch_eval_exceptions=True),
        max_evals=6,
    ),
    "distinct": Case(
        fn=loss_in_small,
        make=_settings(algo=tpe.suggest, avoid_duplicates=True),
        space=SMALL,
        max_evals=30,  # there are 15
    ),
    "distinct, queue": Case(
        fn=loss_in_small,
        make=_settings(algo=rand.suggest, avoid_duplicates=True, max_queue_len=4),
        space=SMALL,
        max_evals=10,
    ),
    "early stop": Case(
        make=_settings(algo=rand.suggest, new_early_stop_fn=lambda: no_progress_loss(4)),
        max_evals=60,
    ),
    "early stop, queue": Case(
        make=_settings(
            algo=rand.suggest, new_early_stop_fn=lambda: no_progress_loss(4), max_queue_len=3
        ),
        max_evals=60,
    ),
    "threshold, queue": Case(
        make=_settings(algo=rand.suggest, loss_threshold=0.3, max_queue_len=3), max_evals=60
    ),
    "failing": Case(fn=failing, make=_settings(catch_eval_exceptions=True), max_evals=12),
    "caught class": Case(
        fn=failing, make=_settings(catch_eval_exceptions=(ValueError,)), max_evals=12
    ),
    "max failures": Case(
        fn=failing, make=_settings(catch_eval_exceptions=True, max_failures=3), max_evals=30
    ),
    "share of failures": Case(
        fn=failing, make=_settings(catch_eval_exceptions=True, max_failures=0.2), max_evals=30
    ),
    "not caught": Case(fn=failing, make=_settings(algo=rand.suggest), max_evals=12),
    "rich results": Case(fn=rich, make=_settings(algo=rand.suggest)),
    "maximize": Case(make=_settings(algo=tpe.suggest, maximize=True)),
    "RandomState": Case(make=_settings(new_rstate=lambda: np.random.RandomState(5))),
    "Generator": Case(make=_settings(new_rstate=lambda: np.random.default_rng(5))),
    "Philox": Case(make=_settings(new_rstate=lambda: np.random.Generator(np.random.Philox(5)))),
    "MT19937": Case(make=_settings(new_rstate=lambda: np.random.Generator(np.random.MT19937(5)))),
    "no seed": Case(make=_settings(rstate=None)),
    "seeded by 0": Case(make=_settings(rstate=0)),
}


class Search:
    """What one call of `fmin` did.

    Documents and attachments; the error, if it raised one; the points that the objective was called
    with; and the ids of the trials that the search acted on. Not a dataclass: Hypothesis prints
    those in full.
    """

    def __init__(self, documents, attachments, error, runs, acted):
        self.documents = documents
        self.attachments = attachments
        self.error = error
        self.runs = runs
        self.acted = acted


def search(case, folder, **more):
    """Search as a script does that is started anew."""
    runs, acted = [], []

    @functools.wraps(case.fn)
    def fn(point):
        runs.append(repr(point))
        return case.fn(point)

    trials, error = more.pop("trials", Trials()), None
    arguments = {"rstate": 3, "algo": rand.suggest, **case.make(), **more}
    journal = Journal(folder, fsync=False) if isinstance(folder, Path) else folder
    try:
        fmin(
            fn, case.space, max_evals=case.max_evals, trials=trials, journal=journal,
            callbacks=[lambda _, trial: acted.append(trial["tid"])], verbose=False, **arguments,
        )  # fmt: skip
    except Exception as raised:
        error = f"{type(raised).__name__}: {raised}"
    return Search(documents(trials), dict(trials.attachments.items()), error, runs, acted)


def documents(trials):
    """Return the documents apart from their times."""
    return [_plain(doc) for doc in trials._dynamic_trials]


def _plain(doc):
    return _comparable({k: v for k, v in doc.items() if k not in ("book_time", "refresh_time")})


def _comparable(value):
    if isinstance(value, dict):
        return {key: _comparable(value[key]) for key in value}
    if isinstance(value, np.ndarray):
        return value.tolist()
    return value


def log_of(folder):
    return (Path(folder) / LOG).read_bytes()


def copy_up_to(folder, size, target):
    """Make a journal of the first bytes of another, with all values beside it."""
    target.mkdir(parents=True)
    (target / LOG).write_bytes(log_of(folder)[:size])
    if (Path(folder) / "values").is_dir():
        shutil.copytree(Path(folder) / "values", target / "values")
    return target


def records_in(data):
    """Return the whole records in the first bytes of a log."""
    log = Log().read([Part(LOG, data, is_open=True)])
    assert not log.damage, log.damage
    return log.records


def ended_in(data):
    """Return the ids of the trials that are done or failed according to some bytes."""
    kinds = [(record["kind"], record.get("tid")) for record in records_in(data)]
    tids = [tid for kind, tid in kinds if kind in ("finished", "failed")]
    assert len(tids) == len(set(tids)), "a trial ended twice"
    return tids


def check_journal(folder, whole=None):
    """Check that a journal is as its docs say, and `from_journal` gives the same documents."""
    left = {path.name for path in Path(folder).iterdir()}
    assert left <= {LOG, "values", "checkpoints"}, left
    if (Path(folder) / "values").is_dir():
        hidden = [path.name for path in (Path(folder) / "values").iterdir() if path.name[0] == "."]
        assert hidden == []
    trials = Trials.from_journal(folder)
    if whole is not None:
        assert documents(trials) == whole.documents
        assert dict(trials.attachments.items()) == whole.attachments
    tids = [doc["tid"] for doc in trials._dynamic_trials]
    assert len(tids) == len(set(tids))
    return trials
