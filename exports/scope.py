"""What a bundle is asked to hold, and which entries fit it (docs/bundle.md, "Selection")."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from exports.errors import ExportError
from store.errors import InvalidTime
from store.times import format_time

ALWAYS: Final = frozenset({"attestation", "closing", "erasure", "exception", "key", "mapping_set", "risk", "soa"})
"""Types whose entries are in every bundle, whatever its period."""

SPEAKS: Final = frozenset({"accepted", "not-satisfied", "satisfied", "stale"})
"""Finding states that are counted beside a control's state."""
STATED: Final = frozenset({"attestation", "exception", "risk", "soa"})
"""Types of what people state."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Event time [start, end) in microseconds; controls and sources (both empty: everything; both given: either fits).

    `known_at` is a log size: only entries below it are selected and only they make the status. None: the checkpoint's size.
    """

    start: int
    end: int
    controls: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()
    known_at: int | None = None

    def at(self, size: int) -> Scope:
        """This scope at a checkpoint of `size`, checked. Raises ExportError when it makes no sense there."""
        try:
            format_time(self.start), format_time(self.end)
        except InvalidTime as error:
            raise ExportError(f"the period of the bundle: {error}") from error
        if self.start >= self.end:
            raise ExportError("the period of the bundle is empty: its end must be later than its start")
        known_at = size if self.known_at is None else self.known_at
        if not 0 <= known_at <= size:
            raise ExportError(f"known-at {known_at} is beyond the checkpoint, which is of {size} entries: seal the log first")
        return replace(self, known_at=known_at)

    def to_json(self) -> dict[str, Any]:
        """The scope as bundles say it."""
        return {
            "controls": sorted(self.controls),
            "from": format_time(self.start),
            "known_at": self.known_at,
            "sources": sorted(self.sources),
            "to": format_time(self.end),
        }

    def fits(self, entry: Mapping[str, Any]) -> bool:
        """Whether an entry is of one of the controls or sources that are asked for."""
        if not self.controls and not self.sources:
            return True
        return entry["source"] in self.sources or not self.controls.isdisjoint(entry.get("controls", ()))

    def fits_window(self, entry: Mapping[str, Any]) -> bool:
        """Whether a window is of a source whose evidence may be in the bundle: a control's may come from any."""
        return not self.sources or bool(self.controls) or entry["source"] in self.sources
