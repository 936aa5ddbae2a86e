"""What the API answers with. Times are RFC 3339 text in UTC, handles and hashes hex, durations seconds."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from pydantic import BaseModel, Field

from store.times import MAX_TIME, format_time

Item = TypeVar("Item")


def stamp(micros: int) -> str:
    """A time as text; one outside the calendar becomes its nearest end."""
    return format_time(min(max(micros, 0), MAX_TIME))


def maybe(micros: int | None) -> str | None:
    """A time as text, or None."""
    return None if micros is None else stamp(micros)


class Problem(BaseModel):
    """An error (RFC 9457). `parameter` names the parameter that cannot be used, where it is one."""

    type: str
    title: str
    status: int
    detail: str
    parameter: str | None = None


class Page(BaseModel, Generic[Item]):
    """One page of a list. `next` is the `after` of the next page, null on the last."""

    items: list[Item]
    next: str | None


class Period(BaseModel):
    """From and to."""

    start: str = Field(alias="from")
    end: str = Field(alias="to")

    @classmethod
    def of(cls, span: tuple[int, int]) -> Period:
        """From a pair of times in microseconds."""
        return cls.model_validate({"from": stamp(span[0]), "to": stamp(span[1])})


class CountsOut(BaseModel):
    """Source records processed: collected = evidence + unmatched + duplicate + dead_letter."""

    collected: int
    evidence: int
    unmatched: int
    duplicate: int
    dead_letter: int


class FindingCounts(BaseModel):
    """Findings of a control by what they say."""

    not_satisfied: int
    satisfied: int
    stale: int
    accepted: int


class ControlOut(BaseModel):
    """A control's state at the moment that was asked about."""

    id: str
    title: str
    theme: str
    state: str
    since: str | None
    findings: FindingCounts
    last_evidence: str | None
    last_index: int | None


class MappingOut(BaseModel):
    """A mapping that names a control, and how strongly it speaks to it."""

    id: str
    title: str
    finding: str
    strength: str
    level: str
    rationale: str
    remediation: str


class ControlDetail(ControlOut):
    """One control: also why it has its state, what would speak for it, and which mappings name it."""

    about: str
    attributes: dict[str, list[str]]
    needs: list[str]
    why: str
    mappings: list[MappingOut]


class FindingOut(BaseModel):
    """What one mapping says of one subject. `entry`: the log index of its last change; `cites`: those of the evidence for it."""

    mapping: str
    title: str
    level: str
    subject: str
    subject_handle: str
    silence: bool
    source: str
    part: str
    state: str
    since: str
    entry: int
    cites: list[int]
    reason: str
    errors: int
    due_at: str | None
    controls: list[str]


class TagOut(BaseModel):
    """What one mapping says of an evidence entry, and why."""

    mapping: str
    title: str
    verdict: str
    finding: str
    subject: str
    controls: list[str]
    reason: str


class EvidenceOut(BaseModel):
    """One evidence entry."""

    index: int
    source: str
    account: str
    region: str
    type: str
    id: str
    event_time: str
    collected_at: str
    recorded_at: str
    window: str
    controls: list[str]
    tags: list[TagOut]
    conflicts_with: int | None


class CommittedOut(BaseModel):
    """A committed part: commit = SHA-256(salt || bytes). Salt and bytes are null where they were erased."""

    commit: str
    size: int
    media_type: str
    salt: str | None
    base64: str | None


class CheckOut(BaseModel):
    """A check that this server made: holds, fails or not yet. To rely on it, make it yourself from the bytes given here."""

    name: str
    outcome: str
    text: str


class ProofOut(BaseModel):
    """RFC 9162 inclusion proof in the tree of the last checkpoint; `size` is 0 when there is none."""

    size: int
    root: str
    leaf: str
    hashes: list[str]
    checks: list[CheckOut]


class EvidenceDetail(EvidenceOut):
    """One evidence entry, whole. `metadata` is base64 of the very bytes that the log's leaf is the hash of."""

    metadata: str
    detail: CommittedOut | None
    payload: CommittedOut | None
    proof: ProofOut


class DriftOut(BaseModel):
    """A change of a state, or a thing about collection that somebody should know."""

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
    controls: list[str]
    level: str
    event_time: str
    recorded_at: str
    entry: int | None
    delivery: str
    text: str


class CoverOut(BaseModel):
    """A stretch of delivery time that a window vouches for in one part."""

    part: str
    start: str = Field(alias="from")
    end: str = Field(alias="to")


class WindowOut(BaseModel):
    """One attempt to read a period of a source."""

    attempt: str
    source: str
    kind: str
    state: str
    asked: Period
    registered_at: str
    closed_at: str | None
    entry: int | None
    counts: CountsOut
    files: int
    records: int
    bytes: int
    unreadable: int
    identity: str
    errors: list[str]
    covers: list[CoverOut]


class SourceOut(BaseModel):
    """A source's health. `gaps`: asked periods that are missing."""

    name: str
    type: str
    state: str
    configured: bool
    schedule_seconds: int
    lateness_seconds: int
    last_window: WindowOut | None
    gaps: list[Period]
    lag_seconds: int | None
    failures: int
    counts: CountsOut


class CheckpointOut(BaseModel):
    """The last signed tree head: the whole note, and the key that verifies it."""

    size: int
    root: str
    signed_at: str | None
    origin: str
    note: str
    vkey: str


class DeadLetterOut(BaseModel):
    """Bytes that could not be understood; they are kept."""

    index: int
    source: str
    window: str
    place: str
    size: int
    recorded_at: str


class LogOut(BaseModel):
    """The log."""

    origin: str
    size: int
    root: str
    recorded_at: str | None
    mapping_set: str
    dead_letters: int
    anchored_at: str | None
    checkpoint: CheckpointOut | None


class StatusOut(BaseModel):
    """The states of the controls, collection health and the log, in one document."""

    as_of: str | None
    known_at: int
    mapping_set: str
    events: CountsOut
    controls: dict[str, dict[str, Any]]
    sources: dict[str, dict[str, Any]]
    log: dict[str, Any]
