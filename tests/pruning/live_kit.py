"""What tests of the lines of running trials share."""

import time
from types import SimpleNamespace

from sparktune._parallel.backend import LOOPBACK
from sparktune._parallel.live import Listener
from sparktune._pruning.pruner import Pruner
from sparktune._search.handles import HandleOptions, Handles
from sparktune._worker.handle import TrialHandle, TrialPruned

ASKING = SimpleNamespace(takes_trial=True)


def eventually(condition):
    """Wait until a condition holds."""
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


def document(tid, attempts=0):
    return {"tid": tid, "misc": {"attempts": [{}] * attempts}}


class Search:
    """The driver's side of a search, and the handles of its trials."""

    def __init__(self, policy):
        self.pruner = Pruner(policy)
        self.listener = Listener(self.pruner, (LOOPBACK, LOOPBACK))
        self.handles = Handles(ASKING, HandleOptions(pruner=self.pruner), self.listener)
        self.started = []

    def start(self, tid, attempts=0):
        handle = TrialHandle(**self.handles.data(document(tid, attempts)))
        self.started.append(handle)
        return handle

    def end(self, tid, losses, status="ok"):
        """Let a trial end that never had a line."""
        curve = {"steps": list(range(len(losses))), "losses": losses}
        result = {"status": status, "loss": losses[-1], "curve": curve}
        self.pruner.complete(document(tid), result)

    def running(self):
        return {tid: known.steps[-1] for tid, known in self.pruner._curves.running.items()}


def until_pruned(handle, loss, step=0):
    """Report until the trial ends; return at which step."""
    while True:
        try:
            handle.report(loss, step)
        except TrialPruned:
            return step
        time.sleep(0.002)
        step += 1
        assert step < 5000, "it is not ended"
