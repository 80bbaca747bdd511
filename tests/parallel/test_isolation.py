"""What a trial leaves behind in a worker process, and what the next one sees of it."""

import random
import sys

import footprints
import numpy as np
import pytest

from sparktune import ProcessTrials, Trials, fmin, rand
from sparktune.exceptions import InvalidArgumentType

pytestmark = pytest.mark.timeout(60)


def search(fn, space, trials, **arguments):
    settings = {"algo": rand.suggest, "max_evals": 6, "rstate": 0, "verbose": False}
    fmin(fn, space, trials=trials, **{**settings, **arguments})
    return [result["facts"] for result in trials.results]


def test_a_trial_sees_nothing_of_the_trial_before_it():
    fn, space, fresh = footprints.grower()
    assert search(fn, space, ProcessTrials(1)) == [fresh] * 6


def test_trials_share_the_objective_where_the_user_asks_for_it():
    fn, space, fresh = footprints.grower()
    facts = search(fn, space, ProcessTrials(1, reuse_objective=True))
    assert facts[0] == fresh
    assert [each[:9] for each in facts] == [[n] * 9 for n in range(1, 7)]
    with pytest.raises(InvalidArgumentType, match="`reuse_objective` of ProcessTrials must be"):
        ProcessTrials(1, reuse_objective=1)


def test_the_state_of_the_process_is_put_back():
    facts = search(*footprints.litterer(), ProcessTrials(1))
    assert facts == [facts[0]] * 6
    assert [number for number, open_ in facts[0]["streams"] if open_] == [0, 1, 2]


def loses_its_streams(how):
    """Return an objective that prints, and then loses its standard streams."""

    def objective(point):
        import os
        import sys

        for stream in (sys.stdout, sys.stderr):
            print("a line", file=stream, flush=True)  # fails in a trial that sees what is lost
        same = os.fstat(1)[1:3]  # the file that standard output goes to
        for name in ("stdout", "stderr"):
            if how == "None":
                setattr(sys, name, None)
            elif how == "detached":
                getattr(sys, name).detach()
            elif how != "descriptor of another file":
                getattr(sys, name).close()
        if how == "descriptor of another file":
            os.closerange(0, 3)
            for _ in range(3):
                os.open(os.devnull, os.O_RDWR)
        if how == "closed, and fails" and point["x"] != 1.0:
            raise ValueError
        return {"loss": point["x"], "status": "ok", "facts": same}

    return objective


@pytest.mark.parametrize(
    "how", ["None", "closed", "closed, and fails", "detached", "descriptor of another file"]
)
def test_streams_that_a_trial_loses_are_there_in_the_next_one(how):
    _, space = footprints.gambler()
    trials = ProcessTrials(1)
    points = [{"x": x} for x in (1.0, 2.0, 1.0)]
    facts = search_points(loses_its_streams(how), space, trials, points)
    errors = [t["misc"]["error"][0] for t in trials._dynamic_trials if "error" in t["misc"]]
    assert errors == [str(ValueError)] * (how == "closed, and fails")
    assert len(set(facts)) == 1
    assert len(facts) == 3 - len(errors)


def test_a_trial_that_fails_or_removes_its_folder_leaves_no_traces_either(tmp_path):
    folder = tmp_path / "gone"

    def objective(point):
        import os

        found = [os.getcwd(), "LITTER" in os.environ]  # noqa: PTH109
        os.environ["LITTER"] = "1"
        folder.mkdir()
        os.chdir(folder)
        folder.rmdir()
        if point["x"] > 0:
            raise ValueError
        return {"loss": point["x"], "status": "ok", "facts": found}

    _, space = footprints.gambler()
    trials = ProcessTrials(1)
    points = [{"x": 1.0}, {"x": -1.0}]
    (facts,) = [each for each in search_points(objective, space, trials, points) if each]
    assert facts[1] is False
    assert facts[0] != str(folder)


def search_points(fn, space, trials, points):
    fmin(
        fn, space, rand.suggest, 0, trials=trials, points_to_evaluate=points, verbose=False
    )  # fmt: skip
    return [result.get("facts") for result in trials.results]


@pytest.mark.parametrize("how", ["int", "Generator", "RandomState"])
def test_random_numbers_depend_on_the_seed_and_the_trial_only(how):
    make = {
        "int": int,
        "Generator": np.random.default_rng,
        "RandomState": np.random.RandomState,
    }[how]

    def draw(seed, workers, **arguments):
        trials = ProcessTrials(workers)
        return search(*footprints.gambler(), trials, rstate=make(seed), **arguments)

    alone = draw(3, 1)
    assert draw(3, 3, max_queue_len=3) == alone
    assert len({tuple(each) for each in alone}) == 6
    assert draw(4, 1) != alone


def test_random_numbers_of_a_worker_that_has_yet_to_import_numpy():
    def objective(point):
        import sys

        early = "numpy.random" in sys.modules
        import numpy.random

        drawn = [numpy.random.rand() for _ in range(2)]  # noqa: NPY002
        return {"loss": point, "status": "ok", "facts": [early, drawn]}

    from sparktune import hp

    space = hp.uniform("x", 0, 1)
    reused = search(objective, space, ProcessTrials(1), max_evals=3)
    assert [early for early, _ in reused] == [False, True, True]
    for tid in range(1, 3):  # each in a worker that has not imported it
        trials = ProcessTrials(3)
        points = search(objective, space, trials, max_evals=3, max_queue_len=3)
        assert points[tid][1] == reused[tid][1]


@pytest.mark.parametrize("make", [Trials, lambda: ProcessTrials(1)])
def test_the_random_state_of_the_driver_is_left_alone(make):
    _, space = footprints.gambler()
    before = random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    fmin(lambda point: point["x"], space, rand.suggest, 3, trials=make(), rstate=0, verbose=False)
    assert random.getstate() == before[0]
    assert np.random.get_state()[1].tolist() == before[1]  # noqa: NPY002


def test_a_module_that_the_user_registered_by_value_is_fresh_in_each_trial(tmp_path, monkeypatch):
    import importlib

    import cloudpickle

    text = "seen = []\ndef objective(x):\n    seen.append(1)\n"
    text += "    return {'loss': x, 'status': 'ok', 'facts': len(seen)}\n"
    (tmp_path / "module_of_the_user.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("module_of_the_user")
    from sparktune import hp

    space = hp.uniform("x", 0, 1)
    # By reference, the module is imported in the worker, and stays there.
    assert search(module.objective, space, ProcessTrials(1), max_evals=3) == [1, 2, 3]
    cloudpickle.register_pickle_by_value(module)
    try:
        assert search(module.objective, space, ProcessTrials(1), max_evals=3) == [1, 1, 1]
    finally:
        cloudpickle.unregister_pickle_by_value(module)
        sys.modules.pop("module_of_the_user")


def test_what_trials_leave_to_the_garbage_collector_is_bounded():
    ballast = np.zeros(4_000_000)  # 32 MB

    def objective(point):
        import resource

        objective.me = objective  # a cycle
        used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        return {"loss": point["x"] + ballast[0], "status": "ok", "facts": used}

    _, space = footprints.gambler()
    used = search(objective, space, ProcessTrials(1), max_evals=20)
    # Twenty copies would be 640 MB.
    assert used[-1] - used[0] < 300
