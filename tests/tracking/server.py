"""A real `mlflow server` on the loopback interface that tests may kill and restart."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request


class Server:
    """The server of one folder; always at the same address."""

    def __init__(self, folder):
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self.port}"
        self.process = None

    def start(self, wait=True):
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1"]
        command += ["--port", str(self.port), "--workers", "1"]
        command += ["--backend-store-uri", f"sqlite:///{self.folder}/mlflow.db"]
        command += ["--artifacts-destination", str(self.folder / "artifacts")]
        with (self.folder / "log").open("a") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self.folder, start_new_session=True
            )
        if wait:
            self.wait()

    def wait(self):
        deadline = time.monotonic() + 120
        while not self.answers():
            assert self.process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline, (self.folder / "log").read_text()
            time.sleep(0.2)

    def answers(self):
        try:
            urllib.request.urlopen(f"{self.uri}/health", timeout=1).close()
        except OSError:
            return False
        return True

    def kill(self):
        """Kill the server and its workers, as a crash of the machine would."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(60)

    def hang(self):
        """Let the server accept connections and answer nothing."""
        os.killpg(self.process.pid, signal.SIGSTOP)

    def wake(self):
        os.killpg(self.process.pid, signal.SIGCONT)
