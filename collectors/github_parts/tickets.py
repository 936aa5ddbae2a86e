"""Issues and pull requests: what changed in a period, what is still open, and what was closed lately."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import msgspec

from collectors.base import Report, Window
from collectors.calls import refused
from collectors.github_parts.hub import PER_PAGE, Hub
from collectors.github_parts.life import ISSUE, PULL, login, of_pull, of_ticket
from collectors.github_parts.listing import Changed
from collectors.github_parts.memory import MAX_FIRST, Memory, short, whole
from collectors.github_parts.shape import only, without
from collectors.http import ApiError
from collectors.tickets import Life, gone, moment, ticket
from collectors.unreadable import Excerpt, Unreadable, unreadable_event
from store.records import DAY, UNREADABLE, Event

MAX_FILES: Final = 300
MAX_REVIEWS: Final = 8 * 1024 * 1024
"""Bytes of reviews that are kept with a pull request; of more only what its life says."""
MAX_ERRORS: Final = 20
AGAIN: Final = DAY
"""How often tickets that were closed lately are read again; their verdicts hold for 7 days."""
_VOLATILE: Final = ("mergeable", "mergeable_state", "rebaseable", "head.repo")
_BASE: Final = ("id", "name", "full_name", "private", "visibility", "default_branch", "fork")


@dataclass(slots=True)
class Tickets:
    """Reads the tickets of one window. `organisation`: whose name the cursor leaves out."""

    hub: Hub
    window: Window
    report: Report
    memory: Memory
    host: str
    organisation: str | None
    overlap: int
    follow: int
    prefixes: Sequence[str]
    clock: Callable[[], int]
    counts: dict[tuple[str, str], int] = field(default_factory=dict)
    errors: dict[str, list[str]] = field(default_factory=dict)
    _first: dict[str, int] = field(default_factory=dict)

    def read(self, repositories: Sequence[str]) -> Iterator[Event]:
        """Everything of the window, and its parts."""
        owners = {name.partition("/")[0] for name in repositories} | ({self.organisation} if self.organisation else set())
        for owner in sorted(owners):
            self.counts[(owner, ISSUE)] = self.counts[(owner, PULL)] = 0
        for name in repositories:
            yield from self._changed(name)
        if self.window.latest:
            again = self.memory.followed != 0 and (
                self.window.end - self.memory.followed >= AGAIN or self.memory.followed > self.window.end
            )
            failed = set()
            for name in repositories:
                if not (yield from self._still_open(name, again)):
                    failed.add(name)
            yield from self._missing(set(repositories) - failed)
            if (again and not failed) or self.memory.followed == 0:
                self.memory.followed = self.window.end
            self.memory.first = self._first
        for (owner, kind), count in self.counts.items():
            errors = self.errors.get(owner, [])
            notes = self.memory.open.notes() if self.window.latest else ()
            self.report.part(owner, kind, complete=not errors, read=count, errors=[*errors, *notes])

    def _changed(self, name: str) -> Iterator[Event]:
        """What changed in the window's period, or since the time that is owed."""
        owed = self.memory.owed.get(name)
        start = self.window.start if owed is None else min(owed, self.window.start)
        if owed is None and self.memory.quiet.get(name, 0) >= self.window.end:
            return
        asked, missed = self.clock(), False
        changed = Changed(self.hub, name, max(start - self.overlap, 0), self.window.end)
        try:
            for item in changed.read():
                missed |= not (yield from self._ticket(name, item))
        except ApiError as error:
            if self.hub.told(error).off is None:
                self._wrong(name, error)
                missed = True
        if missed:
            self.memory.owed[name] = start
        else:
            self.memory.owed.pop(name, None)
            self.memory.quiet[name] = changed.beyond - 1 if changed.beyond is not None else asked - self.overlap

    def _still_open(self, name: str, again: bool) -> Generator[Event, None, bool]:
        """Open tickets, changed or not; with `again` those closed within `follow` too. Returns whether all were read."""
        good = True
        try:
            for item in self.hub.every(f"/repos/{name}/issues?state=open&sort=created&direction=asc&per_page={PER_PAGE}"):
                good &= yield from self._ticket(name, item)
            if again and self.follow:
                since = max(self.window.end - self.follow, 0)
                for item in Changed(self.hub, name, since, self.window.end, "closed").read():
                    good &= yield from self._ticket(name, item)
        except ApiError as error:
            if self.hub.told(error).off is None:
                self._wrong(name, error)
                return False
        return good

    def _missing(self, read: set[str]) -> Iterator[Event]:
        """Open before, and neither open nor changed now: asked for by name."""
        for key in self.memory.open.missing():
            found = whole(key, self.organisation)
            if found is None or found[0] not in read:
                continue
            name, pull, number = found
            try:
                answer = self.hub.get(f"/repos/{name}/issues/{number}")
            except ApiError as error:
                if error.status in (301, 404, 410):  # moved to another repository, or deleted
                    self.memory.open.lost(key)
                    kind, subject = PULL if pull else ISSUE, self._subject(name, pull, number)
                    yield gone(self.window, kind, subject, self.clock(), account=name.partition("/")[0])
                else:
                    self._wrong(name, error)
            else:
                yield from self._ticket(name, answer.body)

    def _ticket(self, name: str, data: bytes) -> Generator[Event, None, bool]:
        """One ticket as the list of issues shows it. Returns whether it could be read, or at least kept."""
        owner = name.partition("/")[0]
        try:
            value = json.loads(data)
            number = value.get("number") if isinstance(value, dict) else None
            if not isinstance(number, int) or isinstance(number, bool) or moment(value.get("updated_at")) is None:
                raise Unreadable("is no ticket: number or updated_at is missing")
            pull = "pull_request" in value
            key = short(name, self.organisation, pull, number)
            done = value.get("state") == "closed"
            if pull and done:
                content, life, more, whole_life = self._pull(name, number)
            else:
                content, more = data, {}
                responded, whole_life = self._responded(name, value, key, pull)
                life = of_ticket(value, self.prefixes, responded, () if whole_life and not pull else ("first_response",))
            kind, subject = PULL if pull else ISSUE, self._subject(name, pull, number)
            event = ticket(self.window, kind, subject, self.clock(), content, life, account=owner, more=more)
        except Unreadable as error:
            yield self._unreadable(name, data, error)
            return True
        except ApiError as error:
            self._wrong(name, error)
            return False
        if self.window.latest:
            self.memory.open.saw(key, "done" if done else "open")
        self.counts[(owner, kind)] = self.counts.get((owner, kind), 0) + 1
        yield event
        return whole_life

    def _pull(self, name: str, number: int) -> tuple[bytes, Life, Mapping[str, Any], bool]:
        """A closed pull request with its reviews and the names of its files. Raises ApiError, Unreadable."""
        path = f"/repos/{name}/pulls/{number}"
        answer = self.hub.get(path)
        answer.json(self.hub.api.what)
        value = json.loads(answer.body)
        if not isinstance(value, dict):
            raise ApiError(self.hub.api.what, "nonsense", answer.status, "no pull request")
        reviews = list(dict.fromkeys(self.hub.every(f"{path}/reviews?per_page={PER_PAGE}")))
        life = of_pull(value, self.prefixes, [json.loads(item) for item in reviews])
        more: dict[str, Any] = {}
        if sum(map(len, reviews)) <= MAX_REVIEWS:
            more["_reviews"] = [msgspec.Raw(item) for item in reviews]
        else:
            life = replace(life, unread=("_reviews",))
        if isinstance(value.get("changed_files"), int) and value["changed_files"] <= MAX_FILES:
            more["_files"] = [_file(item) for item in self.hub.every(f"{path}/files?per_page={PER_PAGE}")]
        else:
            life = replace(life, unread=(*life.unread, "_files"))
        data = only(without(answer.body, _VOLATILE), "base.repo", _BASE)
        return data, life, more, True

    def _responded(self, name: str, value: Mapping[str, Any], key: str, pull: bool) -> tuple[int | None, bool]:
        """(when somebody else first spoke, whether that could be asked). Not asked of pull requests that are open."""
        if pull:
            return None, True
        if key in self.memory.first:
            found: int | None = self.memory.first[key]
        elif not value.get("comments"):
            found = None
        else:
            try:
                found = self._comment(name, value)
            except ApiError as error:
                self._wrong(name, error)
                return None, False
        if found is not None and value.get("state") == "open" and len(self._first) < MAX_FIRST:
            self._first[key] = self.memory.first[key] = found
        return found, True

    def _comment(self, name: str, value: Mapping[str, Any]) -> int | None:
        """When somebody who is not its author first spoke. Raises ApiError."""
        author = login(value.get("user"))
        for item in self.hub.follow(f"/repos/{name}/issues/{value['number']}/comments?per_page={PER_PAGE}"):
            comment = json.loads(item)
            who = login(comment.get("user")) if isinstance(comment, dict) else None
            if who is not None and who != author:
                return moment(comment.get("created_at"))
        return None

    def _subject(self, name: str, pull: bool, number: int) -> str:
        return f"{self.host}/{name}/{'pull' if pull else 'issues'}/{number}"

    def _wrong(self, name: str, error: ApiError) -> None:
        place = f"tickets of {name}"
        self.report.denied(place, str(error))
        words = "refused" if refused(error) else "failed"
        found = self.errors.setdefault(name.partition("/")[0], [])
        if len(found) < MAX_ERRORS:
            found.append(f"{place} ({words}): {error}")

    def _unreadable(self, name: str, data: bytes, error: Unreadable) -> Event:
        place, looked = f"{self.host}/{name}/issues", self.clock()
        self.report.unreadable(place, error.reason)
        owner = name.partition("/")[0]
        like = Event(self.window.source, "-", UNREADABLE, looked, b"", self.window.attempt, looked, account=owner)
        return unreadable_event(like, Excerpt.of([data]), place, error.reason)


def _file(item: bytes) -> dict[str, Any]:
    value = json.loads(item)
    kept = ("filename", "status", "previous_filename")
    return {key: value[key] for key in kept if key in value} if isinstance(value, dict) else {}
