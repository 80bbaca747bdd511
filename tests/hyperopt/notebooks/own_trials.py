"""Trials of one's own: subclasses that save themselves, several experiments, ask and tell."""

import contextlib
import copy
import pickle
from pathlib import Path

import numpy as np
from hyperopt.base import JOB_STATE_NEW, miscs_to_idxs_vals, spec_from_misc
from hyperopt.exceptions import DuplicateLabel
from hyperopt.utils import coarse_utcnow
from report import report

from hyperopt import JOB_STATE_DONE, STATUS_OK, Ctrl, Domain, FMinIter, Trials, fmin, hp, rand, tpe

space = {"x": hp.uniform("x", -1, 1), "f": hp.choice("f", [np.sin, abs, str])}


def objective(p):
    return {"loss": abs(p["x"]) + (p["f"] is str), "status": STATUS_OK, "f": p["f"].__name__}


class FileTrials(Trials):
    """Saved each time that the documents are read again."""

    path = Path("file_trials.pkl")

    def refresh(self):
        super().refresh()
        self.path.write_bytes(pickle.dumps(self._dynamic_trials))


own = FileTrials()
best = fmin(objective, space, algo=tpe.suggest, max_evals=15, trials=own, verbose=False)
saved = pickle.loads(FileTrials.path.read_bytes())

first = Trials(exp_key="first")
fmin(objective, space, rand.suggest, 5, trials=first, verbose=False)
view = first.view(exp_key="other")
gone = Trials()
fmin(objective, space, rand.suggest, 5, trials=gone, verbose=False)
gone.delete_all()

# Ask and tell, as frameworks do.
domain = Domain(objective, space)
told = Trials()
for _ in range(25):
    (tid,) = told.new_trial_ids(1)
    told.refresh()
    docs = tpe.suggest([tid], domain, told, seed=tid)
    asked = copy.deepcopy(docs)
    told.insert_trial_docs(docs)
    told.refresh()
    doc = told._dynamic_trials[-1]
    assert doc["state"] == JOB_STATE_NEW
    doc["book_time"] = coarse_utcnow()
    doc["result"] = domain.evaluate(spec_from_misc(doc["misc"]), Ctrl(told, doc))
    doc["state"] = JOB_STATE_DONE
    told.refresh()

stepped = Trials()
steps = FMinIter(
    rand.suggest, domain, stepped, rstate=np.random.default_rng(1), max_evals=6, verbose=False
)
lengths = [len(each) for each in steps]

bars = []


@contextlib.contextmanager
def own_progress(initial, total):
    class Bar:
        postfix = None

        def update(self, count):
            bars.append((count, str(self.postfix)[:10]))

    yield Bar()


fmin(objective, space, rand.suggest, 4, trials=Trials(), show_progressbar=own_progress)
try:
    fmin(len, [hp.uniform("a", 0, 1), hp.uniform("a", 0, 1)], rand.suggest, 2, verbose=False)
    label = None
except DuplicateLabel as error:
    label = str(error)

report(
    equal={
        "class": type(own).__name__,
        "saved": [len(saved), [t["misc"]["vals"] for t in saved] == [m["vals"] for m in own.miscs]],
        "best": [sorted(best), own.best_trial["result"]["f"] != "str"],
        "experiments": [len(first), len(view), first.trials[0]["exp_key"]],
        "gone": [len(gone), gone.new_trial_ids(2)],
        "told": [len(told), told.tids, len(told.losses())],
        "steps": lengths,
        "bars": bars,
        "label": "a" in label,
    },
    typed={
        "own": own.trials,
        "saved": saved,
        "first": first.trials,
        "told": told.trials,
        "stepped": stepped.trials,
        "idxs and vals": miscs_to_idxs_vals(told.miscs),
        "asked": asked,
        "params": sorted(domain.params),
        "argmin": told.argmin,
    },
)
