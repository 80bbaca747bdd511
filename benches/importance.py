"""Compare what our importance and Optuna's evaluators say, and how long they take.

Each gets random points of functions whose effects are known in closed form. The first table has
Spearman's rank correlation with the known effects, and medians of processor time. The second has
real models on data that scikit-learn ships, whose effects nobody knows: there the correlation is
with Optuna's fANOVA. That takes long beyond a few hundred trials, so it runs up to `--most` only.

    python benches/importance.py [--sizes 100 1000 10000] [--rounds 3] [--most 200]
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import optuna
from scipy.stats import spearmanr

from sparktune import _core

Array = npt.NDArray[np.float64]
Measured = tuple[Array, float]


def weighted(d: int, base: float, shape: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """Return a weighted sum of a shape of each parameter."""
    weights = base ** np.arange(d)
    return lambda x: shape(x) @ weights


def ishigami(x: Array) -> Array:
    """Return the function of Ishigami and Homma."""
    z = np.pi * (2 * x - 1)
    return np.sin(z[:, 0]) + 7 * np.sin(z[:, 1]) ** 2 + 0.1 * z[:, 2] ** 4 * np.sin(z[:, 0])


G = np.array([0, 1, 4.5, 9, 20, 50, 99, 200])


def g_function(x: Array) -> Array:
    """Return Sobol's g-function."""
    return np.asarray(np.prod((np.abs(4 * x - 2) + G) / (1 + G), axis=1))


@dataclass
class Problem:
    """A function of the unit cube, and the effect of each parameter up to a factor."""

    name: str
    function: Callable[[Array], Array]
    effects: Sequence[float]


PROBLEMS = [
    Problem("linear, 8", weighted(8, 0.7, lambda x: x), list(0.49 ** np.arange(8))),
    Problem("quadratic, 8", weighted(8, 0.7, lambda x: (x - 0.3) ** 2), list(0.49 ** np.arange(8))),
    Problem("Ishigami, 3", ishigami, [0.314, 0.442, 0.0]),
    Problem("Sobol's g, 8", g_function, list(1 / (1 + G) ** 2)),
    Problem("linear, 20", weighted(20, 0.8, lambda x: x), list(0.64 ** np.arange(20))),
]


def boosting(x: Array) -> Array:
    """Return the losses of LightGBM on Wolberg's breast cancer data."""
    import lightgbm
    from sklearn.datasets import load_breast_cancer

    names = ["learning_rate", "num_leaves", "min_child_samples", "subsample", "reg_lambda"]

    def model(point: Array) -> object:
        values = [0.005 * 100 ** point[0], int(4 + 60 * point[1]), int(2 + 98 * point[2]),
                  0.3 + 0.7 * point[3], 1e-3 * 1e5 ** point[4]]  # fmt: skip
        more = {"subsample_freq": 1, "n_estimators": 50, "verbose": -1, "n_jobs": 1}
        return lightgbm.LGBMClassifier(**dict(zip(names, values, strict=True)), **more)

    return _cross_validated(model, x, *load_breast_cancer(return_X_y=True))


def machine(x: Array) -> Array:
    """Return the losses of a support vector machine on Fisher's irises."""
    from sklearn.datasets import load_iris
    from sklearn.svm import SVC

    kernels = ["linear", "poly", "rbf", "sigmoid"]

    def model(point: Array) -> object:
        return SVC(C=1e-3 * 1e6 ** point[0], gamma=1e-4 * 1e5 ** point[1],
                   kernel=kernels[int(3.999 * point[2])], coef0=point[3])  # fmt: skip

    return _cross_validated(model, x, *load_iris(return_X_y=True))


def _cross_validated(make: Callable[[Array], object], x: Array, *data: Array) -> Array:
    from sklearn.model_selection import cross_val_score

    return np.array([1 - cross_val_score(make(point), *data, cv=3).mean() for point in x])


REAL = {"LightGBM, breast cancer": (boosting, 5), "SVM, irises": (machine, 4)}


@dataclass
class Score:
    """Rank correlations and seconds of one method."""

    known: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


def ours(method: str) -> Callable[[Array, Array], Measured]:
    """Return our measure, by name."""

    def measure(points: Array, losses: Array) -> Measured:
        d = points.shape[1]
        space = _core.Space([(f"x{k}", "uniform", [0.0, 1.0], [[]]) for k in range(d)])
        begun = time.process_time()
        rows = _core.importance(space, losses.tolist(), points, method=method)
        return np.array([row[2] for row in rows]), time.process_time() - begun

    return measure


def theirs(evaluator: Callable[[], object]) -> Callable[[Array, Array], Measured]:
    """Return one of Optuna's measures."""

    def measure(points: Array, losses: Array) -> Measured:
        labels = [f"x{k}" for k in range(points.shape[1])]
        priors = dict.fromkeys(labels, optuna.distributions.FloatDistribution(0, 1))
        study = optuna.create_study()
        study.add_trials(
            optuna.trial.create_trial(
                params=dict(zip(labels, point, strict=True)), distributions=priors, value=loss
            )
            for point, loss in zip(points.tolist(), losses.tolist(), strict=True)
        )
        begun = time.process_time()
        found = optuna.importance.get_param_importances(study, evaluator=evaluator())
        return np.array([found[x] for x in labels]), time.process_time() - begun

    return measure


MEASURES = {
    "fanova": ours("fanova"),
    "ped-anova": ours("ped-anova"),
    "Optuna fANOVA": theirs(lambda: optuna.importance.FanovaImportanceEvaluator(seed=0)),
    "Optuna PED-ANOVA": theirs(lambda: optuna.importance.PedAnovaImportanceEvaluator()),
    "Optuna MDI": theirs(lambda: optuna.importance.MeanDecreaseImpurityImportanceEvaluator(seed=0)),
}


def main() -> None:
    """Print a table per problem and size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 1_000, 10_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--most", type=int, default=200, help="trials for Optuna's fANOVA")
    arguments = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    print("| problem | trials | measure | rank correlation | ms |\n| --- | --- | --- | --- | --- |")
    for problem in PROBLEMS:
        for size in arguments.sizes:
            scores = {name: Score() for name in MEASURES}
            for seed in range(arguments.rounds):
                rng = np.random.default_rng(seed)
                points = rng.uniform(size=(size, len(problem.effects)))
                losses = problem.function(points)
                for name, measure in MEASURES.items():
                    if name == "Optuna fANOVA" and size > arguments.most:
                        continue
                    found, seconds = measure(points, losses)
                    scores[name].known.append(float(spearmanr(found, problem.effects)[0]))
                    scores[name].seconds.append(seconds)
            for name, score in scores.items():
                if score.known:
                    known, milliseconds = (
                        statistics.mean(score.known),
                        1e3 * statistics.median(score.seconds),
                    )
                    print(
                        f"| {problem.name} | {size} | {name} | {known:.2f} | {milliseconds:.0f} |",
                        flush=True,
                    )
    compare_on_real_models(arguments.most)


def compare_on_real_models(trials: int) -> None:
    """Print how far all agree with Optuna's fANOVA."""
    print(f"\n| model, {trials} trials | " + " | ".join(MEASURES) + " |")
    print("| --- " * (len(MEASURES) + 1) + "|")
    for name, (function, d) in REAL.items():
        points = np.random.default_rng(0).uniform(size=(trials, d))
        losses = function(points)
        found = [measure(points, losses)[0] for measure in MEASURES.values()]
        theirs = found[list(MEASURES).index("Optuna fANOVA")]
        agreed = " | ".join(f"{spearmanr(each, theirs)[0]:.2f}" for each in found)
        print(f"| {name} | {agreed} |", flush=True)


if __name__ == "__main__":
    main()
