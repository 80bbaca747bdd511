"""Spark sessions in separate processes, and a Spark Connect server, for tests."""

import contextlib
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from ports import free_port

HERE = Path(__file__).resolve().parent
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": str(HERE.parents[2] / "python"),
    "PYSPARK_PYTHON": sys.executable,
    "SPARKTUNE_MLFLOW": "0",
}
SETTINGS = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.log.level": "OFF",
    # A lost executor is noticed within seconds, not minutes.
    "spark.network.timeout": "10s",
    "spark.network.timeoutInterval": "2s",
    "spark.executor.heartbeatInterval": "2s",
    "spark.executor.memory": "512m",
}
START_SECONDS = 150


class Driver:
    """A process that runs scenarios on one session, one after the other; see `driver.py`."""

    def __init__(self, address, folder):
        self.log = folder / "driver.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(HERE / "driver.py"), address, json.dumps(SETTINGS)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=folder,
                env=ENVIRONMENT,
                start_new_session=True,
            )
        self.answers = queue.Queue()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self.module = self._answer(START_SECONDS)["ready"]

    def _read(self):
        with self.process.stdout as lines:
            for line in lines:
                if line.startswith("REPORT "):
                    self.answers.put(json.loads(line.partition(" ")[2]))
        self.answers.put({"crashed": "the driver ended"})

    def _answer(self, seconds):
        try:
            report = self.answers.get(timeout=seconds)
        except queue.Empty:
            self.process.send_signal(signal.SIGUSR1)  # write the stacks of all threads
            time.sleep(1)
            report = {"crashed": f"nothing after {seconds} s"}
        if "crashed" in report:
            self.close()
            pytest.fail(f"{report['crashed']}\n{self.log.read_text()[-6000:]}")
        return report

    def __call__(self, scenario, seconds=120, *, leaves_threads=False, **arguments):
        """Run a scenario; more than `seconds` is a hang."""
        request = {"scenario": scenario, "arguments": arguments}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        report = self._answer(seconds)
        assert leaves_threads or report["threads"] == [], report
        return report

    @property
    def usable(self):
        return self.process.poll() is None

    def close(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process.stdin.close()
        self.reader.join(10)


class ConnectServer:
    """A Spark Connect server, started as Spark's own script does."""

    def __init__(self, folder, master):
        import pyspark

        port = free_port()
        home = Path(pyspark.__file__).parent
        script = home / "sbin" / "start-connect-server.sh"
        command = ["bash", str(script), "--wait", "--master", master]
        if not script.exists():  # in the wheels of PySpark 4.0: what the script would run
            server = "org.apache.spark.sql.connect.service.SparkConnectServer"
            command = ["bash", str(home / "bin" / "spark-submit"), "--class", server]
            command += ["--master", master, "--name", "Spark Connect server"]
        settings = {**SETTINGS, "spark.connect.grpc.binding.port": port}
        for key, value in settings.items():
            command += ["--conf", f"{key}={value}"]
        self.log = folder / "server.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=folder, env=ENVIRONMENT, start_new_session=True
            )
        self.address = f"sc://localhost:{port}"
        self._wait_for(port)

    def _wait_for(self, port):
        end = time.monotonic() + START_SECONDS
        with socket.socket() as probe:
            while probe.connect_ex(("127.0.0.1", port)) != 0:
                if self.process.poll() is not None or time.monotonic() > end:
                    self.close()
                    pytest.fail(f"no Spark Connect server\n{self.log.read_text()[-6000:]}")
                time.sleep(0.2)

    def close(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
