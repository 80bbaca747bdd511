"""Measure the memory of a history, and of trial documents compared with Hyperopt's.

    python benches/memory.py [--trials 1000000]

Each measurement runs in its own process and takes the growth of its resident memory.
"""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from peers import PEERS, SPACE, draw, installed, machine

DOCUMENTS = 20_000


def resident() -> int:
    """Return the resident memory of this process in bytes (Linux)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) * 1024
    raise OSError("/proc/self/status has no VmRSS")


def history_bytes(trials: int) -> float:
    """Return the bytes of a history after a suggestion, per trial and parameter."""
    from sparktune._core import History, Sampler

    domain = PEERS["sparktune"][1](0).domain  # type: ignore[attr-defined]
    space = domain.space
    rng = np.random.default_rng(0)
    first = [draw(rng) for _ in range(1_000)]
    rows = np.array([[point[label] for label in space.labels] for point in first])
    before = resident()
    history = History(space.core)
    for tid in range(trials):
        row = rows[tid % len(rows)] if tid < len(rows) else None
        if row is None:  # a new point; a list of all would take memory too
            point = draw(rng)
            row = [point[label] for label in space.labels]
        history.observe(tid, float(rng.normal()), row)
    history.suggest(Sampler("tpe", {}), [trials], 1)
    return (resident() - before) / trials / len(SPACE)


def document_bytes(name: str) -> float:
    """Return the bytes of a trial made by random search, including the caches of the library."""
    peer: Any = PEERS[name][1](0)
    suggest = importlib.import_module(f"{name}.rand").suggest
    peer.loop(1_000, lambda _: 0.0)
    rng = np.random.default_rng(0)
    before = resident()
    for seed in range(DOCUMENTS):
        tids = peer.trials.new_trial_ids(1)
        (doc,) = suggest(tids, peer.domain, peer.trials, seed)
        doc["state"] = peer.base.JOB_STATE_DONE
        doc["result"] = {"status": "ok", "loss": float(rng.normal())}
        peer.trials.insert_trial_docs([doc])
    peer.trials.refresh()
    peer.ask()
    return (resident() - before) / DOCUMENTS


def main() -> None:
    """Measure in fresh processes and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", type=int, default=1_000_000)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one == "history":
        print(history_bytes(options.trials))
        return
    if options.one:
        print(document_bytes(options.one))
        return
    names, versions = installed(["sparktune", "hyperopt"])
    print(machine(versions))

    def run(what: str) -> float:
        command = [sys.executable, __file__, "--one", what, "--trials", str(options.trials)]
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    print(f"History, {options.trials:,} trials: {run('history'):.1f} bytes per trial and parameter")
    for name in names:
        print(f"A trial and its document in {name}, d = {len(SPACE)}: {run(name):,.0f} bytes")


if __name__ == "__main__":
    main()
