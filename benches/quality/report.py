"""From rows to tables: normalised regret and ranks, with bootstrap intervals.

The normalised regret of a search after n trials is its regret (best loss so far minus the optimum)
divided by the median regret of random search after n trials on the same problem, at most 1. So 0 is
the optimum and 1 is random search or worse, and losses of any scale can be averaged.

The interval resamples seeds within each problem (2,000 times): it shows how much the mean depends
on the seeds, not on the choice of problems.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from problems import all_problems

Row = dict[str, Any]
# (peer, problem) -> one array (seeds, checkpoints)
Regrets = dict[tuple[str, str], np.ndarray]

RESAMPLES = 2_000


def checkpoints(budget: int) -> list[int]:
    """Return a quarter, a half and the whole of a budget."""
    return [budget // 4, budget // 2, budget]


def regrets(rows: Sequence[Row], workers: int, budget: int, at: Sequence[int]) -> Regrets:
    """Collect raw regrets."""
    found: dict[tuple[str, str], list[list[float]]] = {}
    for row in rows:
        if (row["workers"], row["budget"]) == (workers, budget):
            values = [max(0.0, row["regrets"][str(n)]) for n in at]
            found.setdefault((row["peer"], row["problem"]), []).append(values)
    return {key: np.array(values) for key, values in found.items()}


def normalised(raw: Regrets) -> Regrets:
    """Divide by the median of random search; skip problems for which it has no rows."""
    out = {}
    for (peer, problem), values in raw.items():
        if ("random", problem) in raw:
            reference = np.maximum(np.median(raw["random", problem], axis=0), 1e-300)
            out[peer, problem] = np.minimum(values / reference, 1.0)
    return out


def _means(values: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean over problems of the means over seeds, and its resamples."""
    rng = np.random.default_rng(0)
    resamples = []
    for array in values:
        picks = rng.integers(len(array), size=(RESAMPLES, len(array)))
        resamples.append(array[picks].mean(axis=1))
    return np.mean([a.mean(axis=0) for a in values], axis=0), np.mean(resamples, axis=0)


def ranks(values: Regrets, peers: Sequence[str], problems: Sequence[str]) -> dict[str, np.ndarray]:
    """Return each peer's mean rank (1 is best) over problems and the seeds common to all peers."""
    totals = {peer: [] for peer in peers}
    for problem in problems:
        count = min(len(values[peer, problem]) for peer in peers)
        table = np.array([values[peer, problem][:count] for peer in peers])
        better = (table[:, None] > table[None]).sum(axis=1)
        equal = (table[:, None] == table[None]).sum(axis=1)
        for peer, rank in zip(peers, better + (equal + 1) / 2, strict=True):
            totals[peer].append(rank.mean(axis=0))
    return {peer: np.mean(rank, axis=0) for peer, rank in totals.items()}


def table(rows: Sequence[Row], workers: int, budget: int, suite: str | None = None) -> str:
    """Return a Markdown table of one suite, or of all."""
    at = checkpoints(budget)
    values = normalised(regrets(rows, workers, budget, at))
    wanted = {p.name for p in all_problems().values() if suite in (None, p.suite)}
    of_peer: Mapping[str, set[str]] = {
        peer: {name for who, name in values if who == peer and name in wanted} for peer, _ in values
    }
    whole = max((len(names) for names in of_peer.values()), default=0)
    peers = sorted(peer for peer, names in of_peer.items() if len(names) == whole and whole)
    if not peers:
        return "(no rows)\n"
    problems = sorted(set.intersection(*(of_peer[peer] for peer in peers)))
    mean_rank = ranks(values, peers, problems)
    lines = []
    for peer in peers:
        means, resamples = _means([values[peer, problem] for problem in problems])
        low, high = np.percentile(resamples, [2.5, 97.5], axis=0)
        cells = [f"{m:.3f} [{a:.3f}, {b:.3f}]" for m, a, b in zip(means, low, high, strict=True)]
        seeds = min(len(values[peer, problem]) for problem in problems)
        lines.append((means[-1], peer, cells, mean_rank[peer][-1], seeds))
    lines.sort()
    head = "| | " + " | ".join(f"after {n}" for n in at) + " | mean rank | seeds |"
    out = [head, "| --- |" + " ---: |" * (len(at) + 2)]
    out += [
        f"| {peer} | " + " | ".join(cells) + f" | {rank:.2f} | {seeds} |"
        for _, peer, cells, rank, seeds in lines
    ]
    return "\n".join(out) + f"\n\n{len(problems)} problems.\n"
