"""Fixtures for all tests."""

import os
import sys
import warnings

import pytest


@pytest.fixture(scope="session")
def spark():
    """The local Spark of the test run, with four slots; started by the first test that needs it."""
    # The workers must run the same Python as the driver.
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pyspark warns about its own insides
        from pyspark.sql import SparkSession

        session = (
            SparkSession.builder.master("local[4]")
            .appName("sparktune tests")
            .config("spark.ui.enabled", "false")
            .config("spark.ui.showConsoleProgress", "false")
            .config("spark.driver.host", "127.0.0.1")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.sql.shuffle.partitions", "2")
            .config("spark.log.level", "OFF")
            .getOrCreate()
        )
        session.sparkContext.setLogLevel("OFF")
    yield session
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        session.stop()
