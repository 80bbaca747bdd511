"""Whether this process is the kernel of a notebook."""

from __future__ import annotations

import sys

__all__ = ["in_notebook", "shows_updates"]


def in_notebook() -> bool:
    """Return whether this process is the kernel of a notebook."""
    interactive = sys.modules.get("IPython")
    shell = None if interactive is None else interactive.get_ipython()
    return shell is not None and getattr(shell, "kernel", None) is not None


def shows_updates() -> bool:
    """Return whether the front end shows HTML and updates it."""
    # The console of Spyder has a kernel too, but shows text only.
    return in_notebook() and "spyder_kernels" not in sys.modules
