"""Ports for Spark Connect servers, so that test runs side by side do not clash."""

import random
import socket


def free_port():
    """Return an unused port, below the range of ephemeral ports."""
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("", port))
            except OSError:
                continue
            return port


def with_own_port(builder):
    """Make the server that a ``remote("local[N]")`` session starts listen on a free port.

    The setting is Spark's. The client ignores it and uses the default port, unless a variable makes
    all of Spark behave as in its own tests.
    """
    from pyspark.sql.connect.client import DefaultChannelBuilder

    port = free_port()
    DefaultChannelBuilder.default_port = staticmethod(lambda: port)
    return builder.config("spark.connect.grpc.binding.port", str(port))
