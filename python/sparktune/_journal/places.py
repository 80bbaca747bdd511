"""`store_at`: which store a path gets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sparktune._journal.file_store import FileStore
from sparktune._journal.store import Store

__all__ = ["store_at"]


def store_at(path: str, storage_options: Mapping[str, Any] | None = None) -> Store:
    """Return the store at a path."""
    return FileStore(path)
