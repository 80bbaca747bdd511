"""Plots of mean normalised regret against the number of trials, one panel per suite."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
import report
from problems import all_problems

SUITES = ("tabular", "continuous", "conditional")


def draw(rows: Sequence[report.Row], workers: int, budget: int, path: Path) -> None:
    """Write a PNG of the peers that have rows for all problems of a suite."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    step = max(1, budget // 20)
    at = list(range(step, budget + 1, step))
    values = report.normalised(report.regrets(rows, workers, budget, at))
    suite_of = {problem.name: problem.suite for problem in all_problems().values()}
    figure, axes = plt.subplots(1, len(SUITES), figsize=(9, 2.8), sharey=True)
    for axis, suite in zip(axes, SUITES, strict=True):
        of_peer: dict[str, list[np.ndarray]] = {}
        for (peer, problem), array in values.items():
            if suite_of[problem] == suite:
                of_peer.setdefault(peer, []).append(array.mean(axis=0))
        whole = max(len(curves) for curves in of_peer.values())
        for peer, curves in sorted(of_peer.items()):
            if len(curves) == whole:
                bold = 2.5 if peer == "sparktune" else 1.2
                axis.plot(at, np.mean(curves, axis=0), label=peer, linewidth=bold)
        axis.set_title(f"{suite}, {whole} problems", fontsize=9)
        axis.set_xlabel("finished trials", fontsize=8)
        axis.set_ylim(0, 1)
        axis.tick_params(labelsize=7)
    axes[0].set_ylabel("mean normalised regret", fontsize=8)
    axes[0].legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(path, dpi=80)
    plt.close(figure)
