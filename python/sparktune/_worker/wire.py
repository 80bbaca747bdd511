"""How messages travel between a trial and the driver: JSON, each with a code that proves the key.

Both sides know a key. Each connection has a session key, made from that key and a random number of
each side, so that neither messages nor whole connections can be repeated. Nothing is encrypted, and
nothing is unpickled.
"""

from __future__ import annotations

from typing import Any

__all__ = ["NONCE", "Channel", "session_key"]

NONCE = 16
"""How many random bytes each side sends when a connection begins."""

_HEAD, _CODE = 4, 32


def session_key(key: bytes, drivers: bytes, trials: bytes) -> bytes:
    """Return the key of a connection; `drivers` and `trials` are the random numbers."""
    import hmac

    return hmac.digest(key, drivers + trials, "sha256")


class Channel:
    """Turns messages into bytes, and bytes into messages; does not read or write itself.

    Parameters
    ----------
    key : bytes
        The key of the connection.
    side : bytes
        ``b"d"`` for the driver, ``b"t"`` for the trial.
    most : int
        The most bytes that a message from the other side may have.
    """

    def __init__(self, key: bytes, side: bytes, most: int) -> None:
        self._key, self._most = key, most
        self._ours, self._theirs = side, b"d" if side == b"t" else b"t"
        self._sent = self._received = 0
        self._buffer = bytearray()

    def pack(self, message: Any) -> bytes:
        """Return the bytes to send for a message, or for one that is encoded already."""
        import json

        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        code = self._code(self._ours, self._sent, body)
        self._sent += 1
        return len(body).to_bytes(_HEAD, "big") + code + body

    def take(self, data: bytes) -> list[Any]:
        """Take in bytes that have arrived, and return the messages that are complete.

        Raises
        ------
        ValueError
            If a message is too large, does not prove the key, or is not JSON.
        """
        import hmac
        import json

        buffer, messages = self._buffer, []
        buffer += data
        while len(buffer) >= _HEAD:
            size = int.from_bytes(buffer[:_HEAD], "big")
            if size > self._most:
                raise ValueError(f"a message of {size} bytes")
            end = _HEAD + _CODE + size
            if len(buffer) < end:
                break
            body = bytes(buffer[_HEAD + _CODE : end])
            code = self._code(self._theirs, self._received, body)
            if not hmac.compare_digest(code, bytes(buffer[_HEAD : _HEAD + _CODE])):
                raise ValueError("a message without the key")
            self._received += 1
            del buffer[:end]
            messages.append(json.loads(body))
        return messages

    def _code(self, side: bytes, count: int, body: bytes) -> bytes:
        import hmac

        return hmac.digest(self._key, side + count.to_bytes(8, "big") + body, "sha256")
