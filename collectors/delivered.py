"""Delivered files, wherever they lie: what a reader needs of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Protocol

from collectors.base import CollectorError
from collectors.listing import Listed


class Refused(CollectorError):
    """A file could not be had: denied, gone, replaced, cut off. The message says why and what to do."""


class Delivered(Protocol):
    """A delivered file, open."""

    def chunks(self, start: int = 0) -> Iterator[bytes]:
        """Yield its bytes from `start` on, each time it is called. Raises Refused."""
        ...

    def changed(self) -> bool:
        """Is it no longer the file that was listed (still being written, say)?"""
        ...


Open = Callable[[Listed], AbstractContextManager[Delivered]]
"""Opens a listed file. Raises Refused."""
