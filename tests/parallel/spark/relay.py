"""A network between the driver and its executors that can be cut for one of them.

The driver listens on one address of this machine and announces another one to its executors, where
a relay forwards what they send. A cut connection stays open, but forwards nothing any more.
"""

import contextlib
import socket
import threading
from pathlib import Path

from ports import free_port

DRIVER, RELAY = "127.0.0.1", "127.0.0.2"


class Relay:
    """Forwards the connections of executors to the driver."""

    def __init__(self):
        self.ports = [free_port(), free_port()]
        self.cut_off = None  # the process whose connections are cut
        self.servers = [socket.create_server((RELAY, port)) for port in self.ports]
        for server, port in zip(self.servers, self.ports, strict=True):
            threading.Thread(target=self._serve, args=(server, port), daemon=True).start()

    @property
    def settings(self):
        return {
            "spark.driver.bindAddress": DRIVER,
            "spark.driver.host": RELAY,
            "spark.driver.port": str(self.ports[0]),
            "spark.driver.blockManager.port": str(self.ports[1]),
        }

    def cut(self, pid):
        """Stop forwarding anything to and from a process."""
        self.cut_off = pid

    def _serve(self, server, port):
        while True:
            near, (_, peer_port) = server.accept()
            far = socket.create_connection((DRIVER, port))
            pid = owner(peer_port, port)
            for source, target in ((near, far), (far, near)):
                threading.Thread(
                    target=self._pass_on, args=(source, target, pid), daemon=True
                ).start()

    def _pass_on(self, source, target, pid):
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                if pid != self.cut_off:
                    target.sendall(data)
        if pid != self.cut_off:
            with contextlib.suppress(OSError):
                target.shutdown(socket.SHUT_WR)


def owner(port, peer_port):
    """Return the process that holds the end of a connection, None if it is gone."""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            _, local, remote, *rest = line.split()
            ends = [int(end.rpartition(":")[2], 16) for end in (local, remote)]
            if ends == [port, peer_port]:
                name = f"socket:[{rest[6]}]"
                for held in Path("/proc").glob("[0-9]*/fd/*"):
                    with contextlib.suppress(OSError):
                        if str(held.readlink()) == name:
                            return int(held.parts[2])
    return None
