"""What the contract suite needs of each source type: a small world of its own behind a real protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
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


class Filed:
    """What labs over a directory of files have in common: each file is a call, `break_file` takes one away until it is healed."""

    secrets: tuple[str, ...] = ()
    folder: Path
    healed: list[Callable[[], None]]

    def begin(self, folder: Path) -> None:
        """Make the directory and put four files there."""
        self.folder, self.healed, self.number = folder, [], 0
        self.folder.mkdir()
        for _ in range(4):
            self.more()

    def more(self) -> None:
        raise NotImplementedError

    def break_file(self, path: Path, how: How) -> None:
        raise NotImplementedError

    def empty(self) -> None:
        for path in self.folder.iterdir():
            path.unlink()

    def requests(self) -> int:
        return len(list(self.folder.iterdir()))

    def break_one(self, number: int, how: How) -> None:
        self.break_file(sorted(self.folder.iterdir())[number], how)

    def break_from(self, number: int, how: How) -> None:
        if number == 0:
            hidden = self.folder.with_name("hidden")
            self.folder.rename(hidden)
            self.healed.append(lambda: hidden.rename(self.folder))
        else:
            for path in sorted(self.folder.iterdir())[number:]:
                self.break_file(path, how)

    def heal(self) -> None:
        while self.healed:
            self.healed.pop()()
