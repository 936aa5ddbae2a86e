"""The exporters that there are, by name. One line each; nothing is discovered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final, Protocol

from sqlalchemy import Engine

from exports.archive import Sink
from exports.bundle import Progress, Summary, create
from exports.errors import ExportError
from exports.scope import Scope
from store.checkpoint import SignedCheckpoint


class Exporter(Protocol):
    """Writes what is in scope in one format."""

    def export(self, scope: Scope, out: Sink | Path) -> Summary:
        """Raises ExportError or StoreError. A path is written whole or not at all."""
        ...


Factory = Callable[[Engine, SignedCheckpoint, Progress | None], Exporter]


class ZipBundle:
    """The auditor bundle (docs/bundle.md)."""

    def __init__(self, engine: Engine, checkpoint: SignedCheckpoint, progress: Progress | None = None) -> None:
        self._engine, self._checkpoint, self._progress = engine, checkpoint, progress

    def export(self, scope: Scope, out: Sink | Path) -> Summary:
        """Write the bundle of `scope` at the checkpoint."""
        return create(self._engine, self._checkpoint, scope, out, self._progress)


EXPORTERS: Final[Mapping[str, Factory]] = MappingProxyType({"zip": ZipBundle})


def exporter(name: str, engine: Engine, checkpoint: SignedCheckpoint, progress: Progress | None = None) -> Exporter:
    """The exporter called `name`, over a store at a checkpoint. Raises ExportError for a name that there is not."""
    factory = EXPORTERS.get(name)
    if factory is None:
        raise ExportError(f"there is no export format {name!r}: choose one of {', '.join(sorted(EXPORTERS))}")
    return factory(engine, checkpoint, progress)
