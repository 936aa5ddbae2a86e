"""The chain of a trail's digests: links, signatures, hashes of log files; what is broken, and which hours are vouched for.

A digest vouches for its hour once it is *confirmed*: by its own signature, or where that is not kept (a directory) or no key is
to be had, by the next digest, which repeats its hash and its signature. Between windows the cursor keeps, per chain, what the
next link is held against, and the log files that were read and are not vouched for yet, as a hash of name and content.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from collectors.base import Window
from collectors.cloudtrail_digest import Digest, DigestName, LogFile, SignatureWrong, parse_any_name, verify
from collectors.cloudtrail_keys import Keys, NoKeys
from collectors.json_text import render
from collectors.observation import observation
from collectors.unreadable import shown
from store.records import HOUR, Event
from store.times import format_time

BREAK_TYPE: Final = "finding.aws.cloudtrail-digest"
OVERDUE: Final = 3 * HOUR
"""Without a digest for so long, while log files come: one is missing."""
Identity = Callable[[str], str]
"""From a log file's key, what it is known by."""
MAX_PRINTS: Final = 10_000
MAX_BEGUN: Final = 5000
"""Parts of which it is remembered that they have digests."""
MAX_CHAINS: Final = 1500
SPOILT: Final = "spoilt"


@dataclass(frozen=True, slots=True)
class Break:
    """Something in a chain that is not as it should be. `subject` is the digest or log file, [start, end] the hours concerned.

    `what`: digest-missing, -changed, -signature, -elsewhere, -unreadable, restarted; file-missing, -changed, -elsewhere.
    """

    name: DigestName
    what: str
    subject: str
    expected: str
    found: str
    start: int
    end: int

    def event(self, window: Window, looked: int) -> Event:
        """The finding of its own that a mapping can judge; the same break has the same payload at every look."""
        value = {
            "what": self.what,
            "object": self.subject,
            "account": self.name.account,
            "region": self.name.region,
            "trail": self.name.trail,
            "homeRegion": self.name.home,
            "expected": self.expected,
            "found": self.found,
            "from": format_time(self.start),
            "to": format_time(self.end),
        }
        where = {"account": self.name.account, "region": self.name.region}
        return observation(window, BREAK_TYPE, self.subject, looked, render(value), **where)

    @property
    def reason(self) -> str:
        """What the window tells of the subject."""
        return f"{self.what}: expected {shown(self.expected)}, found {shown(self.found)}"


@dataclass(slots=True)
class Links:
    """What the cursor keeps of one chain: the last digest's hours, hash, signed text, and whether it vouches once confirmed."""

    start: int
    end: int
    digest: str
    signed: bytes
    fingerprint: str
    pending: bool

    @classmethod
    def of(cls, kept: Sequence[Any]) -> Links:
        """Read what `json` wrote."""
        start, end, digest, signed, key, pending = kept
        return cls(start, end, digest, base64.b64decode(signed), key, bool(pending))

    def json(self) -> list[Any]:
        """As the cursor keeps it."""
        signed = base64.b64encode(self.signed).decode()
        return [self.start, self.end, self.digest, signed, self.fingerprint, int(self.pending)]


@dataclass(slots=True)
class Examined:
    """What a digest came to: `vouched` hours, and what is broken."""

    breaks: list[Break] = field(default_factory=list)
    vouched: list[tuple[int, int]] = field(default_factory=list)


@dataclass(slots=True)
class Chains:
    """Every chain of a source, as far as the cursor knows, while one window is read."""

    keys: Keys
    since: int
    chains: dict[str, dict[str, Links]]
    begun: dict[str, int]
    prints: dict[str, None]
    unsigned: str = ""

    @classmethod
    def of(cls, cursor: Mapping[str, Any], start: int, keys: Keys) -> Chains:
        """Take up what the cursor knows; `start`: of the window, where nothing is known yet."""
        kept = cursor.get("digests", {})
        chains = {part: {chain: Links.of(values) for chain, values in of.items()} for part, of in kept.get("chains", {}).items()}
        begun, prints = dict(kept.get("begun", {})), dict.fromkeys(kept.get("prints", ()))
        return cls(keys, kept.get("since", start), chains, begun, prints)

    def json(self) -> dict[str, Any]:
        """What the next window must know: the newest chains and prints, as many as fit.

        Of a chain that is forgotten nobody can say what it should go on from, so none is then missing from before now.
        """
        every = [(links.end, part, chain) for part, of in self.chains.items() for chain, links in of.items()]
        every.sort(reverse=True)
        kept: dict[str, dict[str, Any]] = {}
        for _, part, chain in every[:MAX_CHAINS]:
            kept.setdefault(part, {})[chain] = self.chains[part][chain].json()
        since = every[0][0] if len(every) > MAX_CHAINS else self.since
        begun = dict(sorted(self.begun.items(), key=lambda item: item[1])[-MAX_BEGUN:])
        return {"since": since, "begun": begun, "chains": kept, "prints": list(self.prints)[-MAX_PRINTS:]}

    def saw(self, identity: str, digest: str) -> None:
        """A log file was read; `digest` is the SHA-256 of its content, or SPOILT."""
        self.prints[fingerprint(identity, digest)] = None

    def knows(self, part: str) -> bool:
        """Has the part digests?"""
        return part in self.begun

    def begin(self, part: str, start: int) -> None:
        """The part has digests from then on: they say what is covered."""
        self.begun[part] = min(start, self.begun.get(part, start))

    def signature(self, digest: Digest, name: DigestName, signature: str | None) -> Break | bool:
        """2. Check a digest's own signature: True when it is good, False when it cannot be checked. Raises Refused."""
        if signature is None:
            return False
        try:
            key = self.keys.key(digest, name)
        except NoKeys as error:
            self.unsigned = str(error)
            return False
        found = "a signature in the object's metadata" if signature else "no signature in the object's metadata"
        try:
            if key is None:
                raise SignatureWrong(f"names a key that is not known: {digest.fingerprint}")
            verify(key, digest.signed, signature)
        except SignatureWrong as error:
            return Break(
                name, "digest-signature", digest.key, "a signature of CloudTrail's", f"{found}, and it {error}", *hours(digest)
            )
        return True

    def link(self, digest: Digest, name: DigestName) -> Examined:
        """3. Hold the digest against the one before it. Where that fits, the one before is confirmed. Raises Refused."""
        done = Examined()
        before = self.chains.get(name.part, {}).get(name.chain)
        link = digest.previous
        if name.backfill or (before is not None and digest.end <= before.end):
            return done
        if before is None:
            moved = link is not None and link.bucket not in ("", digest.bucket)  # the trail delivered elsewhere until then
            if link is not None and not moved and digest.start > self.since + 2 * HOUR:
                done.breaks.append(_missing(name, link.key, self.since, digest.start))
        elif link is None:
            found = "the first digest of a new chain: validation or logging was off in between"
            done.breaks.append(
                Break(name, "restarted", digest.key, "a link to the digest before", found, before.end, digest.start)
            )
        elif link.digest != before.digest:
            named = parse_any_name(link.key)
            if named is not None and named.delivered > before.end:
                done.breaks.append(_missing(name, link.key, before.end, max(digest.start, named.delivered)))
            else:
                done.breaks.append(Break(name, "digest-changed", link.key, link.digest, before.digest, before.start, before.end))
        elif digest.start > before.end:
            done.breaks.append(_missing(name, f"{name.part} {name.chain}", before.end, digest.start))
        elif wrong := self._confirmed(before, link.signature, link.key, name):
            done.breaks.append(wrong)
        elif before.pending:
            done.vouched.append((before.start, before.end))
        return done

    def _confirmed(self, before: Links, signature: str, key: str, name: DigestName) -> Break | None:
        """The signature of the one before, which this one repeats."""
        old = Digest(before.start, before.end, "", key, before.fingerprint, None, (), before.digest, before.signed)
        found = self.signature(old, name, signature)
        return found if isinstance(found, Break) else None

    def hashes(self, digest: Digest, name: DigestName, files: Iterable[tuple[LogFile, str | None]]) -> list[Break]:
        """4. Breaks among log files that were looked at again: (file, hash of its content, None: it is not there)."""
        breaks = []
        for file, found in files:
            if found != file.digest:
                what = "file-missing" if found is None else "file-changed"
                breaks.append(Break(name, what, file.key, file.digest, found or "nothing", *hours(digest)))
        return breaks

    def open_files(self, digest: Digest, identity: Identity) -> tuple[list[LogFile], bool]:
        """(the log files not known to be as the digest says, whether one of the others was not understood)."""
        open_ = [file for file in digest.files if fingerprint(identity(file.key), file.digest) not in self.prints]
        spoilt = any(fingerprint(identity(file.key), SPOILT) in self.prints for file in digest.files)
        return open_, spoilt

    def commit(self, digest: Digest, name: DigestName, identity: Identity, *, pending: bool) -> None:
        """The digest was dealt with: it is what the next link is held against."""
        for file in digest.files:
            for content in (file.digest, SPOILT):
                self.prints.pop(fingerprint(identity(file.key), content), None)
        chains = self.chains.setdefault(name.part, {})
        known = chains.get(name.chain)
        if not name.backfill and (known is None or known.end < digest.end):
            chains[name.chain] = Links(digest.start, digest.end, digest.digest, digest.signed, digest.fingerprint, pending)

    def overdue(self, part: str, newest: int, required: bool) -> Break | None:
        """Is a digest missing at the end, though a log file was delivered at `newest`?"""
        last = max(self.chains.get(part, {}).items(), key=lambda item: item[1].end, default=None)
        account, _, region = part.partition("/")
        chain, end = (last[0], last[1].end) if last else ("", self.since)
        if newest <= end + OVERDUE or (last is None and not (required or self.knows(part))):
            return None
        trail, _, home = chain.partition("@")
        name = DigestName(account, region, end, True, trail, home, False)
        return Break(name, "digest-missing", f"{part} {chain}".strip(), "a digest each hour", "none", end, end + HOUR)


def fingerprint(identity: str, digest: str) -> str:
    """16 characters that stand for a log file with this content."""
    text = f"{identity}\0{digest}".encode("utf-8", "surrogateescape")
    return base64.b64encode(hashlib.sha256(text).digest()[:12]).decode()


def hours(digest: Digest) -> tuple[int, int]:
    """The time a digest speaks for."""
    return digest.start, digest.end


def _missing(name: DigestName, subject: str, start: int, end: int) -> Break:
    count = max(1, round((end - start) / HOUR))
    found = "nothing" if count == 1 else f"nothing, for about {count} hours"
    return Break(name, "digest-missing", subject, "the digest that the next one names", found, start, end)
