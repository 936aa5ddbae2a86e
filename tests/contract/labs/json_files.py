"""A directory of JSON lines files. A broken call is a file that cannot be had, or not be understood, until it is healed."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.contract.front import How
from tests.contract.labs.base import Filed, Lab


def line(number: int, **more: Any) -> bytes:
    """A line; those of one number have one id."""
    own = {"id": f"event-{number}", "at": 1_763_632_800 + number, "user": {"name": "alice", "unit": "eu-1"}, "action": "login"}
    return json.dumps({**own, **more}).encode() + b"\n"


def break_file(path: Path, how: How, healed: list[Callable[[], None]]) -> None:
    """In its place is a directory with a dangling link, a link that leads out, a compressed file cut short, or a page of HTML."""
    aside = path.parent.with_name(f"aside-{path.name}")
    path.rename(aside)
    if how == "failing":
        path.mkdir()
        (path / path.name).symlink_to("/nowhere/of/it")
    elif how == "cut":
        content = gzip.compress(aside.read_bytes(), mtime=0)
        path.write_bytes(content[: len(content) - 9])
    elif how == "nonsense":
        path.write_bytes(b"<html><body>Sign in to the guest network</body></html>\n")
    else:
        path.symlink_to(aside)

    def heal() -> None:
        if how == "failing":
            (path / path.name).unlink()
            path.rmdir()
        aside.replace(path)

    healed.append(heal)


class Folder(Filed):
    """See Lab."""

    def __init__(self, folder: Path) -> None:
        self.settings: Mapping[str, Any] = {
            "name": "app",
            "type": "json-files",
            "path": str(folder / "logs"),
            "product": "app",
            "service": "audit",
            "fields": {"time": "at", "account": "user.unit", "subject": "user.name"},
        }
        self.begin(folder / "logs")

    def more(self) -> None:
        self.put(line(self.number), line(self.number + 1_000_000))

    def put(self, *lines: bytes) -> None:
        (self.folder / f"app-{self.number:06d}.jsonl").write_bytes(b"".join(lines))
        self.number += 1

    def hostile(self, text: str) -> bool:
        self.put(line(self.number, note=text, user={"name": text, "unit": "eu-1"}))
        return True

    def break_file(self, path: Path, how: How) -> None:
        break_file(path, how, self.healed)


@contextmanager
def lab(folder: Path) -> Iterator[Lab]:
    yield Folder(folder)
