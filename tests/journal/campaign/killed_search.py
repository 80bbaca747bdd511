"""`KilledSearch`: one search whose driver is killed again and again, and what is counted then."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parents[1] / "parallel" / "spark"))

from sparktune import Trials  # noqa: E402
from sparktune._journal.file_store import FileStore  # noqa: E402
from sparktune._trials.documents import JOB_STATE_DONE, JOB_STATE_ERROR  # noqa: E402

ENDED = (JOB_STATE_DONE, JOB_STATE_ERROR)
MARK = "SPARKTUNE_CAMPAIGN"  # by which processes that are left are found
# Whether to check the runs in MLflow too.
CHECK_RUNS = os.environ.get("SPARKTUNE_CAMPAIGN_RUNS", "1") == "1"
# Seconds: a whole search, and the processes of a driver that was killed. More than that is a hang.
LIMITS = {"serial": 120, "processes": 120}
SPARK_LIMIT = 300
END_LIMIT = 30
# How long a driver takes until it suggests, at most: kills at the start are spread over that.
STARTS = {"serial": 1.5, "processes": 1.5}
SPARK_START = 12.0


@dataclass
class Tally:
    """What happened to the searches of one mode."""

    mode: str
    mlflow: bool
    searches: int = 0
    kills: int = 0
    finished: int = 0
    lost: int = 0  # trials that the search had acted on, and that the journal does not have
    doubled: int = 0  # trials that ran although they had ended, or are there twice
    changed: int = 0  # trials whose values or results changed
    unknown: int = 0  # runs of trials that the journal never had
    runs: int = 0  # searches of which MLflow has not one ended run for each trial
    unreadable: int = 0
    hangs: int = 0
    leftovers: int = 0
    problems: list[str] = field(default_factory=list)

    def wrong(self, column, count, what):
        if count:
            setattr(self, column, getattr(self, column) + count)
            self.problems.append(f"{column}: {what}")


@dataclass
class Seen:
    """What the side file and the journal said so far."""

    documents: dict = field(default_factory=dict)  # by tid: values, and the outcome if it ended
    acted: dict = field(default_factory=dict)  # by tid: the number of the driver


class KilledSearch:
    """One search and its kills.

    Parameters
    ----------
    tally : Tally
        Where to count.
    folder : Path
        An empty one.
    rng : random.Random
        Decides when to kill.
    address : str
        Of Spark, if the mode needs one.
    max_evals, milliseconds : int
        Size of the search, and how long a trial takes at most.
    store : Path, optional
        A SQLite file with the tables of MLflow, to be copied.
    """

    def __init__(self, tally, folder, rng, address="", max_evals=40, milliseconds=20, store=None):
        self.tally, self.folder, self.rng = tally, folder, rng
        self.mark = uuid.uuid4().hex
        self.events = folder / "events"
        self.events.touch()
        self.journal = folder / "journal"
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self.log = folder / "driver.log"
        self.seen, self.number = Seen(), 0
        self.environment = {
            **os.environ,
            "PYTHONPATH": str(HERE.parents[2] / "python"),
            "PYSPARK_PYTHON": sys.executable,
            "TMPDIR": str(self.temporary),
            "GIT_PYTHON_REFRESH": "quiet",
            MARK: self.mark,
        }
        self.environment.pop("SPARKTUNE_MLFLOW", None)
        if store is not None:
            shutil.copy(store, folder / "mlflow.db")
            self.environment["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder}/mlflow.db"
        self.plan = {
            "mode": tally.mode,
            "address": address,
            "settings": _spark_settings(tally.mode, self.temporary),
            "events": str(self.events),
            "journal": str(self.journal),
            "max_evals": max_evals,
            "milliseconds": milliseconds,
            "fails": rng.random() < 0.5,
            "seed": rng.randrange(1000),
            "queue": rng.choice([1, 1, 3]),
            "mlflow": store is not None,
        }

    def run(self, kills):
        """Kill at most `kills` drivers, and let the last one end; return how many were killed."""
        done = 0
        while True:
            ended = self._drive(kill=done < kills)
            self._check()
            if ended:
                self._check_end()
                return done
            done += 1
            if self.tally.hangs:
                return done

    # -- driving -------------------------------------------------------------------------------

    def _start(self, plan=None):
        self.number += 1
        with self.log.open("a") as log:
            return subprocess.Popen(
                [sys.executable, str(HERE / "campaign_driver.py"), json.dumps(plan or self.plan),
                 str(self.number)],
                stdout=log, stderr=log, cwd=self.folder, env=self.environment,
                start_new_session=True,
            )  # fmt: skip

    def _drive(self, kill):
        """Start a driver, and kill it; return whether it had ended by itself."""
        driver = self._start()
        try:
            if kill:
                self._wait_for_moment(driver)
                if driver.poll() is None:
                    driver.send_signal(self.rng.choice([signal.SIGKILL] * 4 + [signal.SIGTERM]))
                    driver.wait(LIMITS.get(self.tally.mode, SPARK_LIMIT))
                    self.tally.kills += 1
                    return False
            code = driver.wait(LIMITS.get(self.tally.mode, SPARK_LIMIT))
        except subprocess.TimeoutExpired:
            self._dump(driver)
            return True
        self.tally.wrong("hangs", code != 0, f"the driver failed with {code}\n{self._tail()}")
        return True

    def _wait_for_moment(self, driver):
        """Wait until the moment at which this driver shall die."""
        start = STARTS.get(self.tally.mode, SPARK_START) + (3 if self.plan["mlflow"] else 0)
        how = self.rng.random()
        if how < 0.15:  # while it starts
            with contextlib.suppress(subprocess.TimeoutExpired):
                driver.wait(self.rng.uniform(0, start))
            return
        left = 2 * (self.plan["max_evals"] - len(self.seen.acted))
        # While it ends, or after some events.
        lines = left if how < 0.25 else self.rng.randint(1, max(2, min(left, 16)))
        before, end = self._count(), time.monotonic() + LIMITS.get(self.tally.mode, SPARK_LIMIT)
        while driver.poll() is None and self._count() < before + 1 + lines:
            if time.monotonic() > end:
                self._dump(driver)
                raise subprocess.TimeoutExpired(driver.args, 0)
            time.sleep(0.0005)
        time.sleep(self.rng.choice([0, 0, self.rng.uniform(0, 0.05)]))

    def _count(self):
        return self.events.read_bytes().count(b"\n")

    def _dump(self, driver):
        with contextlib.suppress(ProcessLookupError):
            driver.send_signal(signal.SIGUSR1)  # writes the stacks of all threads
            time.sleep(1)
            driver.kill()
            driver.wait()
        self.tally.wrong("hangs", 1, f"the driver did not end\n{self._tail()}")

    def _tail(self):
        return self.log.read_text(errors="replace")[-4000:]

    # -- checking ------------------------------------------------------------------------------

    def _lines(self, kind):
        lines = [line.split() for line in self.events.read_text().splitlines()]
        return [(int(line[1]), *line[2:]) for line in lines if line[0] == kind]

    def _check(self):
        """Check what the journal has against what the search had acted on."""
        tally, seen = self.tally, self.seen
        for number, tid in self._lines("acted"):
            seen.acted.setdefault(int(tid), number)
        if not (self.journal / "journal.log").exists():
            tally.wrong("lost", len(seen.acted), "there is no journal")
            return
        try:
            trials = Trials.from_journal(self.journal)
        except Exception as error:
            if (self.journal / "journal.log").stat().st_size or seen.acted:
                tally.wrong("unreadable", 1, repr(error))
            return
        docs = trials._dynamic_trials
        there = {doc["tid"]: doc for doc in docs}
        tally.wrong("doubled", len(docs) - len(there), "an id is there twice")
        lost = [tid for tid in seen.acted if tid not in there or there[tid]["state"] not in ENDED]
        tally.wrong("lost", len(lost), f"trials {lost}")
        changed = [
            tid for tid, (values, outcome) in seen.documents.items()
            if tid in there and (there[tid]["misc"]["vals"] != values
                                 or (outcome is not None and _outcome(there[tid]) != outcome))
        ]  # fmt: skip
        tally.wrong("changed", len(changed), f"trials {changed}")
        gone = [tid for tid in seen.documents if tid not in there]
        tally.wrong("lost", len(gone), f"suggested trials {gone}")
        for tid, doc in there.items():
            seen.documents[tid] = (doc["misc"]["vals"], _outcome(doc))

    def _check_end(self):
        """Check the whole search."""
        tally, seen, plan = self.tally, self.seen, self.plan
        tally.searches += 1
        ended = [tid for tid, (_, outcome) in seen.documents.items() if outcome is not None]
        tally.finished += len(ended)
        wanted = set(range(plan["max_evals"]))
        tally.wrong("lost", len(wanted - set(ended)), f"{wanted - set(ended)} of max_evals")
        tally.wrong("doubled", len(set(ended) - wanted), f"{set(ended) - wanted} beyond max_evals")
        tids = {values["x"][0]: tid for tid, (values, _) in seen.documents.items()}
        again, unknown = set(), set()
        for number, value in self._lines("start"):
            tid = tids.get(float(value))
            if tid is None:
                unknown.add(value)
            elif seen.acted.get(tid, number) < number:
                again.add(tid)
        acted = [tid for _, tid in self._lines("acted")]
        tally.wrong("doubled", len(again), f"{again} ran again")
        tally.wrong("doubled", len(acted) - len(set(acted)), "the search acted twice on a trial")
        tally.wrong("unknown", len(unknown), f"runs of {unknown}")
        self._check_leftovers()
        if plan["mlflow"] and CHECK_RUNS:
            for problem in check_runs(self.environment["MLFLOW_TRACKING_URI"], ended):
                tally.wrong("runs", 1, problem)
        if plan["mode"] == "serial" and not plan["mlflow"]:
            self._check_same()

    def _check_leftovers(self):
        left, end = marked(self.mark), time.monotonic() + END_LIMIT
        while left and time.monotonic() < end:
            time.sleep(0.1)
            left = marked(self.mark)
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid.split()[0]), signal.SIGKILL)
        left += [f"journal/{path.name}" for path in self.journal.iterdir()
                 if path.name not in ("journal.log", "values", "checkpoints")]  # fmt: skip
        left += [str(path) for path in self.journal.rglob(".*")]
        ours = "*" if self.plan["mode"] in ("serial", "processes") else "*sparktune*"
        left += [str(path) for path in self.temporary.glob(ours)]
        store = FileStore(self.journal)
        try:
            store.open()
        except Exception as error:
            left.append(f"lock: {error!r}")
        store.close()
        self.tally.wrong("leftovers", len(left), f"{left}")

    def _check_same(self):
        """Check that the search is the same as one that nobody killed."""
        journal = self.folder / "again"
        plan = {**self.plan, "journal": str(journal), "events": str(self.folder / "events-again")}
        try:
            self._start(plan).wait(LIMITS["serial"])
        except subprocess.TimeoutExpired:
            self.tally.wrong("hangs", 1, "the search that nobody kills")
            return
        whole = {doc["tid"]: (doc["misc"]["vals"], _outcome(doc))
                 for doc in Trials.from_journal(journal)._dynamic_trials}  # fmt: skip
        other = [tid for tid in whole if whole[tid] != self.seen.documents.get(tid)]
        self.tally.wrong("changed", len(other), f"{other} differ from a search without kills")


def _outcome(doc):
    """Return how a trial ended, None if it has not."""
    if doc["state"] not in ENDED:
        return None
    result = {key: repr(value) if key == "model" else value for key, value in doc["result"].items()}
    return doc["state"], {k: v for k, v in result.items() if k != "model"}, doc["misc"].get("error")


def marked(mark):
    """Return id and command of each process that a driver of ours has started."""
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"{MARK}={mark}".encode() in (each / "environ").read_bytes().split(b"\0"):
                command = (each / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                found.append(f"{each.name} {command[:150]}")
    return found


def check_runs(uri, tids):
    """Return what is wrong unless each trial has one child run in MLflow, and all have ended."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    runs = client.search_runs([each.experiment_id for each in client.search_experiments()])
    children = [run for run in runs if "mlflow.parentRunId" in run.data.tags]
    running = [run.info.run_id for run in runs if run.info.status == "RUNNING"]
    found = sorted(int(run.data.tags["tid"]) for run in children)
    problems = [f"runs {running} have not ended"] if running else []
    if found != sorted(tids):
        problems.append(f"the child runs are of {found}, not of {sorted(tids)}")
    return problems


def _spark_settings(mode, temporary):
    if mode in ("serial", "processes"):
        return {}
    from modes import SETTINGS

    return {**SETTINGS, "spark.local.dir": str(temporary)}
