"""Katib's suggestion service: its calls, in their order, since it is not on PyPI.

It keeps one FMinIter and never runs it: it inserts documents of finished trials, reads `specs`,
and calls the algorithm by keyword, with its own `rstate`.
"""

import math

import numpy as np

import hyperopt

PARAMETERS = {"lr": "double", "layers": "integer", "optimizer": ["sgd", "adam", "ftrl"]}
space = {
    "lr": hyperopt.hp.loguniform("lr", math.log(float("0.001")), math.log(float("1.0"))),
    "layers": hyperopt.hp.uniformint("layers", float("1"), float("8")),
    "optimizer": hyperopt.hp.choice("optimizer", PARAMETERS["optimizer"]),
    "momentum": hyperopt.hp.quniform("momentum", 0.0, 1.0, 0.1),
    "noise": hyperopt.hp.normal("noise", 0.5, 1 / 6),
}


def service(algorithm):
    domain = hyperopt.Domain(None, space, pass_expr_memo_ctrl=None)
    found = hyperopt.FMinIter(
        algorithm,
        domain,
        trials=hyperopt.Trials(),
        max_evals=-1,
        rstate=np.random.RandomState(1),
        verbose=False,
    )
    found.catch_eval_exceptions = False
    return found


def insert(search, finished):
    ids, specs, results, miscs = [], [], [], []
    for name, point, value in finished:
        if {"trial-name": name} in search.trials.specs:
            continue
        new_id = search.trials.new_trial_ids(1)
        ids.append(new_id[0])
        misc = {"tid": new_id[0], "cmd": search.domain.cmd, "workdir": search.domain.workdir}
        misc["idxs"] = dict.fromkeys(point, new_id)
        misc["vals"] = {label: [v] for label, v in point.items()}
        miscs.append(misc)
        specs.append({"trial-name": name})
        results.append({"loss": value, "status": hyperopt.STATUS_OK})
    if not finished:
        return
    docs = hyperopt.Trials().new_trial_docs(tids=ids, specs=specs, results=results, miscs=miscs)
    for doc in docs:
        doc["state"] = hyperopt.JOB_STATE_DONE
    search.trials.insert_trial_docs(docs)
    search.trials.refresh()


def suggestions(search, count, first, **settings):
    ids = search.trials.new_trial_ids(count)
    seed = search.rstate.randint(2**31 - 1)
    if first or search.algo is hyperopt.rand.suggest:
        docs = search.algo(
            new_ids=ids, domain=search.domain, trials=search.trials, seed=seed, **settings
        )
    else:
        docs = [
            search.algo(
                new_ids=[tid], domain=search.domain, trials=search.trials, seed=seed, **settings
            )[0]
            for tid in ids
        ]
    points = []
    for doc in docs:
        vals = doc["misc"]["vals"]
        assert PARAMETERS["optimizer"][vals["optimizer"][0]] in PARAMETERS["optimizer"]
        points.append(
            {
                "lr": float(vals["lr"][0]),
                "layers": int(vals["layers"][0]),
                "optimizer": int(vals["optimizer"][0]),
                "momentum": float(vals["momentum"][0]),
                "noise": float(vals["noise"][0]),
            }
        )
    return points


for algorithm, settings in (
    (hyperopt.rand.suggest, {}),
    (hyperopt.tpe.suggest, {"n_startup_jobs": 3, "gamma": 0.3, "n_EI_candidates": 16}),
):
    search, finished = service(algorithm), []
    for round_number in range(12):
        insert(search, finished)
        points = suggestions(search, 3, round_number == 0, **settings)
        assert len(points) == 3
        for point in points:
            assert 0.001 <= point["lr"] <= 1
            assert 1 <= point["layers"] <= 8
            value = abs(math.log(point["lr"]) + 3) + point["layers"] + point["optimizer"]
            finished.append((f"trial-{len(finished)}", point, value))
    insert(search, finished)
    assert len(search.trials) == 36
    assert search.trials.specs[5] == {"trial-name": "trial-5"}
    assert search.trials.best_trial["result"]["loss"] == min(value for *_, value in finished)
