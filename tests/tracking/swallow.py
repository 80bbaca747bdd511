"""A proxy that can stop forwarding what goes over the connections that are open."""

import contextlib
import socket
import threading


class Swallow:
    """Forwards connections to `port` of this machine."""

    def __init__(self, port):
        self._port = port
        self._lock = threading.Lock()
        self._open = []  # for each connection, an event that says that it is swallowed
        self._sockets = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.uri = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def swallow(self):
        """Answer nothing any more on open connections; new ones work."""
        with self._lock:
            for swallowed in self._open:
                swallowed.set()

    def _accept(self):
        with contextlib.suppress(OSError):  # closed
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._port))
                swallowed = threading.Event()
                with self._lock:
                    self._open.append(swallowed)
                    self._sockets += [client, server]
                for one, other in ((client, server), (server, client)):
                    threading.Thread(
                        target=self._forward, args=(one, other, swallowed), daemon=True
                    ).start()

    def _forward(self, one, other, swallowed):
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                if not swallowed.is_set():
                    other.sendall(data)
            other.shutdown(socket.SHUT_WR)

    def close(self):
        self._listener.close()
        for each in self._sockets:
            each.close()
