"""Trials on a Spark cluster: `SparkTrials` and what it is made of."""

from sparktune.spark.trials import SparkTrials

__all__ = ["SparkTrials"]
