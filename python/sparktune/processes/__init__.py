"""Trials in processes of this machine: `ProcessTrials` and what it is made of."""

from sparktune.processes.trials import ProcessTrials

__all__ = ["ProcessTrials"]
