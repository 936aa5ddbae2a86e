"""Contracts of delivery: an Alert says what changed; a Notifier hands it to one receiver or raises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable


class AlertError(Exception):
    """Base of every error that delivery raises on purpose. Its text is one clear sentence and holds no secret."""


class RouteInvalid(AlertError):
    """A route's settings cannot be used; the message names the route, the key and what is allowed."""


class Retry(AlertError):
    """The receiver did not take it now (down, slow, busy); `after` is how many seconds it asked to be left alone, if it did."""

    def __init__(self, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


class Refused(AlertError):
    """The receiver will not take it, or must not be asked: somebody has to change something. Tried again, but seldom."""


class Action(StrEnum):
    """What an alert asks of its receiver. Only `trigger` pages: with `update` subjects joined or left, `acknowledge` says that
    somebody has taken it on, `summary` and `digest` tell of many things at once.
    """

    TRIGGER = "trigger"
    UPDATE = "update"
    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"
    SUMMARY = "summary"
    DIGEST = "digest"


@dataclass(frozen=True, slots=True)
class Alert:
    """One message to one route. All texts are clean: one line, no control characters. Times are microseconds.

    `id` is the same whenever this message is sent again; `key` is the same for all that is said of one finding, control or
    source. `subjects` are the first few of `subject_count`: what is open, for a resolve what recovered. `joined` and `left` say
    what changed. `since` and `until` bound what happened (event time), `known_at` is when we knew. `brief`: it was over before
    it could be told, so there was no trigger before this resolve. `entry` is the log index of the change, `evidence` what it
    cites. `counts` (findings by level) and `top` (title and number) are of a summary and a digest, `lines` is what else a digest
    lists. `receipt` is what the receiver called what it made of the trigger (Ticket), "" before.
    """

    id: str
    key: str
    action: Action
    kind: str
    level: str
    title: str
    sentence: str
    before: str
    after: str
    since: int
    until: int | None
    changed_at: int
    known_at: int
    origin: str
    source: str = ""
    account: str = ""
    mapping: str = ""
    controls: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    subject_count: int = 0
    joined: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    brief: bool = False
    entry: int | None = None
    evidence: tuple[int, ...] = ()
    counts: Mapping[str, int] | None = None
    top: tuple[tuple[str, int], ...] = ()
    lines: tuple[str, ...] = ()
    link: str = ""
    receipt: str = ""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket that a notifier opened or updated: how later calls name it, and under which name its collector sees it."""

    receipt: str
    subject: str


class Notifier(Protocol):
    """One way to reach people. Must bound its own time: a call that hangs holds up its own route, never another."""

    def notify(self, alert: Alert) -> Ticket | None:
        """Hand it over; returning means that the receiver has it. Raises Retry or Refused. May come again under the same id.

        A Ticket is linked to the findings that the alert is of.
        """
        ...


@runtime_checkable
class Repeating(Protocol):
    """A notifier whose receiver forgets what is not said again."""

    @property
    def every(self) -> float:
        """Seconds between two times."""
        ...

    def repeat(self, alerts: Sequence[Alert]) -> None:
        """Say again all that is open. Raises Retry or Refused."""
        ...
