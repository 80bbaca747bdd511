"""Prints warnings under the name of sparktune where logging is not configured.

Without handlers, Python prints the bare text of a warning, so nobody knows who says it, and in the
middle of a progress bar.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

__all__ = ["log_to_console"]


class _Console(logging.Handler):
    """Prints what no other handler gets."""

    def emit(self, record: logging.LogRecord) -> None:
        logger: Any = logging.getLogger(record.name)
        while logger is not None:
            if any(handler is not self for handler in logger.handlers):
                return
            logger = logger.parent if logger.propagate else None
        try:
            text = self.format(record)
            if (tqdm := sys.modules.get("tqdm.std")) is not None:
                tqdm.tqdm.write(text, file=sys.stderr)  # above the bar
            else:
                sys.stderr.write(text + "\n")
        except Exception:
            self.handleError(record)


def log_to_console() -> None:
    """Add the handler, once; called when sparktune is imported."""
    logger = logging.getLogger("sparktune")
    if not any(type(handler).__name__ == _Console.__name__ for handler in logger.handlers):
        console = _Console(logging.WARNING)
        console.setFormatter(logging.Formatter("sparktune: %(message)s"))
        logger.addHandler(console)
