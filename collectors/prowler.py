"""Source type prowler: the findings of Prowler's scans, from its OCSF files in a directory or a bucket."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import Field

from collectors.base import Cursor, Probe, Reads, Report, SourceUnreadable, Window
from collectors.delivered import Refused
from collectors.delivered_reader import DeliveredReader
from collectors.gz import Limits
from collectors.json_object import json_object
from collectors.kept import read_kept
from collectors.listing import Lister, Refusal
from collectors.place import Place, PlaceSettings, access_of, place_of
from collectors.prowler_file import ProwlerFiles
from collectors.settings import Duration
from collectors.source_type import SourceType
from collectors.unreadable import Unreadable
from store.records import HOUR, Event
from store.times import Clock

_PROVIDERS: Final = ("aws", "azure", "gcp", "github", "kubernetes", "m365")
_TYPES: Final = (*(f"finding.{provider}.prowler" for provider in _PROVIDERS), "finding.*")


class ProwlerSettings(PlaceSettings):
    """prowler: OCSF files below `path` (or the one file that it is), or in `bucket`."""

    type: Literal["prowler"]
    names: tuple[str, ...] = Field(default=("*.ocsf.json*",), min_length=1, max_length=100)
    schedule: Annotated[Duration, Field(gt=0)] = 6 * HOUR
    lateness: Duration = 0
    max_file_size: int = Field(default=2 * 1024**3, ge=1024, le=16 * 1024**3)


@dataclass(frozen=True, slots=True)
class Prowler:
    """A place of Prowler's files, set up. See collectors/base.py for what the methods promise."""

    source: str
    place: Place
    limits: Limits
    lister: Lister
    clock: Callable[[], int]
    type: str = "prowler"
    reads: Reads = "deliveries"

    def oldest(self, cursor: Cursor, now: int) -> int | None:  # noqa: ARG002  the contract has them
        """Just before the oldest file's time, not before `since`; None where there are no files."""
        return self.lister.oldest()

    def collect(self, window: Window, report: Report) -> Iterator[Event]:
        """Yield the findings of the files that arrived in the window."""
        report.identity(self.place.identity())
        selection = self.lister.select(window)
        self.place.settled(window)
        form = ProwlerFiles(window, report, self.limits, self.lister.overlap, self.clock)
        yield from DeliveredReader(window, report, self.place.opened, form, self.clock).read(selection)

    def check(self) -> Sequence[Probe]:
        """List the place and open one file."""
        said = Probe(f"{self.place.text} can be listed: {self.place.identity()}")
        for item in self.place.scan():
            if isinstance(item, Refusal):
                raise SourceUnreadable(f"{item.place}: {item.reason}")
            if item.name is None:
                continue
            try:
                with self.place.opened(item) as delivered:
                    next(delivered.chunks(), b"")
            except Refused as error:
                raise SourceUnreadable(f"{item.place}: {error}") from error
            return (said, Probe(f"{item.place} can be read"))
        return (said, Probe("it holds no files that the setting names allows"))


def _build(settings: ProwlerSettings, clock: Clock) -> Prowler:
    place = place_of(settings, single=True)
    lister = Lister(place.scan, clock, settings.overlap, settings.since)
    return Prowler(settings.name, place, _limits(settings), lister, clock)


def _limits(settings: ProwlerSettings) -> Limits:
    return Limits(settings.max_file_size, settings.max_ratio)


def _again(settings: ProwlerSettings, letter: Event) -> Iterator[Event]:
    """A finding, or a file of them. See SourceType."""
    data, limits, now = letter.payload, _limits(settings), letter.collected_at
    try:
        json_object(data)
    except Unreadable:
        pass
    else:
        data = b"[" + data + b"]"  # one element, which may have been written over several lines
    window = Window("", letter.source, letter.time, letter.time, {})
    yield from read_kept(letter, data, lambda report: ProwlerFiles(window, report, limits, 0, lambda: now))


TYPE: Final = SourceType(
    "prowler",
    "findings of Prowler's scans, from its OCSF files",
    ProwlerSettings,
    _build,
    lambda settings: access_of(settings, _TYPES),
    _TYPES,
    _again,
)
