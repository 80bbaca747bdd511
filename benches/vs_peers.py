"""Compare the time per suggestion of sparktune, Hyperopt, Optuna and Rustuna.

The libraries take turns over the same space and the same history of N finished trials. In its turn,
a library runs a block of trials in its own loop (`fmin`, `Study.optimize`) with an objective that
costs almost nothing, and then a block in a loop by hand: ask for a suggestion, report its result. A
block takes about 20 ms, but has at least five trials and at most N / 20, after some uncounted ones.
So caches are as warm as in a search, and the history barely exceeds N. Each suggestion sees the
results of all earlier ones, so no library benefits from a cache that a search would invalidate. The
tables hold medians of processor time over all trials of all turns; for the one with cold
caches, the processor's caches are emptied before each suggestion. Read the numbers as ratios: times
depend on the machine, and the libraries do not compute the same thing (see the note under the
tables).

    python benches/vs_peers.py [--quick] [--sizes 100 1000 10000] [--rounds 9] [--plot cost.png]
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
from peers import OURS, PEERS, SPACE, Peer, Point, draw, installed, loss_of, machine

SIZES = (100, 1_000, 10_000)
# A block has at least this many trials, takes about this long, and is at most this share of N.
BLOCK_TRIALS = 5
BLOCK_SECONDS = 0.02
BLOCK_SHARE = 0.05
# Uncounted trials before a block: they load the history and warm the caches.
WARM_UP = 5
# Suggestions per turn with cold caches, and the array whose update empties the caches.
COLD = 3
CACHES = np.zeros(8_000_000)
QUEUE = 128
QUEUE_SIZE = 1_000
Table = dict[int, dict[str, float]]


@dataclass
class Times:
    """Seconds, one entry per timing."""

    suggestion: list[float] = field(default_factory=list)
    loop: list[float] = field(default_factory=list)
    ask: list[float] = field(default_factory=list)
    tell: list[float] = field(default_factory=list)
    cold: list[float] = field(default_factory=list)


TITLES = {
    "suggestion": "One suggestion, within the library's own loop",
    "loop": "One trial in the library's own loop",
    "ask": "One suggestion by hand",
    "tell": "Reporting one result by hand",
    "cold": "One suggestion by hand with cold caches",
}


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that `work` takes."""
    start = time.process_time()
    work()
    return time.process_time() - start


def measure(
    names: Sequence[str], points: Sequence[Point], rounds: int, seed: int
) -> dict[str, Times]:
    """Let the libraries take turns, each time with a new study that holds the points."""
    times = {name: Times() for name in names}
    for turn in range(rounds):
        # Rotate, so that no library always follows the slowest.
        shift = turn % len(names)
        for name in [*names[shift:], *names[:shift]]:
            peer = PEERS[name][1](seed + turn)
            peer.fill(points)
            take_turn(peer, len(points), times[name])
    return times


def take_turn(peer: Peer, size: int, times: Times) -> None:
    """Time a block of each kind."""
    start = time.process_time()
    peer.loop(WARM_UP, loss_of)
    trial = (time.process_time() - start) / WARM_UP
    count = max(BLOCK_TRIALS, int(min(BLOCK_SECONDS / trial, BLOCK_SHARE * size)))

    seen = peer.loop(WARM_UP + count, loss_of)
    # The time before the first call of the objective is setup.
    times.loop += [after - before for before, after in pairwise(seen.calls)][WARM_UP - 1 :]
    asks = []
    for at in range(WARM_UP + count):
        start = time.process_time()
        suggestion = peer.ask()
        asked = time.process_time()
        peer.tell(suggestion)
        told = time.process_time()
        if at >= WARM_UP:
            asks.append(asked - start)
            times.tell.append(told - asked)
    times.ask += asks
    # If the library suggests parameter by parameter within the objective, asking by hand does the
    # same work.
    times.suggestion += seen.suggestions[WARM_UP:] or asks
    for _ in range(COLD):
        CACHES[:] += 1.0
        times.cold.append(timed(peer.ask))


def measure_queue(
    names: Sequence[str], points: Sequence[Point], rounds: int, seed: int
) -> dict[str, float]:
    """Return the median seconds for filling a queue."""
    times: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(rounds):
        for name in names:
            peer = PEERS[name][1](seed + turn)
            peer.fill(points)
            peer.ask()
            times[name].append(timed(partial(peer.queue, QUEUE)))
    return {name: statistics.median(seconds) for name, seconds in times.items()}


def table(title: str, rows: Table, names: Sequence[str]) -> str:
    """Format milliseconds, with the ratio to ours in parentheses."""
    lines = [
        f"**{title}**",
        "",
        "| N | " + " | ".join(names) + " |",
        "| ---: |" + " ---: |" * len(names),
    ]
    for size, row in rows.items():
        cells = []
        for name in names:
            cell = f"{row[name] * 1e3:.3g} ms" if name in row else "-"
            if name != OURS and OURS in row and name in row:
                cell += f" ({row[name] / row[OURS]:,.3g}x)"
            cells.append(cell)
        lines.append(f"| {size:,} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def plot(rows: Table, names: Sequence[str], path: Path, caption: str) -> None:
    """Draw seconds against N, both on logarithmic axes."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.5))
    for name in names:
        sizes = [size for size, row in rows.items() if name in row]
        width = 2.5 if name.startswith(OURS) else 1.2
        axes.plot(
            sizes, [1e3 * rows[size][name] for size in sizes], marker="o", lw=width, label=name
        )
    axes.set(xscale="log", yscale="log", xlabel="finished trials", ylabel="ms per suggestion")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    axes.set_title(caption, fontsize=7)
    figure.tight_layout()
    figure.savefig(path, dpi=90)
    pyplot.close(figure)


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="N = 100 and 1,000, three rounds")
    parser.add_argument("--sizes", type=int, nargs="+", help="numbers of finished trials")
    parser.add_argument("--rounds", type=int, help="turns per library and N")
    parser.add_argument("--only", nargs="+", choices=sorted(PEERS), help="only these libraries")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plot", type=Path, help="where to save a plot of the cost per suggestion")
    parser.add_argument(
        "--patience",
        type=float,
        default=1.0,
        help="skip a library when a suggestion is expected to take more seconds than this",
    )
    options = parser.parse_args()
    sizes = sorted(options.sizes or (SIZES[:2] if options.quick else SIZES))
    rounds = options.rounds or (3 if options.quick else 9)

    # The other libraries warn about their own experimental arguments.
    warnings.simplefilter("ignore")
    names, versions = installed(options.only or PEERS)
    rows: dict[str, Table] = {what: {} for what in TITLES}
    queues: Table = {}
    left = list(names)
    for at, size in enumerate(sizes):
        rng = np.random.default_rng(options.seed)
        points = [draw(rng) for _ in range(size)]
        times = measure(left, points, rounds, options.seed)
        for what, of_size in rows.items():
            of_size[size] = {name: statistics.median(getattr(times[name], what)) for name in left}
        if size == QUEUE_SIZE:
            queues[size] = measure_queue(left, points, min(rounds, 3), options.seed)
        if at + 1 < len(sizes):
            growth = sizes[at + 1] / size
            asked = rows["suggestion"][size]
            # A cost that has not grown so far is not expected to grow.
            grew = rows["suggestion"].get(sizes[at - 1], asked) if at else asked
            left = [
                name
                for name in left
                if asked[name] < 3 * grew[name] or asked[name] * growth < options.patience
            ]

    print(machine(versions))
    print(f"d = {len(SPACE)}, medians of {rounds} interleaved blocks (and ratios to ours).\n")
    for what, title in TITLES.items():
        print(table(f"{title}, after N finished trials", rows[what], names))
    if queues:
        print(table(f"A queue of {QUEUE} suggestions", queues, names))
    print(
        "sparktune and hyperopt: univariate TPE with Hyperopt's settings, 24 candidates. sparktune "
        "multivariate, optuna and rustuna: 24 candidates, product kernels (the default of the "
        "latter two) or univariate. sparktune default: tpe.suggest, with a Gaussian process."
    )
    if options.plot:
        plot(rows["suggestion"], names, options.plot, machine(versions))


if __name__ == "__main__":
    main()
