"""Source type cloudtrail-files: CloudTrail log files in a directory and everything below it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from pydantic import Field, model_validator

from collectors.base import Cursor, Permission, Probe, Reads, Report, SourceUnreadable, Window
from collectors.cloudtrail import EVENT_TYPE, WindowReader
from collectors.cloudtrail_again import again
from collectors.cloudtrail_chain import BREAK_TYPE
from collectors.cloudtrail_digest import parse_any_name
from collectors.cloudtrail_keys import KeyFile, Keys, WithoutKeys
from collectors.cloudtrail_originals import FolderOriginals
from collectors.cloudtrail_settings import Auditor, TrailFilesSettings
from collectors.delivered import Delivered, Refused
from collectors.file_name import parse_name
from collectors.folder import opened, owner, scan
from collectors.gz import Limits
from collectors.listing import Listed, Lister, Refusal
from collectors.source_type import Access, SourceType
from collectors.unreadable import shown
from store.records import Event
from store.times import Clock

TYPES: Final = (EVENT_TYPE, BREAK_TYPE)


class CloudTrailFilesSettings(TrailFilesSettings):
    """cloudtrail-files: log files below the directory `path`."""

    type: Literal["cloudtrail-files"]
    path: Path
    follow_links: bool = Field(default=False, description="follow symbolic links that lead out of the directory")

    @model_validator(mode="after")
    def _keys_for_require(self) -> CloudTrailFilesSettings:
        if self.digests == "require" and self.public_keys_file is None:
            raise ValueError("digests: require needs public_keys_file (what aws cloudtrail list-public-keys prints)")
        return self


@dataclass(frozen=True, slots=True)
class CloudTrailFiles:
    """A directory, set up. See collectors/base.py for what the methods promise."""

    source: str
    path: Path
    limits: Limits
    lister: Lister
    clock: Callable[[], int]
    auditor: Auditor
    follow_links: bool = False
    type: str = "cloudtrail-files"
    reads: Reads = "deliveries"

    def oldest(self, cursor: Cursor, now: int) -> int | None:  # noqa: ARG002  the contract has them
        """Just before the oldest file's time, not before `since`; None in an empty directory."""
        return self.lister.oldest()

    def collect(self, window: Window, report: Report) -> Iterator[Event]:
        """Yield the records of the files that arrived in the window."""
        who = owner(self.path)
        report.identity(who)
        selection = self.lister.select(window)
        audit = self.auditor.audit(window, self._opened, selection.listed, self.clock())
        yield from WindowReader(window, report, self._opened, self.limits, self.clock, audit).read(selection)
        if audit is not None and audit.chains.unsigned:
            report.identity(f"{who}; signatures of digests are not checked: {audit.chains.unsigned}")

    def _opened(self, listed: Listed) -> AbstractContextManager[Delivered]:
        return opened(listed, None if self.follow_links else self.path)

    def check(self) -> Sequence[Probe]:
        """List the directory and open one log file."""
        found = list(self.lister.scan())
        refused = [item for item in found if isinstance(item, Refusal)]
        if refused:
            raise SourceUnreadable(f"{refused[0].place}: {refused[0].reason}")
        files = [item for item in found if isinstance(item, Listed) and item.name]
        place = shown(str(self.path))
        if not files:
            return (Probe(f"{place} can be read and holds no CloudTrail log files"),)
        try:
            with self._opened(files[0]) as delivered:
                next(delivered.chunks(), b"")
        except Refused as error:
            raise SourceUnreadable(f"{files[0].place}: {error}") from error
        return (Probe(f"{place} holds {len(files)} CloudTrail log files, and they can be read"),)


def _build(settings: CloudTrailFilesSettings, clock: Clock) -> CloudTrailFiles:
    path = settings.path.absolute()
    namer = parse_name if settings.digests == "off" else parse_any_name
    lister = Lister(lambda: scan(path, namer, settings.follow_links), clock, settings.overlap, settings.since)
    limits = Limits(settings.max_file_size, settings.max_ratio)
    originals = FolderOriginals(lambda: scan(path, parse_name, settings.follow_links), settings.digest_bucket)
    keys: Keys = KeyFile(settings.public_keys_file) if settings.public_keys_file else WithoutKeys("no public_keys_file is set")
    auditor = Auditor(settings, originals, keys)
    return CloudTrailFiles(settings.name, path, limits, lister, clock, auditor, settings.follow_links)


def _access(settings: CloudTrailFilesSettings) -> Access:
    why = "list the directory and read its files"
    return Access("scopes", (Permission("read and search (r-x) for the service's user", why, str(settings.path), TYPES),))


TYPE: Final = SourceType(
    "cloudtrail-files", "CloudTrail log files in a directory", CloudTrailFilesSettings, _build, _access, TYPES, again
)
