"""A bucket listed by account, Region and day, as CloudTrail lays it out, instead of from its first key to its last.

    [prefix/]AWSLogs/[o-organisation/]ACCOUNT/(CloudTrail|CloudTrail-Digest)/REGION/YYYY/MM/DD/name

Folders are found anew each time, so that a new account or Region is seen at once. Of each Region only the days from the day
before are listed; whatever lies elsewhere is found by the whole listing, once a day.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from collectors.base import Window
from collectors.bucket import Bucket
from collectors.listing import Listed, Refusal
from store.records import SECOND

_TOP: Final = "AWSLogs/"
_ORGANISATION: Final = "o-[a-z0-9]{4,32}/"
_ACCOUNT: Final = "[0-9]{12}/"
_KIND: Final = "CloudTrail(?:-Digest)?/"
_REGION: Final = "[a-z]{2}[a-z0-9-]{3,30}/"
_TREE: Final = tuple(
    (re.compile(path), re.compile(child))
    for path, child in (
        ("", _TOP),
        (_TOP, f"{_ORGANISATION}|{_ACCOUNT}"),
        (_TOP + _ORGANISATION, _ACCOUNT),
        (f"{_TOP}(?:{_ORGANISATION})?{_ACCOUNT}", _KIND),
        (f"{_TOP}(?:{_ORGANISATION})?{_ACCOUNT}{_KIND}", _REGION),
    )
)
"""Paths from AWSLogs on, and what the folders in them are called that lead to log files or digests."""
_LEAF: Final = re.compile(f"{_TOP}(?:{_ORGANISATION})?{_ACCOUNT}{_KIND}{_REGION}")
_DAY: Final = re.compile(_LEAF.pattern + "(?P<day>[0-9]{4}/[0-9]{2}/[0-9]{2})/[^/]+")
_FORM: Final = "%Y/%m/%d"


@dataclass(frozen=True, slots=True)
class DayFolders:
    """The quick listing of a bucket in CloudTrail's layout."""

    bucket: Bucket

    @property
    def repeats(self) -> bool:
        """It does."""
        return True

    @property
    def _head(self) -> str:
        """What stands before AWSLogs."""
        before, top, _ = self.bucket.prefix.partition(_TOP)
        return before if top else self.bucket.prefix

    def scan(self, window: Window, since: int) -> Iterator[Listed | Refusal] | None:  # noqa: ARG002  the contract has both
        """List the folders from the day before `since` on; None where the prefix does not lead to AWSLogs and to nothing else."""
        path = self.bucket.prefix[len(self._head) :]
        if self.bucket.prefix and not self.bucket.prefix.endswith("/"):
            return None
        if not path:
            beside = [page for page in self.bucket.pages(Prefix=self._head, Delimiter="/") if self._others(page)]
            if beside:
                return None
        elif not _LEAF.fullmatch(path) and not any(tree.fullmatch(path) for tree, _ in _TREE):
            return None
        return self._below(path, _before(since))

    def near(self, item: Listed) -> bool:
        """Does it lie in a folder of the day it arrived, of the day before, or a later one?"""
        head = self._head
        found = _DAY.fullmatch(item.key, len(head)) if item.key.startswith(head) else None
        return found is not None and found["day"] >= _before(item.arrived)

    def _others(self, page: dict[str, list[dict[str, str]]]) -> bool:
        folders = {item["Prefix"] for item in page.get("CommonPrefixes", ())}
        return bool(page.get("Contents")) or not folders <= {self._head + _TOP}

    def _below(self, path: str, day: str) -> Iterator[Listed | Refusal]:
        place = self._head + path
        if _LEAF.fullmatch(path):
            for page in self.bucket.pages(Prefix=place, StartAfter=place + day):
                for item in page.get("Contents", ()):
                    yield self.bucket.listed(item)
            return
        child = next(child for tree, child in _TREE if tree.fullmatch(path))
        for page in self.bucket.pages(Prefix=place, Delimiter="/"):
            for item in page.get("CommonPrefixes", ()):
                name = str(item["Prefix"])[len(place) :]
                if child.fullmatch(name):
                    yield from self._below(path + name, day)


def _before(at: int) -> str:
    """The folder of the day before."""
    return (datetime.fromtimestamp(max(0, at) // SECOND, UTC) - timedelta(days=1)).strftime(_FORM)
