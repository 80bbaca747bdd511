"""Golden suggestions: what every suggester answers, bit for bit.

``suggestions.json``, beside this file, holds spaces, histories, settings, and the answers of every
suggester to them. ``tests/test_golden.py`` and ``rust/core/tests/golden.rs`` compare.

Writing the answers anew is legitimate where a change is *meant* to change what is suggested:
another default, rule or random stream, a bug that made suggestions worse, or a new row here. The
commit says so, and which answers changed. It is not legitimate for a refactoring, a faster kernel,
or a new version of a dependency or compiler: a search must be repeatable across those, so one that
changes a bit is at fault, not this file.

    python tests/golden/make.py            # the answers, for the inputs that the file has
    python tests/golden/make.py --inputs   # new spaces, histories and settings as well

Values are written as the hexadecimal digits of their 64 bits without the zeros at the end, and an
inactive one as ``-``. The inputs are short decimal numbers, which every parser reads alike.
"""

from __future__ import annotations

import json
import math
import struct
import sys
from functools import partial
from pathlib import Path

import numpy as np

from sparktune import (
    JOB_STATE_DONE,
    JOB_STATE_RUNNING,
    STATUS_FAIL,
    STATUS_OK,
    Domain,
    Trials,
    _core,
    anneal,
    fmin,
    hp,
    mix,
    rand,
    tpe,
)

FILE = Path(__file__).with_name("suggestions.json")

ALWAYS = [[]]
SPACES = {
    "flat": [
        ["u", "uniform", [-5, 5], ALWAYS],
        ["lu", "loguniform", [-7, 0], ALWAYS],
        ["n", "normal", [0, 1], ALWAYS],
        ["ln", "lognormal", [0, 1], ALWAYS],
        ["i", "randint", [0, 20], ALWAYS],
    ],
    "conditional": [
        ["kind", "randint", [0, 3], ALWAYS],
        ["a", "uniform", [-1, 1], [[[0, 0]]]],
        ["b", "loguniform", [-3, 3], [[[0, 0]]]],
        ["inner", "categorical", [0.5, 0.25, 0.25], [[[0, 1]]]],
        ["c", "normal", [0, 2], [[[0, 1], [3, 0]]]],
        ["d", "quniform", [0, 20, 2], [[[0, 1], [3, 2]], [[0, 2]]]],
        ["e", "uniform", [0, 1], ALWAYS],
    ],
    "categorical": [
        ["choice", "randint", [0, 4], ALWAYS],
        ["pchoice", "categorical", [0.125, 0.25, 0.625], ALWAYS],
        ["i", "randint", [0, 10], ALWAYS],
        ["j", "randint", [-5, 7], ALWAYS],
    ],
    "quantised": [
        ["qu", "quniform", [0, 100, 1], ALWAYS],
        ["qlu", "qloguniform", [0, 6, 1], ALWAYS],
        ["qn", "qnormal", [0, 10, 1], ALWAYS],
        ["qln", "qlognormal", [0, 1, 0.5], ALWAYS],
    ],
}

# Samplers and their settings by name. No random start: five trials are enough to ask for more.
TPE = {
    "sampler": "tpe",
    "prior_weight": 0.3,
    "n_startup_jobs": 0,
    "n_EI_candidates": 16,
    "gamma": 0.1,
    "multivariate": True,
    "gp_share": 0.75,
    "avoid_duplicates": True,
    "startup": "random",
}
HYPEROPT = {
    "sampler": "hyperopt",
    "prior_weight": 1,
    "n_startup_jobs": 0,
    "n_EI_candidates": 24,
    "gamma": 0.25,
}
SUGGESTERS = {
    "random": {"sampler": "random"},
    "halton": {"sampler": "halton"},
    "anneal": {"sampler": "anneal", "avg_best_idx": 2, "shrink_coef": 0.1},
    "anneal, otherwise": {"sampler": "anneal", "avg_best_idx": 4, "shrink_coef": 0.25},
    "default": TPE,
    "hyperopt": HYPEROPT,
    "no Gaussian process": TPE | {"gp_share": 0},
    "Gaussian process always": TPE | {"gp_share": 1},
    "univariate": TPE | {"multivariate": False},
    "prior_weight 1": TPE | {"prior_weight": 1},
    "n_EI_candidates 40": TPE | {"n_EI_candidates": 40},
    "gamma 0.2": TPE | {"gamma": 0.2},
    "duplicates": TPE | {"avoid_duplicates": False},
}

# Trials of a history, how many of them (the last ones) are running, and how many points are asked
# for in one call.
SIZES = {
    "5": (5, 0, 2),
    "5, 2 running": (5, 2, 2),
    "30": (30, 0, 4),
    "30, 6 running": (30, 6, 5),
    "300": (300, 0, 5),
    "300, 6 running": (300, 6, 6),
}
LONG = ("5000", (5000, 3, 3))
SEARCHES = ["anneal", "default", "hyperopt", "univariate"]
SEARCH_LENGTH, SEARCH_SHOWN = 50, 4


def hexed(value: float) -> str:
    """Return the bits of a value; NaN is an inactive one."""
    value = float(value)
    return "-" if math.isnan(value) else (struct.pack(">d", value).hex().rstrip("0") or "0")


def shown(rows) -> list[str]:
    return [" ".join(map(hexed, row)) for row in rows]


def read(row: str) -> list[float]:
    return [math.nan if value == "-" else float(value) for value in row.split()]


def loss_of(row) -> float:
    """Return a loss by sums and differences only, which every language computes alike.

    Inactive values count, so that no branch of a conditional space is much better than others.
    """
    loss = 0.0
    for value in row:
        loss += 2.0 if math.isnan(value) else abs(value - 1.0)
    return loss


def core_space(parameters) -> _core.Space:
    """Return a space of a description from JSON, which has no tuples."""
    return _core.Space(
        [
            (*parameter, [[tuple(part) for part in parts] for parts in conditions])
            for *parameter, conditions in parameters
        ]
    )


def inputs() -> dict:
    """Return spaces, settings, and histories of random search with failed trials."""
    histories = {}
    for name, parameters in SPACES.items():
        rows = _core.suggest_random(core_space(parameters), range(300), 17).tolist()
        short = [[float(f"{value:.4g}") for value in row] for row in rows]
        losses = [f"{loss_of(row):.3f}" for row in short]
        for tid in range(4, 300, 11):
            losses[tid] = "-inf" if tid % 3 == 0 else "nan"
        histories[name] = {
            "losses": " ".join(losses),
            "rows": [" ".join(f"{v:.12g}" if v == v else "-" for v in row) for row in short],
        }
    return {"spaces": SPACES, "suggesters": SUGGESTERS, "histories": histories}


def history_of(data: dict, space: str, size: int, running: int) -> _core.History:
    """Return the first trials of a history; a longer one than the file has is of random search."""
    core = core_space(data["spaces"][space])
    given = data["histories"][space]
    rows, losses = [read(row) for row in given["rows"]], read(given["losses"])
    if size > len(rows):
        rows = _core.suggest_random(core, range(size), 23).tolist()
        losses = [loss_of(row) if tid % 17 else math.nan for tid, row in enumerate(rows)]
    losses[size - running : size] = [math.inf] * running
    history = _core.History(core)
    history.extend(range(size), losses[:size], np.array(rows[:size]))
    return history


def ask(data: dict, space: str, name: str, history: _core.History, tids: list[int], seed: int):
    """Return what a suggester of that name answers."""
    settings = dict(data["suggesters"][name])
    return history.suggest(_core.Sampler(settings.pop("sampler"), settings), tids, seed)


def answers(data: dict, space: str, name: str) -> dict[str, list[str]]:
    """Return what a suggester answers to histories of all sizes."""
    sizes = SIZES | dict([LONG] if space == "flat" else [])
    found = {}
    for size, (trials, running, asked) in sizes.items():
        history = history_of(data, space, trials, running)
        tids = list(range(trials, trials + asked))
        found[size] = shown(ask(data, space, name, history, tids, 1000 + trials))
    return found


def search(data: dict, space: str, name: str) -> list[str]:
    """Return the last points of a search whose history grows by one trial at a time."""
    history = _core.History(core_space(data["spaces"][space]))
    rows = []
    for tid in range(SEARCH_LENGTH):
        (row,) = ask(data, space, name, history, [tid], 3).tolist()
        history.observe(tid, loss_of(row), row)
        rows.append(row)
    return shown(rows[-SEARCH_SHOWN:])


def densities(data: dict, space: str) -> dict[str, list[str]]:
    """Return the first candidates of Hyperopt's estimator, with their log densities.

    A suggestion is the best candidate, which a small error seldom changes; these show every bit.
    """
    found = {}
    for size in ("30", "300, 6 running"):
        trials, running, _ = SIZES[size]
        history = history_of(data, space, trials, running)
        explained = _core.explain(history, trials, 1000 + trials)[1]
        found[size] = [line for part in explained for line in shown(a[:6] for a in part[1:4])]
    return found


# --- The public functions ---------------------------------------------------------------------

_D = hp.quniform("d", 0, 20, 2)
PUBLIC_SPACE = {
    "kind": hp.choice(
        "kind",
        [
            {"a": hp.uniform("a", -1, 1), "b": hp.loguniform("b", -3, 3)},
            {"inner": hp.pchoice("inner", [(0.5, hp.normal("c", 0, 2)), (0.25, 0), (0.25, _D)])},
            {"d": _D},
        ],
    ),
    "e": hp.uniform("e", 0, 1),
}
PUBLIC = {
    "rand.suggest": rand.suggest,
    "anneal.suggest": anneal.suggest,
    "tpe.suggest": tpe.suggest,
    "tpe.suggest, halton": partial(tpe.suggest, startup="halton"),
    "tpe.suggest, univariate": partial(tpe.suggest, multivariate=False),
    "tpe.hyperopt_suggest": tpe.hyperopt_suggest,
    "mix.suggest": partial(mix.suggest, p_suggest=[(0.25, rand.suggest), (0.75, tpe.suggest)]),
}
PUBLIC_SIZES = {"5": (5, 0), "30": (30, 0), "30, 6 running": (30, 6), "120, 6 running": (120, 6)}


def trials_of(data: dict, size: int, running: int) -> Trials:
    """Return documents of the conditional history, in all states."""
    given = data["histories"]["conditional"]
    labels = [parameter[0] for parameter in data["spaces"]["conditional"]]
    losses = read(given["losses"])
    trials = Trials()
    docs = rand.suggest(trials.new_trial_ids(size), Domain(None, PUBLIC_SPACE), trials, 0)
    for tid, (doc, row) in enumerate(zip(docs, given["rows"], strict=False)):
        for label, value in zip(labels, read(row), strict=True):
            active = not math.isnan(value)
            doc["misc"]["vals"][label] = [value] if active else []
            doc["misc"]["idxs"][label] = [tid] if active else []
        doc["state"] = JOB_STATE_DONE
        doc["result"] = {"status": STATUS_OK, "loss": losses[tid]}
        if losses[tid] == -math.inf:
            doc["result"] = {"status": STATUS_FAIL}
        if tid >= size - running:
            doc["state"] = JOB_STATE_RUNNING
            doc["result"] = {"status": "new"}
    trials.insert_trial_docs(docs)
    trials.refresh()
    return trials


def vals_of(docs) -> list[str]:
    """Return `misc.vals`, with whole numbers as such."""

    def each(values):
        (value,) = values or [math.nan]
        return str(value) if isinstance(value, (int, np.integer)) else hexed(value)

    return [
        " ".join(f"{label}={each(values)}" for label, values in doc["misc"]["vals"].items())
        for doc in docs
    ]


def public(data: dict, name: str) -> dict[str, list[str]]:
    """Return what a public function suggests, by size of the history."""
    domain = Domain(None, PUBLIC_SPACE)
    found = {}
    for size, (finished, running) in PUBLIC_SIZES.items():
        trials = trials_of(data, finished, running)
        found[size] = vals_of(PUBLIC[name](trials.new_trial_ids(2), domain, trials, 29))
    return found


def objective(point) -> float:
    kind = point["kind"]
    values = [kind["a"], kind["b"]] if "a" in kind else [kind.get("inner", kind.get("d"))]
    return loss_of([*values, point["e"]])


def run(name: str) -> list[str]:
    """Return the `misc.vals` of a short seeded search by `fmin`."""
    trials = Trials()
    fmin(
        objective,
        PUBLIC_SPACE,
        algo=PUBLIC[name],
        max_evals=30,
        trials=trials,
        rstate=np.random.default_rng(31),
        show_progressbar=False,
    )
    return vals_of(trials.trials)


def outputs(data: dict) -> dict:
    """Return the answers."""
    return {
        "answers": {
            space: {name: answers(data, space, name) for name in data["suggesters"]}
            for space in data["spaces"]
        },
        "searches": {
            space: {name: search(data, space, name) for name in SEARCHES}
            for space in data["spaces"]
        },
        "densities": {space: densities(data, space) for space in data["spaces"]},
        "public": {name: public(data, name) for name in PUBLIC},
        "fmin": {name: run(name) for name in PUBLIC},
    }


def main() -> None:
    if "--inputs" in sys.argv[1:]:
        given = inputs()
    else:
        stored = json.loads(FILE.read_text())
        given = {key: stored[key] for key in ("spaces", "suggesters", "histories")}
    FILE.write_text(json.dumps(given | outputs(given), indent=0) + "\n")


if __name__ == "__main__":
    main()
