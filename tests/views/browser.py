"""A headless Chromium, driven over its DevTools pipe; needs nothing but the browser."""

import base64
import contextlib
import itertools
import json
import os
import select
import shlex
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SECONDS = 60.0


def find_browser():
    """Return the path of a browser, None if there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """One browser process, with one page at a time."""

    def __init__(self, program):
        self._profile = tempfile.mkdtemp(prefix="browser-")
        down, self._out = os.pipe()
        self._in, up = os.pipe()
        flags = [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--hide-scrollbars", "--no-first-run", "--remote-debugging-pipe",
            f"--user-data-dir={self._profile}",
        ]  # fmt: skip
        # The browser reads from descriptor 3 and writes to 4.
        command = f"exec {shlex.join([program, *flags])} 3<&{down} 4>&{up}"
        self._process = subprocess.Popen(
            ["bash", "-c", command], pass_fds=(down, up),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(down)
        os.close(up)
        self._numbers = itertools.count(1)
        self._buffer = b""
        self._session = None
        self._events = []

    def close(self):
        with contextlib.suppress(OSError, TimeoutError, RuntimeError):
            self._session = None
            self._call("Browser.close")
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._in)
        os.close(self._out)
        shutil.rmtree(self._profile, ignore_errors=True)

    # -- the protocol --------------------------------------------------------------------------

    def _call(self, method, **params):
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]
            self._events.append(answer)

    def _read(self):
        deadline = time.monotonic() + SECONDS
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._in], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError("The browser does not answer.")
            piece = os.read(self._in, 1 << 20)
            if not piece:
                raise OSError("The browser has ended.")
            self._buffer += piece
        line, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(line)

    def _wait_for(self, name):
        while not any(event.get("method") == name for event in self._events):
            self._events.append(self._read())

    # -- pages ---------------------------------------------------------------------------------

    def open(self, path, width=1000, height=800, dark=False, scripts=True):
        """Show a file; what the page logs before is forgotten."""
        self._session = None
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        attached = self._call("Target.attachToTarget", targetId=target, flatten=True)
        self._session, self._events = attached["sessionId"], []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._call(f"{domain}.enable")
        self._call("Target.setAutoAttach", autoAttach=True, waitForDebuggerOnStart=False,
                   flatten=True)  # fmt: skip
        self._call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                   deviceScaleFactor=1, mobile=width < 600)  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", features=[scheme])
        self._call("Emulation.setScriptExecutionDisabled", value=not scripts)
        self._call("Page.navigate", url=Path(path).resolve().as_uri())
        self._wait_for("Page.loadEventFired")

    def run(self, script, in_frame=False):
        """Return the value of an expression, in the page or its frame; promises are waited for."""
        with self._in_frame() if in_frame else contextlib.nullcontext():
            answer = self._call("Runtime.evaluate", expression=script, returnByValue=True,
                                awaitPromise=True)  # fmt: skip
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"]["exception"].get("description"))
        return answer["result"].get("value")

    @contextlib.contextmanager
    def _in_frame(self):
        """Talk to the frame of the page, which has a process of its own."""
        while not (found := [e for e in self._events if e["method"] == "Target.attachedToTarget"]):
            self._events.append(self._read())
        page, self._session = self._session, found[0]["params"]["sessionId"]
        try:
            for domain in ("Runtime", "Log"):
                self._call(f"{domain}.enable")
            yield
        finally:
            self._session = page

    def wait_for_frame(self, script):
        """Wait until an expression is true in the frame of the page."""
        deadline = time.monotonic() + SECONDS
        while not self.run(script, in_frame=True):
            if time.monotonic() > deadline:
                raise TimeoutError(f"Not so in the frame: {script}")
            time.sleep(0.05)

    def move(self, x, y):
        """Move the mouse."""
        self._call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def complaints(self):
        """Return what the page logged as an error or a warning, and uncaught exceptions."""
        self.run("0")  # so that earlier events are read
        found = []
        for event in self._events:
            params = event.get("params", {})
            if event.get("method") == "Runtime.exceptionThrown":
                found.append(str(params["exceptionDetails"]))
            elif event.get("method") == "Log.entryAdded":
                entry = params["entry"]
                found += [entry["text"]] * (entry["level"] in ("error", "warning"))
            elif event.get("method") == "Runtime.consoleAPICalled":
                found += [str(params["args"])] * (params["type"] in ("error", "warning", "assert"))
        return found

    def requests(self):
        """Return the URLs that were asked for."""
        self.run("0")
        return [
            event["params"]["request"]["url"]
            for event in self._events
            if event.get("method") == "Network.requestWillBeSent"
        ]

    def picture(self, path):
        """Write a picture of the whole page."""
        size = self._call("Page.getLayoutMetrics")["cssContentSize"]
        answer = self._call("Page.captureScreenshot", captureBeyondViewport=True,
                            clip={**size, "x": 0, "y": 0, "scale": 1})  # fmt: skip
        Path(path).write_bytes(base64.b64decode(answer["data"]))
