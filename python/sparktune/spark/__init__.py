"""Hyperopt's module name for `SparkTrials`."""

from sparktune._parallel.spark.trials import SparkTrials

__all__ = ["SparkTrials"]
