"""What plain `pytest` runs, the depth of property tests, and the one Spark session."""

import os
import sys
import warnings

import pytest
from hypothesis import settings

# CI and plain `pytest` go a little way each time, `make fuzz` far.
settings.register_profile("quick", max_examples=150, deadline=None)
settings.register_profile("deep", max_examples=20_000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

NOT_QUICK = ("slow", "spark", "mlflow")


def pytest_addoption(parser):
    parser.addoption("--all", action="store_true", help=f"also run tests marked {NOT_QUICK}")


def _only_quick(config):
    """Return whether nothing was asked for: no path, no `-m`, and not `--all`."""
    by_default = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    return by_default and not config.option.markexpr and not config.option.all


def pytest_report_header(config):
    if _only_quick(config):
        return f"quick tests only, none marked {', '.join(NOT_QUICK)}; --all runs every test"
    return None


@pytest.hookimpl(trylast=True)  # the conftest of a folder may mark its tests
def pytest_collection_modifyitems(config, items):
    if _only_quick(config):
        slow = [i for i in items if any(i.get_closest_marker(name) for name in NOT_QUICK)]
        left = set(map(id, slow))
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if id(item) not in left]


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
