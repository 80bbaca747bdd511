"""NNI's hyperopt tuner: its calls, in their order (its wheel is for old Pythons only).

It asks the algorithm of an FMinIter itself, reads values with ``.item()``, builds documents with
``len(trials)`` as the id, and gives a copy of the FMinIter made-up losses of running trials.
"""

import copy

import numpy as np

import hyperopt as hp

space = {
    "lr": hp.hp.loguniform("lr", np.log(0.01), np.log(1)),
    "units": hp.hp.randint("units", 64),
    "kind": hp.hp.choice("kind", [["flat"], ["deep", {"size": hp.hp.quniform("size", 2, 9, 1)}]]),
}


def receive(search, vals, loss):
    domain, trials = search.domain, search.trials
    new_id = len(trials)
    idxs, found = {}, {}
    for key in domain.params:
        if vals.get(key) is None:
            idxs[key] = found[key] = []
        else:
            idxs[key], found[key] = [new_id], [vals[key]]
    miscs = [{"tid": new_id, "cmd": domain.cmd, "workdir": domain.workdir}]
    hp.base.miscs_update_idxs_vals(
        miscs, idxs, found, idxs_map={new_id: new_id}, assert_all_vals_used=False
    )
    trial = trials.new_trial_docs([new_id], [None], [domain.new_result()], miscs)[0]
    trial["result"] = {"loss": loss, "status": "ok"}
    trial["state"] = hp.JOB_STATE_DONE
    trials.insert_trial_docs([trial])
    trials.refresh()


def suggest(search):
    trials = search.trials
    new_ids = trials.new_trial_ids(1)
    trials.refresh()
    seed = search.rstate.randint(2**31 - 1)
    vals = search.algo(new_ids, search.domain, trials, seed)[0]["misc"]["vals"]
    trials.refresh()
    parameter = {}
    for key in vals:
        try:
            parameter[key] = vals[key][0].item()
        except (KeyError, IndexError):
            parameter[key] = None
    return parameter


for algorithm in (hp.tpe.suggest, hp.rand.suggest, hp.anneal.suggest):
    domain = hp.Domain(None, space, pass_expr_memo_ctrl=None)
    search = hp.FMinIter(
        algorithm, domain, hp.Trials(), max_evals=-1, rstate=np.random.RandomState(0), verbose=0
    )
    search.catch_eval_exceptions = False
    for _ in range(40):
        parameter = suggest(search)
        assert type(parameter["units"]) is int
        assert (parameter["size"] is None) == (parameter["kind"] == 0)
        receive(search, parameter, abs(np.log(parameter["lr"]) + 2) + parameter["units"])
    assert len(search.trials) == 40
    # A constant liar: only the copy is told a loss for the running trial.
    liar = copy.deepcopy(search)
    receive(liar, suggest(search), 5.0)
    assert (len(liar.trials), len(search.trials)) == (41, 40)
    assert set(suggest(liar)) == set(domain.params)
    assert search.trials.best_trial["result"]["loss"] <= np.median(search.trials.losses())
