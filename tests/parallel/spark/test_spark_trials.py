"""`SparkTrials` on a local Spark."""

import logging
import pickle
import sys
import threading
import time

import numpy as np
import pytest

from sparktune import (
    JOB_STATE_CANCEL,
    JOB_STATE_DONE,
    JOB_STATE_ERROR,
    STATUS_FAIL,
    STATUS_OK,
    SparkTrials,
    Trials,
    fmin,
    hp,
    no_progress_loss,
    rand,
    space_eval,
    tpe,
    with_data,
)
from sparktune.exceptions import (
    AllTrialsFailed,
    BackendLost,
    InvalidArgument,
    InvalidArgumentType,
    InvalidResult,
    SearchFailed,
    SparkObjectInObjective,
    UnpicklableObjective,
)

pytestmark = [
    pytest.mark.spark,
    pytest.mark.timeout(180),
    pytest.mark.usefixtures("nothing_left"),
]

# Longer than any test may take: a trial that sleeps this long has to be cancelled.
FOREVER = 600
SPACE = hp.uniform("x", -5, 5)


def search(fn, trials, space=SPACE, **arguments):
    settings = {"algo": rand.suggest, "max_evals": 8, "rstate": 0, "verbose": False}
    return fmin(fn, space, trials=trials, **{**settings, **arguments})


def states(trials):
    return [trial["state"] for trial in trials._dynamic_trials]


# Functions return the objectives, so that these are pickled by value, as in a notebook.


def parabola():
    return lambda x: (x - 3) ** 2


def timed(seconds=0.0):
    def objective(x):
        import os
        import sys
        import time

        start = time.time()
        time.sleep(seconds)
        return {
            "loss": x**2,
            "status": "ok",
            "pid": os.getpid(),
            "span": (start, time.time()),
            "sparktune": "sparktune" in sys.modules,
        }

    return objective


def sleeper(awake=lambda x: x > 0):
    def objective(x):
        import time

        if not awake(x):
            time.sleep(FOREVER)
        return x

    return objective


def test_finds_a_minimum_and_ends_with_counts(spark, caplog):
    caplog.set_level(logging.INFO, "sparktune.spark")
    trials = SparkTrials(parallelism=4)
    best = search(parabola(), trials, algo=tpe.suggest, max_evals=40)
    assert abs(best["x"] - 3) < 1.5
    assert states(trials) == [JOB_STATE_DONE] * 40
    assert trials.count_successful_trials() == trials.count_total_trials() == 40
    assert trials.fmin_cancelled_reason is None
    assert "Total Trials: 40: 40 succeeded, 0 failed, 0 cancelled." in caplog.text


def test_python_workers_are_reused_and_need_no_sparktune(spark):
    trials = SparkTrials(parallelism=4)
    search(timed(), trials, max_evals=40)
    assert len({result["pid"] for result in trials.results}) <= 4
    assert not any(result["sparktune"] for result in trials.results)


@pytest.mark.parametrize("parallelism", [1, 3])
def test_at_most_parallelism_trials_at_once(spark, parallelism):
    trials = SparkTrials(parallelism=parallelism)
    search(timed(0.15), trials, max_evals=12, max_queue_len=4)
    spans = [result["span"] for result in trials.results]
    at_once = [sum(a <= start < b for a, b in spans) for start, _ in spans]
    assert max(at_once) <= parallelism
    if parallelism > 1:
        assert max(at_once) > 1


def test_a_conditional_space_with_a_mutating_objective(spark):
    space = hp.choice(
        "type",
        [{"type": "svm", "C": hp.lognormal("C", 0, 1)}, {"type": "rf", "n": hp.randint("n", 9)}],
    )

    def objective(params):
        kind = params.pop("type")
        assert not params.get("seen")
        params["seen"] = True
        return {"loss": params["C"] if kind == "svm" else 10.0 + params["n"], "status": "ok"}

    trials = SparkTrials(parallelism=2)
    best = search(objective, trials, space=space, max_evals=12)
    assert best["type"] == 0
    assert space_eval(space, best)["type"] == "svm"
    for trial in trials.trials:
        assert set(trial["misc"]["vals"]) == {"type", "C", "n"}


def test_an_annotated_objective(spark):
    def objective(x: hp.uniform("x", -5, 5), k: hp.choice("k", ["a", "b"])) -> float:
        import sys

        assert "sparktune" not in sys.modules
        return x**2 + (k == "b")

    trials = SparkTrials(parallelism=2)
    best = search(objective, trials, space="annotated", max_evals=6)
    assert set(best) == {"x", "k"}


# -- the end of a search -----------------------------------------------------------------------


def test_the_time_out_cancels_what_runs_and_keeps_what_ended(spark, caplog):
    caplog.set_level(logging.INFO, "sparktune.spark")
    trials = SparkTrials(parallelism=2, timeout=8)
    start = time.monotonic()
    points = [{"x": 1.0}, {"x": -1.0}, {"x": -2.0}]
    best = search(sleeper(), trials, points_to_evaluate=points, max_evals=20)
    assert time.monotonic() - start < 8 + 10
    assert best == {"x": 1.0}
    assert states(trials)[0] == JOB_STATE_DONE
    assert trials.count_cancelled_trials() >= 2
    assert set(states(trials)) == {JOB_STATE_DONE, JOB_STATE_CANCEL}
    assert "Total Trials:" in caplog.text
    assert trials.fmin_cancelled_reason == "fmin run timeout"
    assert "fmin cancelled because of fmin run timeout" in caplog.text


def test_the_time_out_of_the_object_goes_before_that_of_fmin(spark, caplog):
    trials = SparkTrials(parallelism=2, timeout=FOREVER)
    search(parabola(), trials, timeout=float("inf"), max_evals=2)
    assert "`timeout` was given to SparkTrials (600) and to fmin (inf)" in caplog.text


def test_early_stopping_cancels_what_runs(spark):
    seen = []

    def stop_after_two(trials, count=0):
        seen.append([trial["state"] for trial in trials.trials])
        return count + 1 >= 2, [count + 1]

    trials = SparkTrials(parallelism=3)
    points = [{"x": -1.0}, {"x": 1.0}, {"x": 2.0}]
    start = time.monotonic()
    search(sleeper(), trials, points_to_evaluate=points, early_stop_fn=stop_after_two, max_evals=50)
    assert time.monotonic() - start < 60
    assert all(state == JOB_STATE_DONE for call in seen for state in call)
    assert states(trials)[0] == JOB_STATE_CANCEL
    assert trials.count_successful_trials() >= 2


def test_no_progress_loss_ends_the_search(spark):
    trials = SparkTrials(parallelism=2)
    constant = (lambda: lambda x: 1.0)()
    search(constant, trials, early_stop_fn=no_progress_loss(3), max_evals=200)
    assert len(trials) < 50


def test_an_exception_in_the_early_stopping_function_leaves_fmin(spark):
    def broken(trials):
        raise ZeroDivisionError("mine")

    trials = SparkTrials(parallelism=2)
    with pytest.raises(ZeroDivisionError, match="mine"):
        search(parabola(), trials, early_stop_fn=broken)


def test_the_loss_threshold_cancels_what_runs(spark):
    trials = SparkTrials(parallelism=2, loss_threshold=2.0)
    points = [{"x": -1.0}, {"x": 1.0}]
    best = search(sleeper(), trials, points_to_evaluate=points, max_evals=50)
    assert best == {"x": 1.0}
    assert states(trials)[0] == JOB_STATE_CANCEL


def test_ctrl_c_cancels_what_runs_and_raises(spark):
    def interrupt(trials):
        raise KeyboardInterrupt

    trials = SparkTrials(parallelism=2)
    points = [{"x": -1.0}, {"x": 1.0}]
    with pytest.raises(KeyboardInterrupt):
        search(sleeper(), trials, points_to_evaluate=points, early_stop_fn=interrupt)
    assert states(trials)[:2] == [JOB_STATE_CANCEL, JOB_STATE_DONE]
    assert trials.fmin_cancelled_reason == "fmin run cancelled by user"


# -- failures ----------------------------------------------------------------------------------


def failing(bad=lambda x: x < 0):
    def objective(x):
        def deep(x):
            if bad(x):
                raise ValueError(f"no model for {x}")
            return x

        return deep(x)

    return objective


def test_a_trial_that_raises_keeps_its_traceback_and_the_search_goes_on(spark):
    trials = SparkTrials(parallelism=2)
    search(failing(), trials, max_evals=12)
    failed = [t for t in trials._dynamic_trials if t["state"] == JOB_STATE_ERROR]
    assert len(failed) + trials.count_successful_trials() == 12
    assert failed
    for trial in failed:
        kind, message = trial["misc"]["error"]
        assert kind == "<class 'ValueError'>"
        assert "ValueError: no model for -" in message
        assert "in deep" in trial["misc"]["traceback"]
        assert "ValueError: no model for" in trial["misc"]["traceback"]


def test_when_all_fail_the_first_traceback_is_shown(spark):
    trials = SparkTrials(parallelism=2)
    with pytest.raises(AllTrialsFailed, match=r"(?s)4 failed.*in deep.*no model for"):
        search(failing(lambda x: True), trials, max_evals=4)


def test_max_failures_ends_a_hopeless_search(spark):
    trials = SparkTrials(parallelism=2)
    with pytest.raises(SearchFailed, match=r"(?s)`max_failures` is 3.*no model for"):
        search(failing(lambda x: True), trials, max_evals=100, max_failures=3)
    assert trials.count_failed_trials() < 10


def test_status_fail_is_not_an_error(spark):
    def objective(x):
        return {"status": STATUS_FAIL} if x < 0 else {"status": STATUS_OK, "loss": x}

    trials = SparkTrials(parallelism=2)
    search(objective, trials, max_evals=8)
    assert states(trials) == [JOB_STATE_DONE] * 8
    assert {STATUS_FAIL, STATUS_OK} == set(trials.statuses())


@pytest.mark.parametrize("loss", [float("nan"), float("inf"), float("-inf")])
def test_a_loss_that_is_not_a_number_is_kept_and_never_best(spark, loss):
    def objective(x):
        return loss if x < 0 else x

    trials = SparkTrials(parallelism=2)
    points = [{"x": -1.0}, {"x": 1.0}]
    best = search(objective, trials, points_to_evaluate=points, max_evals=2)
    assert best["x"] >= 0
    assert states(trials) == [JOB_STATE_DONE] * len(trials)
    np.testing.assert_equal(trials.losses()[0], loss)


@pytest.mark.parametrize(
    "returned", [None, "0.5", {"loss": 1.0}, {"status": "odd"}, {"status": "ok"}]
)
def test_an_invalid_result_ends_the_search(spark, returned):
    def objective(x):
        return returned

    with pytest.raises(InvalidResult):
        search(objective, SparkTrials(parallelism=2), max_evals=50)


def fatal(how):
    def objective(x):
        import os
        import sys
        import threading

        if x < 0 and how == "kill":
            os.kill(os.getpid(), 9)
        if x < 0 and how == "exit":
            sys.exit(3)
        if x < 0 and how == "os exit":
            os._exit(0)
        if x < 0 and how == "result":
            return {"loss": x, "status": "ok", "model": threading.Lock()}
        if x < 0 and how == "exception":
            raise type("Odd", (Exception,), {"__reduce__": lambda self: 1 / 0})("odd")
        return x

    return objective


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("kill", "The Spark job of the trial failed"),
        ("os exit", "The Spark job of the trial failed"),
        ("exit", "3"),
        ("result", "its key 'model' holds a lock"),
        ("exception", "odd"),
    ],
)
def test_a_trial_that_ends_badly_fails_alone(spark, how, message):
    trials = SparkTrials(parallelism=2)
    points = [{"x": -1.0}, {"x": 1.0}, {"x": -2.0}, {"x": 2.0}]
    best = search(fatal(how), trials, points_to_evaluate=points, max_evals=0)
    assert best == {"x": 1.0}
    assert states(trials) == [JOB_STATE_ERROR, JOB_STATE_DONE] * 2
    misc = trials._dynamic_trials[0]["misc"]
    assert message in misc["error"][1]
    known = trials._history_for(trials._space).sync()
    assert (len(known), known.finished) == (4, 2)  # the sampler learns from both kinds
    assert len(misc["traceback"]) < 3000  # no stack of the JVM


# -- what travels ------------------------------------------------------------------------------


def test_an_objective_may_use_broadcast_variables(spark):
    data = spark.sparkContext.broadcast(np.arange(1000.0))

    def objective(x):
        return float(data.value.sum()) + x**2

    trials = SparkTrials(parallelism=2, spark_session=spark)
    search(objective, trials, max_evals=8)
    assert min(trials.losses()) >= 499500
    # It works after the search too: neither the broadcast nor the session was closed.
    assert spark.sparkContext.parallelize([1], 1).map(lambda i: data.value[i]).collect() == [1.0]


def test_an_objective_that_cannot_be_pickled_is_refused_at_once(spark):
    lock = threading.Lock()
    trials = SparkTrials(parallelism=2)
    with pytest.raises(UnpicklableObjective, match="`lock`"):
        search(lambda x: lock and x, trials)
    assert JOB_STATE_DONE not in states(trials)


def test_an_objective_with_driver_objects_is_refused_at_once(spark):
    frame = spark.range(3)
    rdd = spark.sparkContext.parallelize([1])
    context = spark.sparkContext
    for fn, name in [
        (lambda x: spark.range(3).count() + x, "spark"),
        (lambda x: frame.count() + x, "frame"),
        (lambda x: rdd.count() + x, "rdd"),
        (lambda x: context.parallelize([1]).count() + x, "context"),
    ]:
        with pytest.raises(SparkObjectInObjective, match=rf"`{name}` .*Use Trials\(\)"):
            search(fn, SparkTrials(parallelism=2))


def test_such_an_objective_works_with_trials(spark):
    best = search(lambda x: spark.range(3).count() + x**2, Trials(), max_evals=3)
    assert "x" in best


def test_attachments_come_back(spark):
    def objective(x):
        return {"loss": x, "status": "ok", "attachments": {"model": b"abc"}}

    trials = SparkTrials(parallelism=2)
    search(objective, trials, max_evals=2)
    for trial in trials.trials:
        assert "attachments" not in trial["result"]
        assert trials.trial_attachments(trial)["model"] == b"abc"


# -- the object --------------------------------------------------------------------------------


def test_two_searches_one_after_the_other_and_resuming(spark):
    trials = SparkTrials(parallelism=2)
    search(parabola(), trials, max_evals=4)
    search(parabola(), trials, max_evals=10)
    assert len(trials) == 10
    other = SparkTrials(parallelism=2)
    search(parabola(), other, max_evals=3)
    assert len(other) == 3
    other.delete_all()
    assert other.count_total_trials() == 0


def test_a_session_that_is_stopped_while_the_search_begins(spark, monkeypatch):
    from sparktune._parallel.spark import trials as module
    from sparktune._parallel.spark.classic import ClassicSession

    trials = SparkTrials(parallelism=2)
    stopped = iter([False, True])  # before, and after the first call that failed
    monkeypatch.setattr(ClassicSession, "is_stopped", lambda session: next(stopped))
    monkeypatch.setattr(module, "make_backend", lambda *arguments: 1 / 0)
    with pytest.raises(BackendLost, match="stopped while the search began"):
        search(parabola(), trials)


def test_pickles_without_its_session_and_goes_on_after_it(spark, tmp_path):
    trials = SparkTrials(parallelism=2, timeout=FOREVER)
    search(parabola(), trials, max_evals=4)
    loaded = pickle.loads(pickle.dumps(trials))
    assert loaded.losses() == trials.losses()
    assert (loaded.parallelism, loaded.timeout) == (2, FOREVER)
    search(parabola(), loaded, max_evals=6)
    assert len(loaded) == 6
    assert len(trials) == 4


def test_trials_save_file_is_honoured(spark, tmp_path):
    path = tmp_path / "trials.pkl"
    search(parabola(), SparkTrials(parallelism=2), trials_save_file=str(path), max_evals=4)
    with path.open("rb") as file:
        saved = pickle.load(file)
    assert isinstance(saved, SparkTrials)
    assert len(saved) == 4


def test_points_to_evaluate_come_first(spark):
    trials = SparkTrials(parallelism=2)
    points = [{"x": 1.5}, {"x": -2.5}]
    search(parabola(), trials, points_to_evaluate=points, max_evals=2)
    assert [t["misc"]["vals"]["x"][0] for t in trials.trials[:2]] == [1.5, -2.5]


def test_parallelism_of_a_local_session(spark, caplog):
    assert SparkTrials().parallelism == 4
    assert SparkTrials(parallelism=spark.sparkContext.defaultParallelism).parallelism == 4
    many = SparkTrials(parallelism=1000)
    assert (many.parallelism, many.user_specified_parallelism) == (4, 1000)
    assert SparkTrials.MAX_CONCURRENT_JOBS_ALLOWED == 128


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"parallelism": "4"}, InvalidArgumentType, "`parallelism` of SparkTrials must be an int"),
        ({"timeout": 0}, InvalidArgument, "timeout argument should be None or a positive"),
        ({"timeout": -1}, InvalidArgument, "timeout argument should be None or a positive"),
        ({"timeout": "1"}, InvalidArgumentType, "`timeout` must be a number; got '1'"),
        (
            {"loss_threshold": "a"},
            InvalidArgumentType,
            "loss_threshold argument should be None or a num",
        ),
        ({"spark_session": 3}, InvalidArgumentType, "`spark_session` of SparkTrials must be a"),
    ],
)
def test_wrong_arguments_are_refused(spark, arguments, error, message):
    with pytest.raises(error, match=message):
        SparkTrials(**arguments)


def test_a_connect_session_of_pyspark_3_is_refused(spark):
    session = type("SparkSession", (), {"__module__": "pyspark.sql.connect.session"})()
    with pytest.raises(InvalidArgument, match=r"supported with pyspark 4\.0 or newer"):
        SparkTrials(spark_session=session)


def test_without_pyspark_the_error_says_what_to_install(spark, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    with pytest.raises(ImportError, match=r'needs pyspark.*pip install "sparktune\[spark\]"'):
        SparkTrials()


def test_a_resource_profile_is_ignored_in_local_mode(spark, caplog):
    trials = SparkTrials(parallelism=2, resource_profile=object())
    assert "ignored in local mode" in caplog.text
    search(parabola(), trials, max_evals=2)


def test_an_objective_that_wants_the_expression_is_refused(spark):
    with pytest.raises(InvalidArgument, match=r"Use Trials\(\)"):
        search(parabola(), SparkTrials(parallelism=2), pass_expr_memo_ctrl=True)


def test_the_local_properties_of_the_caller_reach_the_trials_and_stay(spark):
    sc = spark.sparkContext
    sc.setLocalProperty("sparktune.test", "mine")
    sc.addJobTag("users-tag")

    def objective(x):
        from pyspark import TaskContext

        context = TaskContext.get()
        return {
            "loss": x,
            "status": "ok",
            "mine": context.getLocalProperty("sparktune.test"),
            "description": context.getLocalProperty("spark.job.description"),
            "tags": context.getLocalProperty("spark.job.tags"),
        }

    try:
        trials = SparkTrials(parallelism=2)
        search(objective, trials, max_evals=6)
        assert set(sc.getJobTags()) == {"users-tag"}
        assert sc.getLocalProperty("spark.job.description") is None
    finally:
        sc.setLocalProperty("sparktune.test", None)
        sc.removeJobTag("users-tag")
    for trial in trials.trials:
        result = trial["result"]
        assert result["mine"] == "mine"
        assert result["description"].startswith(f"sparktune trial {trial['tid']}: x=")
        tags = result["tags"].split(",")
        assert "users-tag" in tags
        assert sum(tag.startswith("sparktune-") for tag in tags) == 1


def test_data_of_with_data_arrive_once_a_worker(spark):
    X = np.arange(200_000, dtype=float)

    def objective(params, X):
        import sys

        loaded = sys.modules.setdefault("_seen_arrays", {})
        loaded.setdefault(X.__array_interface__["data"][0], X)
        return {"loss": float(X[-1]) + params["x"], "status": "ok", "copies": len(loaded)}

    trials = SparkTrials(parallelism=2)
    search(with_data(objective, X=X), trials, {"x": SPACE}, max_evals=12)
    assert {result["copies"] for result in trials.results} == {1}
    assert min(trials.losses()) > 199_990


def test_a_trial_that_takes_too_long_is_stopped_and_the_search_goes_on(spark):
    trials = SparkTrials(parallelism=2, trial_timeout=12)

    def objective(x):
        import time

        time.sleep(600 if x == 1.0 else 0)
        return x

    search(objective, trials, points_to_evaluate=[{"x": 1.0}], max_evals=6)
    assert trials.count_successful_trials() == 6
    assert trials.count_failed_trials() == 1
    (failed,) = [t for t in trials._dynamic_trials if t["state"] == JOB_STATE_ERROR]
    assert failed["misc"]["error"][0] == "<class 'sparktune.exceptions.TrialTimeout'>"
    assert trials.count_cancelled_trials() == 0
