"""Scenarios about the Python workers of Spark; see `scenarios`."""

import footprints
from scenarios import search

from sparktune import SparkTrials


def footprints_of(spark, kind):
    """What trials see of the traces that earlier trials have left in their worker."""
    fn, space, *expected = getattr(footprints, kind)()
    trials = SparkTrials(parallelism=1, spark_session=spark)
    report = search(fn, trials, space=space, max_evals=5)
    facts = [result["facts"] for result in report.pop("results")]
    return {**report, "facts": facts, "expected": expected}


def workers_of_another_python(spark, python):
    """Workers whose Python cannot run trials; then those of before."""
    setting = "spark.sql.execution.pyspark.python"
    spark.conf.set(setting, python)
    try:
        report = search(lambda x: x, SparkTrials(2, spark_session=spark), max_evals=8)
    finally:
        spark.conf.unset(setting)
    after = search(lambda x: x, SparkTrials(2, spark_session=spark), max_evals=2)
    return {**report, "after": after["states"]}
