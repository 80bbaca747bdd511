"""Measure what it costs to keep a search on disk, and to read it back.

Random search over six parameters with an objective that takes no time, so that nearly all time is
spent on keeping trials. Each row runs in a process of its own, rows take turns for some rounds, and
each is compared with the same search in memory of the same round: sparktune's journal with and
without fsync, its save file, and Optuna's journal file, its SQLite storage and MLflow's storage for
Optuna. Then the cost of one more trial, and of opening, at 1,000 to 100,000 trials.

    python benches/journal.py [--rounds 5] [--trials 1000] [--sizes 1000 10000 100000]
"""

from __future__ import annotations

import argparse
import itertools
import json
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

LABELS = [f"x{number}" for number in range(6)]
ROWS = {
    "sparktune, in memory": "memory",
    "sparktune, journal": "journal",
    "sparktune, journal without fsync": "nosync",
    "sparktune, save file": "file",
    "Optuna, in memory": "optuna",
    "Optuna, journal file": "optuna-journal",
    "Optuna, SQLite": "optuna-sqlite",
    "Optuna, MLflow's storage on SQLite": "optuna-mlflow",
}
MEMORY = {"sparktune": "memory", "Optuna": "optuna"}


def sparktune_row(kind: str, folder: Path, trials: int) -> dict[str, float]:
    from sparktune import Journal, Trials, fmin, hp, rand

    space = {label: hp.uniform(label, -5, 5) for label in LABELS}
    path = folder / "search"
    more: dict[str, Any] = {}
    if kind in ("journal", "nosync"):
        more["journal"] = Journal(path, fsync=kind == "journal")
    elif kind == "file":
        more["trials_save_file"] = str(path)

    def search(count: int) -> float:
        start = time.perf_counter()
        fmin(lambda point: sum(point.values()), space, rand.suggest, count, verbose=False,
             rstate=0, **more)  # fmt: skip
        return time.perf_counter() - start

    search(10)  # imports, first use
    found = {"trial": (search(trials) if kind != "memory" else search(trials - 10)) / (trials - 10)}
    if kind in ("journal", "nosync"):
        start = time.perf_counter()
        kept = Trials.from_journal(path)
        found["open"] = time.perf_counter() - start
        assert len(kept) == trials
    return found


def optuna_row(kind: str, folder: Path, trials: int) -> dict[str, float]:
    warnings.simplefilter("ignore")
    import optuna
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    logging.disable(logging.WARNING)

    def storage() -> Any:
        if kind == "optuna-journal":
            return optuna.storages.JournalStorage(JournalFileBackend(str(folder / "log")))
        if kind == "optuna-sqlite":
            return optuna.storages.RDBStorage(f"sqlite:///{folder}/optuna.db")
        if kind == "optuna-mlflow":
            import mlflow
            from mlflow.optuna.storage import MlflowStorage

            mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
            return MlflowStorage(experiment_id="0")
        return None

    sampler = optuna.samplers.RandomSampler(seed=0)
    study = optuna.create_study(storage=storage(), sampler=sampler, study_name="bench")

    def objective(trial: Any) -> float:
        return sum(trial.suggest_float(label, -5, 5) for label in LABELS)

    # MLflow's storage reads all trials for each one: 300 trials take more than ten minutes.
    trials = min(trials, 60) if kind == "optuna-mlflow" else trials
    study.optimize(objective, n_trials=10)
    start = time.perf_counter()
    study.optimize(objective, n_trials=trials - 10)
    found = {"trial": (time.perf_counter() - start) / (trials - 10)}
    if kind not in ("optuna", "optuna-mlflow"):
        start = time.perf_counter()
        again = optuna.load_study(storage=storage(), study_name="bench")
        assert len(again.get_trials(deepcopy=False)) == trials
        found["open"] = time.perf_counter() - start
    return found


def growth_row(size: int, folder: Path) -> dict[str, float]:
    """Return the cost of a trial with a journal of `size` trials, and of opening it."""
    from sparktune import Journal, Trials, fmin, hp, rand

    space = {label: hp.uniform(label, -5, 5) for label in LABELS}
    times: list[float] = []

    def run(count: int, journal: Any) -> Any:
        trials = Trials()
        times.clear()
        fmin(lambda point: sum(point.values()), space, rand.suggest, count, verbose=False,
             rstate=0, journal=journal, trials=trials,
             callbacks=[lambda *_: times.append(time.perf_counter())])  # fmt: skip
        return trials

    def latest() -> float:
        last = times[-(min(1000, size // 2)) :]
        return statistics.median(b - a for a, b in itertools.pairwise(last))

    run(size, None)
    memory = latest()
    run(size, Journal(folder / "j", fsync=False))
    journal = latest()
    opened = []
    for _ in range(3):
        start = time.perf_counter()
        Trials.from_journal(folder / "j")
        opened.append(time.perf_counter() - start)
    bytes_ = (folder / "j" / "journal.log").stat().st_size
    return {"memory": memory, "journal": journal, "open": min(opened), "bytes": bytes_ / size}


def in_a_process(row: str, trials: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--row", row, "--trials", str(trials)]
        done = subprocess.run(
            [*command, "--folder", folder], check=True, capture_output=True, text=True,
            env={**os.environ, "SPARKTUNE_MLFLOW": "0"},
        )  # fmt: skip
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def row_of(kind: str) -> Callable[[str, Path, int], dict[str, float]]:
    return optuna_row if kind.startswith("optuna") else sparktune_row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--sizes", type=int, nargs="*", default=[1000, 10_000, 100_000])
    parser.add_argument("--row", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.row == "growth":
        print(json.dumps(growth_row(given.trials, given.folder)))
        return
    if given.row:
        print(json.dumps(row_of(given.row)(given.row, given.folder, given.trials)))
        return
    found: dict[str, list[dict[str, float]]] = {kind: [] for kind in ROWS.values()}
    for _ in range(given.rounds):
        for kind in ROWS.values():
            found[kind].append(in_a_process(kind, given.trials))
    print(f"{given.trials:,} trials, medians of {given.rounds} rounds\n")
    print("| | ms per trial | times its search in memory | beyond memory, us | open, ms |")
    print("| --- | --- | --- | --- | --- |")
    for name, kind in ROWS.items():
        memory = found[MEMORY[name.partition(",")[0]]]
        pairs = list(zip(found[kind], memory, strict=True))
        trial = statistics.median(each["trial"] for each in found[kind])
        ratio = statistics.median(a["trial"] / b["trial"] for a, b in pairs)
        beyond = statistics.median(a["trial"] - b["trial"] for a, b in pairs)
        opened = [each["open"] for each in found[kind] if "open" in each]
        shown = f"{statistics.median(opened) * 1e3:.0f}" if opened else ""
        print(f"| {name} | {trial * 1e3:.3f} | {ratio:.2f} | {beyond * 1e6:.0f} | {shown} |")
    print("\n| trials | in memory, us | journal without fsync, us | open, s | bytes per trial |")
    print("| --- | --- | --- | --- | --- |")
    for size in given.sizes:
        row = in_a_process("growth", size)
        print(
            f"| {size:,} | {row['memory'] * 1e6:.0f} | {row['journal'] * 1e6:.0f} | "
            f"{row['open']:.2f} | {row['bytes']:.0f} |"
        )


if __name__ == "__main__":
    main()
