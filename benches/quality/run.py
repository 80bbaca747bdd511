"""Compare what searches find, and print the tables of `docs/quality.md`.

Each row (one search) is appended to a file as soon as it is available, and a restarted run does
only what is missing. To start over, delete the file or name another.

    python benches/quality/run.py [--part report] [--peers optuna sparktune] [--seeds 10]
        [--workers 1 16] [--budget 100] [--jobs 1] [--rows FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

# With many small searches in parallel, the threads of numerical libraries only get in the way.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import plots
import report
from peers import PEERS
from problem import REPORT, TUNE
from problems import all_problems

from search import run

CACHE = Path(__file__).parents[2] / ".cache" / "quality"
SUITES = ("tabular", "continuous", "conditional")


class Job(NamedTuple):
    """One search to run; the key of its row."""

    peer: str
    problem: str
    workers: int
    budget: int
    seed: int


def jobs(options: argparse.Namespace) -> Iterator[Job]:
    """Yield all jobs, seed by seed, so that an unfinished run is complete for fewer seeds."""
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        for workers in options.workers:
            for name, problem in all_problems().items():
                if problem.part != options.part or problem.suite not in options.suites:
                    continue
                for peer in options.peers:
                    yield Job(peer, name, workers, options.budget, seed)


def work(job: Job) -> dict[str, Any]:
    """Run one search and return its row."""
    problem = all_problems()[job.problem]
    start = time.perf_counter()
    peer = PEERS[job.peer][1](problem.space, job.seed)
    trace = run(peer, problem, job.budget, job.workers, job.seed)
    step = max(1, job.budget // 20)
    regrets = {n: trace[n - 1] - problem.optimum for n in range(step, job.budget + 1, step)}
    return {**job._asdict(), "regrets": regrets, "seconds": round(time.perf_counter() - start, 2)}


def read(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a file, without a truncated last line."""
    if not path.exists():
        return []
    lines = path.read_text().splitlines()
    return [json.loads(line) for line in lines if line.endswith("}")]


def key(row: dict[str, Any]) -> Job:
    """Return the job of a row."""
    return Job(*(row[name] for name in Job._fields))


def main() -> None:
    """Run what is missing."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--part", default=REPORT, choices=(TUNE, REPORT))
    parser.add_argument("--suites", nargs="+", default=SUITES, choices=SUITES)
    parser.add_argument(
        "--peers",
        nargs="+",
        default=["random", "hyperopt", "rustuna", "optuna", "sparktune"],
        choices=sorted(PEERS),
    )
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 16])
    parser.add_argument("--budget", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--rows", type=Path, default=CACHE / "rows.jsonl")
    parser.add_argument("--plots", type=Path, help="a folder for one PNG per value of --workers")
    options = parser.parse_args()

    options.rows.parent.mkdir(parents=True, exist_ok=True)
    done = {key(row) for row in read(options.rows)}
    missing = [job for job in jobs(options) if job not in done]
    print(f"{len(done)} rows in {options.rows}; {len(missing)} searches to run", flush=True)
    with options.rows.open("a") as out, ProcessPoolExecutor(options.jobs) as pool:
        for count, row in enumerate(pool.map(work, missing), 1):
            out.write(json.dumps(row) + "\n")
            out.flush()
            if count % 100 == 0:
                print(f"{count} of {len(missing)}", flush=True)
    wanted = {name for name, problem in all_problems().items() if problem.part == options.part}
    rows = [row for row in read(options.rows) if row["problem"] in wanted]
    for workers in options.workers:
        for suite in (None, *options.suites):
            print(f"\n### {suite or 'all suites'}, {workers} at a time\n")
            print(report.table(rows, workers, options.budget, suite))
        if options.plots:
            options.plots.mkdir(parents=True, exist_ok=True)
            plots.draw(rows, workers, options.budget, options.plots / f"quality-{workers}.png")


if __name__ == "__main__":
    main()
