"""What people stated, as the outputs read it: exceptions, attestations, applicability, risks. Times are microseconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Act:
    """One entry of an exception or attestation, as people read it."""

    idx: int
    act: str
    event_time: int
    by: str
    text: str


@dataclass(frozen=True, slots=True)
class ExceptionView:
    """One exception at a moment. `state`: valid, expired, revoked. `subject` "" where it was erased, None: of all subjects."""

    id: str
    state: str
    mapping: str
    subject: str | None
    subject_handle: str
    start: int
    until: int
    reason: str
    approver: str
    by: str
    idx: int
    acts: Sequence[Act]


@dataclass(frozen=True, slots=True)
class SoaView:
    """What is stated of one control. `idx` None: nothing is, and then it counts as applicable."""

    control: str
    applicable: bool
    justification: str = ""
    implementation: str = ""
    owner: str = ""
    risks: Sequence[str] = ()
    event_time: int | None = None
    idx: int | None = None
    by: str = ""
    erased: bool = False


@dataclass(frozen=True, slots=True)
class FileView:
    """A file of an attestation: its payload is that of entry `idx`. `sha256` hex, "" where it was erased."""

    idx: int
    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Version:
    """One statement: what is said, from when until when, by whom, with which files. `approved` None: not reviewed yet."""

    idx: int
    act: str
    says: str
    made: int
    until: int
    four_eyes: bool
    approved: bool | None
    by: str
    owner: str
    statement: str
    files: Sequence[FileView]


@dataclass(frozen=True, slots=True)
class AttestationView:
    """One attestation at a moment. `state` is waiting, valid, expired, rejected or revoked.

    `speaking` is the version that speaks (or spoke last), `waiting` the one that a second person has yet to review.
    """

    id: str
    state: str
    title: str
    controls: Sequence[str]
    subject_handle: str
    template: str
    speaking: Version | None
    waiting: Version | None
    acts: Sequence[Act]
    since: int | None
    erased: bool = False

    @property
    def shown(self) -> Version | None:
        """The version that people want to see: what speaks, else what waits."""
        return self.speaking or self.waiting


@dataclass(frozen=True, slots=True)
class RiskView:
    """One risk of the register at a moment, with the controls that treat it."""

    id: str
    title: str
    treatment: str
    owner: str
    controls: Sequence[str]
    event_time: int
    idx: int
    by: str
    erased: bool = False
