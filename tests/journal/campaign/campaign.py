"""The campaign: searches whose driver is killed again and again, until each one is done.

``python campaign.py --kills 200`` prints a table; `make campaign` calls it. What it counts must be
0 in each column after "finished".
"""

import argparse
import random
import shutil
import signal
import sys
import tempfile
import uuid
from dataclasses import fields
from pathlib import Path

from killed_search import KilledSearch, Tally


def mlflow_store(folder):
    """Make a SQLite store of MLflow, which takes seconds."""
    from mlflow import MlflowClient

    MlflowClient(tracking_uri=f"sqlite:///{folder}/mlflow.db").search_experiments()
    return folder / "mlflow.db"


ADDRESSES = {
    "serial": "",
    "processes": "",
    "classic": "local[2]",
    "cluster": "local-cluster[2,1,1024]",
}


def kill_in_mode(tally, kills, folder, rng, address=None, store=None, **size):
    """Run searches until so many drivers have been killed."""
    address = ADDRESSES[tally.mode] if address is None else address
    while tally.kills < kills and not tally.problems:
        place = folder / f"{tally.mode}-{uuid.uuid4().hex[:8]}"
        place.mkdir(parents=True)
        KilledSearch(tally, place, rng, address, store=store, **size).run(kills - tally.kills)
        if not tally.problems:
            shutil.rmtree(place, ignore_errors=True)
    return tally


# Which part of the kills each mode gets; those of Spark take longest.
SHARES = {
    ("serial", False): 0.35,
    ("serial", True): 0.1,
    ("processes", False): 0.27,
    ("processes", True): 0.08,
    ("classic", False): 0.05,
    ("classic", True): 0.04,
    ("cluster", False): 0.03,
    ("connect", False): 0.05,
    ("connect", True): 0.03,
}


def table(tallies):
    """Return the table as text."""
    names = [each.name for each in fields(Tally) if each.name != "problems"]
    rows = [names] + [
        [("yes" if value else "no") if isinstance(value, bool) else str(value)
         for value in (getattr(tally, name) for name in names)]
        for tally in tallies
    ]  # fmt: skip
    total = [sum(getattr(tally, name) for tally in tallies) for name in names[2:]]
    rows.append(["all", "", *map(str, total)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
             for row in rows]  # fmt: skip
    lines.insert(1, " | ".join("-" * width for width in widths))
    return "\n".join(f"| {line} |" for line in lines)


def say(*lines):
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def main():
    """Run the long form; the exit code is 1 if anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--modes", nargs="*", default=["serial", "processes", "classic", "cluster",
                                                       "connect"])  # fmt: skip
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the server is stopped
    say(f"seed {given.seed}")
    rng, tallies = random.Random(given.seed), []
    folder = Path(tempfile.mkdtemp(prefix="campaign-"))
    store = server = None
    try:
        for (mode, mlflow), share in SHARES.items():
            if mode not in given.modes:
                continue
            if mlflow and store is None:
                store = mlflow_store(folder)
            if mode == "connect" and server is None:
                from modes import ConnectServer

                server = ConnectServer(folder, "local[2]")
            address = server.address if mode == "connect" else None
            tally = Tally(mode, mlflow)
            tallies.append(tally)
            kills = max(1, round(given.kills * share))
            kill_in_mode(tally, kills, folder, rng, address, store if mlflow else None)
            say(table([tally]).splitlines()[2], *tally.problems)
    finally:
        if server is not None:
            server.close()
    say(table(tallies))
    wrong = any(tally.problems for tally in tallies)
    if wrong:
        say(f"what is left is in {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(wrong)


if __name__ == "__main__":
    main()
