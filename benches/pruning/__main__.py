"""Compare searches that prune: the lowest loss of complete trials against the epochs spent.

All have the same budget: what `--trials` complete trials cost. Each row (one search) is appended to
a file as soon as it is available, and a restarted run does only what is missing. Problems are
learners as tables (see `tabulated.py`), the same learners trained during the search, or the curves
of LCDB.

    python benches/pruning [--part report] [--kind table] [--rivals unpruned asha optuna-median]
        [--seeds 10] [--workers 4 16] [--trials 60] [--problems mlp sgd] [--rows FILE] [--plot FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import warnings
from pathlib import Path
from typing import Any

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")
sys.path.insert(1, str(Path(__file__).parents[1] / "quality"))  # spaces, and searches by `ask`

import learners  # noqa: E402 - after the environment and the path
import rivals  # noqa: E402
import summary  # noqa: E402
import tables  # noqa: E402
import tabulated  # noqa: E402
import workers  # noqa: E402

CACHE = Path(__file__).parents[2] / ".cache" / "pruning.jsonl"


def main() -> None:
    """Run what is missing, and print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--part", default=learners.REPORT, choices=("tune", "report", "all"))
    parser.add_argument("--kind", default="table", choices=("table", "trained", "lcdb"))
    parser.add_argument("--problems", nargs="+", help="by default all of the part")
    usual = [*rivals.OURS, *rivals.LINES, *rivals.OPTUNA]
    parser.add_argument("--rivals", nargs="+", default=usual, choices=sorted(rivals.RIVALS))
    parser.add_argument("--workers", type=int, nargs="+", default=[4, 16])
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--rows", type=Path, default=CACHE)
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    known = {
        "table": lambda: list(map(tabulated.tabulated, learners.LEARNERS)),
        "trained": lambda: list(learners.LEARNERS),
        "lcdb": tables.problems,
    }[options.kind]()
    problems = [
        each for each in known
        if options.part in (each.part, "all")
        and (options.problems is None or each.name in options.problems)
    ]  # fmt: skip
    options.rows.parent.mkdir(parents=True, exist_ok=True)
    rows = read(options.rows)
    done = {key(row) for row in rows}
    warnings.simplefilter("ignore")  # of learners that do not converge
    with options.rows.open("a") as out:
        for seed in range(options.seeds):
            for problem in problems:
                for count in options.workers:
                    for rival in options.rivals:
                        job = (rival, problem.name, count, options.trials, seed)
                        if job not in done:
                            rows.append(work(problem, *job))
                            out.write(json.dumps(rows[-1]) + "\n")
                            out.flush()
            print(f"seed {seed} done", flush=True)
    names = {problem.name for problem in problems}
    spans = {p.name: tabulated.span(p) for p in problems} if options.kind == "table" else {}
    kept = [
        row for row in rows
        if row["problem"] in names and row["trials"] == options.trials
        and row["rival"] in options.rivals and row["seed"] < options.seeds
    ]  # fmt: skip
    for count in options.workers:
        print(f"\n{summary.table(kept, count, options.seeds, spans)}")
    if options.plot:
        summary.draw(kept, options.workers, options.rivals, options.plot, spans)


def key(row: dict[str, Any]) -> tuple[Any, ...]:
    """Return what a row is about."""
    return tuple(row[name] for name in ("rival", "problem", "workers", "trials", "seed"))


def read(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a file, without a truncated last line."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]


def work(
    problem: learners.Learner, rival: str, name: str, count: int, trials: int, seed: int
) -> dict[str, Any]:
    """Run one search and return its row."""
    start = time.perf_counter()
    search = rivals.RIVALS[rival](problem, seed)
    found = workers.run(search, problem, trials, count, seed)
    return {
        "rival": rival, "problem": name, "workers": count, "trials": trials, "seed": seed,
        **found, "seconds": round(time.perf_counter() - start, 2),
    }  # fmt: skip


if __name__ == "__main__":
    main()
