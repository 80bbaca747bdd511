"""Tables and plots of rows: the loss that was found, against what was spent."""

from __future__ import annotations

from collections.abc import Sequence
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


def normalised(found: dict[tuple[str, str], np.ndarray]) -> dict[tuple[str, str], np.ndarray]:
    """Scale per problem: 0 is the lowest loss of all, 1 what the unpruned search has at a fifth."""
    result = {}
    for problem in {problem for problem, _ in found}:
        arrays = {rival: a for (of, rival), a in found.items() if of == problem}
        lowest = min(float(a.min()) for a in arrays.values())
        early = arrays["unpruned"][:, 19]
        one = float(np.mean(early[np.isfinite(early)])) - lowest
        for rival, array in arrays.items():
            result[problem, rival] = np.minimum((array - lowest) / max(one, 1e-12), 3.0)
    return result


def shares(found: dict[tuple[str, str], np.ndarray], problem: str, rival: str) -> float:
    """Return the share of the budget after which a search is as good as the unpruned one at last.

    By the mean over seeds; infinite if it never is.
    """
    goal = found[problem, "unpruned"][:, -1].mean()
    mean = found[problem, rival].mean(axis=0)
    reached = np.flatnonzero(mean <= goal + 1e-12)
    return (float(reached[0]) + 1) / 100 if len(reached) else float("inf")


def table(rows: Sequence[Row], workers: int, seeds: int) -> str:
    """Return a Markdown table: scaled losses, means over problems, and the share to draw level."""
    found = normalised(traces(rows, workers))
    problems = sorted({problem for problem, _ in found})
    rivals = sorted({rival for _, rival in found})
    lines = [
        f"| {workers} workers | " + " | ".join(f"{at} %" for at in AT)
        + " | as good as unpruned at, median | pruned |",
        "| --- " * (len(AT) + 3) + "|",
    ]  # fmt: skip
    for rival in rivals:
        each = [found[p, rival] for p in problems if (p, rival) in found]
        if len(each) < len(problems) or min(map(len, each)) < seeds:
            continue
        means = [np.mean([a[:, at - 1].mean() for a in each]) for at in AT]
        level = float(np.median([shares(found, p, rival) for p in problems]))
        mine = [row for row in rows if row["rival"] == rival and row["workers"] == workers]
        pruned = sum(r["pruned"] for r in mine) / max(
            1, sum(r["pruned"] + r["complete"] for r in mine)
        )
        shown = f"{level:.0%}" if level < 9 else "never"
        cells = " | ".join(f"{mean:.3f}" for mean in means)
        lines.append(f"| {rival} | {cells} | {shown} | {pruned:.0%} |")
    return "\n".join(lines)


def draw(rows: Sequence[Row], workers: Sequence[int], names: Sequence[str], path: Path) -> None:
    """Write a PNG: one panel per problem and number of workers, ours bold."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    problems = sorted({row["problem"] for row in rows if not row["problem"].startswith("lcdb")})
    figure, axes = plt.subplots(
        len(workers), len(problems) + 1, figsize=(3 * (len(problems) + 1), 2.6 * len(workers)),
        squeeze=False, sharex=True,
    )  # fmt: skip
    for line, count in zip(axes, workers, strict=True):
        found = normalised(traces(rows, count))
        tables = [problem for problem, _ in found if problem.startswith("lcdb")]
        for axis, (title, of) in zip(
            line, [*((p, [p]) for p in problems), ("lcdb", tables)], strict=True
        ):
            for name in names:
                each = [found[p, name].mean(axis=0) for p in sorted(set(of)) if (p, name) in found]
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
