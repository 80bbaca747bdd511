"""What can happen to a search on Spark. Each scenario takes a session and returns plain facts.

They run in `driver.py`, so that every mode of Spark goes through the same ones; the tests assert.
"""

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from sparktune import SparkTrials, fmin, hp, rand, space_eval, with_data
from sparktune._parallel.dispatcher import Dispatcher

SPACE = hp.uniform("x", -5, 5)
FOREVER = 600
RELAY = None  # where the network can be cut: `relay.Relay`
ALL = 100  # more than there are slots, so that they bound the trials at once


def search(fn, trials, space=SPACE, **arguments):
    """Search; return how it ended and the states of the trials."""
    settings = {"algo": rand.suggest, "max_evals": 0, "rstate": 0, "verbose": False}
    begin = time.monotonic()
    best = error = None
    try:
        best = fmin(fn, space, trials=trials, **{**settings, **arguments})
    except (Exception, KeyboardInterrupt) as raised:
        error = [type(raised).__name__, str(raised)]
    documents = trials._dynamic_trials
    known = trials._history_for(trials._space).sync()
    return {
        "taught": [trial["tid"] in known for trial in documents],
        "losses": known.finished,
        "best": best and {label: float(value) for label, value in best.items()},
        "error": error,
        "took": time.monotonic() - begin,
        "states": [trial["state"] for trial in documents],
        "errors": [trial["misc"].get("error", ["", ""])[1] for trial in documents],
        "results": [trial["result"] for trial in documents if "facts" in trial["result"]],
        "reason": trials.fmin_cancelled_reason,
    }


def points(*values):
    return [{"x": float(value)} for value in values]


def basics(spark):
    """Many quick trials on the existing workers."""

    def objective(x):
        import sys

        begin = time.time()
        time.sleep(0.2)  # long enough to overlap on a busy machine
        return {
            "loss": (x - 1) ** 2,
            "status": "ok",
            "facts": [os.getpid(), "sparktune" in sys.modules, begin, time.time()],
        }

    default = SparkTrials(spark_session=spark).parallelism
    trials = SparkTrials(parallelism=3, spark_session=spark)
    report = search(objective, trials, max_evals=30, max_queue_len=4)
    facts = [result["facts"] for result in report.pop("results")]
    return {
        **report,
        "default": default,
        "workers": len({pid for pid, *_ in facts}),
        "sparktune": any(found for _, found, *_ in facts),
        "at_once": max(sum(a <= start < b for *_, a, b in facts) for *_, start, _ in facts),
        "session": spark.range(3).count(),
    }


def nested_space(spark):
    """A conditional space, an objective that changes its point, and data that travel apart."""
    import numpy as np

    space = hp.choice("kind", [{"c": hp.lognormal("c", 0, 1)}, {"n": hp.randint("n", 9)}])

    def objective(point, data):
        return float(data.sum()) + (point.pop("c") if "c" in point else 10.0 + point.pop("n"))

    trials = SparkTrials(parallelism=2, spark_session=spark)
    fn = with_data(objective, data=np.arange(1000.0))
    report = search(fn, trials, space=space, max_evals=10)
    loss = min(trials.losses())
    return {**report, "loss": loss, "point": [*space_eval(space, trials.argmin)]}


def two_objectives(spark):
    """Searches that follow one another in a session, with the same objective and with another."""

    def make(shift):
        return lambda x: x**2 + shift

    losses = []
    for shift in (100, 200, 100):
        trials = SparkTrials(parallelism=2, spark_session=spark)
        search(make(shift), trials, points_to_evaluate=points(0, 1))
        losses.append(trials.losses())
    return {"losses": losses}


def tracked(spark, folder):
    """Plain MLflow calls in the objective land in the trial's run."""
    import mlflow

    os.environ.pop("SPARKTUNE_MLFLOW", None)
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")

    def objective(x):
        import mlflow

        mlflow.log_param("from_worker", x)
        return x**2

    switch = "spark.databricks.mlflow.trackHyperopt.enabled"
    try:
        with mlflow.start_run() as parent:
            trials = SparkTrials(parallelism=2, spark_session=spark)
            report = search(objective, trials, max_evals=4)
        resumed = SparkTrials.from_mlflow(parent.info.run_id, parallelism=2, spark_session=spark)
        same_losses = resumed.losses() == trials.losses()
        search(objective, resumed, max_evals=6)
        spark.conf.set(switch, "false")
        search(lambda x: x**2, SparkTrials(parallelism=2, spark_session=spark), max_evals=2)
    finally:
        os.environ["SPARKTUNE_MLFLOW"] = "0"
        spark.conf.unset(switch)
    of_parent = f"tags.mlflow.parentRunId = '{parent.info.run_id}'"
    client = mlflow.MlflowClient()
    runs = client.search_runs([parent.info.experiment_id], of_parent)
    same = [float(run.data.params["from_worker"]) == float(run.data.params["x"]) for run in runs]
    return {
        **report,
        "same": same,
        "same_losses": same_losses,
        "tids": sorted(int(run.data.tags["tid"]) for run in runs),
        "best_run": resumed.best_run_id in {run.info.run_id for run in runs},
        "all_runs": len(client.search_runs([parent.info.experiment_id])),
    }


def start_workers(spark):
    """Run trials on all slots, because starting a worker takes long and would count."""
    search(lambda x: x, SparkTrials(parallelism=ALL, spark_session=spark), max_evals=8)


# -- how a search ends -------------------------------------------------------------------------


def sleeper():
    """Return an objective that never ends for some points; defined here to pickle it by value."""

    def objective(x):
        if x < 0:
            time.sleep(FOREVER)
        return x

    return objective


def time_out(spark, stubborn=False):
    """Trials that never end, some of which resist being stopped, when the timeout expires."""

    def objective(x):
        if stubborn:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while x < 0:
            try:
                time.sleep(FOREVER)
            except BaseException:  # noqa: PERF203
                if not stubborn:
                    raise
        return x

    start_workers(spark)
    trials = SparkTrials(parallelism=2, timeout=5, spark_session=spark)
    report = search(objective, trials, points_to_evaluate=points(1, -1, -2), max_evals=100)
    # Only cancelled trials free the slots for these, all of them at once.
    slots = SparkTrials(parallelism=ALL, spark_session=spark)
    after = search(lambda x: time.sleep(0.5) or x, slots, max_evals=8)
    return {**report, "after": [after["took"], after["states"]]}


def trial_time_out(spark):
    """Trials that would never end, each with its own time limit; the others continue."""
    start_workers(spark)
    trials = SparkTrials(parallelism=2, trial_timeout=8, spark_session=spark)
    return search(sleeper(), trials, points_to_evaluate=points(-1, 1, -2, 2))


def trial_time_out_behind_others(spark):
    """All slots are taken for longer than `trial_timeout`: waiting for a slot does not count."""
    start_workers(spark)
    others = SparkTrials(parallelism=ALL, spark_session=spark)
    folder = Path(tempfile.mkdtemp(prefix="sparktune-test-"))

    def fill(x):
        (folder / f"{x}").touch()
        time.sleep(12)
        return x

    filler = threading.Thread(
        target=search,
        args=(fill, others, hp.uniform("x", 0, ALL)),
        kwargs={"points_to_evaluate": points(*range(others.parallelism))},
    )
    filler.start()
    while len(list(folder.iterdir())) < others.parallelism:
        time.sleep(0.02)
    begin = time.time()

    def objective(x):
        waited = time.time() - begin
        time.sleep(FOREVER if x < 0 else 1)
        return {"loss": x, "status": "ok", "facts": waited}

    trials = SparkTrials(parallelism=ALL, trial_timeout=8, spark_session=spark)
    report = search(objective, trials, points_to_evaluate=points(1, -1, 2))
    filler.join()
    return report


def interrupt(spark):
    """Ctrl-C while trials run; then the session is used again."""
    main = threading.main_thread().ident
    trials = SparkTrials(parallelism=2, spark_session=spark)

    def press():
        while trials.count_successful_trials() < 1:
            time.sleep(0.02)
        pressed.append(time.monotonic())
        signal.pthread_kill(main, signal.SIGINT)

    pressed = []
    threading.Thread(target=press, daemon=True).start()
    report = search(sleeper(), trials, points_to_evaluate=points(-1, 1, -2), max_evals=100)
    took = time.monotonic() - pressed[0]
    again = SparkTrials(parallelism=2, spark_session=spark)
    after = search(lambda x: x, again, max_evals=4)
    return {**report, "took": took, "after": after["states"]}


def interrupt_twice(spark):
    """Ctrl-C while trials run, and again while the search waits for their jobs to end."""
    presses = []
    join_threads = Dispatcher._join_threads

    def press_and_join(dispatcher, *args, **kwargs):
        if not presses:
            presses.append("second")
            signal.raise_signal(signal.SIGINT)
        return join_threads(dispatcher, *args, **kwargs)

    Dispatcher._join_threads = press_and_join
    try:
        return {**interrupt(spark), "presses": presses}
    finally:
        Dispatcher._join_threads = join_threads


def stop_session(spark):
    """The session is stopped while trials run."""
    trials = SparkTrials(parallelism=2, spark_session=spark)

    def stop():
        while trials.count_successful_trials() < 1:
            time.sleep(0.02)
        stopped.append(time.monotonic())
        spark.stop()

    stopped = []
    stopping = threading.Thread(target=stop, daemon=True)
    stopping.start()
    report = search(sleeper(), trials, points_to_evaluate=points(-1, 1, -2), max_evals=100)
    took = time.monotonic() - stopped[0]
    stopping.join()
    again = search(sleeper(), trials, max_evals=200)
    return {**report, "took": took, "again": again["error"]}


def stop_while_trials_start(spark, times):
    """Sessions are stopped while quick trials come and go: some have just been submitted."""
    conf = spark.sparkContext.getConf()
    took = []
    for turn in range(times):
        spark = type(spark).builder.config(conf=conf).getOrCreate()
        trials = SparkTrials(parallelism=ALL, spark_session=spark)

        def stop(spark=spark, trials=trials, turn=turn):
            while trials.count_successful_trials() < 3:
                time.sleep(0.002)
            time.sleep(0.01 * turn)
            took.append(-time.monotonic())
            spark.stop()

        stopping = threading.Thread(target=stop, daemon=True)
        stopping.start()
        report = search(lambda x: x, trials, max_evals=10_000)
        took[-1] += time.monotonic()
        stopping.join()
    return {**report, "states": [], "errors": [], "longest": max(took)}


# -- faults ------------------------------------------------------------------------------------


def bad_trials(spark, how):
    """Every other trial fails, in one of many ways; return how often each ran."""
    folder = Path(tempfile.mkdtemp(prefix="sparktune-test-"))

    def objective(x):
        (folder / f"{x}-{time.time_ns()}").touch()
        if x > 0:
            return x
        if how == "exception":
            raise ValueError(f"no model for {x}")
        if how == "unpicklable exception":
            raise type("Odd", (Exception,), {"__reduce__": lambda self: 1 / 0})("odd")
        if how == "unpicklable result":
            return {"loss": x, "status": "ok", "model": threading.Lock()}
        if how == "sys.exit":
            raise SystemExit(3)
        if how == "os._exit":
            os._exit(0)
        if how == "killed worker":
            os.kill(os.getpid(), signal.SIGKILL)
        if how == "threads":
            for _ in range(20):
                threading.Thread(target=time.sleep, args=(FOREVER,), daemon=True).start()
        if how == "thread that stays":
            threading.Thread(target=time.sleep, args=(FOREVER,)).start()
        return x

    trials = SparkTrials(parallelism=2, spark_session=spark)
    report = search(objective, trials, points_to_evaluate=points(-1, 1, -2, 2))
    ran = [path.name.partition("-")[0] or "-" for path in folder.iterdir()]
    return {**report, "good_runs": sum(name != "-" for name in ran), "runs": len(ran)}


def large_result(spark, megabytes):
    """A large result, then one that is not."""

    def objective(x):
        return {"loss": x, "status": "ok", "blob": bytes(int(x) << 20)}

    trials = SparkTrials(parallelism=1, spark_session=spark)
    space = hp.uniform("x", 0, megabytes)
    report = search(objective, trials, space, points_to_evaluate=points(megabytes, 1))
    largest = [len(result["blob"]) >> 20 for result in trials.results]
    return {**report, "largest": largest}


def executor_pids(spark):
    """Return the parent processes of Python workers, by running trials on all slots."""

    def objective(x):
        def parent_of(pid):
            command = ["ps", "-o", "ppid=", "-p", str(pid)]
            return int(subprocess.run(command, capture_output=True, check=True).stdout)

        time.sleep(0.5)
        return {"loss": x, "status": "ok", "facts": parent_of(os.getppid())}  # past the daemon

    pids = set()
    for _ in range(10):
        trials = SparkTrials(parallelism=ALL, spark_session=spark)
        report = search(objective, trials, max_evals=4)
        pids = {result["facts"] for result in report["results"]}
        if len(pids) >= 2:
            break
    return sorted(pids)


def kill_if_there(pid):
    """Kill a process that Spark may have replaced already."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def executor_dies(spark, how):
    """One executor is killed, stopped or cut off while every slot runs a trial."""
    victim, *_ = executor_pids(spark)
    trials = SparkTrials(parallelism=ALL, spark_session=spark)
    folder = Path(tempfile.mkdtemp(prefix="sparktune-test-"))

    def objective(x):
        (folder / f"{x}-{time.time_ns()}").touch()
        time.sleep(3)
        return x

    def strike():
        while len(list(folder.iterdir())) < trials.parallelism:
            time.sleep(0.02)
        if how == "cut off":
            RELAY.cut(victim)
        else:
            os.kill(victim, getattr(signal, how))

    threading.Thread(target=strike, daemon=True).start()
    try:
        report = search(objective, trials, points_to_evaluate=points(1, 2, 3, 4, 5, 6))
    finally:
        if how != "SIGKILL":
            kill_if_there(victim)
    return {**report, "runs": len(list(folder.iterdir()))}


def executor_always_dies(spark):
    """A trial that kills its executor at every attempt."""

    def objective(x):
        if x < 0:
            time.sleep(2)  # otherwise a trial that starts with it never finishes
            command = ["ps", "-o", "ppid=", "-p", str(os.getppid())]
            found = subprocess.run(command, capture_output=True, check=True).stdout
            os.kill(int(found), signal.SIGKILL)
        return x

    trials = SparkTrials(parallelism=2, spark_session=spark)
    return search(objective, trials, points_to_evaluate=points(-1, 1, 2, 3))


def no_executor_left(spark):
    """No executor answers any more: only the timeout can end the search."""
    victims = executor_pids(spark)
    trials = SparkTrials(parallelism=2, timeout=8, spark_session=spark)

    def strike():
        while trials.count_successful_trials() < 2:
            time.sleep(0.02)
        for pid in victims:
            os.kill(pid, signal.SIGSTOP)

    threading.Thread(target=strike, daemon=True).start()
    try:
        return search(lambda x: time.sleep(0.3) or x, trials, max_evals=1000)
    finally:
        for pid in victims:
            kill_if_there(pid)


def resources(spark, cpus, memory=None):
    """Trials that need several cores, and perhaps their own executors."""
    from pyspark.resource import (
        ExecutorResourceRequests,
        ResourceProfileBuilder,
        TaskResourceRequests,
    )

    builder = ResourceProfileBuilder().require(TaskResourceRequests().cpus(cpus))
    if memory is not None:
        builder = builder.require(ExecutorResourceRequests().memory(memory))
    try:
        trials = SparkTrials(parallelism=ALL, resource_profile=builder.build, spark_session=spark)
    except Exception as error:
        return {"refused": str(error)}

    def objective(x):
        from pyspark import TaskContext

        return {"loss": x, "status": "ok", "facts": TaskContext.get().cpus()}

    return {**search(objective, trials, max_evals=4), "parallelism": trials.parallelism}


def client_gives_up(spark, pid):
    """The server dies; the client is configured to give up soon."""
    from pyspark.sql.connect.client.retries import DefaultPolicy

    spark.client.set_retry_policies([DefaultPolicy(max_retries=3, max_backoff=200)])
    trials = SparkTrials(parallelism=2, spark_session=spark)

    def strike():
        while trials.count_successful_trials() < 1:
            time.sleep(0.02)
        struck.append(time.monotonic())
        os.killpg(pid, signal.SIGKILL)

    struck = []
    threading.Thread(target=strike, daemon=True).start()
    report = search(sleeper(), trials, points_to_evaluate=points(-1, 1, -2), max_evals=100)
    return {**report, "took": time.monotonic() - struck[0]}


def server_fails(spark, pid, how, end):
    """The server dies or stops answering, and the search ends while the client still waits."""
    from sparktune._parallel import dispatcher

    dispatcher._STUCK_SECONDS = 5  # not a minute
    main = threading.main_thread().ident
    times = {} if end == "ctrl-c" else {end: 10}
    start_workers(spark)
    trials = SparkTrials(parallelism=2, spark_session=spark, **times)

    def strike():
        while trials.count_successful_trials() < 1:
            time.sleep(0.02)
        os.killpg(pid, getattr(signal, how))
        struck.append(time.monotonic())
        if end == "ctrl-c":
            time.sleep(1)
            signal.pthread_kill(main, signal.SIGINT)

    struck = []
    threading.Thread(target=strike, daemon=True).start()
    report = search(sleeper(), trials, points_to_evaluate=points(-1, 1, -2, -3), max_evals=100)
    report["took"] = time.monotonic() - struck[0]
    if how == "SIGSTOP":
        os.killpg(pid, signal.SIGCONT)
        again = SparkTrials(parallelism=2, spark_session=spark)
        report["after"] = search(lambda x: x, again, max_evals=4)["states"]
        wait_for_threads()
    return report


def wait_for_threads():
    """Wait until the threads that waited for a server are gone, for at most 20 seconds."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if not any(thread.name.startswith("sparktune") for thread in threading.enumerate()):
            return
        time.sleep(0.1)
