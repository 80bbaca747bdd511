"""Tables and plots of rows: the loss that was found, against what was spent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

Row = dict[str, Any]
AT = (20, 40, 60, 100)


def traces(rows: Sequence[Row], workers: int) -> dict[tuple[str, str], np.ndarray]:
    """Return the traces (seeds x marks) by problem and rival."""
    found: dict[tuple[str, str], dict[int, list[float]]] = {}
    for row in rows:
        if row["workers"] == workers:
            found.setdefault((row["problem"], row["rival"]), {})[row["seed"]] = row["losses"]
    return {key: np.array([of[seed] for seed in sorted(of)]) for key, of in found.items()}


def normalised(
    found: dict[tuple[str, str], np.ndarray], spans: Mapping[str, tuple[float, float]]
) -> dict[tuple[str, str], np.ndarray]:
    """Scale per problem, from 0 to 1 by its span, and at most 2.

    Without a span, 0 is the lowest loss of all, 1 what the unpruned search has at a fifth.
    """
    result = {}
    for problem in {problem for problem, _ in found}:
        arrays = {rival: a for (of, rival), a in found.items() if of == problem}
        if problem in spans:
            lowest, one = spans[problem]
        else:
            lowest = min(float(a.min()) for a in arrays.values())
            early = arrays["unpruned"][:, 19]
            one = float(np.mean(early[np.isfinite(early)]))
        for rival, array in arrays.items():
            result[problem, rival] = np.minimum((array - lowest) / max(one - lowest, 1e-12), 2.0)
    return result


def table(
    rows: Sequence[Row], workers: int, seeds: int, spans: Mapping[str, tuple[float, float]]
) -> str:
    """Return a Markdown table: scaled losses, means over problems, with their standard errors.

    "level" is the share of the budget after which the mean is what it is without pruning at last.
    """
    found = normalised(traces(rows, workers), spans)
    problems = sorted({problem for problem, _ in found})
    rivals = sorted({rival for _, rival in found})
    lines = [
        f"| {workers} workers | " + " | ".join(f"{at} %" for at in AT)
        + " | level | trials | pruned |",
        "| --- " * (len(AT) + 4) + "|",
    ]  # fmt: skip
    for rival in rivals:
        each = [found[p, rival] for p in problems if (p, rival) in found]
        if len(each) < len(problems) or min(map(len, each)) < seeds:
            continue
        by_seed = np.mean([a[:seeds] for a in each], axis=0)
        mean = by_seed.mean(axis=0)
        error = by_seed.std(axis=0, ddof=1) / np.sqrt(seeds) if seeds > 1 else mean * 0
        goal = np.mean([found[p, "unpruned"][:seeds, -1].mean() for p in problems])
        reached = np.flatnonzero(mean <= goal + 1e-12)
        mine = [row for row in rows if row["rival"] == rival and row["workers"] == workers]
        started = sum(row["pruned"] + row["complete"] for row in mine)
        level = f"{reached[0] + 1} %" if len(reached) else "never"
        cells = " | ".join(f"{mean[at - 1]:.3f} ± {error[at - 1]:.3f}" for at in AT)
        pruned = sum(row["pruned"] for row in mine) / max(1, started)
        lines.append(f"| {rival} | {cells} | {level} | {started / len(mine):.0f} | {pruned:.0%} |")
    return "\n".join(lines)


def draw(rows: Sequence[Row], workers: Sequence[int], names: Sequence[str], path: Path,
         spans: Mapping[str, tuple[float, float]]) -> None:  # fmt: skip
    """Write a PNG: one panel per problem and number of workers."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    problems = sorted({row["problem"] for row in rows if not row["problem"].startswith("lcdb")})
    groups = [*((p, [p]) for p in problems), ("mean", problems)]
    figure, axes = plt.subplots(
        len(workers), len(groups), figsize=(3 * len(groups), 2.6 * len(workers)),
        squeeze=False, sharex=True,
    )  # fmt: skip
    for line, count in zip(axes, workers, strict=True):
        found = normalised(traces(rows, count), spans)
        for axis, (title, of) in zip(line, groups, strict=True):
            for name in names:
                each = [found[p, name].mean(axis=0) for p in of if (p, name) in found]
                if each:
                    style = {"linewidth": 1.0, "linestyle": "--"} if "optuna" in name else {}
                    axis.plot(np.arange(1, 101), np.mean(each, axis=0), label=name, **style)
            axis.set_title(f"{title}, {count} workers", fontsize=8)
            axis.set_ylim(0, 1.5)
            axis.tick_params(labelsize=7)
    for axis in axes[-1]:
        axis.set_xlabel("budget spent, %", fontsize=8)
    axes[0][0].legend(fontsize=6)
    figure.tight_layout()
    figure.savefig(path, dpi=80)
    plt.close(figure)
