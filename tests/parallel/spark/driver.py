"""Run scenarios on one Spark session in a separate process; see `modes.Driver`.

A process has either classic sessions or those of Spark Connect, and a session of another master
needs another JVM. So each mode has a process that takes the names of scenarios from its standard
input, one JSON object per line, and answers each with one line.
"""

import faulthandler
import json
import os
import signal
import sys
import threading
import time
import traceback
import warnings
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))  # for `footprints`

import again
import batched
import scenarios
import workers
from ports import with_own_port
from pyspark.sql import SparkSession
from relay import Relay


def make_session(address, settings):
    if address.startswith("sc://"):
        return SparkSession.builder.remote(address).getOrCreate()
    if address.startswith("relayed "):
        address = address.partition(" ")[2]
        scenarios.RELAY = Relay()
        settings = {**settings, **scenarios.RELAY.settings}
    if address.startswith("remote "):
        builder = with_own_port(SparkSession.builder.remote(address.partition(" ")[2]))
    else:
        builder = SparkSession.builder.master(address)
    for key, value in settings.items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    if address.startswith("local-cluster["):
        wait_for_executors(spark, int(address.removeprefix("local-cluster[").partition(",")[0]))
    return spark


def wait_for_executors(spark, count):
    """Wait until all executors have registered: a session starts earlier, and tests count them."""
    tracker = spark.sparkContext._jsc.sc().statusTracker()
    end = time.monotonic() + 60
    while len(list(tracker.getExecutorInfos())) - 1 < count:  # the driver is in the list too
        assert time.monotonic() < end, "the executors do not start"
        time.sleep(0.1)


def main():
    faulthandler.register(signal.SIGUSR1)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # background threads lack it
    warnings.simplefilter("ignore")  # pyspark's own
    spark = make_session(sys.argv[1], json.loads(sys.argv[2]))
    answer({"ready": type(spark).__module__})
    for line in sys.stdin:
        request = json.loads(line)
        begin = time.monotonic()
        try:
            rooms = (scenarios, workers, again, batched)
            room = next(each for each in rooms if hasattr(each, request["scenario"]))
            report = getattr(room, request["scenario"])(spark, **request["arguments"])
        except BaseException:
            answer({"crashed": traceback.format_exc()})
        else:
            left = [t.name for t in threading.enumerate() if t.name.startswith("sparktune")]
            answer({**report, "seconds": time.monotonic() - begin, "threads": left})
    os._exit(0)


def answer(facts):
    sys.stdout.write("REPORT " + json.dumps(facts) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
