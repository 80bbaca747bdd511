"""Measure what the progress bar and the live view cost a search.

Searches of trivial trials with nothing shown, with the tqdm bar and with the live view, which is
sent to a display that prints it into nothing. Prints process time, the least of the rounds.

    python benches/progress.py [--trials 2000] [--rounds 5]
"""

from __future__ import annotations

import argparse
import io
import sys
import time

import numpy as np
from IPython.core.interactiveshell import InteractiveShell

from sparktune import fmin, hp, rand, tpe
from sparktune._views import live_view
from sparktune.progress import no_progress_callback, tqdm_progress_callback

SPACE = {f"x{i}": hp.uniform(f"x{i}", -5, 5) for i in range(10)}
SHOWN = {
    "nothing": no_progress_callback,
    "tqdm bar": tqdm_progress_callback,
    "live view": live_view.live_progress_callback,
}


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="200 trials, once")
    options = parser.parse_args()
    trials, rounds = (200, 1) if options.quick else (options.trials, options.rounds)
    InteractiveShell.instance()
    sent = count_sent()
    print("| algo | shown | seconds | more | in views | updates |")
    print("| --- | --- | ---: | ---: | ---: | ---: |")
    for algo in (rand, tpe):
        took: dict[str, list[float]] = {name: [] for name in SHOWN}
        views: dict[str, list[tuple[float, int]]] = {name: [] for name in SHOWN}
        for _ in range(rounds + 1):  # the first one imports and is left out
            for name, callback in SHOWN.items():
                sent[:] = [0, 0]
                took[name].append(search(algo.suggest, callback, trials))
                views[name].append((sent[1], sent[0]))
        base = min(took["nothing"][1:])
        for name, seconds in took.items():
            least = min(seconds[1:])
            inside, updates = min(views[name][1:])
            more, share = 100 * (least / base - 1), 100 * inside / least
            algorithm = algo.__name__.rpartition(".")[2]
            print(
                f"| {algorithm} | {name} | {least:.3f} | {more:+.1f} % | {share:.2f} % | "
                f"{updates:g} |"
            )


def count_sent() -> list[float]:
    """Count what is sent to the front end, and the process time that goes into making it."""
    sent = [0.0, 0.0]
    show = live_view.LiveView.show_facts

    def counted(view, facts):
        start = time.process_time()
        show(view, facts)
        sent[0] += 1
        sent[1] += time.process_time() - start

    live_view.LiveView.show_facts = counted
    return sent


def search(algo, callback, trials):
    losses = np.random.default_rng(0).normal(size=trials).tolist()
    out, err = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = io.StringIO(), io.StringIO()
    try:
        start = time.process_time()
        fmin(lambda _: losses.pop(), SPACE, algo, trials, rstate=0, show_progressbar=callback)
        return time.process_time() - start
    finally:
        sys.stdout, sys.stderr = out, err


if __name__ == "__main__":
    main()
