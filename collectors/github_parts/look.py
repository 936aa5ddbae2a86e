"""One look at settings: what was seen of each kind, what was not, and how that is said."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from collectors.base import Report, Window
from collectors.github_parts.hub import Hub
from collectors.http import ApiError
from collectors.json_text import attach
from collectors.observation import observation, summary
from collectors.unreadable import Excerpt, Unreadable, shown, unreadable_event
from pipeline.event import MAX_PAYLOAD
from store.records import UNREADABLE, Event

MAX_ERRORS: Final = 20


@dataclass(slots=True)
class Seen:
    """What was seen of one kind in one place (the account)."""

    names: dict[str, None] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    off: str | None = None


@dataclass(slots=True)
class Look:
    """Everything that a look needs, and what it remembers until its end. `host` begins every subject."""

    hub: Hub
    window: Window
    report: Report
    host: str
    clock: Callable[[], int]
    failed: int = 0
    """Questions without an answer: to be asked again in the next run, for nothing was learnt of them."""
    denied: int = 0
    """Answers that were refusals, or none that can be used: likely to be so again."""
    _seen: dict[tuple[str, str], Seen] = field(default_factory=dict)

    def of(self, kind: str, account: str) -> Seen:
        """The entry of a kind in a place; from now on it is a part of the window."""
        return self._seen.setdefault((kind, account), Seen())

    def wrong(self, kind: str, account: str, place: str, error: ApiError) -> None:
        """Something of this part was refused, or failed."""
        self.report.denied(place, str(error))
        self.of(kind, account).errors.append(f"{place}: {error}")
        if error.kind in ("throttled", "unreachable"):
            self.failed += 1
        else:
            self.denied += 1

    def event(
        self, kind: str, account: str, name: str, data: bytes, more: Mapping[str, Any] | None = None, *, secret: bool = False
    ) -> Iterator[Event]:
        """The observation of one subject (`name` comes after the host). `secret`: bytes not understood are not kept."""
        self.of(kind, account).names[name] = None
        looked, subject = self.clock(), f"{self.host}/{name}"
        try:
            payload = attach(data, more or {})
            if len(payload) > MAX_PAYLOAD:
                raise Unreadable(f"is {len(payload)} bytes; at most {MAX_PAYLOAD} are kept")
            yield observation(self.window, kind, subject, looked, payload, account=account)
        except Unreadable as error:
            yield from self.unreadable(kind, account, subject, data, error, secret=secret)

    def unreadable(
        self, kind: str, account: str, place: str, data: bytes, error: Unreadable, *, secret: bool = False
    ) -> Iterator[Event]:
        """What could not be understood, as a dead letter."""
        place = shown(place)
        self.report.unreadable(place, error.reason)
        self.of(kind, account).errors.append(f"{place}: {error.reason}")
        if not secret:
            looked = self.clock()
            like = Event(self.window.source, "-", UNREADABLE, looked, b"", self.window.attempt, looked, account=account)
            yield unreadable_event(like, Excerpt.of([data]), place, error.reason)

    def finish(self, kind: str, account: str) -> Iterator[Event]:
        """Say the part, and its summary where all of it was seen. What is off enumerates nothing: it says nothing of what was."""
        seen = self._seen.pop((kind, account), Seen())
        complete = not seen.errors
        self.report.part(
            account, kind, complete=complete, read=len(seen.names), errors=seen.errors[:MAX_ERRORS], enumerates=seen.off is None
        )
        if complete:
            more = {"count": None, "_off": seen.off} if seen.off is not None else {}
            word = f"summary.{kind.partition('.')[2]}"
            yield summary(self.window, word, self.clock(), list(seen.names), account=account, more=more)

    def rest(self) -> Iterator[Event]:
        """Finish every part that is still open."""
        for kind, account in list(self._seen):
            yield from self.finish(kind, account)


def unread(names: Sequence[str]) -> dict[str, Any]:
    """The member that names what was not answered; nothing where all was."""
    return {"_unread": sorted(set(names))} if names else {}
