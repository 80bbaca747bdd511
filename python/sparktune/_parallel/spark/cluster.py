"""What a search knows about its cluster, and how many trials it runs at once."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from sparktune._parallel.parallelism import at_most_max

__all__ = ["Cluster", "decide_parallelism", "is_local"]

logger = logging.getLogger("sparktune.spark")


@dataclass(frozen=True)
class Cluster:
    """What is known about a cluster; None stands for unknown."""

    local: bool
    executors: int | None
    slots: int | None
    default_parallelism: int
    dynamic: bool = False


def is_local(master: str) -> bool:
    """Return whether tasks run inside the driver's process tree, as `spark.master` says.

    ``local-cluster[...]`` has executors of its own.
    """
    return master == "local" or master.startswith("local[")


def decide_parallelism(requested: int | None, cluster: Cluster) -> int:
    """Return how many trials run at once, from 1 to 128, and log why.

    None, zero and less stand for the number of executors, in local mode that of task slots. The
    result never exceeds what the cluster can run at once, unless that is unknown or may grow.
    """
    if requested is None or requested <= 0:
        if requested is not None:
            logger.warning(
                "`parallelism` must be greater than 0; got %d. Taking Spark's own number instead.",
                requested,
            )
        if cluster.local:
            parallelism, why = cluster.slots or cluster.default_parallelism, "the task slots"
        elif cluster.executors is not None:
            parallelism, why = cluster.executors, "the number of executors"
        else:
            parallelism, why = cluster.default_parallelism, "Spark's default parallelism"
        parallelism = max(1, parallelism)
        logger.info("Running up to %d trials at once: %s.", parallelism, why)
    else:
        parallelism = requested
    parallelism = at_most_max(parallelism)
    slots = cluster.slots
    if slots is None or parallelism <= slots:
        return parallelism
    less = "The cluster can run %d tasks at once, fewer than the %d trials asked for. %s"
    if cluster.dynamic:
        text = "Trials wait until dynamic allocation adds executors."
        logger.warning(less, slots, parallelism, text)
        return parallelism
    logger.warning(less, slots, parallelism, f"Running up to {slots} trials at once.")
    return slots
