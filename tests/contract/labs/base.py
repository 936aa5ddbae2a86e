"""What the contract suite needs of each source type: a small world of its own behind a real protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from tests.contract.front import Front, How


class Lab(Protocol):
    """A source with something to read in it, and ways to break it. Made by a context manager `lab(folder)` of its module.

    It begins with at least three facts (records, tickets, resources) and enough of them for a second page where there are pages.
    """

    secrets: tuple[str, ...]
    """Secrets that were put into files or environment for it; they may never be seen again."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """An entry of `sources:`, with few attempts and no waits to speak of, so that a fault costs no time.

        Where a fault lasts until a limit, the limit is short while something is broken, and long while nothing is.
        """
        ...

    def more(self) -> None:
        """One more fact appears, or one of them changes."""
        ...

    def empty(self) -> None:
        """Everything is taken away; the source itself is still there and answers."""
        ...

    def hostile(self, text: str) -> bool:
        """Put `text` where whoever writes there can put text; False where the other side takes no such text."""
        ...

    def requests(self) -> int:
        """Calls made since `heal`: requests, or opened files."""
        ...

    def break_one(self, number: int, how: How) -> None:
        """Break call `number` (from 0), each time it is tried again."""
        ...

    def break_from(self, number: int, how: How) -> None:
        """Break every call from `number` on."""
        ...

    def heal(self) -> None:
        """Break nothing; count from 0."""
        ...


class Fronted:
    """What labs behind a Front have in common."""

    front: Front

    def requests(self) -> int:
        return len(self.front.seen)

    def break_one(self, number: int, how: How) -> None:
        self.front.break_request(number, how)

    def break_from(self, number: int, how: How) -> None:
        self.front.break_from(number, how)

    def heal(self) -> None:
        self.front.reset()
