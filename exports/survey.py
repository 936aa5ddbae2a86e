"""The first pass over a log's entries: which are selected, what findings say, what windows say (docs/bundle.md).

Everything here is computed from the entries' metadata alone, in one pass in order of index, so that whoever verifies a bundle can
do it again. Times stay the text that entries hold: fixed width, it sorts like time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from sys import intern
from typing import Any, Final

from exports.scope import ALWAYS, SPEAKS, STATED, Scope
from exports.spans import Spans
from store.erasures import Named, read_erasure
from store.times import format_time

TILING: Final = frozenset({"complete", "partial"})
"""Window states that move a source's cursor: their asked periods must tile."""

COUNTS: Final = ("collected", "dead_letter", "duplicate", "evidence", "unmatched")


@dataclass(frozen=True, slots=True)
class Standing:
    """The finding entry that stands for one (mapping, subject)."""

    event_time: str
    index: int
    state: str
    controls: tuple[str, ...]
    cites: tuple[int, ...]
    fits: bool


@dataclass(slots=True)
class SourceTally:
    """What the windows of one source say, all together."""

    windows: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    asked: Spans = field(default_factory=Spans)

    def to_json(self) -> dict[str, Any]:
        """As the status says it."""
        return {
            "counts": {name: self.counts[name] for name in COUNTS},
            "gaps": [{"from": start, "to": end} for start, end in self.asked.gaps()],
            "windows": dict(self.windows),
        }


class Survey:
    """Fed with every entry from index 0 (`add`), then `finish`. `selected` has one byte per entry: 1 where it is selected."""

    def __init__(self, scope: Scope, size: int) -> None:
        self.scope, self.size = scope, size
        self.known_at = size if scope.known_at is None else scope.known_at
        self.selected = bytearray(size)
        self.counts: Counter[str] = Counter()
        self.erased = Named()
        self.findings: dict[tuple[str, str], Standing] = {}
        self.evidence: Counter[str] = Counter()
        self.sources: dict[str, SourceTally] = {}
        self.stated: list[int] = []
        self.applicable: dict[str, tuple[str, bool]] = {}
        self._from, self._to = format_time(scope.start), format_time(scope.end)
        self._types: dict[str, bytearray] = {}

    def add(self, index: int, entry: Mapping[str, Any]) -> None:
        """Take one entry into account."""
        kind = intern(entry["type"])
        if kind == "erasure":
            self.erased.add(*read_erasure(entry, index))
        if index >= self.known_at:
            return
        inside = self._from <= entry["event_time"] < self._to
        fits = self.scope.fits(entry)
        if kind == "window":
            self._window(index, entry)
        elif kind in ALWAYS or (inside and fits):
            self._select(index)
        if kind == "evidence":
            for control in entry["controls"]:
                self.evidence[intern(control)] += inside
        if kind == "finding":
            self._finding(index, entry, inside, fits)
        if kind in STATED and entry["event_time"] < self._to:
            self._state(index, kind, entry)

    def finish(self) -> None:
        """Select what only the whole log tells: the findings that stand at the end, if they say something, and what they cite."""
        for standing in self.findings.values():
            if standing.fits and standing.state in SPEAKS:
                self._select(standing.index, *standing.cites)

    @property
    def end(self) -> str:
        """The period's end, as entries write times."""
        return self._to

    def indexes(self) -> Iterator[int]:
        """Selected indexes in order."""
        at = self.selected.find(1)
        while at >= 0:
            yield at
            at = self.selected.find(1, at + 1)

    def is_erased(self, index: int, kind: str, part: str) -> bool:
        """Whether an erasure names this part of this entry."""
        return part in self.erased.parts(index, kind)

    def _select(self, *indexes: int) -> None:
        for index in indexes:
            self.selected[index] = 1

    def _window(self, index: int, entry: Mapping[str, Any]) -> None:
        if not self.scope.fits_window(entry):
            return
        self._select(index)
        tally = self.sources.setdefault(entry["source"], SourceTally())
        tally.windows[entry["state"]] += 1
        tally.counts.update(entry["counts"])
        if entry["state"] in TILING:
            tally.asked.add(entry["asked"]["from"], entry["asked"]["to"])

    def _state(self, index: int, kind: str, entry: Mapping[str, Any]) -> None:
        """What people state by the end of the period; of what is said of a control the last stands."""
        self.stated.append(index)
        if kind == "soa":
            before = self.applicable.get(entry["control"])
            if before is None or before[0] <= entry["event_time"]:
                self.applicable[intern(entry["control"])] = (entry["event_time"], entry["applicable"])

    def _finding(self, index: int, entry: Mapping[str, Any], inside: bool, fits: bool) -> None:
        """At one event time the greatest index stands; what the period does not reach is not part of the status."""
        cites = tuple(entry["cites"]) if entry["cites"] != "due" else ()
        if inside and fits:
            self._select(index, *cites)
        if entry["event_time"] >= self._to:
            return
        key = intern(entry["mapping"]), entry["subject"]
        before = self.findings.get(key)
        if before is None or before.event_time <= entry["event_time"]:
            controls = tuple(map(intern, entry["controls"]))
            self.findings[key] = Standing(entry["event_time"], index, intern(entry["after"]), controls, cites, fits)
