"""Learning curves of 20 learners over the size of the training set, from PyPI `lcdb`.

Mohr et al. 2022, "LCDB 1.0: An Extensive Learning Curves Database for Classification Tasks". A
trial is a learner with its default settings, a step is a size, and its cost is that size. The
package holds text; the data sets that are used are read once and kept in `.cache`.
"""

from __future__ import annotations

import csv
import importlib.util
import json
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from learners import REPORT, TUNE, Learner
from spaces import Param, Point

CACHE = Path(__file__).parents[2] / ".cache" / "lcdb.json"
_LEAST_SIZES, _DATA_SETS = 17, 20


def problems() -> list[Learner]:
    """Return the data sets on which all learners have many sizes; every other one is for tuning."""
    return [
        _problem(name, TUNE if number % 2 else REPORT, curves)
        for number, (name, curves) in enumerate(sorted(_curves().items()))
    ]


def _problem(name: str, part: str, curves: dict[str, dict[str, float]]) -> Learner:
    rows = [curves[learner] for learner in sorted(curves)]
    sizes = sorted(set.intersection(*(set(map(int, row)) for row in rows)))
    table = [[1 - row[str(size)] for size in sizes] for row in rows]

    def losses(point: Point) -> Iterator[float]:
        yield from table[int(point["learner"])]

    space = (Param("learner", "choice", 0, len(rows) - 1),)
    return Learner(f"lcdb-{name}", part, space, tuple(sizes), tuple(map(float, sizes)), losses)


@cache
def _curves() -> dict[str, dict[str, dict[str, float]]]:
    """Return the mean validation accuracy by data set, learner and size."""
    if not CACHE.exists():
        CACHE.parent.mkdir(parents=True, exist_ok=True)
        CACHE.write_text(json.dumps(_read()))
    found: dict[str, dict[str, dict[str, float]]] = json.loads(CACHE.read_text())
    return found


def _read() -> dict[str, dict[str, dict[str, float]]]:
    spec = importlib.util.find_spec("lcdb")  # importing it needs much that we do not
    if spec is None or spec.origin is None:
        raise SystemExit("The tables are in PyPI lcdb: pip install --no-deps lcdb==0.1.0")
    sums: dict[tuple[str, str, str], list[float]] = defaultdict(lambda: [0.0, 0.0])
    with Path(spec.origin).with_name("database-accuracy.csv").open() as file:
        for row in csv.DictReader(file):
            if row["score_valid"]:
                entry = sums[row["openmlid"], row["learner"], row["size_train"]]
                entry[0] += float(row["score_valid"])
                entry[1] += 1
    curves: dict[str, dict[str, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
    for (data, learner, size), (total, count) in sums.items():
        if count >= 20:  # of 25 splits
            curves[data][learner][size] = total / count
    whole = {}
    for data, rows in sorted(curves.items(), key=lambda item: int(item[0])):
        most = max(len(row) for row in rows.values())
        kept = {name: row for name, row in rows.items() if len(row) == most}
        if most >= _LEAST_SIZES and len(kept) >= 12 and len(whole) < _DATA_SETS:
            whole[data] = kept
    return whole
