"""What the outputs read of the store: plain rows, made by store/query.py. Times are microseconds, handles and roots hex.

`Query` is the whole reading side. Every call sees one snapshot; lists are cursor-paged: `after` is the last row's `cursor`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from store.records import ControlState, Counts, MappingRecord, State
from store.stated_views import AttestationView, ExceptionView, RiskView, SoaView


@dataclass(frozen=True, slots=True)
class Moment:
    """The moment that is asked about. `as_of`: event time, None = the present; `known_at`: a log size, None = the log's head."""

    as_of: int | None = None
    known_at: int | None = None


@dataclass(frozen=True, slots=True)
class ControlStatus:
    """One control's state, with counts of findings. `since` is None when it never had another state."""

    id: str
    state: ControlState
    since: int | None
    not_satisfied: int
    satisfied: int
    stale: int
    accepted: int
    last_evidence: int | None
    last_idx: int | None


@dataclass(frozen=True, slots=True)
class FindingStatus:
    """One finding, present or as of a moment. `cites` are the log indexes of the evidence of its last row."""

    mapping: str
    title: str
    level: str
    subject: str
    subject_handle: str
    silence: bool
    source: str
    part: str
    state: State
    since: int
    row_idx: int
    cites: Sequence[int]
    reason: str
    errors: int
    due_at: int | None
    controls: Sequence[str]
    cursor: str


@dataclass(frozen=True, slots=True)
class FindingHistoryRow:
    """One row of a finding's history, as it stands in the log."""

    event_time: int
    recorded_at: int
    idx: int
    before: str
    after: str
    cites: Sequence[int]
    reason: str


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag of an evidence entry with its reason."""

    mapping: str
    title: str
    verdict: str
    finding: str
    subject: str
    controls: Sequence[str]
    reason: str


@dataclass(frozen=True, slots=True)
class EvidenceRow:
    """One evidence entry in a list."""

    idx: int
    source: str
    account: str
    region: str
    type: str
    id: str
    event_time: int
    collected_at: int
    recorded_at: int
    window: str
    controls: Sequence[str]
    tags: Sequence[Tag]
    conflicts_with: int | None
    cursor: str


@dataclass(frozen=True, slots=True)
class Erased:
    """Since when and why bytes of an entry are gone: the erasure's index and time, which parts, its reason, and who did it."""

    idx: int
    recorded_at: int
    parts: Sequence[str]
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class EntryView:
    """One entry of the log, whole. `detail` and `payload` are None when erased or not there; `erased` says why."""

    idx: int
    type: str
    metadata: bytes
    fields: Mapping[str, Any]
    leaf: bytes
    detail: bytes | None
    detail_salt: bytes | None
    payload: bytes | None
    payload_salt: bytes | None
    erased: Erased | None = None


@dataclass(frozen=True, slots=True)
class DriftView:
    """One drift. `subject` is the name, "" where there is none or it was erased."""

    id: int
    kind: str
    key: str
    before: str
    after: str
    mapping: str | None
    title: str
    subject: str
    account: str
    source: str
    controls: Sequence[str]
    level: str
    event_time: int
    recorded_at: int
    idx: int | None
    delivery: str
    text: str
    cursor: str


@dataclass(frozen=True, slots=True)
class WindowView:
    """One attempt of a source. `errors` are sentences; `covers` as (part, from, to)."""

    attempt: str
    source: str
    kind: str
    state: str
    asked: tuple[int, int]
    registered_at: int
    closed_at: int | None
    idx: int | None
    counts: Counts
    files: int
    records: int
    bytes: int
    unreadable: int
    identity: str
    errors: Sequence[str]
    covers: Sequence[tuple[str, int, int]]
    cursor: str


@dataclass(frozen=True, slots=True)
class CoverageView:
    """What is covered of one part: joined stretches of delivery time."""

    source: str
    part: str
    stretches: Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """A source's health: collecting, failing, partial, waiting (no window yet) or removed. `gaps`: asked periods missing."""

    name: str
    type: str
    state: str
    configured: bool
    schedule: int
    lateness: int
    last_window: WindowView | None
    gaps: Sequence[tuple[int, int]]
    lag_seconds: int | None
    failures: int
    counts: Counts


@dataclass(frozen=True, slots=True)
class LogStatus:
    """The log: its size and root (hex), when it last grew, the active mapping set, dead letters."""

    origin: str
    size: int
    root: str
    recorded_at: int
    mapping_set: str
    dead_letters: int


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One dead letter: where it came from and why it could not be understood."""

    idx: int
    source: str
    window: str
    place: str
    size: int
    recorded_at: int
    cursor: str


class Query(Protocol):
    """The reading side of the store. Implemented by store/query.py: `StoreQuery(engine)`."""

    def log(self) -> LogStatus: ...

    def size_at(self, recorded_at: int) -> int:
        """The log's size when everything recorded up to this time was in it."""
        ...

    def controls(self, moment: Moment) -> Mapping[str, ControlStatus]: ...

    def findings(
        self,
        moment: Moment,
        *,
        control: str | None = None,
        mapping: str | None = None,
        state: str | None = None,
        source: str | None = None,
        silence: bool | None = None,
        subject: str | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Sequence[FindingStatus]:
        """Findings, newest last row first. `subject`: its name, or its handle in hex."""
        ...

    def exceptions(self, now: int, moment: Moment) -> Sequence[ExceptionView]:
        """Every exception, those that hold and end first at the top; `now` says what has expired at present."""
        ...

    def attestations(self, now: int, moment: Moment) -> Sequence[AttestationView]:
        """Every attestation, those that need somebody at the top."""
        ...

    def soa(self, moment: Moment) -> Sequence[SoaView]:
        """The Statement of Applicability: a row for each control of the catalogue."""
        ...

    def risks(self, moment: Moment) -> Sequence[RiskView]:
        """The risk register, as far as it concerns controls."""
        ...

    def finding_history(self, mapping: str, subject_handle: str) -> Sequence[FindingHistoryRow]: ...

    def evidence(
        self,
        *,
        control: str | None = None,
        mapping: str | None = None,
        source: str | None = None,
        start: int | None = None,
        end: int | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Sequence[EvidenceRow]:
        """Evidence, newest event first; never a window."""
        ...

    def evidence_by_id(self, id_: str, source: str | None = None) -> Sequence[int]:
        """Log indexes of the evidence with this event id."""
        ...

    def entry(self, idx: int) -> EntryView | None: ...

    def evidence_row(self, idx: int) -> EvidenceRow | None: ...

    def drift(
        self,
        *,
        since: int | None = None,
        control: str | None = None,
        kind: str | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Sequence[DriftView]:
        """Drift, newest recorded first."""
        ...

    def sources(self, now: int) -> Sequence[SourceStatus]: ...

    def windows(
        self, *, source: str | None = None, attempt: str | None = None, after: str | None = None, limit: int = 50
    ) -> Sequence[WindowView]: ...

    def coverage(self, source: str | None = None) -> Sequence[CoverageView]: ...

    def dead_letters(self, *, after: str | None = None, limit: int = 50) -> Sequence[DeadLetter]: ...

    def mappings(self) -> Sequence[MappingRecord]:
        """Mappings of the active set."""
        ...

    def mapping_set(self, digest: str | None = None) -> bytes:
        """The bytes of a mapping set (None: the active one), as they stand in the log. Raises StoreError when there is none."""
        ...

    def rollup(self, dim: str, key: str, start: int, end: int) -> Sequence[tuple[int, int]]:
        """(hour, count) of evidence; dim is source, control or mapping."""
        ...

    def inclusion(self, idx: int, size: int) -> Sequence[bytes]:
        """RFC 9162 inclusion proof of an entry in the tree of that size."""
        ...

    def consistency(self, old: int, new: int) -> Sequence[bytes]: ...
