"""Ctrl-C as a terminal sends it, to the whole process group, and as a notebook does."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.spark,
    pytest.mark.slow,
    pytest.mark.timeout(240),
    pytest.mark.skipif(sys.platform == "win32", reason="sends signals to process groups"),
]

START = """
import json, signal, sys, time, warnings
from pyspark.sql import SparkSession
from ports import with_own_port
from sparktune import SparkTrials, fmin, hp, rand

signal.signal(signal.SIGINT, signal.default_int_handler)
builder = SparkSession.builder
if sys.argv[1] == "connect":
    builder = with_own_port(builder.remote("local[2]"))
else:
    builder = builder.master("local[2]")
spark = builder.config("spark.ui.enabled", "false").getOrCreate()
trials = SparkTrials(parallelism=2)

def objective(x):
    if x < 0:
        time.sleep(600)
    return x

def say(**facts):
    print("SAID " + json.dumps(facts), flush=True)

def told(trials):
    say(running=True)
    return False, []

def search():
    points = [{"x": -1.0}, {"x": 1.0}, {"x": -2.0}]
    fmin(objective, hp.uniform("x", -5, 5), rand.suggest, 100, trials=trials, verbose=False,
         points_to_evaluate=points, early_stop_fn=told)
"""

SCRIPT = """
try:
    search()
finally:
    say(states=[trial["state"] for trial in trials._dynamic_trials])
"""

# A kernel runs cells one after the other on an event loop, with Python's own handler for signals,
# and outlives their exceptions.
KERNEL = """
import asyncio

async def run_cells(cells):
    for cell in cells:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            exec(cell, globals())
        except KeyboardInterrupt:
            say(states=[trial["state"] for trial in trials._dynamic_trials])
        await asyncio.sleep(0)

asyncio.run(run_cells([
    "search()",
    "again = SparkTrials(parallelism=2); "
    "fmin(abs, hp.uniform('x', -5, 5), rand.suggest, 4, trials=again, verbose=False)",
    "say(again=again.count_successful_trials())",
]))
"""


HERE = Path(__file__).resolve().parent


class Program:
    def __init__(self, code, mode, folder):
        self.log = folder / "log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-W", "ignore", "-c", START + code, mode],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=folder,
                start_new_session=True,
                env={
                    **os.environ,
                    "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parents[2] / "python")]),
                    "PYSPARK_PYTHON": sys.executable,
                    "SPARKTUNE_MLFLOW": "0",
                },
            )
        self.said = queue.Queue()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        with self.process.stdout as lines:
            for line in lines:
                if line.startswith("SAID "):
                    self.said.put(json.loads(line.partition(" ")[2]))

    def next(self, what, seconds):
        end = time.monotonic() + seconds
        while True:
            try:
                said = self.said.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                pytest.fail(f"nothing said of {what}\n{self.log.read_text()[-4000:]}")
            if what in said:
                return said[what]

    def end(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.reader.join(10)


@pytest.fixture
def start(tmp_path):
    started = []

    def _start(code, mode):
        started.append(Program(code, mode, tmp_path))
        started[-1].next("running", 120)
        return started[-1]

    yield _start
    for program in started:
        program.end()


@pytest.mark.parametrize("mode", ["classic", "connect"])
def test_a_script_ends_within_seconds(start, mode):
    program = start(SCRIPT, mode)
    os.killpg(program.process.pid, signal.SIGINT)
    states = program.next("states", 15)
    assert states[:2] == [4, 2]
    program.process.wait(30)
    assert "KeyboardInterrupt" in program.log.read_text()


@pytest.mark.parametrize("mode", ["classic", "connect"])
def test_a_notebook_goes_on_with_its_next_cell(start, mode):
    program = start(KERNEL, mode)
    program.process.send_signal(signal.SIGINT)
    states = program.next("states", 15)
    assert states[:2] == [4, 2]
    assert program.next("again", 60) == 4
