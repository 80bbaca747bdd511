"""Problems whose parameters exist only under some choices.

- scikit-learn's models on its own data sets: the choice of a model, and the model's parameters.
  Every combination of a grid is cross-validated once (a few minutes in total, then cached). Between
  grid points the error is interpolated linearly, so the optimum is the smallest entry.
- Synthetic trees: each branch has a rippled bowl over its own and the shared parameters.

Every other data set (in alphabetical order) and every other tree (by number) is for tuning.
"""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from problem import REPORT, TUNE, Problem
from spaces import Param, Point, Space, active, choice

CACHE = Path(__file__).parents[2] / ".cache" / "quality"


@dataclass(frozen=True)
class Axis:
    """A parameter and its values on the grid."""

    param: Param
    values: tuple[Any, ...]


def _log(label: str, low: float, high: float, count: int) -> Axis:
    return Axis(Param(label, "log", low, high), tuple(np.geomspace(low, high, count)))


def _float(label: str, low: float, high: float, count: int) -> Axis:
    return Axis(Param(label, "float", low, high), tuple(np.linspace(low, high, count)))


def _int(label: str, low: int, high: int) -> Axis:
    return Axis(Param(label, "int", low, high), tuple(range(low, high + 1)))


def _choice(label: str, *values: str) -> Axis:
    return Axis(Param(label, "choice", 0, len(values) - 1), values)


# Model -> its axes; after the slash, labels are scikit-learn's parameter names.
GRID: dict[str, tuple[Axis, ...]] = {
    "svm-rbf": (_log("rbf/C", 1e-2, 1e3, 9), _log("rbf/gamma", 1e-4, 10, 9)),
    "svm-poly": (
        _log("poly/C", 1e-2, 1e3, 6),
        _log("poly/gamma", 1e-4, 1, 5),
        _int("poly/degree", 2, 4),
    ),
    "linear": (_log("linear/C", 1e-4, 1e3, 11),),
    "knn": (
        _int("knn/n_neighbors", 1, 15),
        _choice("knn/weights", "uniform", "distance"),
        _choice("knn/metric", "euclidean", "manhattan"),
    ),
    "tree": (_int("tree/max_depth", 1, 10), _int("tree/min_samples_leaf", 1, 10)),
    "forest": (_int("forest/max_depth", 1, 8), _float("forest/max_features", 0.1, 1.0, 5)),
}
MODELS: Space = (
    choice(
        "model",
        (
            choice(
                "kernel",
                tuple(axis.param for axis in GRID["svm-rbf"]),
                tuple(axis.param for axis in GRID["svm-poly"]),
            ),
        ),
        *(tuple(axis.param for axis in GRID[name]) for name in list(GRID)[2:]),
    ),
)


def _name_of(point: Point) -> str:
    position = int(point["model"])
    return list(GRID)[int(point["kernel"]) if position == 0 else position + 1]


def _data() -> dict[str, tuple[bool, Callable[[], tuple[np.ndarray, np.ndarray]]]]:
    """Return, for each data set, whether it is a regression and how to load it."""
    from sklearn import datasets as d

    def first(count: int, data: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        order = np.random.default_rng(0).permutation(len(data[0]))[:count]
        return data[0][order], data[1][order]

    return {
        "breast_cancer": (False, lambda: first(300, d.load_breast_cancer(return_X_y=True))),
        "diabetes": (True, lambda: first(300, d.load_diabetes(return_X_y=True))),
        "digits": (False, lambda: first(400, d.load_digits(return_X_y=True))),
        "friedman1": (True, lambda: d.make_friedman1(250, noise=1.0, random_state=0)),
        "hastie": (False, lambda: d.make_hastie_10_2(300, random_state=0)),
        "iris": (False, lambda: d.load_iris(return_X_y=True)),
        "quantiles": (False, lambda: d.make_gaussian_quantiles(n_samples=300, random_state=0)),
        "wine": (False, lambda: d.load_wine(return_X_y=True)),
    }


def _model(name: str, regression: bool, settings: dict[str, Any]) -> Any:
    from sklearn import ensemble, linear_model, neighbors, svm, tree

    if name.startswith("svm"):
        make = svm.SVR if regression else svm.SVC
        return make(kernel=name.removeprefix("svm-"), max_iter=20_000, **settings)
    if name == "linear":
        if regression:
            return linear_model.Ridge(alpha=1 / settings["C"])
        return linear_model.LogisticRegression(max_iter=300, **settings)
    if name == "knn":
        make = neighbors.KNeighborsRegressor if regression else neighbors.KNeighborsClassifier
        return make(**settings)
    if name == "tree":
        make = tree.DecisionTreeRegressor if regression else tree.DecisionTreeClassifier
        return make(random_state=0, **settings)
    make = ensemble.RandomForestRegressor if regression else ensemble.RandomForestClassifier
    return make(n_estimators=20, random_state=0, **settings)


def _tables(dataset: str) -> dict[str, np.ndarray]:
    """Return each model's cross-validated error over its grid, from the cache if it is there."""
    path = CACHE / f"sklearn-{dataset}.npz"
    if path.exists():
        return dict(np.load(path))
    from sklearn.model_selection import cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    regression, load = _data()[dataset]
    x, y = load()
    scoring = "r2" if regression else "accuracy"
    tables = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # models that do not converge are part of the landscape
        for name, axes in GRID.items():
            labels = [axis.param.label.split("/")[1] for axis in axes]
            errors = []
            for values in itertools.product(*(axis.values for axis in axes)):
                model = _model(name, regression, dict(zip(labels, values, strict=True)))
                pipeline = make_pipeline(StandardScaler(), model)
                score = cross_val_score(pipeline, x, y, cv=3, scoring=scoring).mean()
                # R2 has no lower bound: clip, so that no model is worse than predicting the mean.
                errors.append(1.0 - max(float(score), 0.0))
            tables[name] = np.reshape(errors, [len(axis.values) for axis in axes])
    CACHE.mkdir(parents=True, exist_ok=True)
    np.savez(path, **tables)
    return tables


def _interpolate(table: np.ndarray, axes: tuple[Axis, ...], point: Point) -> float:
    """Interpolate linearly; on a logarithmic axis for log parameters."""
    for axis in axes:
        param, last = axis.param, len(axis.values) - 1
        value, low, high = point[param.label], param.low, param.high
        if param.kind == "log":
            value, low, high = math.log(value), math.log(low), math.log(high)
        place = min(max((value - low) / (high - low) * last, 0.0), float(last))
        if param.kind in ("int", "choice"):
            table = table[round(place)]
        else:
            left = min(int(place), last - 1)
            table = table[left] * (left + 1 - place) + table[left + 1] * (place - left)
    return float(table)


def _sklearn(dataset: str, part: str) -> Problem:
    tables = _tables(dataset)

    def loss(point: Point) -> float:
        name = _name_of(point)
        return _interpolate(tables[name], GRID[name], point)

    optimum = min(float(table.min()) for table in tables.values())
    return Problem(f"sklearn-{dataset}", "conditional", part, MODELS, loss, optimum)


def _tree(number: int, part: str) -> Problem:
    """Make a tree of bowls with 3 to 5 branches, the first of which branches again."""
    rng = np.random.default_rng([number, 11])

    def leaves(prefix: str, count: int) -> tuple[Param, ...]:
        kinds = rng.choice(["float", "log", "int"], count)
        bounds = {"float": (0.0, 1.0), "log": (1e-4, 1.0), "int": (0, 12)}
        return tuple(
            Param(f"{prefix}{i}", str(kind), *bounds[str(kind)]) for i, kind in enumerate(kinds)
        )

    shared = leaves("s", 2)
    branches = [leaves(f"b{i}_", int(rng.integers(1, 5))) for i in range(int(rng.integers(3, 6)))]
    inner = choice("inner", leaves("i0_", 2), leaves("i1_", 3))
    branches[0] = (inner, *branches[0])
    space = (*shared, choice("branch", *branches))
    # For each path: the centre of its bowl, the mixing of its parameters, and its lowest loss.
    paths: dict[tuple[int, ...], tuple[np.ndarray, np.ndarray, float]] = {}

    def path_of(point: Point) -> tuple[int, ...]:
        return tuple(int(point[name]) for name in ("branch", "inner") if name in point)

    def places(point: Point) -> list[float]:
        unit = []
        for param in active(space, point):
            value, low, high = point[param.label], param.low, param.high
            if param.kind == "choice":
                continue
            if param.kind == "log":
                value, low, high = math.log(value), math.log(low), math.log(high)
            unit.append((value - low) / (high - low))
        return unit

    for path in [(0, 0), (0, 1), *((i,) for i in range(1, len(branches)))]:
        some = {"branch": path[0], "inner": path[-1]}
        params = [p for p in active(space, some) if p.kind != "choice"]
        centre = rng.uniform(0.15, 0.85, len(params))
        for i, param in enumerate(params):
            if param.kind == "int":
                # The optimum must lie on the grid.
                centre[i] = round(centre[i] * 12) / 12
        mix = np.eye(len(params)) + 0.5 * rng.normal(size=(len(params), len(params)))
        paths[path] = (centre, mix, float(rng.uniform(0.02, 0.3)))
    best = min(offset for _, _, offset in paths.values())

    def loss(point: Point) -> float:
        centre, mix, offset = paths[path_of(point)]
        away = mix @ (np.array(places(point)) - centre)
        ripples = float(np.sum(1 - np.cos(6 * math.pi * away)))
        return offset - best + float(away @ away) + 0.02 * ripples

    return Problem(f"tree-{number}", "conditional", part, space, loss, 0.0)


def problems() -> Iterator[Problem]:
    """Yield eight model searches and six trees."""
    for number, dataset in enumerate(sorted(_data())):
        yield _sklearn(dataset, TUNE if number % 2 else REPORT)
    for number in range(6):
        yield _tree(number, TUNE if number % 2 else REPORT)
