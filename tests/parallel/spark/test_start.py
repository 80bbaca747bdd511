"""The session that `SparkTrials` makes itself, each in a process of its own."""

import os
import shutil
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.spark, pytest.mark.slow, pytest.mark.timeout(240)]

SEARCH = """
import os
from sparktune import SparkTrials, fmin, hp, rand

def objective(x):
    if x < -0.5:
        os._exit(1)
    return x

trials = SparkTrials(2)
print(trials._spark.conf.get("spark.ui.showConsoleProgress"))
best = fmin(objective, hp.uniform("x", -1, 1), rand.suggest, 12, trials=trials, rstate=0,
            show_progressbar=False, mlflow=False)
print("found", abs(best["x"]) < 1)
"""


def run(code, **variables):
    environment = {**os.environ, **variables}
    environment = {name: value for name, value in environment.items() if value is not None}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )


def test_it_is_quiet():
    done = run(SEARCH)
    assert done.stdout.split() == ["false", "found", "True"]
    # Java prints the first before any configuration is read.
    said = [line for line in done.stderr.splitlines() if "incubator modules" not in line]
    assert all(line.startswith("sparktune: Trial") for line in said), done.stderr
    assert "Most often it took too much memory" in said[0]


def test_a_session_that_is_there_is_taken_as_it_is():
    code = SEARCH.replace(
        "trials =",
        "from pyspark.sql import SparkSession\n"
        'SparkSession.builder.master("local[2]").config("spark.ui.showConsoleProgress", "true")'
        ".getOrCreate()\ntrials =",
        1,
    )
    done = run(code)
    assert done.stdout.split() == ["true", "found", "True"]


class TestJava:
    START = "from sparktune import SparkTrials; SparkTrials(2)"

    def error(self, **variables):
        done = run(self.START, **variables)
        last = done.stderr.strip().splitlines()[-1]
        assert last.startswith("sparktune.exceptions.JavaNotFound: Spark ")
        assert " needs Java " in last
        assert "set JAVA_HOME" in last
        assert "ProcessTrials" in last
        return last

    def test_a_folder_without_java(self, tmp_path):
        said = self.error(JAVA_HOME=str(tmp_path))
        assert f"JAVA_HOME is {str(tmp_path)!r}, a folder without `bin/java`" in said

    def test_one_that_is_too_old(self, tmp_path):
        said = self.error(JAVA_HOME=self.fake(tmp_path, "echo 'openjdk version \"1.8.0_392\"' >&2"))
        assert "is Java 8; JAVA_HOME is" in said

    def test_one_that_is_broken(self, tmp_path):
        said = self.error(JAVA_HOME=self.fake(tmp_path, "echo 'no libjvm.so' >&2; exit 1"))
        assert "does not work: no libjvm.so." in said

    def test_none(self, tmp_path):
        for name in ("bash", "dirname", "uname", "ps"):
            if (path := shutil.which(name)) is not None:
                (tmp_path / name).symlink_to(path)
        said = self.error(JAVA_HOME=None, PATH=str(tmp_path))
        assert "there is none: JAVA_HOME is not set, and the PATH has no `java`" in said

    @staticmethod
    def fake(folder, script):
        java = folder / "bin" / "java"
        java.parent.mkdir()
        java.write_text(f"#!/bin/sh\n{script}\n")
        java.chmod(0o755)
        return str(folder)
