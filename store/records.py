"""Record types that every package shares: what an event is, what is said of it, what is written.

Times are integers: microseconds since 1970-01-01T00:00:00Z (UTC). Durations are microseconds too. Digests are lower-case hex
unless the type says bytes. The store imports nothing of ours above it, so these types live here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Literal, NamedTuple

from store.rejudged import Replay
from store.statements import Statement, TicketLink

SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

UNREADABLE: Final = "unreadable"
"""Type of an event whose bytes could not be understood; it becomes a dead letter."""

FindingWord = Literal["evidence", "not-satisfied", "satisfied"]
Strength = Literal["strong", "partial", "weak"]
OBSERVED: Final = frozenset({"snapshot", "summary", "ticket", "finding"})
"""Kinds of events that say how a subject was when we looked; their `time` is when we did."""


class Verdict(StrEnum):
    """What a mapping says about one event; `closed` is what a person says of a finding.

    `gone`: the subject is not there any more, or not of those that the mapping judges; `superseded`: a newer subject speaks.
    """

    MATCHED = "matched"
    UNTIL = "until"
    NOT_MATCHED = "not-matched"
    ERROR = "error"
    CLOSED = "closed"
    GONE = "gone"
    SUPERSEDED = "superseded"


class State(StrEnum):
    """State of a finding row. `closed`, `retired` and `not-assessed` say nothing of the present.

    `accepted` is not-satisfied under a valid exception: it speaks neither way.
    """

    SATISFIED = "satisfied"
    NOT_SATISFIED = "not-satisfied"
    ACCEPTED = "accepted"
    ERROR = "error"
    STALE = "stale"
    CLOSED = "closed"
    RETIRED = "retired"
    NOT_ASSESSED = "not-assessed"


class ControlState(StrEnum):
    """The five states of a control."""

    SATISFIED = "satisfied"
    NOT_SATISFIED = "not-satisfied"
    STALE = "stale"
    NOT_ASSESSED = "not-assessed"
    NOT_APPLICABLE = "not-applicable"


class WindowState(StrEnum):
    """State of an attempt to read a period of a source."""

    OPEN = "open"
    COMPLETE = "complete"
    PARTIAL = "partial"
    FAILED = "failed"
    ABANDONED = "abandoned"


@dataclass(frozen=True, slots=True)
class Event:
    """One fact from a source: CloudEvents 1.0 attributes beside the source's own bytes.

    `type` is KIND.PRODUCT.SERVICE[.RESOURCE]; `time` is the source's time, `collected_at` ours. `window` is the id of the attempt
    that read it. `subject` is the resource of an observation, None for a log event. `payload` is what the source delivered.
    """

    source: str
    id: str
    type: str
    time: int
    payload: bytes
    window: str = ""
    collected_at: int = 0
    subject: str | None = None
    account: str = ""
    region: str = ""
    media_type: str = "application/json"

    @property
    def kind(self) -> str:
        """First word of the type: log, snapshot, summary, ticket, finding, window, unreadable."""
        return self.type.partition(".")[0]

    @property
    def observes(self) -> bool:
        """Is it an observation of a subject, not something that happened once?"""
        return self.kind in OBSERVED

    @property
    def part(self) -> str:
        """The part of the window that this event belongs to: account/region, or the account alone."""
        return f"{self.account}/{self.region}" if self.region else self.account

    @property
    def place(self) -> str:
        """The part as findings know it: of observations, each type is a part of its own, read to the end or not by itself."""
        return f"{self.part}/{self.type}" if self.observes else self.part


def part_of(place: str) -> str:
    """The part, account/region or the account alone, of an `Event.place`."""
    part, slash, kind = place.rpartition("/")
    return part if slash and kind.partition(".")[0] in OBSERVED and "." in kind else place


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one mapping says of one event. `reason` is text for people: which fields matched.

    `fact`: when that became so which can't change any more (a ticket was closed, a change merged), for mappings that name it.
    """

    mapping: str
    verdict: Verdict
    finding: FindingWord
    subject: str
    controls: tuple[str, ...]
    reason: str
    fact: int | None = None


@dataclass(frozen=True, slots=True)
class MappingRecord:
    """The part of a mapping that the store and the outputs need. `types` are the event types it judges.

    `silence` is true for a two-sided log mapping: its silence over covered time says satisfied. `two_sided` is of a mapping over
    observations: a subject that does not match says the opposite of `finding`. `digest` is the SHA-256 of the
    mapping's own content: it changes when the mapping does.
    """

    id: str
    title: str
    digest: str
    kind: str
    types: tuple[str, ...]
    finding: FindingWord
    silence: bool
    controls: tuple[tuple[str, Strength], ...]
    level: str
    quiet_for: int
    max_age: int
    rationale: str = ""
    description: str = ""
    remediation: str = ""
    path: str = ""
    two_sided: bool = False

    @property
    def observes(self) -> bool:
        """Does it judge how subjects stand, not what happens?"""
        return self.kind in OBSERVED

    @property
    def voiced(self) -> bool:
        """Should it speak of each part that is read: by silence, or by what it sees there?"""
        return self.silence or self.two_sided

    def speaks_for(self) -> tuple[str, ...]:
        """Controls whose state this mapping can change: not those for which it is only weak, none for plain evidence."""
        if self.finding == "evidence":
            return ()
        return tuple(control for control, strength in self.controls if strength != "weak")


class Judged(NamedTuple):
    """An event with what the active mapping set says of it, and the stream partition it came from (-1: none).

    `record` is what a window event says. `done`: when the ticket that was observed was done, None while it is open.
    `sets_at`: the size of the log at which sets were read for these judgements, -1 where none was asked.
    """

    event: Event
    judgements: tuple[Judgement, ...] = ()
    partition: int = -1
    record: WindowRecord | None = None
    done: int | None = None
    sets_at: int = -1


@dataclass(frozen=True, slots=True)
class Advance:
    """One partition's position moves from `start` to `end` (the next offset to read) under `epoch`."""

    partition: int
    epoch: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Cover:
    """Delivery time that a window vouches for in one part: [start, end], both inclusive, microseconds.

    A hole of at most `bridge` before it joins the stretch before (delivered files: 1 h; APIs: 0). `joins` is false where what
    lies between the stretch before and this one must not be bridged, however short (something in it was unreadable).
    """

    part: str
    start: int
    end: int
    joins: bool = True
    bridge: int = 0


@dataclass(frozen=True, slots=True)
class PartRecord:
    """Account x Region (x resource type) of a window: was all of it read and understood, does it enumerate all its subjects."""

    part: str
    type: str
    complete: bool
    enumerates: bool = False
    read: int = 0
    errors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WindowRecord:
    """The record of one attempt, published after its last event: what was asked, as whom, what it covers, counts, errors.

    `asked` is on the cursor's axis (delivery). `published` counts events by partition, `offsets` is the last offset by partition.
    """

    attempt: str
    source: str
    source_type: str
    kind: Literal["scheduled", "backfill", "retry"]
    asked: tuple[int, int]
    started_at: int
    ended_at: int
    identity: str
    state: Literal["complete", "partial", "failed"]
    pages: int
    files: int
    bytes: int
    records: int
    unreadable: int
    parts: tuple[PartRecord, ...]
    covers: tuple[Cover, ...]
    published: tuple[tuple[int, int], ...]
    offsets: tuple[tuple[int, int], ...]
    errors: tuple[str, ...] = ()
    ignored: int = 0


@dataclass(frozen=True, slots=True)
class Counts:
    """Source records processed: collected = evidence + unmatched + duplicate + dead_letter, always."""

    evidence: int = 0
    unmatched: int = 0
    duplicate: int = 0
    dead_letter: int = 0

    @property
    def collected(self) -> int:
        """The sum of the four."""
        return self.evidence + self.unmatched + self.duplicate + self.dead_letter

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.evidence + other.evidence,
            self.unmatched + other.unmatched,
            self.duplicate + other.duplicate,
            self.dead_letter + other.dead_letter,
        )


@dataclass(frozen=True, slots=True)
class Appended:
    """What one append wrote: log sizes before and after, counts of source records, how many findings and drifts."""

    before: int
    after: int
    counts: Counts = field(default_factory=Counts)
    findings: int = 0
    drifts: int = 0
    closed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OwnEntry:
    """An entry that Attestream itself makes (mapping_set, key, export …): clear `fields`, and two committed parts."""

    type: str
    fields: tuple[tuple[str, str | int], ...] = ()
    detail: bytes | None = None
    payload: bytes | None = None
    media_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Closing:
    """A person closes an open finding: why, and who. An entry of the log like any other cause."""

    mapping: str
    subject: str
    event_time: int
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class Erasure:
    """Bytes to be erased for ever: of these log indexes, detail and payload or the payload alone; why, and who says so.

    `value` is what made them found; it is masked where drift repeats it.
    """

    indexes: tuple[int, ...]
    reason: str
    by: str
    payload_only: bool = False
    value: str = ""


@dataclass(frozen=True, slots=True)
class Activation:
    """A mapping set becomes the active one: its digest, its whole bytes, and what the store needs of mappings and controls."""

    digest: str
    payload: bytes
    mappings: tuple[MappingRecord, ...]
    controls: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DriftRow:
    """One drift for the outbox. `row` is the number of the NewRow that caused it, None when something else did."""

    kind: str
    key: str
    before: str
    after: str
    controls: tuple[str, ...]
    level: str
    event_time: int
    delivery: str
    text: str
    mapping: str | None = None
    subject: bytes | None = None
    account: str = ""
    source: str = ""
    row: int | None = None
    idx: int | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """What one append writes: judged events, entries of our own, findings whose time has come, attempts to settle, drift, what
    people state, reminders (kind, id) that are due. Erasures come alone, one in a batch: what else it held might rest on what
    they take.

    `mapping_set` is the digest of the set that judged the items; the append is refused when another one is active.
    """

    mapping_set: str = ""
    items: tuple[Judged, ...] = ()
    own: tuple[OwnEntry, ...] = ()
    due: tuple[tuple[str, bytes], ...] = ()
    settle: tuple[str, ...] = ()
    activate: Activation | None = None
    drifts: tuple[DriftRow, ...] = ()
    closings: tuple[Closing, ...] = ()
    links: tuple[TicketLink, ...] = ()
    erasures: tuple[Erasure, ...] = ()
    statements: tuple[Statement, ...] = ()
    reminders: tuple[tuple[str, str], ...] = ()
    replay: Replay | None = None
    retain_all: bool = False
