"""A directory of CloudTrail log files. A broken call is a file that cannot be had, or not be understood, until it is healed."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.contract.front import How
from tests.contract.labs.base import Lab

ACCOUNT = "111122223333"


def record(number: int, **more: Any) -> dict[str, Any]:
    """A CloudTrail record; records of one number have one id."""
    own = {"eventVersion": "1.08", "eventID": f"00000000-0000-0000-0000-{number:012d}", "eventTime": "2026-11-20T10:00:00Z"}
    return {**own, "eventName": "ConsoleLogin", "userIdentity": {"type": "Root", "accountId": ACCOUNT}, **more}


def packed(*records: Mapping[str, Any]) -> bytes:
    return gzip.compress(json.dumps({"Records": records}).encode(), mtime=0)


def file_name(number: int) -> str:
    return f"{ACCOUNT}_CloudTrail_eu-west-1_20261120T10{number % 12 * 5:02d}Z_{number:016d}.json.gz"


class Folder:
    """See Lab."""

    secrets: tuple[str, ...] = ()

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "logs"
        self.folder.mkdir()
        self.settings = {"name": "logs", "type": "cloudtrail-files", "path": str(self.folder)}
        self.number = 0
        self._healed: list[Callable[[], None]] = []
        for _ in range(4):
            self.more()

    def more(self) -> None:
        self.put(record(self.number), record(self.number + 1_000_000))

    def put(self, *records: Mapping[str, Any]) -> None:
        (self.folder / file_name(self.number)).write_bytes(packed(*records))
        self.number += 1

    def empty(self) -> None:
        for path in self.folder.iterdir():
            path.unlink()

    def hostile(self, text: str) -> bool:
        self.put(record(self.number, userAgent=text))
        return True

    def requests(self) -> int:
        return len(list(self.folder.iterdir()))

    def break_one(self, number: int, how: How) -> None:
        self._break(sorted(self.folder.iterdir())[number])

    def break_from(self, number: int, how: How) -> None:
        if number == 0:
            hidden = self.folder.with_name("hidden")
            self.folder.rename(hidden)
            self._healed.append(lambda: hidden.rename(self.folder))
        else:
            for path in sorted(self.folder.iterdir())[number:]:
                self._break(path)

    def _break(self, path: Path) -> None:
        """A link that leads out of the directory is refused, whoever reads; root is denied no file otherwise."""
        aside = self.folder.with_name(f"aside-{path.name}")
        path.rename(aside)
        path.symlink_to(aside)
        self._healed.append(lambda: aside.replace(path))

    def heal(self) -> None:
        while self._healed:
            self._healed.pop()()


@contextmanager
def lab(folder: Path) -> Iterator[Lab]:
    yield Folder(folder)
