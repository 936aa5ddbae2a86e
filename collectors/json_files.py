"""Source type json-files: any log that an organisation has as files of JSON lines, in a directory or a bucket."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Self

from pydantic import Field, model_validator

from collectors.base import Cursor, Probe, Reads, Report, SourceUnreadable, Window
from collectors.delivered import Refused
from collectors.delivered_reader import DeliveredReader
from collectors.fields import WORD, FieldReader, Fields
from collectors.gz import MAGIC, Limits
from collectors.json_lines import JsonLines, positions, sample
from collectors.kept import read_kept
from collectors.listing import Listed, Lister, Refusal
from collectors.place import Place, PlaceSettings, access_of, place_of
from collectors.source_type import SourceType
from collectors.unreadable import Unreadable
from store.records import Event
from store.times import Clock, format_time

_TYPES: Final = ("log.*",)


class JsonFilesSettings(PlaceSettings):
    """json-files: lines of files below `path` or in `bucket`; `fields` says where in a line the attributes stand."""

    type: Literal["json-files"]
    product: str = Field(pattern=WORD)
    service: str = Field(pattern=WORD)
    account: str = Field(default="", max_length=128)
    fields: Fields
    max_file_size: int = Field(default=4 * 1024**3, ge=1024, le=64 * 1024**3)

    @model_validator(mode="after")
    def _time_is_said(self) -> Self:
        if self.fields.time is None:
            raise ValueError("fields.time is missing: the path in a line where its time stands, e.g. timestamp")
        return self


@dataclass(frozen=True, slots=True)
class JsonFiles:
    """A directory or bucket, set up. See collectors/base.py for what the methods promise."""

    source: str
    place: Place
    fields: FieldReader
    limits: Limits
    lister: Lister
    clock: Callable[[], int]
    type: str = "json-files"
    reads: Reads = "deliveries"

    def oldest(self, cursor: Cursor, now: int) -> int | None:  # noqa: ARG002  the contract has them
        """Just before the oldest file's time, not before `since`; None where there are no files."""
        return self.lister.oldest()

    def collect(self, window: Window, report: Report) -> Iterator[Event]:
        """Yield the lines that arrived in the window."""
        report.identity(self.place.identity())
        selection = self.lister.select(window)
        self.place.settled(window)
        form = JsonLines(
            self.fields, report, self.limits, self.lister.overlap, self.clock, self.place.spooled, positions(window.cursor)
        )
        reader = DeliveredReader(window, report, self.place.opened, form, self.clock, self.fields.account)
        yield from reader.read(selection)

    def check(self) -> Sequence[Probe]:
        """List the place, open one file and read its first line."""
        said = f"{self.place.text} can be listed: {self.place.identity()}"
        for item in self.place.scan():
            if isinstance(item, Refusal):
                raise SourceUnreadable(f"{item.place}: {item.reason}")
            if item.name is not None:
                return (Probe(said), Probe(f"{item.place}: {self._first(item)}"))
        return (Probe(said), Probe("it holds no files that the setting names allows"))

    def _first(self, listed: Listed) -> str:
        """What the first line of a file says."""
        try:
            with self.place.opened(listed) as delivered:
                data = sample(listed, delivered, self.limits)
        except (Refused, Unreadable) as error:
            raise SourceUnreadable(f"{listed.place}: {error}") from error
        if data is None:
            return "can be read and is empty"
        try:
            found = self.fields.parse(data, self.clock())
        except Unreadable as error:
            return f"can be read, but its first line {error.reason}"
        when = format_time(found.time) if found.time is not None else "no time"
        return f"can be read; its first line has type {found.type} and time {when}"


def _build(settings: JsonFilesSettings, clock: Clock) -> JsonFiles:
    place = place_of(settings)
    lister = Lister(place.scan, clock, settings.overlap, settings.since)
    return JsonFiles(settings.name, place, _fields(settings), _limits(settings), lister, clock)


def _fields(settings: JsonFilesSettings) -> FieldReader:
    return FieldReader(settings.fields, f"log.{settings.product}.{settings.service}", settings.account)


def _limits(settings: JsonFilesSettings) -> Limits:
    return Limits(settings.max_file_size, settings.max_ratio)


def _again(settings: JsonFilesSettings, letter: Event) -> Iterator[Event]:
    """A line, or a file of them. A line without an id of its own counts as the first of a file. See SourceType."""
    data = letter.payload if b"\n" in letter.payload or letter.payload[:2] == MAGIC else letter.payload + b"\n"
    now = letter.collected_at
    fields, limits = _fields(settings), _limits(settings)
    yield from read_kept(letter, data, lambda report: JsonLines(fields, report, limits, 0, lambda: now, spooled=True))


TYPE: Final = SourceType(
    "json-files",
    "any log as JSON lines, in a directory or an S3 bucket",
    JsonFilesSettings,
    _build,
    lambda settings: access_of(settings, _TYPES),
    _TYPES,
    _again,
)
