"""`start_session`: a new Spark session, quiet, or an error that says what Java is missing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import warnings
from pathlib import Path
from typing import Any

from sparktune._parallel.spark_compat import has_context
from sparktune.exceptions import JavaNotFound

__all__ = ["start_session"]

# With these, the user has said how Spark is to run, and where its logs go.
_CONFIGURED = ("SPARK_CONF_DIR", "SPARK_HOME", "PYSPARK_SUBMIT_ARGS", "SPARK_REMOTE")
_LOGGING = Path(__file__).with_name("log4j2.properties")


def start_session() -> Any:
    """Return the session of this process, a new one if there is none.

    A new one draws no bars in the console and logs errors only, unless environment variables
    configure Spark.

    Raises
    ------
    JavaNotFound
        If Spark cannot start because Java is missing, broken or too old.
    """
    from pyspark.errors import PySparkRuntimeError
    from pyspark.sql import SparkSession

    builder = SparkSession.builder
    if _is_ours_to_configure():
        for name, value in {
            "spark.ui.showConsoleProgress": "false",
            "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={_LOGGING.as_uri()}",
        }.items():
            builder = builder.config(name, value)
    try:
        with warnings.catch_warnings():
            # It is about pyspark's own functions for pandas, which trials do not use.
            warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas")
            return builder.getOrCreate()
    except PySparkRuntimeError as error:
        if "JAVA_GATEWAY_EXITED" not in str(error):
            raise
        raise JavaNotFound(_explain(str(error))) from None
    except FileNotFoundError as error:  # no `bash` or no script that starts Java
        raise JavaNotFound(_explain(str(error))) from None


def _is_ours_to_configure() -> bool:
    return not has_context() and not any(os.environ.get(name) for name in _CONFIGURED)


def _explain(error: str) -> str:
    import pyspark

    needed = 17 if int(pyspark.__version__.split(".")[0]) >= 4 else 8
    return (
        f"Spark {pyspark.__version__} needs Java {needed} or newer, and {_find_java(needed)} "
        f"Install a JDK and set JAVA_HOME to its folder, or use ProcessTrials, which needs neither "
        f"Spark nor Java. ({error.splitlines()[0].strip()})"
    )


def _find_java(needed: int) -> str:
    """Say which Java Spark would run."""
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home, "bin", "java")) if home else shutil.which("java")
    where = f"JAVA_HOME is {home!r}" if home else "JAVA_HOME is not set"
    if java is None:
        return f"there is none: {where}, and the PATH has no `java`."
    if shutil.which(java) is None:
        return f"there is none: {where}, a folder without `bin/java`."
    try:
        done = subprocess.run(
            [java, "-version"], capture_output=True, text=True, check=False, timeout=20
        )
        said = done.stderr + done.stdout
    except (OSError, subprocess.SubprocessError) as error:
        return f"{java!r} cannot be run: {error}."
    found = re.search(r'version "(?:1\.)?(\d+)[^"]*"', said)
    if done.returncode or found is None:
        first = next(iter(said.splitlines()), "it says nothing")
        return f"{java!r} does not work: {first}."
    if int(found[1]) < needed:
        return f"{java!r} is Java {found[1]}; {where}."
    return f"{java!r}, Java {found[1]}, did not start it: see what it printed above."
