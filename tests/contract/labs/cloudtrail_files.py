"""A directory of CloudTrail log files. A broken call is a file that cannot be had, or not be understood, until it is healed."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.contract.front import How
from tests.contract.labs.base import Filed, Lab

ACCOUNT = "111122223333"


def record(number: int, **more: Any) -> dict[str, Any]:
    """A CloudTrail record; records of one number have one id."""
    own = {"eventVersion": "1.08", "eventID": f"00000000-0000-0000-0000-{number:012d}", "eventTime": "2026-11-20T10:00:00Z"}
    return {**own, "eventName": "ConsoleLogin", "userIdentity": {"type": "Root", "accountId": ACCOUNT}, **more}


def packed(*records: Mapping[str, Any]) -> bytes:
    return gzip.compress(json.dumps({"Records": records}).encode(), mtime=0)


def file_name(number: int) -> str:
    return f"{ACCOUNT}_CloudTrail_eu-west-1_20261120T10{number % 12 * 5:02d}Z_{number:016d}.json.gz"


class Folder(Filed):
    """See Lab."""

    def __init__(self, folder: Path) -> None:
        self.settings = {"name": "logs", "type": "cloudtrail-files", "path": str(folder / "logs")}
        self.begin(folder / "logs")

    def more(self) -> None:
        self.put(record(self.number), record(self.number + 1_000_000))

    def put(self, *records: Mapping[str, Any]) -> None:
        (self.folder / file_name(self.number)).write_bytes(packed(*records))
        self.number += 1

    def hostile(self, text: str) -> bool:
        self.put(record(self.number, userAgent=text))
        return True

    def break_file(self, path: Path, how: How) -> None:
        """A link that leads out of the directory is refused, whoever reads; root is denied no file otherwise."""
        aside = self.folder.with_name(f"aside-{path.name}")
        path.rename(aside)
        path.symlink_to(aside)
        self.healed.append(lambda: aside.replace(path))


@contextmanager
def lab(folder: Path) -> Iterator[Lab]:
    yield Folder(folder)
