"""The pages of one LookupEvents range: read to the last, newest first; each event is the exact text that CloudTrail hands out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from collectors.aws import AwsError, explain
from collectors.base import Report, Window
from collectors.cloudtrail import AHEAD, EVENT_TYPE
from collectors.json_text import render, strict
from collectors.rate import Rate
from collectors.record_check import check
from collectors.unreadable import Excerpt, Unreadable, sentence, unreadable_event
from store.records import SECOND, Event

PERMISSION: Final = "cloudtrail:LookupEvents"
PAGE: Final = 50
MAX_EMPTY: Final = 1000
"""Pages without an event, one after another, after which the paging leads nowhere."""


MAX_PAGES: Final = 200_000
"""Pages of a range: 10 million events."""


@dataclass(slots=True)
class Pages:
    """Reads one account and Region. `read`, `unread`: events understood and not."""

    client: Any
    rate: Rate
    window: Window
    report: Report
    seen: int
    account: str
    region: str
    read: int = field(default=0, init=False)
    unread: int = field(default=0, init=False)

    def events(self, start: int, end: int) -> Iterator[Event]:
        """Yield the events of (start, end]; CloudTrail's times are whole seconds. Raises AwsError, and what the SDK raises."""
        first, last = start // SECOND + 1, end // SECOND
        if first > last:
            return
        asked: dict[str, Any] = {"StartTime": _moment(first), "EndTime": _moment(last), "MaxResults": PAGE}
        tokens: set[str] = set()
        empty, before = 0, last
        while True:
            self.rate.wait()
            page = self.client.lookup_events(**asked)
            listed = page.get("Events")
            if not isinstance(listed, list):
                raise self._wrong("answered without a list of events")
            self.report.page()
            times = [int(at.timestamp()) for item in listed if isinstance(at := item.get("EventTime"), datetime)]
            if times and max(times) > before + 1:
                raise self._wrong("answers with pages that are not newest first: the range is asked for again")
            before = min(times, default=before)
            for item in listed:
                yield self._event(item, last * SECOND)
            empty = 0 if listed else empty + 1
            token = page.get("NextToken")
            if not token:
                return
            if token in tokens or empty > MAX_EMPTY or len(tokens) > MAX_PAGES:
                raise self._wrong("gives page tokens that lead round in a circle: the range is asked for again")
            tokens.add(token)
            asked["NextToken"] = token

    def _event(self, item: dict[str, Any], at: int) -> Event:
        text = item.get("CloudTrailEvent")
        data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else render(item)
        try:
            if not isinstance(text, str):
                raise Unreadable("has no CloudTrailEvent")
            strict(data)
            id_, time = check(data)
            if time > self.seen + AHEAD:
                raise Unreadable("has an eventTime that lies in the future")
        except Unreadable as error:
            self.unread += 1
            excerpt = Excerpt.of([data])
            place = f"{self.account}/{self.region} event {excerpt.digest[:16]}"
            self.report.unreadable(place, error.reason)
            return unreadable_event(self._like("", "", at, b""), excerpt, place, error.reason)
        self.read += 1
        return self._like(id_, EVENT_TYPE, time, data)

    def _like(self, id_: str, kind: str, time: int, data: bytes) -> Event:
        window = self.window
        return Event(window.source, id_, kind, time, data, window.attempt, self.seen, None, self.account, self.region)

    def _wrong(self, what: str) -> AwsError:
        return AwsError(sentence(f"CloudTrail of {self.account} in {self.region}", what), "answer")


def once(client: Any) -> None:
    """Ask for one event. Raises AwsError, and what the SDK raises."""
    client.lookup_events(MaxResults=1)["Events"]


def fault(error: Exception, account: str, region: str) -> AwsError:
    """What the SDK raised, as a sentence. A token that no longer holds is an error like any other: the range is asked again."""
    return explain(error, f"CloudTrail of {account} in {region}", f"{PERMISSION} (to look up events)")


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
