"""How many trials run at once, decided without Spark."""

import logging
from types import SimpleNamespace

import numpy as np
import pytest

from sparktune._parallel.parallelism import check_parallelism
from sparktune._parallel.spark.classic import ClassicSession
from sparktune._parallel.spark.cluster import Cluster, decide_parallelism
from sparktune._parallel.spark_compat import is_stopped, task_slots
from sparktune.exceptions import InvalidArgumentType

LOCAL = Cluster(local=True, executors=None, slots=4, default_parallelism=4)
# Three executors of four slots.
FIXED = Cluster(local=False, executors=3, slots=12, default_parallelism=12)
GROWING = Cluster(local=False, executors=1, slots=4, default_parallelism=4, dynamic=True)
# Nothing has registered yet.
EMPTY = Cluster(local=False, executors=None, slots=None, default_parallelism=2)
HUGE = Cluster(local=False, executors=300, slots=2400, default_parallelism=2400)


@pytest.mark.parametrize(
    ("requested", "cluster", "expected", "level", "said"),
    [
        (None, LOCAL, 4, "INFO", "task slots"),
        (None, FIXED, 3, "INFO", "number of executors"),
        (None, EMPTY, 2, "INFO", "default parallelism"),
        (None, HUGE, 128, "WARNING", "at most 128; got 300"),
        (0, FIXED, 3, "WARNING", "greater than 0; got 0"),
        (-5, LOCAL, 4, "WARNING", "greater than 0; got -5"),
        (2, FIXED, 2, None, ""),
        (12, FIXED, 12, None, ""),
        (13, FIXED, 12, "WARNING", "12 tasks at once, fewer than the 13"),
        (500, FIXED, 12, "WARNING", "at most 128; got 500"),
        (1000, HUGE, 128, "WARNING", "at most 128; got 1000"),
        (16, GROWING, 16, "WARNING", "until dynamic allocation adds executors"),
        (16, EMPTY, 16, None, ""),
        (5, LOCAL, 4, "WARNING", "4 tasks at once, fewer than the 5"),
    ],
)
def test_decides_and_says_why(caplog, requested, cluster, expected, level, said):
    caplog.set_level(logging.INFO, "sparktune.spark")
    assert decide_parallelism(requested, cluster) == expected
    if level is None:
        assert caplog.records == []
    else:
        assert said in caplog.text
        assert level in {record.levelname for record in caplog.records}


@pytest.mark.parametrize("wrong", [True, False, "4", 4.5, [4], np.bool_(True), 2.5])
def test_the_type_of_parallelism_is_checked(wrong):
    with pytest.raises(InvalidArgumentType, match="`parallelism` of SparkTrials must be an int"):
        check_parallelism(wrong)


@pytest.mark.parametrize("right", [None, 4, np.int64(4), -1])
def test_ints_and_none_are_taken(right):
    assert check_parallelism(right) == right


class FakeContext:
    """What a `ClassicSession` asks of a SparkContext."""

    def __init__(self, master="spark://host:7077", executors=2, slots=8, conf=None, stopped=False):
        self.master = master
        self.defaultParallelism = 8
        self._conf = conf or {}
        infos = [object()] * (executors + 1)
        profiles = SimpleNamespace(defaultResourceProfile=lambda: "default")
        jsc = SimpleNamespace(
            statusTracker=lambda: SimpleNamespace(getExecutorInfos=lambda: infos),
            resourceProfileManager=lambda: profiles,
            maxNumConcurrentTasks=lambda profile: slots,
            isStopped=lambda: stopped,
        )
        self._jsc = SimpleNamespace(sc=lambda: jsc)

    def getConf(self):
        return self._conf


def read(context):
    return ClassicSession(SimpleNamespace(sparkContext=context)).read_cluster()


def test_reads_a_cluster():
    assert read(FakeContext()) == Cluster(
        local=False, executors=2, slots=8, default_parallelism=8, dynamic=False
    )


@pytest.mark.parametrize(
    ("master", "local"),
    [
        ("local", True),
        ("local[4]", True),
        ("local[4,3]", True),
        ("local-cluster[2,1,1024]", False),
        ("yarn", False),
    ],
)
def test_knows_local_mode(master, local):
    assert read(FakeContext(master=master)).local is local


def test_knows_dynamic_allocation():
    conf = {"spark.dynamicAllocation.enabled": "true"}
    assert read(FakeContext(conf=conf)).dynamic


def test_what_spark_does_not_say_is_unknown():
    context = FakeContext(executors=0, slots=0)
    assert read(context).executors is None
    assert read(context).slots is None
    context._jsc = SimpleNamespace()  # another version, without the private calls
    assert read(context).executors is None
    assert task_slots(context) is None


def test_knows_a_stopped_context():
    assert not is_stopped(FakeContext())
    assert is_stopped(FakeContext(stopped=True))
    assert is_stopped(SimpleNamespace(_jsc=None))
    assert is_stopped(SimpleNamespace(_jsc=SimpleNamespace()))
