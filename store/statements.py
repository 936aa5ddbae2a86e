"""What people state for the record: exceptions, attestations, applicability of controls, risks. Record types, and their limits.

Each becomes an entry of the log (docs/entry.md), written by `append` like all else. `by` is whoever states it, `account` the
account of the system it came through. Text is for people and stands in the entry's detail, where it can be erased.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from store.errors import StoreError

MAX_TEXT: Final = 4000
MAX_NAME: Final = 200
MAX_FILES: Final = 20
MAX_FILE: Final = 16 << 20
"""Bytes of one attached file."""
MAX_CONTROLS: Final = 93
ALL_SUBJECTS: Final = b""
"""In place of a subject's handle: the exception is of every subject of its mapping."""
RISK_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,63}")
"""A risk's id in the register stands in the clear, so it must be a mere label."""

Saying = Literal["satisfied", "not-satisfied"]


@dataclass(frozen=True, slots=True)
class ExceptionAct:
    """An exception is made, prolonged or taken back. `subject` None: of all subjects of the mapping.

    Mapping and subject are given with `add` alone. It holds until `until`, exclusive.
    """

    act: Literal["add", "renew", "revoke"]
    id: str
    reason: str
    by: str
    account: str = ""
    approver: str = ""
    until: int = 0
    mapping: str = ""
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class Attached:
    """A file that belongs to an attestation. Its name is only ever shown, never used as one."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class AttestationAct:
    """A person states that controls are in order (or are not), from `made` until `until`; or reviews, or takes back, a statement.

    With `four_eyes` it says nothing until a second person approves it. Controls are given with `add` alone.
    """

    act: Literal["add", "renew", "review", "revoke"]
    id: str
    by: str
    account: str = ""
    controls: tuple[str, ...] = ()
    says: Saying = "satisfied"
    made: int = 0
    until: int = 0
    four_eyes: bool = False
    approve: bool = False
    title: str = ""
    statement: str = ""
    owner: str = ""
    template: str = ""
    note: str = ""
    files: tuple[Attached, ...] = ()


@dataclass(frozen=True, slots=True)
class SoaAct:
    """What the Statement of Applicability says of one control from now on. `risks` are ids in the risk register."""

    control: str
    applicable: bool
    justification: str
    by: str
    account: str = ""
    implementation: str = ""
    owner: str = ""
    risks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RiskAct:
    """A risk of the register and the controls that treat it; or that it is no longer there."""

    act: Literal["set", "remove"]
    id: str
    by: str
    account: str = ""
    title: str = ""
    treatment: str = ""
    owner: str = ""
    controls: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class TicketLink:
    """A finding is linked to a ticket, by the name under which the ticket's own source observes it; `by`: who says so."""

    mapping: str
    subject: str
    ticket: str
    by: str


Statement = ExceptionAct | AttestationAct | SoaAct | RiskAct


def checked(text: str, what: str, *, needed: bool = False, limit: int = MAX_TEXT) -> str:
    """Text as it is kept: no blanks around it, and no letters that are none. Raises StoreError."""
    plain = text.strip()
    if needed and not plain:
        raise StoreError(f"{what}: say it, for whoever audits this later")
    if len(plain) > limit:
        raise StoreError(f"{what}: {len(plain)} characters are too many, at most {limit}")
    if "\0" in plain or any(0xD800 <= ord(c) < 0xE000 for c in plain):
        raise StoreError(f"{what}: holds characters that are no text")
    return plain
