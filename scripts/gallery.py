"""Draw the pictures of docs/plots.md from a real search: models of scikit-learn on 4 processes.

    python scripts/gallery.py [FOLDER]

The space is conditional, some trials fail and some are pruned. The searches have a seed, but run
trials side by side: details differ from run to run.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "images" / "gallery"
TRIALS, SLOTS, SEED = 120, 4, 11
MOST_BYTES = 60_000


def make_space() -> Any:
    """Return a space in which each kind of model has hyperparameters of its own."""
    from sparktune import hp

    return {
        "model": hp.choice(
            "model",
            [
                {
                    "type": "boosting",
                    "learning_rate": hp.loguniform("learning_rate", -7, 1),
                    "max_leaf_nodes": hp.choice("max_leaf_nodes", [31, 7, 15, 63]),
                    "l2": hp.loguniform("l2_regularization", -9, 3),
                },
                {
                    "type": "sgd",
                    "alpha": hp.loguniform("alpha", -13, 2),
                    "loss": hp.choice("sgd_loss", ["hinge", "log_loss", "modified_huber"]),
                },
            ],
        ),
        "features": hp.uniform("features", 0.1, 1.0),
        "scaler": hp.choice("scaler", ["standard", "minmax", "none"]),
    }


def objective(config: Any, trial: Any) -> float:
    """Return the error of a model on digits, reported after each pass over the training data."""
    import numpy as np
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import MinMaxScaler, StandardScaler

    x, y = load_digits(return_X_y=True)
    chosen = np.random.default_rng(0).permutation(x.shape[1])
    x = x[:, chosen[: max(1, round(config["features"] * x.shape[1]))]]
    x, test_x, y, test_y = train_test_split(x, y, random_state=0, test_size=0.5)
    scalers = {"standard": StandardScaler, "minmax": MinMaxScaler}
    if config["scaler"] in scalers:
        scaler = scalers[config["scaler"]]().fit(x)
        x, test_x = scaler.transform(x), scaler.transform(test_x)
    model, kind = config["model"], config["model"]["type"]
    if kind == "sgd" and model["alpha"] > 1.0:
        raise ValueError(f"alpha={model['alpha']:.3g} leaves no signal")
    if kind == "boosting" and model["learning_rate"] > 2.0:
        raise FloatingPointError(f"diverged with learning_rate={model['learning_rate']:.3g}")
    error = 1.0
    for step in range(1, 16):
        error = fit_for(step, kind, model, x, y, test_x, test_y)
        trial.report(error, step=step)
    return error


def fit_for(step: int, kind: str, model: Any, x: Any, y: Any, test_x: Any, test_y: Any) -> float:
    """Fit a model for so many passes, and return its error."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import SGDClassifier

    warnings.simplefilter("ignore")  # that so few passes are not enough
    if kind == "sgd":
        found: Any = SGDClassifier(loss=model["loss"], alpha=model["alpha"], max_iter=step,
                                   tol=None, random_state=0)  # fmt: skip
    else:
        found = HistGradientBoostingClassifier(
            learning_rate=model["learning_rate"], max_leaf_nodes=model["max_leaf_nodes"],
            l2_regularization=model["l2"], max_iter=step, early_stopping=False, max_bins=32,
        )  # fmt: skip
    return 1.0 - float(found.fit(x, y).score(test_x, test_y))


def search(algo: Any, count: int = TRIALS) -> Any:
    """Return the trials of a search."""
    from sparktune import ProcessTrials, fmin

    trials = ProcessTrials(parallelism=SLOTS)
    fmin(
        objective, make_space(), algo=algo, max_evals=count, trials=trials, rstate=SEED,
        catch_eval_exceptions=True, prune="median", verbose=False, return_argmin=False,
    )  # fmt: skip
    return trials


def figures() -> dict[str, Any]:
    """Return each picture by its name."""
    from sparktune import rand, tpe

    trials, other = search(tpe.suggest), search(rand.suggest)
    plot: Any = trials.plot
    drawn = {
        name: getattr(plot, name)(backend="matplotlib")
        for name in ("history", "slices", "parallel", "curves", "ranks", "timeline", "failures")
    }
    drawn["overview"] = plot(backend="matplotlib")
    drawn["contour"] = plot.contour("features", "alpha", backend="matplotlib")
    drawn["edf"] = plot.edf(random=other, backend="matplotlib")
    drawn["edf_quarters"] = plot.edf(backend="matplotlib")
    if hasattr(trials, "importance"):
        drawn["importance"] = plot.importance(backend="matplotlib")
    return drawn


def save(figure: Any, path: Path) -> None:
    """Write a small PNG: in fewer colours and with fewer dots if it would be large."""
    from PIL import Image

    for dpi in (75, 60, 50):
        figure.savefig(path, dpi=dpi, metadata={"Software": None})
        with Image.open(path) as image:
            whole = image.convert("RGB")
        for picture in (whole, whole.quantize(128, dither=Image.Dither.NONE)):
            picture.save(path, optimize=True)
            if path.stat().st_size <= MOST_BYTES:
                return


def main() -> None:
    """Write all pictures."""
    import matplotlib as mpl

    mpl.use("agg")
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in figures().items():
        path = folder / f"{name}.png"
        save(figure, path)
        size = path.stat().st_size
        print(f"{path}: {size:,} bytes{' (too large)' if size > MOST_BYTES else ''}")


if __name__ == "__main__":
    main()
