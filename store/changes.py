"""What the store shows to the pure `decide` function, and what that says back. Both are plain data.

`decide(view) -> Changes` lives in pipeline/posture.py; the store only loads the rows that a batch names, calls it under the head
lock and writes what it says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from store.records import ControlState, DriftRow, MappingRecord, State, Verdict

FindingKey = tuple[str, bytes]
"""(mapping id, subject's handle)"""


@dataclass(frozen=True, slots=True)
class Input:
    """One fact that speaks to a finding. `fresh_at` is min(event time, collected at). `ends_at`: when it stops by itself."""

    event_time: int
    idx: int
    verdict: Verdict
    part_id: int
    fresh_at: int
    ends_at: int | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A standing row of a finding's history."""

    event_time: int
    idx: int
    state: State


@dataclass(frozen=True, slots=True)
class Stretch:
    """Delivery time of one part that closed windows vouch for, with the mapping set (its log index) it was judged under."""

    start: int
    end: int
    held: int
    joins: bool
    bridge: int
    idx: int


@dataclass(frozen=True, slots=True)
class Accepted:
    """Event time [start, end) in which an exception covers a finding. `idx` is its entry, `ended_by` the one that ended it before
    its time (None: time does)."""

    start: int
    end: int
    idx: int
    ended_by: int | None = None


@dataclass(frozen=True, slots=True)
class FindingView:
    """What is known of one finding from `floor` on: the state that stands before it, rows and inputs since.

    `matched` is the last match before the floor; None for a silence finding or when there is none. `since` is when `base` began
    to stand. `state`, `row_time` and `errors` (with this batch's) are of the present row, `state` None where there is none yet.
    `accepted`: when exceptions cover it.
    """

    mapping: str
    subject: bytes
    part_id: int
    silence: bool
    floor: int
    base: State | None
    matched: Input | None
    rows: tuple[Row, ...]
    inputs: tuple[Input, ...]
    errors: int = 0
    row_time: int = 0
    since: int = 0
    state: State | None = None
    accepted: tuple[Accepted, ...] = ()


@dataclass(frozen=True, slots=True)
class PartView:
    """One part of a source: its coverage and lateness, and how what it says is to be told.

    Rows due before `waits_until` wait: an attempt registered then is still open. `baseline`: no complete window had closed before
    this append; `baseline_idx` is the log index of the one that ends it. `digest_only`: this batch is backfill or replay.
    """

    part_id: int
    source: str
    part: str
    lateness: int
    stretches: tuple[Stretch, ...]
    waits_until: int | None
    baseline: bool
    digest_only: bool = False
    baseline_idx: int | None = None


@dataclass(frozen=True, slots=True)
class HeldMapping:
    """An active mapping and the log index since which it is held unchanged."""

    record: MappingRecord
    held: int


@dataclass(frozen=True, slots=True)
class ControlView:
    """The present row of a control, and whether it is applicable now: with this batch's statement of applicability."""

    id: str
    state: ControlState
    since: int | None
    applicable: bool = True


@dataclass(frozen=True, slots=True)
class View:
    """The rows that a batch names, read under the head lock. `now` is the append's recorded_at."""

    now: int
    findings: tuple[FindingView, ...]
    parts: Mapping[int, PartView]
    mappings: Mapping[str, HeldMapping]
    tallies: Mapping[str, Mapping[State, int]]
    controls: Mapping[str, ControlView]
    voices: Mapping[str, tuple[str, ...]]
    accounts: Mapping[bytes, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NewRow:
    """A finding row to be written as an entry. `cites` are log indexes; empty means that time alone did it (`due`)."""

    mapping: str
    subject: bytes
    event_time: int
    before: State | None
    state: State
    cites: tuple[int, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Present:
    """The present row of a finding after this batch."""

    mapping: str
    subject: bytes
    part_id: int
    silence: bool
    state: State
    since: int
    row_time: int
    input_time: int
    matched_at: int | None
    matched_fresh: int | None
    quiet_at: int | None
    due_at: int | None
    errors: int
    before: State | None


@dataclass(frozen=True, slots=True)
class ControlChange:
    """The present row of a control after this batch."""

    id: str
    before: ControlState
    state: ControlState
    since: int | None
    not_satisfied: int
    satisfied: int
    stale: int
    accepted: int = 0


@dataclass(frozen=True, slots=True)
class Changes:
    """What `decide` says is to be written."""

    rows: tuple[NewRow, ...] = ()
    presents: tuple[Present, ...] = ()
    controls: tuple[ControlChange, ...] = ()
    drifts: tuple[DriftRow, ...] = ()


Decide = Callable[[View], Changes]
