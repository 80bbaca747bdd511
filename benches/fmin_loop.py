"""Measure the cost per trial of whole searches whose objective does nothing.

What remains is the library: suggestions, documents, bookkeeping. Each library searches the same
space of ten parameters, from an empty history to N trials.

    python benches/fmin_loop.py [--sizes 1000 10000] [--only sparktune rustuna]
"""

from __future__ import annotations

import argparse
import time
import warnings

import numpy as np
from peers import OURS, PEERS, installed, machine

SIZES = (1_000, 10_000)
PART = 1_000


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="1,000 trials only")
    parser.add_argument("--sizes", type=int, nargs="+", help="numbers of trials")
    parser.add_argument("--only", nargs="+", choices=sorted(PEERS), help="only these libraries")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--patience",
        type=float,
        default=300.0,
        help="skip a library when a search is expected to take more seconds than this",
    )
    options = parser.parse_args()
    sizes = sorted(options.sizes or (SIZES[:1] if options.quick else SIZES))
    warnings.simplefilter("ignore")
    names, versions = installed(options.only or PEERS)
    print(machine(versions))
    print(
        "An objective that returns a random number; in parentheses: share of our rate.\n\n"
        "| trials | library | trials per second | first 1,000 | last 1,000 | last / first |\n"
        "| ---: | --- | ---: | ---: | ---: | ---: |"
    )
    took: dict[str, tuple[int, float]] = {}
    for size in sizes:
        ours = 0.0
        for name in names:
            if name in took:
                before, seconds = took[name]
                # Cost grows with the history, so the total is quadratic; ours is cheaper.
                power = 1 if name.startswith(OURS) else 2
                if seconds * (size / before) ** power > options.patience:
                    continue
            losses = np.random.default_rng(options.seed).normal(size=size).tolist()
            peer = PEERS[name][1](options.seed)
            start = time.process_time()
            seen = peer.loop(size, lambda _, losses=losses: losses.pop())  # type: ignore[misc]
            seconds = time.process_time() - start
            took[name] = (size, seconds)
            rate = size / seconds
            ours = rate if name == OURS else ours
            share = f" ({rate / ours:.3g}x)" if ours and name != OURS else ""
            first = seen.calls[PART - 1] - start
            last = seen.calls[-1] - seen.calls[-PART]
            print(
                f"| {size:,} | {name} | {rate:,.0f}{share} | {first:.3g} s | {last:.3g} s | "
                f"{last / first:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
