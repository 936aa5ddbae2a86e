"""Checking a window's digests against chain and log files; what is broken becomes a finding, an error, and uncovered time.

A digest whose log files or predecessor are not there may simply have come first (a directory that is being copied, a replicated
bucket). While it is younger than the grace it is left alone, and not remembered as read, so that the next window takes it up.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from collectors.base import Cursor, Window
from collectors.cloudtrail_chain import Break, Chains, Examined, hours
from collectors.cloudtrail_digest import MAX_DIGEST, Digest, DigestName, LogFile, read_digest
from collectors.delivered import Delivered, Open, Refused
from collectors.gz import Limits, plain, unzip
from collectors.json_text import render
from collectors.listing import Listed, fingerprint
from collectors.unreadable import Unreadable
from store.records import HOUR, Event

MAX_CURSOR: Final = 1_000_000
_WAITS: Final = frozenset({"digest-missing", "file-missing"})


class Originals(Protocol):
    """The place that digests and log files lie in."""

    @property
    def bucket(self) -> str | None:
        """The bucket that CloudTrail delivers to; None where that is not known."""
        ...

    def same(self, listed: Listed, key: str) -> bool:
        """Does the object lie where its digest says it was delivered?"""
        ...

    def identity(self, key: str) -> str:
        """What a log file is known by: its key, or its name alone."""
        ...

    def ours(self, file: LogFile) -> bool:
        """Is it a place that may be looked at, be the digest forged or not?"""
        ...

    def signature(self, listed: Listed) -> str | None:
        """A digest's signature (hex); "" where it has none, None where the place keeps none. Raises Refused."""
        ...

    def find(self, files: Sequence[LogFile]) -> Iterator[tuple[LogFile, Listed | None]]:
        """Where these log files lie now; None: they do not. Raises Refused, SourceUnreadable."""
        ...


@dataclass(slots=True)
class Audit:
    """One window's digests. `grace`: microseconds for which what is missing may still come; `listed`: when it was listed."""

    window: Window
    originals: Originals
    chains: Chains
    open: Open
    limits: Limits
    required: bool
    listed: int
    grace: int
    looked: int
    breaks: dict[str, list[Break]] = field(default_factory=dict, init=False)
    vouched: dict[str, list[tuple[int, int]]] = field(default_factory=dict, init=False)
    postponed: set[str] = field(default_factory=set, init=False)
    _waiting: set[tuple[str, str]] = field(default_factory=set, init=False)

    def digest(self, listed: Listed, name: DigestName, delivered: Delivered) -> Iterator[Event]:
        """Examine one digest and yield a finding per break. Raises Unreadable when it is none; Refused."""
        if (name.part, name.chain) in self._waiting:
            self._postpone(listed, name)
            return
        limits = Limits(MAX_DIGEST, self.limits.ratio)
        digest = read_digest(b"".join((unzip if name.zipped else plain)(delivered.chunks(), limits)))
        # 1. It lies where it says that it was delivered: the key that signs it signs for all the world.
        if not self._in_place(listed, name, digest):
            found = f"s3://{digest.bucket}/{digest.key}"
            yield from self._broken(
                [Break(name, "digest-elsewhere", listed.place, "its own place and hour", found, *hours(digest))]
            )
            return
        # 2. It is signed by CloudTrail.
        signed = self.chains.signature(digest, name, self.originals.signature(listed))
        if signed is False and self.required and self.chains.unsigned:
            raise Refused(f"cannot be verified as digests: require demands: {self.chains.unsigned}")
        # 3. It follows the one before; one that somebody else signed says nothing of links, and no other is held against it.
        # 4. The log files are as it says.
        linked = Examined() if isinstance(signed, Break) else self.chains.link(digest, name)
        breaks = [*([signed] if isinstance(signed, Break) else []), *linked.breaks]
        files, spoilt = self._files(digest, name)
        breaks += files
        if breaks and all(item.what in _WAITS for item in breaks) and listed.arrived > self.listed - self.grace:
            self._postpone(listed, name)
            return
        sound = not files and not spoilt  # whatever became of the one before
        self.chains.begin(name.part, digest.start)
        if not isinstance(signed, Break):
            self._settle(digest, name, linked, sound=sound, signed=signed)
        yield from self._broken(breaks)

    def unreadable(self, name: DigestName, place: str, reason: str) -> Iterator[Event]:
        """A digest that is none."""
        end = name.delivered
        yield from self._broken([Break(name, "digest-unreadable", place, "a digest", f"something that {reason}", end, end)])

    def overdue(self, newest: dict[str, int]) -> Iterator[Event]:
        """At the end of the last window: parts whose log files come (the newest at …) and whose digests do not."""
        for part, at in sorted(newest.items()):
            waits = any(waiting == part for waiting, _ in self._waiting)
            late = None if waits else self.chains.overdue(part, at, self.required)
            if late is not None:
                yield from self._broken([late])

    def remember(self, kept: Cursor) -> Cursor:
        """The window's cursor with what the chains need; of what is remembered of the listing as much as then fits."""
        mine = {"digests": self.chains.json()}
        room = MAX_CURSOR - len(render({**mine, **kept, "remembered": []}))
        again = [print_ for print_ in kept["remembered"] if print_ not in self.postponed]
        return {**kept, "remembered": again[: max(0, room // 24)], **mine}

    def _in_place(self, listed: Listed, name: DigestName, digest: Digest) -> bool:
        bucket = self.originals.bucket
        over = digest.end <= self.listed + HOUR  # an hour to come would outrank every digest until then
        here = self.originals.same(listed, digest.key) and digest.end == name.delivered and over
        return here and (bucket is None or digest.bucket == bucket)

    def _files(self, digest: Digest, name: DigestName) -> tuple[list[Break], bool]:
        """Breaks among the log files; files whose content is not known from reading are looked at again."""
        open_, spoilt = self.chains.open_files(digest, self.originals.identity)
        ours = [file for file in open_ if self.originals.ours(file)]
        breaks = [
            Break(name, "file-elsewhere", file.key, "a log file below the source's place", f"s3://{file.bucket}", *hours(digest))
            for file in open_
            if not self.originals.ours(file)
        ]
        return breaks + self.chains.hashes(digest, name, self._again(ours)), spoilt

    def _again(self, files: Sequence[LogFile]) -> Iterator[tuple[LogFile, str | None]]:
        for file, listed in self.originals.find(files) if files else ():
            if listed is None:
                yield file, None
                continue
            with self.open(listed) as delivered:
                yield file, content_hash(delivered, self.limits, zipped=file.key.endswith(".gz")) or "what is no sound file"

    def _settle(self, digest: Digest, name: DigestName, linked: Examined, *, sound: bool, signed: bool) -> None:
        vouched = self.vouched.setdefault(name.part, [])
        vouched += linked.vouched
        if sound and signed:
            vouched.append(hours(digest))
        self.chains.commit(digest, name, self.originals.identity, pending=sound and not signed)

    def _postpone(self, listed: Listed, name: DigestName) -> None:
        self._waiting.add((name.part, name.chain))
        self.postponed.add(fingerprint(listed))

    def _broken(self, breaks: Iterable[Break]) -> Iterator[Event]:
        for item in breaks:
            self.breaks.setdefault(item.name.part, []).append(item)
            yield item.event(self.window, self.looked)


def content_hash(delivered: Delivered, limits: Limits, *, zipped: bool) -> str | None:
    """SHA-256 (hex) of a log file's content as it is without compression; None when it is not sound. Raises Refused."""
    known = hashlib.sha256()
    try:
        for chunk in (unzip if zipped else plain)(delivered.chunks(), limits):
            known.update(chunk)
    except Unreadable:
        return None
    return known.hexdigest()
