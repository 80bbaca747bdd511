"""Hyperopt's tests that are not run against sparktune as they are, each with its reason."""

from fnmatch import fnmatchcase

LEFT_OUT = "tests a module that sparktune leaves out; docs/migrating.md says what to use instead"

#: Test files that are not even imported.
FILES = {
    "tests/unit/test_atpe_basic.py": f"{LEFT_OUT} (atpe); fails for Hyperopt itself here",
    "tests/unit/test_ipy.py": f"{LEFT_OUT} (ipy); skips itself for Hyperopt as well",
    "tests/unit/test_rdists.py": f"{LEFT_OUT} (rdists)",
    "tests/unit/test_vectorize.py": f"{LEFT_OUT} (vectorize)",
    "tests/integration/test_mongoexp.py": f"{LEFT_OUT} (mongoexp); needs a MongoDB server",
    "tests/integration/test_sklearn.py": f"{LEFT_OUT} (sklearn)",
}

#: Patterns of tests that are skipped.
SKIPS = {
    "tests/unit/test_tpe.py::TestSuggestAtpe::*": (
        f"{LEFT_OUT} (atpe); fails for Hyperopt itself where lightgbm is not installed"
    ),
    "tests/unit/test_tpe.py::TestOptQUniform::*": (
        "evaluates the graph that Hyperopt's TPE builds of its posterior "
        "(adaptive_parzen_samplers); sparktune has no such graph, and tests/hyperopt/"
        "test_posterior.py compares the posteriors themselves"
    ),
    "tests/unit/test_rand.py::TestRand::test_seeding": (
        "expects the very numbers that numpy's PCG64(123) draws; sparktune's suggesters have "
        "random streams of their own"
    ),
    "tests/unit/test_domains.py::many_distsTester::test_basic": (
        "500 random points reach its loss with one seed in twelve, and with the seed that it names "
        "in Hyperopt; tests/hyperopt/test_same_quality.py compares the losses reached"
    ),
    "tests/unit/test_randint.py::TestSimpleFMin::test_random_finds_constrained_solution": (
        "random search finds all its roots with four seeds of five; tests/hyperopt/"
        "test_same_quality.py tests how often"
    ),
    "tests/unit/test_progress.py::test_tqdm_progress_callback_restores_stdout": (
        "asserts that the progress bar takes over sys.stdout, which sparktune's does not do"
    ),
    "tests/integration/test_spark.py::FMinTestCase::test_parallelism_arg": (
        "calls the private SparkTrials._decide_parallelism; "
        "tests/parallel/spark/test_cluster.py tests what decides here"
    ),
    "tests/integration/test_spark.py::FMinTestCase::test_exception_when_spark_not_available": (
        "sets the private flag hyperopt.spark._have_spark; "
        "tests/parallel/spark/test_spark_trials.py hides pyspark itself"
    ),
    "tests/integration/test_spark.py::FMinTestCase::test_pin_thread_o*": (
        "reads the private flags _spark_pinned_threads_enabled and _spark_supports_job_cancelling; "
        "one of the two skips itself for Hyperopt as well"
    ),
    "tests/integration/test_spark.py::FMinTestCase::test_timeout_without_job_cancellation*": (
        "sets the private flag _spark_supports_job_cancelling to False, for a Spark that cannot "
        "cancel jobs; every Spark that sparktune runs on can"
    ),
}

#: Patterns of tests that hold for some seeds only, and the values of `x` that their searches try,
#: by trial id, in place of what `anneal.suggest` draws: what they test is not the draw.
PINNED = {
    "tests/integration/test_spark.py::FMinTestCase::test_timeout_with_job_cancellation": (
        [-0.1, 1.0, 1.5, 2.0, 2.5, 3.0],
        "needs a negative value among the first, whose trial then blocks",
    ),
    "tests/integration/test_spark.py::FMinTestCase::test_trial_run_info": (
        [0.0, 4.0, 1.0, -1.0, 2.0, -4.0, -2.0, 0.5],
        "expects that 2 of 8 values are out of range",
    ),
}


def look_up(table, name):
    """Return what `table` says about the test `name`, None if nothing."""
    for pattern, found in table.items():
        if fnmatchcase(name, pattern):
            return found
    return None
