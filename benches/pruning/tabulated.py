"""Learners as tables: the curves of many points, trained once, so that a search takes no training.

A point of a search reports what the nearest point of the table did, with the same options of its
choices. Curves are as rough as they are in truth, and hundreds of searches take minutes, which is
what it takes to tell policies apart. A table is made when it is first needed, and kept.

    python benches/pruning/tabulated.py [--part report] [--points 1024]
"""

from __future__ import annotations

import argparse
import os
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).parents[2] / ".cache" / "pruning-tables"
POINTS = 1024


def tabulated(learner: Any, points: int = POINTS) -> Any:
    """Return the learner as a table."""
    table = _Table(learner, points)
    return replace(learner, name=f"{learner.name}-table", losses=table.losses)


class _Table:
    def __init__(self, learner: Any, points: int) -> None:
        self.learner = learner
        self.points = points
        self.kept: tuple[Any, Any] | None = None

    def losses(self, point: dict[str, float]) -> Iterator[float]:
        """Yield what the nearest point of the table reported."""
        if self.kept is None:
            self.kept = _load(self.learner, self.points)
        places, curves = self.kept
        at = np.array([_place(param, point[param.label]) for param in self.learner.space])
        apart = places - at
        chosen = [param.kind == "choice" for param in self.learner.space]
        apart[:, chosen] = (np.abs(apart[:, chosen]) > 1e-9) * 10.0
        return map(float, curves[int(np.argmin((apart**2).sum(axis=1)))])


def span(table: Any) -> tuple[float, float]:
    """Return the lowest loss of a table, and the median of the lowest of five points at random."""
    _, curves = _load(replace(table, name=table.name.removesuffix("-table")), POINTS)
    finals = np.sort(curves.mean(axis=1) if table.folds else curves[:, -1])
    drawn = np.random.default_rng(0).integers(len(finals), size=(10_000, 5)).min(axis=1)
    return float(finals[0]), float(np.median(finals[drawn]))


def _load(learner: Any, points: int) -> tuple[Any, Any]:
    path = FOLDER / f"{learner.name}-{points}.npz"
    if not path.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f"{os.getpid()}-{path.name}")
        places, curves = _train(learner, points)
        np.savez_compressed(unfinished, places=places, curves=curves)
        unfinished.replace(path)
    data = np.load(path)
    return data["places"], data["curves"]


def _train(learner: Any, points: int) -> tuple[Any, Any]:
    """Return points that fill the space (Sobol's sequence), and their curves."""
    from scipy.stats import qmc

    drawn = qmc.Sobol(len(learner.space), seed=0).random(points)
    places, curves = [], []
    for row in drawn:
        point = {p.label: _value(p, u) for p, u in zip(learner.space, row, strict=True)}
        places.append([_place(p, point[p.label]) for p in learner.space])
        source = learner.losses(point)
        curves.append([next(source) for _ in learner.at])
    return np.array(places), np.array(curves)


def _value(param: Any, share: float) -> float:
    low, high = param.low, param.high
    if param.kind == "log":
        return float(low * (high / low) ** share)
    if param.kind == "float":
        return float(low + (high - low) * share)
    return float(int(low + (high - low + 1) * share))


def _place(param: Any, value: float) -> float:
    """Return where a value is between its bounds, from 0 to 1."""
    low, high = param.low, param.high
    if param.kind == "log":
        return float(np.log(value / low) / np.log(high / low))
    return float((value - low) / (high - low))


def main() -> None:
    """Make the tables that are missing."""
    import learners

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--part", default=learners.REPORT, choices=("tune", "report"))
    parser.add_argument("--points", type=int, default=POINTS)
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # of learners that do not converge
    for learner in learners.LEARNERS:
        if learner.part == options.part:
            _load(learner, options.points)
            print(f"{learner.name} done", flush=True)


if __name__ == "__main__":
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    import sys

    sys.path.insert(1, str(Path(__file__).parents[1] / "quality"))
    main()
