"""Prowler's OCSF output: files of detection findings (OCSF class 2004), as a JSON list or as JSON lines, in bounded memory.

Each finding is an observation of what one check says of one resource: its time is the scan's, for then Prowler looked. Facts of
the form, from Prowler's own writer: `time` is in seconds; `time_dt` has no offset in some releases; `status_code` is PASS, FAIL
or MANUAL, and a muted finding keeps it while `status` is Suppressed; Kubernetes findings have no `cloud`; the list has no end
until the scan is over.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from collectors.base import Report, Window
from collectors.delivered import Delivered
from collectors.delivered_reader import Unfinished
from collectors.fields import as_text, moment, short
from collectors.gz import MAGIC, Limits, plain, unzip
from collectors.json_object import json_object
from collectors.json_text import attach
from collectors.lines import lines
from collectors.listing import Listed
from collectors.observation import observation
from collectors.record_check import MAX_DEPTH, MAX_RECORD
from collectors.slicing import Slice, Text, elements
from collectors.unreadable import Excerpt, Unreadable, unreadable_event
from store.records import Event
from store.text import clean_attribute

MAX_BROKEN: Final = 1000
"""Elements that are not understood after which a file is given up."""
_OPEN_LIST, _OPEN_OBJECT = b"[{"
_PROVIDER: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")
_UID: Final = re.compile(r"prowler-([a-z][a-z0-9_]{0,31})-")
_TIMES: Final = (("time",), ("time_dt",), ("finding_info", "created_time"), ("finding_info", "created_time_dt"))


@dataclass(frozen=True, slots=True)
class Finding:
    """What is read of a finding. `time` in microseconds; `hollow`: it passes, and names no resource that it looked at."""

    provider: str
    subject: str
    time: int
    account: str
    region: str
    hollow: bool

    @property
    def type(self) -> str:
        """The event type."""
        return f"finding.{self.provider}.prowler"


def read_finding(value: Mapping[str, Any], now: int) -> Finding:
    """Read a detection finding of Prowler's. Raises Unreadable for anything else."""
    code, uid = as_text(value, "metadata", "event_code"), as_text(value, "finding_info", "uid")
    product = as_text(value, "metadata", "product", "name")
    if not code or not uid or product.lower() != "prowler":
        raise Unreadable("is no OCSF finding of Prowler's (metadata.product.name, metadata.event_code, finding_info.uid)")
    named = [item for item in _resources(value) if as_text(item, "uid") or as_text(item, "name")]
    resource: Mapping[str, Any] = named[0] if named else {}
    account = short(as_text(value, "cloud", "account", "uid"))
    region = short(as_text(value, "cloud", "region") or as_text(resource, "region") or as_text(resource, "namespace"))
    name = f"{found} {uid}" if (found := as_text(resource, "uid")) else uid  # several findings may be about one resource
    name = name if code in name else f"{name} {code}"
    return Finding(
        provider=_provider(value, uid),
        subject=clean_attribute(name if account in name and region in name else f"{account}/{region}/{name}"),
        time=_time(value, now),
        account=account,
        region=region,
        hollow=value.get("status_code") == "PASS" and not named,
    )


def _resources(value: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = value.get("resources")
    return [item for item in found if isinstance(item, Mapping)] if isinstance(found, list) else []


def _provider(value: Mapping[str, Any], uid: str) -> str:
    said = as_text(value, "cloud", "provider").lower()
    if not said and (found := _UID.match(uid)):
        said = found[1]
    if _PROVIDER.fullmatch(said) is None:
        raise Unreadable("does not say of which provider it is (cloud.provider)")
    return said


def _time(value: Mapping[str, Any], now: int) -> int:
    """When Prowler looked: the first of the places that holds a time."""
    reason = "has no time"
    for *outer, last in _TIMES:
        inner: Any = value
        for key in outer:
            inner = inner.get(key)
        found = inner.get(last) if isinstance(inner, Mapping) else None
        if found is None:
            continue
        try:
            return moment(found, now)
        except Unreadable as error:
            reason = error.reason
    raise Unreadable(reason)


@dataclass(slots=True)
class ProwlerFiles:
    """Reads Prowler's files for one window: a FileForm (collectors/delivered_reader.py).

    `settle`: microseconds that the end of a list is waited for.
    """

    window: Window
    report: Report
    limits: Limits
    settle: int
    clock: Callable[[], int]
    kind: str = "finding.aws.prowler"
    grows: bool = False
    logs: bool = False

    def cursor(self) -> Mapping[str, Any]:
        """Nothing."""
        return {}

    def read(self, listed: Listed, delivered: Delivered, like: Event) -> Iterator[Event]:
        """Yield the findings. See FileForm."""
        if listed.size > self.limits.size:
            raise Unreadable(f"is {listed.size} bytes as delivered; at most {self.limits.size} are read (max_file_size)")
        unfold = unzip if next(delivered.chunks(), b"")[:2] == MAGIC else plain
        text = Text(unfold(delivered.chunks(), self.limits))
        opened = text.peek()
        if opened is None:
            raise Unfinished if self._young(listed) else Unreadable("is empty")
        broken = 0
        try:
            found = _lines(unfold(delivered.chunks(), self.limits)) if opened == _OPEN_OBJECT else _list(text)
            for number, item in enumerate(found, 1):
                event = self._event(listed, number, item, like)
                yield event
                broken += event.type == "unreadable"
                if broken > MAX_BROKEN:
                    raise Unreadable(f"holds more than {MAX_BROKEN} elements that could not be understood")
        except Unreadable as error:
            if opened == _OPEN_LIST and error.reason.startswith("ends ") and self._young(listed):
                raise Unfinished from error
            raise

    def _young(self, listed: Listed) -> bool:
        return self.clock() - max(listed.modified, listed.arrived) < self.settle

    def _event(self, listed: Listed, number: int, item: Slice, like: Event) -> Event:
        data, depth, large = item
        try:
            if large is not None:
                raise Unreadable(f"is {large.size} bytes long; at most {MAX_RECORD} are read")
            if depth > MAX_DEPTH:
                raise Unreadable(f"is nested {depth} deep; at most {MAX_DEPTH} levels are read")
            found = read_finding(json_object(data), like.collected_at)
            payload = attach(data, {"_pass_without_data": True}) if found.hollow else data
        except Unreadable as error:
            place = f"{listed.place} element {number}"
            self.report.unreadable(place, error.reason)
            return unreadable_event(like, large or Excerpt.of([data]), place, error.reason)
        seen = observation(
            self.window, found.type, found.subject, found.time, payload, account=found.account, region=found.region
        )
        return replace(seen, collected_at=like.collected_at)


def _list(text: Text) -> Iterator[Slice]:
    """Yield the elements of a JSON list. Raises Unreadable."""
    text.expect(b"[", "is neither a JSON list nor JSON lines")
    odd = yield from elements(text, "its list")
    if text.peek() is not None:
        raise Unreadable("has something after the end of its JSON document")
    if odd:
        raise Unreadable(odd)


def _lines(chunks: Iterator[bytes]) -> Iterator[Slice]:
    """Yield the lines that are not empty, as slices."""
    for line in lines(chunks):
        if line.large is not None or line.data.strip():
            yield line.data, 0, line.large
