"""Trials in processes of this machine: `ProcessTrials` and its back end.

May import what `_parallel` may.
"""
