"""One window of a Kafka topic: from the cursor's offsets to where the topic ended when the window began.

The cursor holds the next offset of each partition and the topic's own id. What the retention deleted before it was read, and a
topic that was deleted and made again, are gaps: they are said in the window, and what is there is read from its beginning. A
partition that could not be read to its end stays behind by itself, and the next window goes on there.

A window without a cursor (the first one, a period that is read again) finds its offsets by the records' times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from collectors.base import Report, SourceUnreadable, Window
from collectors.fields import AHEAD, FieldReader
from collectors.kafka import Record, Topic
from collectors.places import Places
from collectors.unreadable import Excerpt, Unreadable, shown, unreadable_event
from pipeline.event import MAX_PAYLOAD
from store.records import MINUTE, UNREADABLE, Event

MAX_VALUE: Final = MAX_PAYLOAD - 64 * 1024
"""Bytes of a value: it must fit into a record of the stream, whatever it holds."""
AHEAD_OF_US: Final = "has a timestamp that lies in the future"
TIMELESS: Final = "has no timestamp: map fields: time"
_CURRENT: Final = 5 * MINUTE
"""A window that ends no longer ago than this is read to the topic's end."""


@dataclass(slots=True)
class KafkaWindow:
    """Reads one window. Made for each window; the counts are the window's."""

    window: Window
    report: Report
    topic: Topic
    fields: FieldReader
    clock: Callable[[], int]
    _places: Places = field(init=False)
    _spans: dict[str, dict[int, tuple[int, int]]] = field(default_factory=dict, init=False)
    _gaps: list[str] = field(default_factory=list, init=False)
    _name: str = field(default="", init=False)

    def __post_init__(self) -> None:
        self._places = Places(self.window, self.fields.account, self.fields.type)

    def read(self) -> Iterator[Event]:
        """Yield the events, then report. Raises KafkaFailed, and SourceUnreadable if nothing could be read."""
        partitions = self.topic.partitions()
        self._name = self.topic.identity() or self.topic.name
        starts, ends = self._plan(partitions)
        read = 0
        for batch in self.topic.read(starts, ends):
            read += len(batch)
            self.report.page(
                size=sum(len(record.value or b"") for record in batch), ignored=sum(record.value is None for record in batch)
            )
            for record in batch:
                if record.value is not None:
                    yield self._event(record, record.value)
        for lost in self.topic.lost:
            self._gap(f"partition {lost.partition}: offsets {lost.start} to {lost.end - 1} were deleted before they were read")
        if self.topic.fault and not read and not any(self.topic.reached[p] > starts[p] for p in partitions):
            raise SourceUnreadable(f"{self.topic.cluster.text}, topic {self.topic.name}: {self.topic.fault}")
        self._finish(ends)

    def _plan(self, partitions: tuple[int, ...]) -> tuple[dict[int, int], dict[int, int]]:
        """Where each partition is read from, and up to where."""
        beginnings, newest = self.topic.beginnings(partitions), self.topic.ends(partitions)
        ends = newest
        if self.window.end < self.clock() - _CURRENT:
            later = self.topic.since(partitions, self.window.end // 1000 + 1)
            ends = {partition: min(end, later[partition][0]) if partition in later else end for partition, end in ends.items()}
        known: Mapping[str, Any] = self.window.cursor.get("offsets", {})
        starts = self._resumed(beginnings, newest, known) if known else self._by_time(partitions, beginnings, ends)
        return starts, {partition: max(ends[partition], starts[partition]) for partition in partitions}

    def _by_time(self, partitions: tuple[int, ...], beginnings: Mapping[int, int], ends: Mapping[int, int]) -> dict[int, int]:
        """The first record of the window's time, or the beginning where nothing of an earlier time comes before it."""
        first, oldest = self.topic.since(partitions, self.window.start // 1000 + 1), self.topic.since(partitions, 0)
        return {
            partition: beginnings[partition]
            if first.get(partition) == oldest.get(partition)  # records without any time may stand there
            else first[partition][0]
            if partition in first
            else ends[partition]
            for partition in partitions
        }

    def _resumed(self, beginnings: Mapping[int, int], newest: Mapping[int, int], known: Mapping[str, Any]) -> dict[int, int]:
        """The cursor's offsets, as far as they are still there."""
        was, now = self.window.cursor.get("topic_id", ""), self.topic.identity()
        if was and now and was != now:
            self._gap("it was deleted and made again: what had not been read of the one before is lost")
            return dict(beginnings)
        starts = {}
        for partition, first in beginnings.items():
            start = int(known.get(str(partition), first))
            if start < first:
                self._gap(f"partition {partition}: offsets {start} to {first - 1} were deleted before they were read")
                start = first
            elif start > newest[partition]:
                self._gap(f"partition {partition} ends before offset {start} by now: records were lost, or it was made again")
                start = first
            starts[partition] = start
        return starts

    def _gap(self, text: str) -> None:
        self._gaps.append(text)
        self.report.denied(f"{self.topic.cluster.text}, topic {self.topic.name}", text)

    def _event(self, record: Record, value: bytes) -> Event:
        seen = self.clock()
        stamp = record.time * 1000
        try:
            if stamp > seen + AHEAD:
                raise Unreadable(AHEAD_OF_US)
            found = self.fields.parse(value, seen, MAX_VALUE)
            time = found.time if found.time is not None else stamp
            if time < 0:
                raise Unreadable(TIMELESS)
        except Unreadable as error:
            place = shown(f"{self.topic.name}/{record.partition}/{record.offset}")
            self.report.unreadable(place, error.reason)
            like = Event(
                self.window.source,
                "",
                UNREADABLE,
                min(max(stamp, 0), seen),
                b"",
                self.window.attempt,
                seen,
                account=self.fields.account,
            )
            self._places.spoil(like.time, f"{place}: {error.reason}")
            return unreadable_event(like, Excerpt.of([value]), place, error.reason)
        id_ = found.id or f"{self._name}/{record.partition}/{record.offset}"
        event = Event(
            self.window.source,
            id_,
            found.type,
            time,
            value,
            self.window.attempt,
            seen,
            found.subject,
            found.account,
            found.region,
        )
        self._note(self._places.count(event), min(max(stamp, 0), seen))
        return event

    def _note(self, place: str, time: int) -> None:
        """A record of a part was delivered then: of each minute the first and the last are kept."""
        spans = self._spans.setdefault(place, {})
        first, last = spans.get(time // MINUTE, (time, time))
        spans[time // MINUTE] = (min(first, time), max(last, time))

    def _finish(self, ends: Mapping[int, int]) -> None:
        behind = {partition: at for partition, at in sorted(self.topic.reached.items()) if at < ends[partition]}
        for partition, at in behind.items():
            text = f"partition {partition} was read up to offset {at} of {ends[partition]}: {self.topic.fault}"
            self.report.denied(f"{self.topic.cluster.text}, topic {self.topic.name}", text)
            self._places.spoil(self.window.end, text)
        times = {place: {time for span in spans.values() for time in span} for place, spans in self._spans.items()}
        for text in self._gaps:  # what comes after a gap must not be joined to what was before
            self._places.spoil(min((min(some) for some in times.values()), default=self.window.end), text)
        for place, some in times.items():
            for time in some:
                self._places.delivered((place,), time)
        self._places.finish(self.report)
        if behind:  # what of the others is newer than what is missing here speaks for nothing yet
            covered: Mapping[str, Any] = {key: self.window.cursor[key] for key in ("cuts", "places") if key in self.window.cursor}
        else:
            covered = self._places.cover(self.report, self.clock())
        offsets = {str(partition): at for partition, at in sorted(self.topic.reached.items())}
        self.report.keep({"topic_id": self.topic.identity(), "offsets": offsets, **covered}, owed=True)
