"""Ports for Spark Connect servers, so that test runs side by side do not clash."""

import random
import socket


def free_port():
    """Return a port that nobody uses, below those that the system gives to connections."""
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("", port))
            except OSError:
                continue
            return port


def with_own_port(builder):
    """Have the server that a ``remote("local[N]")`` session starts listen on a port of its own.

    The setting is Spark's. The client takes the default port whatever the setting says, unless a
    variable makes the whole of Spark behave as in its own tests.
    """
    from pyspark.sql.connect.client import DefaultChannelBuilder

    port = free_port()
    DefaultChannelBuilder.default_port = staticmethod(lambda: port)
    return builder.config("spark.connect.grpc.binding.port", str(port))
