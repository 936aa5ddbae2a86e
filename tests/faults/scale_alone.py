"""What an installation at scale is compared with: one process on SQLite that nothing disturbs, given the same events."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipeline.stream.sqlite import SqliteStream
from store.records import Event
from tests.faults.observe import Observed, observe
from tests.faults.whole import check_whole
from tests.faults.world import Installation, Server


class Alone:
    """The outcome of `attestream run --once` over the files and `extra` events."""

    def __init__(self, server: Server, folder: Path, files: Path, mappings: Path, extra: Sequence[Event]) -> None:
        self.extra = list(extra)
        installation = Installation(server, folder, files, mappings)
        installation.data.mkdir(mode=0o700)
        stream = SqliteStream(installation.stream)
        for start in range(0, len(self.extra), 1000):
            stream.publish(self.extra[start : start + 1000])
        stream.close()
        installation.run()
        check_whole(installation.store, installation.checkpoints)
        self.outcome: Observed = observe(installation.store)
