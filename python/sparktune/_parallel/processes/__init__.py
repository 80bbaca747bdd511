"""Trials in processes of this machine: `ProcessTrials` and its back end.

In come pickled payloads from the dispatcher, out go pickled answers or the reason for their
absence.
May import what `_parallel` may.
"""
