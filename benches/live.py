"""Measure what the lines of running trials cost the driver, and what a report costs a trial.

Trials are threads of a second process that speak the real worker's side: 64 of them with 1,000
steps each, 33 steps per second. The driver's share is the processor time of its listener's thread.
A report is timed alone, with a table of cut-offs, with and without an open line.

    python benches/live.py [--trials 64] [--steps 1000] [--seconds 30] [--policy asha] [--ended 300]
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import statistics
import threading
import time
from typing import Any

from sparktune._parallel.backend import LOOPBACK
from sparktune._parallel.live import Listener
from sparktune._pruning.policies import policy_of
from sparktune._pruning.pruner import Pruner
from sparktune._worker.handle import TrialHandle, TrialPruned


def document(tid: int) -> dict[str, Any]:
    """Return what a listener reads of a trial."""
    return {"tid": tid, "misc": {}}


def run_trials(started: list[dict[str, Any]], steps: int, seconds: float, out: Any) -> None:
    """Run all trials as threads; send the seconds of each report."""
    took: list[float] = []

    def run(data: dict[str, Any]) -> None:
        handle, begin = TrialHandle(**data), time.perf_counter()
        draw = random.Random(handle.tid)
        level = draw.random()
        for step in range(steps):
            time.sleep(max(0.0, begin + step * seconds / steps - time.perf_counter()))
            loss = level + 5 / (step + 1) + 0.1 * draw.random()
            before = time.perf_counter()
            try:
                handle.report(loss, step)
            except TrialPruned:
                handle._pruned = False  # all of them run to the end, for the worst case
            took.append(time.perf_counter() - before)
        handle._close()

    threads = [threading.Thread(target=run, args=(data,)) for data in started]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    out.send((statistics.median(took) * 1e6, sorted(took)[int(len(took) * 0.99)] * 1e6))


def driver(options: argparse.Namespace) -> None:
    """Time the listener of a search whose trials all run at once."""
    pruner = Pruner(policy_of(options.policy))
    for tid in range(10_000, 10_000 + options.ended):
        losses = [random.random() + 5 / (step + 1) for step in range(options.steps)]
        curve = {"steps": list(range(options.steps)), "losses": losses}
        pruner.complete(document(tid), {"status": "ok", "loss": losses[-1], "curve": curve})
    listener = Listener(pruner, (LOOPBACK, LOOPBACK))
    used: dict[str, float] = {}
    counts = {"messages": 0, "rounds": 0}
    serve, hear, send = listener._serve, listener._hear, listener._send_rules

    def timed() -> None:
        begin = time.thread_time()
        serve()
        used["seconds"] = time.thread_time() - begin

    def counted_hear(connection: Any, message: Any) -> None:
        counts["messages"] += 1
        hear(connection, message)

    def counted_send() -> None:
        counts["rounds"] += 1
        send()

    listener._serve, listener._hear = timed, counted_hear  # type: ignore[method-assign]
    listener._send_rules = counted_send  # type: ignore[method-assign]
    started = []
    for tid in range(options.trials):
        data = {
            "tid": tid,
            "rule": pruner.rule(document(tid)),
            "line": listener.data(document(tid)),
        }
        started.append(data)
    ours, theirs = multiprocessing.Pipe()
    spawn = multiprocessing.get_context("spawn")
    arguments = (started, options.steps, options.seconds, theirs)
    process = spawn.Process(target=run_trials, args=arguments)
    begin = time.perf_counter()
    process.start()
    ended = 0
    while not ours.poll(1.0):  # meanwhile, trials end
        ended += 1
        tid = 20_000 + ended
        curve = {"steps": list(range(options.steps)), "losses": [1.0] * options.steps}
        pruner.complete(document(tid), {"status": "ok", "loss": 1.0, "curve": curve})
    median, rare = ours.recv()
    wall = time.perf_counter() - begin
    listener.close()
    process.join()
    share = 100 * used["seconds"] / wall
    print(
        f"{options.policy}, {options.trials} trials of {options.steps} steps in {wall:.0f} s, "
        f"{options.ended} ended before: listener {used['seconds']:.2f} s of processor time, "
        f"{share:.1f} % of one; {counts['messages'] / wall:.0f} messages and "
        f"{counts['rounds'] / wall:.1f} rounds per second; a report of 64 threads that share one "
        f"interpreter: median {median:.0f} us, 99 % below {rare:.0f} us"
    )


def report() -> None:
    """Time single reports."""
    rule = ("cutoffs", {"table": [(i, 1e9) for i in range(64)], "once": False, "end": 1e9})
    pruner = Pruner(policy_of("asha"))
    listener = Listener(pruner, (LOOPBACK, LOOPBACK))
    listener.data(document(0))
    for name, line in (("no line", None), ("an open line", listener.data(document(0)))):
        handle = TrialHandle(tid=0, rule=rule, line=line)
        handle.report(1.0, 0)
        time.sleep(0.6)
        handle.report(1.0, 1)
        time.sleep(0.2)
        is_open = handle._line is not None and handle._line._call is not None
        assert is_open == (line is not None)
        times = []
        for step in range(2, 20_002):
            if step % 100 == 0:
                time.sleep(0.01)  # reports come over two seconds, so that messages go out meanwhile
            begin = time.perf_counter()
            handle.report(1.0, step)
            times.append(time.perf_counter() - begin)
        times.sort()
        print(
            f"trial.report with a table and {name}: median {times[10_000] * 1e6:.2f} us, "
            f"mean {statistics.mean(times) * 1e6:.2f} us, 99.9 % below {times[19_980] * 1e6:.1f} us"
        )
        handle._close()
    listener.close()


def main() -> None:
    """Measure both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=64)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--policy", default="asha")
    parser.add_argument("--ended", type=int, default=300)
    options = parser.parse_args()
    report()
    driver(options)


if __name__ == "__main__":
    main()
