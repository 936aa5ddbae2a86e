"""Verify an Attestream evidence bundle offline: python verify.py bundle.zip --key NAME+HASH+BASE64

This one file needs Python 3.11 and the package `cryptography`, and nothing of Attestream's. It is written from docs/bundle.md,
which says what is checked and why. The key comes from you, never from the bundle.

1. The key. 2. The archive. 3. The checkpoint. 4. The manifest. 5. Every entry of the log, the root over them, what they select
and say. 6. The selected bytes. 7. The table, the status and the manifest, computed again.

Exit codes: 0 verified; 1 could not run; 2 wrong usage; 4 changed, forged or malformed; 5 something is missing; 6 older than
demanded; 7 verified, but bytes were erased, as the log says.
"""

from __future__ import annotations

import argparse
import base64
import json
import re
import sys
import unicodedata
import zlib
from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import file_digest, sha256
from pathlib import Path
from struct import error as StructError
from struct import pack, unpack_from
from typing import Any, BinaryIO, NamedTuple, NoReturn

OK, NOT_RUN, USAGE, TAMPERED, INCOMPLETE, STALE, ERASED = 0, 1, 2, 4, 5, 6, 7
FORMAT = 2
README_SHA256 = "8ae8101e545080d5e0e322a13ca89f99660d3c3429cf56ec3cdf07b5717823ba"
README_SHA256_OF_1 = "57efe2f01167f10b3164211a94b6c3601dc589287aecd58fe217a90722eeac12"
FILES_OF_1 = ("README.txt", "checkpoint", "details.jsonl", "entries.jsonl", "index.csv", "proofs.jsonl", "status.json")
STATED_FILES = ("attestations.csv", "exceptions.csv", "risks.csv", "soa.csv")
FILES = tuple(sorted((*FILES_OF_1, *STATED_FILES)))
NEVER_ERASED = {"erasure", "key", "mapping_set", "window"}
STATED = {"attestation", "exception", "risk", "soa"}
ALWAYS = {"closing", "erasure", "key", "mapping_set"} | STATED
COUNTS = ("collected", "dead_letter", "duplicate", "evidence", "unmatched")
COLUMNS = (
    *("index", "event_time", "collected_at", "recorded_at", "source", "type", "id", "subject", "account", "region", "controls"),
    *("mappings", "reason", "window", "media_type", "payload_size", "payload_sha256", "payload_file"),
)
Progress = Callable[[str, int, int], None]
CHUNK, BIG, MANY, MAX_SMALL, MAX_LINE = 1 << 16, 0xFFFFFFFF, 0xFFFF, 16 << 20, 8192 + 64
TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
WORD = re.compile(r"[a-z][a-z_-]{0,63}")


class Rejected(Exception):
    """The bundle does not verify. `code` is the exit code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def tampered(message: str) -> NoReturn:
    raise Rejected(TAMPERED, message)


def need(truth: object, message: str) -> None:
    if not truth:
        tampered(message)


# JSON: one spelling only


def canonical(value: Any) -> bytes:
    """RFC 8785 for what bundles hold: no fractions, ASCII keys."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs) or not all(key.isascii() for key in found):
        raise ValueError("a key stands twice, or is not ASCII")
    return found


def _integer(text: str) -> int:
    if len(text) > 17 or abs(int(text)) >= 1 << 53:
        raise ValueError("a number is too large")
    return int(text)


def _refuse(_text: str) -> NoReturn:
    raise ValueError("a number is not whole")


def parse(data: bytes, what: str) -> dict[str, Any]:
    """A JSON object in its canonical spelling: no duplicate keys, no other form of the same."""
    try:
        options: Any = {"parse_int": _integer, "parse_float": _refuse, "parse_constant": _refuse}
        value = json.loads(data.decode(), object_pairs_hook=_pairs, **options)
        same = isinstance(value, dict) and canonical(value) == data
    except (ValueError, RecursionError) as error:
        raise Rejected(TAMPERED, f"{what} is not canonical JSON ({str(error)[:80]})") from error
    if not same:
        tampered(f"{what} is not a JSON object in canonical form")
    return dict(value)


def unbase64(text: Any, size: int | None, what: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except ValueError:
        data = b""
    if not data or base64.b64encode(data).decode() != text or size not in (None, len(data)):
        tampered(f"{what} is not base64 of the right size")
    return data


# The archive: exactly what the format says, byte for byte


class Member(NamedTuple):
    offset: int
    crc: int
    size: int


def local_header(name: bytes, member: Member) -> bytes:
    version, size, extra = 20, member.size, b""
    if size >= BIG:
        version, size, extra = 45, BIG, pack("<HHQQ", 1, 16, size, size)
    fields = (version, 0, 0, 0, 0x21, member.crc, size, size, len(name), len(extra))
    return pack("<4s5H3I2H", b"PK\3\4", *fields) + name + extra


def directory_record(name: bytes, member: Member) -> bytes:
    version, size, offset, extra = 20, member.size, member.offset, b""
    if max(size, offset) >= BIG:
        version, extra = 45, pack("<HHQQQ", 1, 24, size, size, offset)
        size = offset = BIG
    fields = (version, 0, 0, 0, 0x21, member.crc, size, size, len(name), len(extra), 0, 0, 0, 0o100644 << 16, offset)
    return pack("<4s6H3I5H2I", b"PK\1\2", 3 << 8 | version, *fields) + name + extra


def end_records(count: int, length: int, start: int) -> bytes:
    before = b""
    if count >= MANY or max(length, start) >= BIG:
        before = pack("<4sQ2H2I4Q", b"PK\6\6", 44, 3 << 8 | 45, 45, 0, 0, count, count, length, start)
        before += pack("<4sIQI", b"PK\6\7", 0, start + length, 1)
        count, length, start = MANY, BIG, BIG
    return before + pack("<4s4H2IH", b"PK\5\6", 0, 0, count, count, length, start, 0)


class Archive:
    """A zip whose every byte is accounted for: nothing before, between or after its members, no name that is not expected."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.files: dict[str, Member] = {}
        self.payloads: array[int] = array("Q")
        self.next = 0
        try:
            self._read()
        except StructError as error:
            raise Rejected(TAMPERED, "the archive is not a whole zip of this format") from error

    def _read(self) -> None:
        size = self.file.seek(0, 2)
        need(size >= 22, "the file is not a zip")
        tail = self._at(max(0, size - 98), 98)
        count, length, start = unpack_from("<H2I", tail, len(tail) - 12)
        if (count, length, start) == (MANY, BIG, BIG):
            count, length, start = unpack_from("<3Q", tail, 32)
        end = end_records(count, length, start)
        need(tail.endswith(end) and start + length + len(end) == size, "the archive has no proper end, or bytes too many")
        directory, at, offset, before = self._at(start, length), 0, 0, ""
        for _ in range(count):
            name, member, at = self._record(directory, at)
            need(member.offset == offset, f"the archive has a hole or an overlap before member {show(name)}")
            offset += len(local_header(name.encode(), member)) + member.size
            need(before != "manifest.json" and (name == "manifest.json" or name > before), "its members are not in order")
            before = name
            self._place(name, member)
        need(at == length and offset == start, "the archive's directory does not fit its members")
        self.check_names(FILES_OF_1)

    def check_names(self, names: Sequence[str]) -> None:
        """All of these members are there."""
        for name in (*names, "manifest.json"):
            if name not in self.files:
                raise Rejected(INCOMPLETE, f"the archive lacks {name}")

    def _record(self, directory: bytes, at: int) -> tuple[str, Member, int]:
        crc, size, _, length, extra = unpack_from("<3I2H", directory, at + 16)
        (offset,) = unpack_from("<I", directory, at + 42)
        raw = directory[at + 46 : at + 46 + length]
        if extra:
            size, _, offset = unpack_from("<3Q", directory, at + 50 + length)
        member = Member(offset, crc, size)
        record = directory_record(raw, member)
        need(directory.startswith(record, at) and raw.isascii(), "the archive's directory is not as the format says")
        return raw.decode(), member, at + len(record)

    def _place(self, name: str, member: Member) -> None:
        if name in FILES or name == "manifest.json":
            self.files[name] = member
        else:
            need(re.fullmatch("payloads/[0-9]{12}", name), f"the archive holds {show(name)}, which no bundle has")
            self.payloads.extend((int(name[9:]), *member))

    def _at(self, offset: int, size: int) -> bytes:
        self.file.seek(offset)
        return self.file.read(size)

    def open(self, name: str) -> Stream:
        return Stream(self.file, name, self.files[name])

    def small(self, name: str) -> tuple[bytes, dict[str, Any]]:
        need(self.files[name].size <= MAX_SMALL, f"{name} is too large")
        stream = self.open(name)
        data = b"".join(iter(stream.fill, b""))
        return data, stream.finish()

    def payload(self, index: int) -> Stream:
        """The payload of the next entry that has one. They are asked for in order of index."""
        here = self.payloads[self.next : self.next + 4]
        if not here or here[0] > index:
            raise Rejected(INCOMPLETE, f"the payload of entry {index} is missing")
        need(here[0] == index, f"the archive holds a payload of entry {here[0]}, which is not selected or has none")
        self.next += 4
        return Stream(self.file, f"payloads/{index:012}", Member(*here[1:]))


class Stream:
    """A member's bytes, read as they are asked for: never more than its size says."""

    def __init__(self, file: BinaryIO, name: str, member: Member) -> None:
        self.name, self.member = name, member
        self._file, self._hash = file, sha256()
        self._crc = self._pos = 0
        self._buffer = b""
        header = local_header(name.encode(), member)
        file.seek(member.offset)
        need(file.read(len(header)) == header, f"{name}: its header is not what the directory says")
        self._at = member.offset + len(header)
        self._stop = self._at + member.size

    def fill(self) -> bytes:
        """The next bytes; none at the end, when they were all there and right."""
        self._file.seek(self._at)
        data = self._file.read(min(CHUNK, self._stop - self._at))
        self._at += len(data)
        self._crc = zlib.crc32(data, self._crc)
        self._hash.update(data)
        need(data or (self._at, self._crc) == (self._stop, self.member.crc), f"{self.name}: its bytes have changed")
        return data

    def line(self, limit: int) -> bytes | None:
        """The next line without its newline; None at the end."""
        while (at := self._buffer.find(b"\n", self._pos)) < 0:
            self._buffer, self._pos = self._buffer[self._pos :], 0
            need(len(self._buffer) <= limit, f"{self.name}: a line is too long")
            more = self.fill()
            if not more:
                need(not self._buffer, f"{self.name}: its last line is cut off")
                return None
            self._buffer += more
        line, self._pos = self._buffer[self._pos : at], at + 1
        need(len(line) <= limit, f"{self.name}: a line is too long")
        return line

    def expect(self, data: bytes, message: str) -> None:
        """The next bytes must be these."""
        while len(self._buffer) - self._pos < len(data):
            self._buffer, self._pos = self._buffer[self._pos :], 0
            need(data.startswith(self._buffer), message)
            more = self.fill()
            need(more, message)
            self._buffer += more
        need(self._buffer.startswith(data, self._pos), message)
        self._pos += len(data)

    def finish(self) -> dict[str, Any]:
        """Nothing may follow. What the manifest must say of this file."""
        need(self._pos == len(self._buffer) and not self.fill(), f"{self.name}: it holds more than it should")
        return {"name": self.name, "sha256": self._hash.hexdigest(), "size": self.member.size}


# Keys and checkpoints: C2SP signed notes, Ed25519


class Key(NamedTuple):
    name: str
    id: bytes
    public: bytes


class Head(NamedTuple):
    origin: str
    size: int
    root: bytes
    signers: tuple[str, ...]
    unknown: int


def read_key(text: str) -> Key:
    """A verifier key, NAME+HASH+BASE64, or the path of a file that holds one."""
    if text.count("+") < 2:
        with Path(text).open("rb") as file:
            text = file.read(4096).decode("utf-8", "replace").strip()
    name, _, rest = text.partition("+")
    digest, _, encoded = rest.partition("+")
    try:
        raw = base64.b64decode(encoded, validate=True)
    except ValueError:
        raw = b""
    id_ = sha256(name.encode() + b"\n" + raw).digest()[:4]
    if not name or len(raw) != 33 or raw[0] != 1 or digest != id_.hex():
        raise Rejected(USAGE, "a key must read NAME+HASH+BASE64 (an Ed25519 verifier key), or name a file that holds that line")
    return Key(name, id_, raw[1:])


def open_checkpoint(note: bytes, keys: Sequence[Key], origin: str | None) -> Head:
    """Check the form and the signatures of a checkpoint; lines of keys that you did not name count for nothing."""
    try:
        whole = note.decode()
    except UnicodeDecodeError as error:
        raise Rejected(TAMPERED, "the checkpoint is not text") from error
    need(not any(c != "\n" and unicodedata.category(c) in ("Cc", "Cs") for c in whole), "the checkpoint has control characters")
    text, blank, tail = whole.rpartition("\n\n")
    signatures, lines = tail.split("\n"), text.split("\n")
    need(blank and signatures.pop() == "" and 1 <= len(signatures) <= 32 and len(lines) >= 3, "the checkpoint is no signed note")
    known = {(key.name, key.id): key for key in keys}
    seen: set[tuple[str, bytes]] = set()
    signers = []
    for signature in signatures:
        found = re.fullmatch("\u2014 ([^\\s+]+) ([A-Za-z0-9+/=]+)", signature) or [""] * 3
        name, value = str(found[1]), unbase64(found[2], None, "a signature line of the checkpoint")
        need(len(value) > 4 and (name, value[:4]) not in seen, "a signature line of the checkpoint is malformed or stands twice")
        seen.add((name, value[:4]))
        if key := known.get((name, value[:4])):
            check_signature(key, value[4:], f"{text}\n".encode())
            signers.append(key.name)
    need(signers, "the checkpoint is not signed by a key that you named: it may be another log's, or forged")
    need(all(lines) and re.fullmatch("0|[1-9][0-9]{0,15}", lines[1]), "the checkpoint's size is malformed")
    root = unbase64(lines[2], 32, "the checkpoint's root")
    need(lines[0] == origin if origin else lines[0] in signers, f"the checkpoint is of another log: {show(lines[0])}")
    return Head(lines[0], int(lines[1]), root, tuple(signers), len(signatures) - len(signers))


def check_signature(key: Key, signature: bytes, text: bytes) -> None:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(signature, text)
    except (InvalidSignature, ValueError) as error:
        raise Rejected(TAMPERED, f"the signature of {show(key.name)} does not fit the checkpoint") from error


# The Merkle tree of RFC 9162


def node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\1" + left + right).digest()


class Tree:
    """Grows leaf by leaf; keeps the roots of its complete subtrees, the largest first."""

    def __init__(self) -> None:
        self.size = 0
        self._hashes: list[bytes] = []

    def append(self, leaf: bytes) -> None:
        bits = self.size
        while bits & 1:
            leaf, bits = node(self._hashes.pop(), leaf), bits >> 1
        self._hashes.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        hashes = self._hashes or [sha256(b"").digest()]
        joined = hashes[-1]
        for left in hashes[-2::-1]:
            joined = node(left, joined)
        return joined


def check_inclusion(leaf: bytes, index: int, head: Head, path: Any) -> None:
    """RFC 9162 section 2.1.3.2."""
    where = f"the proof of entry {index}"
    need(isinstance(path, list) and len(path) <= 64, f"{where} is malformed")
    at, last = index, head.size - 1
    for text in path:
        sibling = unbase64(text, 32, where)
        need(last, f"{where} is too long")
        if at & 1 or at == last:
            leaf = node(sibling, leaf)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            leaf = node(leaf, sibling)
        at, last = at >> 1, last >> 1
    need(not last and leaf == head.root, f"{where} does not lead to the checkpoint's root")


# Entries: what each must hold


def is_text(value: Any) -> bool:
    return isinstance(value, str)


def is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(is_text, value)) and value == sorted(set(value))


def is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def is_time(value: Any) -> bool:
    return isinstance(value, str) and TIME.fullmatch(value) is not None


def is_word(value: Any) -> bool:
    return isinstance(value, str) and WORD.fullmatch(value) is not None


def is_part(value: Any) -> bool:
    if not isinstance(value, dict) or value.keys() != {"commit", "media_type", "size"}:
        return False
    hashed = is_text(value["commit"]) and re.fullmatch("[0-9a-f]{64}", value["commit"])
    return bool(hashed) and is_text(value["media_type"]) and is_count(value["size"])


def is_period(value: Any) -> bool:
    return isinstance(value, dict) and is_time(value.get("from")) and is_time(value.get("to"))


def is_counts(value: Any) -> bool:
    if not isinstance(value, dict) or value.keys() != set(COUNTS) or not all(map(is_count, value.values())):
        return False
    return bool(value["collected"] == sum(value[name] for name in COUNTS[1:]))


def is_cites(value: Any) -> bool:
    return value == "due" or (isinstance(value, list) and all(map(is_count, value)))


def is_indexes(value: Any) -> bool:
    return isinstance(value, list) and all(map(is_count, value))


def is_ranges(value: Any) -> bool:
    pairs = isinstance(value, list) and all(isinstance(p, list) and len(p) == 2 and all(map(is_count, p)) for p in value)
    return pairs and all(first <= last for first, last in value)


def is_act(*words: str) -> Callable[[Any], bool]:
    return lambda value: value in words


def is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def is_erased_part(value: Any) -> bool:
    return value in (None, "all", "payload")


ANY = {"type": is_word, "source": is_text, "event_time": is_time, "collected_at": is_time, "recorded_at": is_time}
OPTIONAL = {"detail": is_part, "payload": is_part, "controls": is_texts, "mapping_set": is_text}
HOLDS: dict[str, dict[str, Any]] = {
    "evidence": {
        "event_type": is_text,
        "window": is_text,
        "mapping_set": is_text,
        "controls": is_texts,
        "detail": is_part,
        "payload": is_part,
    },
    "finding": {"mapping": is_text, "subject": is_text, "after": is_word, "controls": is_texts, "cites": is_cites},
    "window": {"attempt": is_text, "state": is_word, "asked": is_period, "counts": is_counts},
    "dead_letter": {"window": is_text},
    "mapping_set": {"digest": is_text, "payload": is_part},
    "erasure": {"ranges": is_ranges, "part": is_erased_part},
    "attestation": {"attestation": is_text, "act": is_act("add", "attach", "renew", "review", "revoke")},
    "exception": {
        "exception": is_text,
        "act": is_act("add", "renew", "revoke"),
        "mapping": is_text,
        "subject": is_text,
        "until": is_time,
        "detail": is_part,
    },
    "risk": {"risk": is_text, "act": is_act("remove", "set"), "controls": is_texts, "detail": is_part},
    "soa": {"control": is_text, "applicable": is_flag, "detail": is_part},
}
SAYS = {"controls": is_texts, "says": is_text, "until": is_time, "four_eyes": is_flag, "files": is_indexes, "detail": is_part}
ACTS: dict[str, dict[str, Any]] = {
    "add": SAYS,
    "renew": SAYS,
    "review": {"of": is_count, "approved": is_flag, "detail": is_part},
    "revoke": {"detail": is_part},
    "attach": {"detail": is_part, "payload": is_part},
}
"""What each act of an attestation holds."""


def check_entry(entry: dict[str, Any], index: int) -> None:
    """Raises Rejected unless the entry has the fields of its type. Fields that are not known here are let be."""
    need(all(is_right(entry.get(name)) for name, is_right in ANY.items()), f"entry {index} is malformed")
    need(all(is_right(entry[name]) for name, is_right in OPTIONAL.items() if name in entry), f"entry {index} is malformed")
    wanted = HOLDS.get(entry["type"], {})
    if entry["type"] == "attestation":
        wanted = {**wanted, **ACTS.get(str(entry.get("act")), {})}
    need(all(is_right(entry.get(name)) for name, is_right in wanted.items()), f"entry {index} is malformed")
    if entry["type"] == "finding" and entry["cites"] != "due":
        need(all(cited < index for cited in entry["cites"]), f"entry {index} cites what came after it")
    if entry["type"] == "erasure":
        need(all(last < index for _, last in entry["ranges"]), f"entry {index} erases what came after it")


# What entries say, all together


class Row(NamedTuple):
    """The finding entry that stands for one (mapping, subject)."""

    time: str
    entry: int
    state: str
    controls: tuple[str, ...]
    cites: tuple[int, ...]
    fits: bool


@dataclass
class Source:
    windows: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def add(self, entry: dict[str, Any]) -> None:
        self.windows[entry["state"]] += 1
        self.counts.update(entry["counts"])
        start, end = entry["asked"]["from"], entry["asked"]["to"]
        if entry["state"] not in ("complete", "partial"):
            return
        first = last = bisect_left(self.asked, start, key=lambda span: span[1])
        while last < len(self.asked) and self.asked[last][0] <= end:
            start, end = min(start, self.asked[last][0]), max(end, self.asked[last][1])
            last += 1
        self.asked[first:last] = [(start, end)]

    def gaps(self) -> list[dict[str, str]]:
        return [{"from": a[1], "to": b[0]} for a, b in zip(self.asked, self.asked[1:], strict=False)]


class Log:
    """What the entries say: which are selected, what findings, windows and erasures say."""

    def __init__(self, scope: dict[str, Any], size: int, form: int = FORMAT) -> None:
        self.scope, self.controls, self.sources = scope, set(scope["controls"]), set(scope["sources"])
        # Format 1 knows neither risks nor exceptions, and nothing that is not applicable.
        self.form, self.always = form, ALWAYS - {"risk"} if form == 1 else ALWAYS
        self.counted = ("not-satisfied", "satisfied", "stale", *(("accepted",) if form > 1 else ()))
        self.stated: dict[int, dict[str, Any]] = {}
        self.applicable: dict[str, tuple[str, bool]] = {}
        self.selected = bytearray(size)
        self.findings: dict[tuple[str, str], Row] = {}
        self.evidence: Counter[str] = Counter()
        self.read: dict[str, Source] = {}
        self.erased: dict[str, list[list[int]]] = {"detail": [], "payload": []}
        self.largest = 0
        self._recorded = ""
        self._open: dict[str, Counter[str]] = {}
        self._closed: set[str] = set()
        self._sets = {""}

    def add(self, index: int, entry: dict[str, Any]) -> None:
        kind, scope = entry["type"], self.scope
        need(self._recorded <= entry["recorded_at"], f"entry {index} was recorded before the one before it")
        self._recorded = entry["recorded_at"]
        self._agree(index, entry)
        self.largest = max(self.largest, entry.get("detail", {"size": 0})["size"])
        if kind == "erasure":
            for part in ("payload",) if entry.get("part") == "payload" else ("detail", "payload"):
                self.erased[part] += entry["ranges"]
        if index >= scope["known_at"]:
            return
        inside = scope["from"] <= entry["event_time"] < scope["to"]
        fits = self._fits(entry)
        if kind == "window":
            if not self.sources or self.controls or entry["source"] in self.sources:
                self.selected[index] = 1
                self.read.setdefault(entry["source"], Source()).add(entry)
        elif kind in self.always or (inside and fits):
            self.selected[index] = 1
        if kind in STATED and self.form > 1 and entry["event_time"] < scope["to"]:
            self._state(index, kind, entry)
        if kind == "evidence":
            self.evidence.update(dict.fromkeys(entry["controls"], int(inside)))
        if kind == "finding":
            cites = () if entry["cites"] == "due" else tuple(entry["cites"])
            if inside and fits:
                self._select(cites)
            key, time = (entry["mapping"], entry["subject"]), entry["event_time"]
            if time < scope["to"] and (key not in self.findings or self.findings[key].time <= time):
                self.findings[key] = Row(time, index, entry["after"], tuple(entry["controls"]), cites, fits)

    def _state(self, index: int, kind: str, entry: dict[str, Any]) -> None:
        """What people state by the end of the period; of what is said of a control the last stands."""
        self.stated[index] = entry
        if kind == "soa" and self.applicable.get(entry["control"], ("",))[0] <= entry["event_time"]:
            self.applicable[entry["control"]] = (entry["event_time"], entry["applicable"])

    def finish(self) -> None:
        for part, ranges in self.erased.items():
            joined: list[list[int]] = []
            for first, last in sorted(ranges):
                if joined and first <= joined[-1][1] + 1:
                    joined[-1][1] = max(joined[-1][1], last)
                else:
                    joined.append([first, last])
            self.erased[part] = joined
        for row in self.findings.values():
            if row.fits and row.state in self.counted:
                self._select((row.entry, *row.cites))

    def _agree(self, index: int, entry: dict[str, Any]) -> None:
        """The log must agree with itself: a window counts the evidence that names it; what judged stands in it before."""
        kind = entry["type"]
        if kind in ("evidence", "dead_letter") and entry["window"]:
            self._open.setdefault(entry["window"], Counter())[kind] += 1
        elif kind == "window":
            attempt, counts = entry["attempt"], entry["counts"]
            need(attempt not in self._closed, f"entry {index} closes a window that was closed before")
            self._closed.add(attempt)
            found = self._open.pop(attempt, Counter())
            for name in ("evidence", "dead_letter"):
                said = f"the window of entry {index} counts {counts[name]} {name} entries"
                need(counts[name] == found[name], f"{said}, the log has {found[name]}: some were left out of the log, or added")
        elif kind == "mapping_set":
            self._sets.add(entry["digest"])
        if kind in ("evidence", "finding"):
            need(entry.get("mapping_set", "") in self._sets, f"entry {index} was judged under a mapping set not in the log")

    def _fits(self, entry: dict[str, Any]) -> bool:
        if not self.controls and not self.sources:
            return True
        return entry["source"] in self.sources or not self.controls.isdisjoint(entry.get("controls", ()))

    def _select(self, indexes: Sequence[int]) -> None:
        for index in indexes:
            self.selected[index] = 1

    def says_erased(self, index: int, part: str) -> bool:
        ranges = self.erased[part]
        at = bisect_right(ranges, index, key=lambda pair: pair[0]) - 1
        return at >= 0 and index <= ranges[at][1]

    def states(self) -> list[dict[str, Any]]:
        named = (*self.evidence, *self.applicable, *self.controls)
        tallies: dict[str, Counter[str]] = {control: Counter() for control in named}
        for row in self.findings.values():
            for control in row.controls:
                tallies.setdefault(control, Counter())[row.state] += 1
        found = []
        for control in sorted(self.controls or tallies):
            tally = tallies[control]
            state = next((state for state in ("not-satisfied", "stale", "satisfied") if tally[state]), "not-assessed")
            state = state if self.applicable.get(control, ("", True))[1] else "not-applicable"
            counts = {state.replace("-", "_"): tally[state] for state in self.counted}
            found.append({"control": control, "evidence": self.evidence[control], "state": state, **counts})
        return found

    def status(self) -> Iterator[bytes]:
        yield b'{"controls":' + canonical(self.states()) + b',"findings":['
        comma = b""
        for (mapping, subject), row in sorted(self.findings.items()):
            fields = {"mapping": mapping, "subject": subject, "event_time": row.time, "index": row.entry, "state": row.state}
            yield comma + canonical({**fields, "controls": row.controls})
            comma = b","
        sources = [
            {"source": name, "counts": {c: found.counts[c] for c in COUNTS}, "gaps": found.gaps(), "windows": found.windows}
            for name, found in sorted(self.read.items())
        ]
        yield b'],"scope":' + canonical(self.scope) + b',"sources":' + canonical(sources) + b"}"


# The bundle


@dataclass
class Report:
    """What was verified."""

    head: Head
    scope: dict[str, Any]
    selected: dict[str, int]
    erased: int
    controls: list[dict[str, Any]]
    sources: dict[str, Source]
    sha256: str

    @property
    def exit_code(self) -> int:
        return ERASED if self.erased else OK


class Bundle:
    """Steps 5 to 7, over an archive whose checkpoint and manifest are open."""

    def __init__(self, archive: Archive, head: Head, log: Log, seen: Sequence[Head], progress: Progress | None) -> None:
        self.archive, self.head, self.log, self.seen, self.progress = archive, head, log, seen, progress
        self.selected: Counter[str] = Counter()
        self.payloads: Counter[str] = Counter()
        self.facts: dict[str, Any] = {}
        self.stated: dict[int, dict[str, Any]] = {}
        self.erased = 0

    def entries(self) -> Iterator[tuple[int, bytes, dict[str, Any]]]:
        stream = self.archive.open("entries.jsonl")
        need(stream.member.size <= self.head.size * MAX_LINE, "entries.jsonl is too large")
        for index in range(self.head.size):
            line = stream.line(MAX_LINE)
            if line is None:
                raise Rejected(INCOMPLETE, f"entry {index} is missing: entries.jsonl ends before the log does")
            row = parse(line, f"line {index + 1} of entries.jsonl")
            need(row.keys() == {"entry", "index"} and is_count(row["index"]), f"line {index + 1} of entries.jsonl is malformed")
            if row["index"] > index:
                raise Rejected(INCOMPLETE, f"entry {index} is missing")
            need(row["index"] == index, f"entry {row['index']} stands where entry {index} should")
            need(isinstance(row["entry"], dict), f"entry {index} is not an object")
            if self.progress and index % 1000 == 0:
                self.progress("reading what was selected" if self.facts else "reading the log", index, self.head.size)
            yield index, line[9 : -len(f',"index":{index}}}')], row["entry"]
        facts = stream.finish()
        need(self.facts in ({}, facts), "the file changes while it is read")
        self.facts = facts

    def read_log(self) -> dict[str, Any]:
        """5. Every entry is there, in its place, as it was signed; earlier checkpoints are of the same log."""
        tree, newer, sizes = Tree(), -1, {seen.size for seen in self.seen}
        for index, data, entry in self.entries():
            tree.append(sha256(b"\0" + data).digest())
            if index + 1 in sizes:
                same = all(seen.root == tree.root() for seen in self.seen if seen.size == index + 1)
                need(same, f"history was rewritten: the first {index + 1} entries are not those of the checkpoint that you keep")
            if entry.get("v") != 1:
                newer = index
            elif newer < 0:
                check_entry(entry, index)
                self.log.add(index, entry)
        need(tree.root() == self.head.root, "the entries do not give the root that was signed: an entry was changed")
        if newer >= 0:
            raise Rejected(NOT_RUN, f"entry {newer} is of a version that this verifier does not know: get a newer one")
        self.log.finish()
        return self.facts

    def read_selected(self) -> list[dict[str, Any]]:
        """6. For each selected entry exactly the bytes that it commits to; its proof; its row of the table."""
        details, proofs, table = (self.archive.open(name) for name in ("details.jsonl", "proofs.jsonl", "index.csv"))
        wrong = "index.csv is not what the entries and details give"
        table.expect(("\ufeff" + ",".join(f'"{name}"' for name in COLUMNS) + "\r\n").encode(), wrong)
        for index, data, entry in self.entries():
            if not self.log.selected[index]:
                continue
            self.selected[entry["type"]] += 1
            row = self._row(details, index, entry)
            detail = self._detail(row, index, entry) if "detail" in entry else None
            digest = self._payload(row, index, entry) if "payload" in entry else ""
            if index in self.log.stated:
                self.stated[index] = parse(detail, f"the detail of entry {index}") if detail else {}
            if entry["type"] == "evidence":
                line = proofs.line(64 * 48 + 64)
                proof = parse(line, f"the proof of entry {index}") if line is not None else {"index": self.head.size}
                check_order(proof.get("index"), index, "proof")
                need(proof.keys() == {"index", "proof"}, f"the proof of entry {index} is malformed")
                check_inclusion(sha256(b"\0" + data).digest(), index, self.head, proof["proof"])
                table.expect(csv_row(index, entry, check_tags(detail, index, entry), digest), f"{wrong} (entry {index})")
        need(self.archive.next == len(self.archive.payloads), "the archive holds payloads of entries that are not selected")
        return [details.finish(), table.finish(), proofs.finish()]

    def _row(self, details: Stream, index: int, entry: dict[str, Any]) -> dict[str, Any]:
        line = details.line(6 * self.log.largest + 256)
        row = parse(line, f"the details of entry {index}") if line is not None else {"index": self.head.size}
        check_order(row.get("index"), index, "row in details.jsonl")
        need(row.keys() - {"index"} == entry.keys() & {"detail", "payload"}, f"the details of entry {index} are malformed")
        gone = [part for part, value in row.items() if value == {"erased": True}]
        for part in gone:
            said = entry["type"] not in NEVER_ERASED and self.log.says_erased(index, part)
            need(said, f"bytes of entry {index} are missing, and no erasure in the log names it")
        self.erased += bool(gone)
        return row

    def _detail(self, row: dict[str, Any], index: int, entry: dict[str, Any]) -> bytes | None:
        part, where = row["detail"], f"the detail of entry {index}"
        if part == {"erased": True}:
            return None
        if isinstance(part, dict) and part.keys() == {"salt", "text"} and is_text(part["text"]):
            data = part["text"].encode()
        else:
            need(isinstance(part, dict) and part.keys() == {"salt", "base64"}, f"{where} is malformed")
            data = unbase64(part["base64"], None, where)
            need("\ufffd" in data.decode("utf-8", "replace"), f"{where} is text and must stand as text")
        committed = sha256(unbase64(part["salt"], 16, where) + data).hexdigest()
        need((len(data), committed) == (entry["detail"]["size"], entry["detail"]["commit"]), f"{where} was changed")
        return bytes(data)

    def _payload(self, row: dict[str, Any], index: int, entry: dict[str, Any]) -> str:
        """Returns the SHA-256 of the bytes, "" when they were erased."""
        part, where = row["payload"], f"the payload of entry {index}"
        if part == {"erased": True}:
            return ""
        need(isinstance(part, dict) and part.keys() == {"salt"}, f"the details of {where} are malformed")
        stream = self.archive.payload(index)
        need(stream.member.size == entry["payload"]["size"], f"{where} was changed: it has another size")
        committed = sha256(unbase64(part["salt"], 16, where))
        for chunk in iter(stream.fill, b""):
            committed.update(chunk)
        digest = str(stream.finish()["sha256"])
        need(committed.hexdigest() == entry["payload"]["commit"], f"{where} was changed, or is another entry's")
        if entry["type"] == "mapping_set":
            need(digest == entry["digest"], f"{where} is not the mapping set that the entry names")
        self.payloads.update(count=1, size=stream.member.size)
        return digest

    def check(self, manifest: bytes, checkpoint: dict[str, Any]) -> None:
        """Steps 5 to 7. At last the manifest must be the one that all this gives."""
        entries = self.read_log()
        details, table, proofs = self.read_selected()
        files = [checkpoint, details, entries, table, proofs, self.read_status()]
        _, readme = self.archive.small("README.txt")
        right = README_SHA256 if self.log.form > 1 else README_SHA256_OF_1
        need(readme["sha256"] == right, "README.txt is not that of this format")
        files += [readme, *(self.read_stated() if self.log.form > 1 else ())]
        told = {
            "erased": self.erased,
            "files": sorted(files, key=lambda file: file["name"]),
            "format": self.log.form,
            "log": {"origin": self.head.origin, "root": base64.b64encode(self.head.root).decode(), "size": self.head.size},
            "payloads": {"count": self.payloads["count"], "size": self.payloads["size"]},
            "scope": self.log.scope,
            "selected": self.selected,
        }
        need(canonical(told) == manifest, "manifest.json is not what the bundle holds")

    def read_stated(self) -> list[dict[str, Any]]:
        """7. What people state, as it stands at the end of the period, made again."""
        entries = [(index, entry, self.stated.get(index, {})) for index, entry in sorted(self.log.stated.items())]
        found = []
        for name, rows in stated_rows(entries, self.log.scope["to"]).items():
            stream = self.archive.open(name)
            stream.expect(stated_csv(STATED_COLUMNS[name], rows), f"{name} is not what the log's entries give")
            found.append(stream.finish())
        return found

    def read_status(self) -> dict[str, Any]:
        """7. The status, computed again from the finding and window entries."""
        stream = self.archive.open("status.json")
        for chunk in self.log.status():
            stream.expect(chunk, "status.json is not what the log's entries give")
        return stream.finish()


def check_order(found: Any, index: int, what: str) -> None:
    need(is_count(found) and found >= index, f"there is a {what} of an entry that is not selected, or out of order")
    if found > index:
        raise Rejected(INCOMPLETE, f"the {what} of entry {index}, which is selected, is missing")


def check_tags(data: bytes | None, index: int, entry: dict[str, Any]) -> dict[str, Any] | None:
    """The tags in the detail must name exactly the controls that the entry names in the clear."""
    if data is None:
        return None
    where = f"the detail of entry {index}"
    detail = parse(data, where)
    tags = detail.get("tags")
    need(isinstance(tags, list) and all(isinstance(tag, dict) for tag in tags), f"{where} has no tags")
    texts = [detail.get(name, "") for name in ("id", "subject", "account", "region")]
    texts += [tag.get(name) for tag in tags or () for name in ("mapping", "reason")]
    lists = [tag.get("controls") for tag in tags or ()]
    need(all(map(is_text, texts)) and all(isinstance(c, list) and all(map(is_text, c)) for c in lists), f"{where} is malformed")
    named = sorted({control for controls in lists for control in controls})
    need(named == entry["controls"], f"the tags of entry {index} name other controls than the entry")
    return detail


def csv_row(index: int, entry: dict[str, Any], detail: dict[str, Any] | None, digest: str) -> bytes:
    tags = detail["tags"] if detail else ()
    values = {
        **{name: entry[name] for name in ("event_time", "collected_at", "recorded_at", "source", "window")},
        **{name: (detail or {}).get(name, "") for name in ("id", "subject", "account", "region")},
        "index": str(index),
        "type": entry["event_type"],
        "controls": " ".join(entry["controls"]),
        "mappings": " ".join(tag["mapping"] for tag in tags),
        "reason": " / ".join(tag["reason"] for tag in tags),
        "media_type": entry["payload"]["media_type"],
        "payload_size": str(entry["payload"]["size"]),
        "payload_sha256": digest,
        "payload_file": f"payloads/{index:012}" if digest else "",
    }
    return (",".join(csv_cell(values[name]) for name in COLUMNS) + "\r\n").encode()


def csv_cell(text: str) -> str:
    if re.fullmatch("(?:[A-Za-z0-9][A-Za-z0-9._:/-]*)?", text):  # most cells need no other look
        return f'"{text}"'
    if text[:1] in ("\t", "\r", "\n"):
        text = "'" + text
    text = re.sub('(^|[\t\r\n;,|"])( *[=+\\-@\uff1d\uff0b\uff0d\uff20])', r"\1'\2", text)
    return '"' + re.sub("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]", "\ufffd", text).replace('"', '""') + '"'


# What people state: tables of it as it stands at the end of the period

STATED_COLUMNS = {
    "attestations.csv": (
        *("attestation", "index", "state", "controls", "says", "made", "until", "four_eyes", "review", "reviewed_by"),
        *("title", "statement", "owner", "by", "files"),
    ),
    "exceptions.csv": (
        *("exception", "state", "mapping", "subject_handle", "subject", "from", "until", "reason", "approver", "by", "index"),
    ),
    "risks.csv": ("risk", "controls", "title", "treatment", "owner", "by", "index"),
    "soa.csv": ("control", "applicable", "justification", "implementation", "owner", "risks", "since", "by", "index"),
}
Stated = tuple[int, dict[str, Any], dict[str, Any]]
"""(index, entry, detail: {} where it was erased)"""


def stated_csv(columns: Sequence[str], rows: Sequence[dict[str, str]]) -> bytes:
    lines = ["\ufeff" + ",".join(f'"{name}"' for name in columns)]
    lines += [",".join(csv_cell(row[name]) for name in columns) for row in rows]
    return "".join(f"{line}\r\n" for line in lines).encode()


def stated_rows(entries: Sequence[Stated], end: str) -> dict[str, list[dict[str, str]]]:
    """Rows by file, each file in the order of its first column."""
    by_key: dict[tuple[str, str], list[Stated]] = {}
    for one in entries:
        kind = one[1]["type"]
        by_key.setdefault((kind, one[1][kind if kind != "soa" else "control"]), []).append(one)
    found: dict[str, list[dict[str, str]]] = {name: [] for name in STATED_FILES}
    for (kind, key), some in sorted(by_key.items()):
        if kind == "soa":
            found["soa.csv"].append(soa_row(key, max(some, key=lambda one: (one[1]["event_time"], one[0]))))
        elif kind == "risk":
            found["risks.csv"] += risk_rows(key, some[-1])
        elif kind == "exception":
            found["exceptions.csv"].append(exception_row(key, some, end))
        else:
            found["attestations.csv"] += attestation_rows(key, some, end)
    return found


def text_of(detail: dict[str, Any], *names: str) -> dict[str, str]:
    return {name: str(detail.get(name, "")) for name in names}


def soa_row(control: str, one: Stated) -> dict[str, str]:
    index, entry, detail = one
    texts = text_of(detail, "justification", "implementation", "owner", "by")
    named = detail.get("risks", ())
    risks = " ".join(map(str, named if isinstance(named, list) else ()))
    applies = "yes" if entry["applicable"] else "no"
    return {"control": control, "applicable": applies, **texts, "risks": risks, "since": entry["event_time"], "index": str(index)}


def risk_rows(risk: str, one: Stated) -> list[dict[str, str]]:
    index, entry, detail = one
    texts = text_of(detail, "title", "treatment", "owner", "by")
    row = {"risk": risk, "controls": " ".join(entry["controls"]), **texts, "index": str(index)}
    return [row] if entry["act"] == "set" else []


def exception_row(id_: str, some: Sequence[Stated], end: str) -> dict[str, str]:
    _, first, told = some[0]
    last = some[-1][1]
    index, _, detail = next((one for one in reversed(some) if one[1]["act"] != "revoke"), some[0])
    return {
        "exception": id_,
        "state": "revoked" if last["act"] == "revoke" else "valid" if end < last["until"] else "expired",
        "mapping": first["mapping"],
        "subject_handle": first["subject"],
        "subject": str(told.get("subject", "")),
        "from": first["event_time"],
        "until": last["until"],
        **text_of(detail, "reason", "approver", "by"),
        "index": str(index),
    }


def attestation_rows(id_: str, some: Sequence[Stated], end: str) -> Iterator[dict[str, str]]:
    """One row for each statement."""
    files = {i: f"{d.get('name', '')} {d.get('sha256', '')}" for i, e, d in some if e["act"] == "attach"}
    reviews = {e["of"]: (e, d) for _, e, d in some if e["act"] == "review"}
    revoked = any(e["act"] == "revoke" for _, e, _ in some)
    title = next((str(d.get("title", "")) for _, e, d in some if e["act"] == "add"), "")
    for index, entry, detail in some:
        if entry["act"] not in ("add", "renew"):
            continue
        review, reviewed = reviews.get(index, (None, {}))
        word = ("approved" if review["approved"] else "rejected") if review else "waiting" if entry["four_eyes"] else ""
        yield {
            "attestation": id_,
            "index": str(index),
            "state": "revoked" if revoked else "valid" if end < entry["until"] else "expired",
            "controls": " ".join(entry["controls"]),
            "says": entry["says"],
            "made": entry["event_time"],
            "until": entry["until"],
            "four_eyes": "yes" if entry["four_eyes"] else "no",
            "review": word,
            "reviewed_by": str(reviewed.get("by", "")),
            "title": title,
            **text_of(detail, "statement", "owner", "by"),
            "files": " / ".join(files[i] for i in entry["files"] if i in files),
        }


def read_scope(manifest: dict[str, Any], head: Head) -> dict[str, Any]:
    if manifest.get("format") not in (1, FORMAT):
        raise Rejected(NOT_RUN, f"this verifier knows formats 1 to {FORMAT}, not {manifest.get('format')!r}: get a newer one")
    scope: dict[str, Any] = manifest["scope"] if isinstance(manifest.get("scope"), dict) else {}
    right = scope.keys() == {"controls", "from", "known_at", "sources", "to"} and is_period(scope)
    need(right and is_count(scope["known_at"]), "manifest.json: its scope is malformed")
    need(is_texts(scope["controls"]) and is_texts(scope["sources"]), "manifest.json: its scope is malformed")
    need(scope["from"] < scope["to"] and scope["known_at"] <= head.size, "manifest.json: its scope makes no sense")
    return scope


def verify_bundle(
    path: str | Path,
    keys: Sequence[str],
    *,
    origin: str | None = None,
    min_size: int = 0,
    seen: Sequence[bytes] = (),
    expected: dict[str, Any] | None = None,
    progress: Progress | None = None,
) -> Report:
    """Verify a bundle; raises Rejected, or OSError where it cannot be read. `keys` are verifier keys or paths of them.

    `seen` are checkpoints of earlier bundles; `expected` are values that the scope must have. `progress` is told
    (stage, done, of how many).
    """
    # 1. The keys: from the caller, never from the bundle.
    trusted = [read_key(key) for key in keys]
    if len({(key.name, key.id) for key in trusted}) != len(set(trusted)) or not trusted:
        raise Rejected(USAGE, "name at least one key, and no two of one name and hash")
    with Path(path).open("rb") as file:
        # 2. The archive: every byte accounted for, every name expected.
        archive = Archive(file)
        # 3. The checkpoint: signed by a trusted key, of the right log, not older than demanded.
        note, noted = archive.small("checkpoint")
        head = open_checkpoint(note, trusted, origin)
        earlier = [open_checkpoint(old, trusted, head.origin) for old in seen]
        newest = max([min_size, *(old.size for old in earlier)])
        if head.size < newest:
            raise Rejected(STALE, f"this checkpoint is of {head.size} entries, and you know of {newest}: ask for a newer one")
        # 4. The manifest: what was asked for.
        raw, _ = archive.small("manifest.json")
        manifest = parse(raw, "manifest.json")
        scope, form = read_scope(manifest, head), int(manifest["format"])
        archive.check_names(FILES if form > 1 else FILES_OF_1)
        need(form > 1 or not archive.files.keys() & set(STATED_FILES), "the archive holds files that format 1 does not have")
        for name, value in (expected or {}).items():
            need(scope[name] == value, f"the bundle is of another scope: {name} is {show(scope[name])}, not {show(value)}")
        # 5. to 7.
        log = Log(scope, head.size, form)
        bundle = Bundle(archive, head, log, earlier, progress)
        bundle.check(raw, noted)
        file.seek(0)
        digest = file_digest(file, "sha256")
    return Report(head, scope, dict(bundle.selected), bundle.erased, log.states(), log.read, digest.hexdigest())


# The command


def show(value: Any) -> str:
    """Names come from the outside: nothing of them reaches a terminal but plain letters."""
    text = value if isinstance(value, str) else json.dumps(value)
    return "".join(c if c.isprintable() else "?" for c in text[:500]).encode("ascii", "backslashreplace").decode()


def print_report(report: Report) -> None:
    head, scope = report.head, report.scope
    erased = f", BUT THE BYTES OF {report.erased} ENTRIES WERE ERASED, as the log itself says" if report.erased else ""
    others = f" ({head.unknown} signatures of others were not checked)" if head.unknown else ""
    counts = ", ".join(f"{n} {show(kind)}" for kind, n in sorted(report.selected.items()))
    lines = [
        f"VERIFIED{erased}",
        f"  bundle      sha256 {report.sha256}",
        f"  log         {show(head.origin)}, {head.size} entries, root {head.root.hex()}",
        f"  signed by   {', '.join(map(show, head.signers))}{others}",
        f"  period      {scope['from']} to {scope['to']} (event time), as known at entry {scope['known_at']}",
        f"  controls    {', '.join(map(show, scope['controls'])) or 'all'}",
        f"  sources     {', '.join(map(show, scope['sources'])) or 'all'}",
        f"  disclosed   {counts or 'nothing'}",
    ]
    print("\n".join([*lines, "", *control_lines(report), "", *source_lines(report), "", CHECKED]))


def control_lines(report: Report) -> Iterator[str]:
    columns = ("not_satisfied", "satisfied", "stale", "accepted", "evidence")
    yield "Controls at the end of the period, by the findings of the log (evidence: items in the period):"
    yield f"  {'control':9} {'state':14}" + "".join(f" {name.replace('_', ' '):>13}" for name in columns)
    for control in report.controls:
        yield f"  {show(control['control']):9} {control['state']:14}" + "".join(f" {control.get(name, 0):13}" for name in columns)
    yield "  A control that is not listed is not assessed: nothing in the log speaks of it."


def source_lines(report: Report) -> Iterator[str]:
    yield "What was read from the sources:"
    for name, source in sorted(report.sources.items()):
        windows = ", ".join(f"{n} {show(state)}" for state, n in sorted(source.windows.items()))
        yield f"  {show(name)}: windows {windows}; records {', '.join(f'{source.counts[c]} {c}' for c in COUNTS)}"
        yield from (f"    GAP: nothing was asked for from {gap['from']} to {gap['to']}" for gap in source.gaps())


CHECKED = """\
Checked: the archive byte for byte; the checkpoint's signature; that every entry of the log is there, in order, and gives the root
that was signed; that exactly the entries that the scope selects are disclosed, with the bytes they commit to; that windows count
the evidence they brought; proofs, table, status and manifest, each computed again.

NOT proven:
- That the log is the only one. There is no outside anchor: whoever holds the signing key could have written another history
  before you first saw a checkpoint. Keep each bundle's checkpoint and give it next time with --seen.
- What happened after the last entry of this log.
- That the source told the truth, or that the rules judge rightly. Read the payloads and the mapping sets.
- Anything about periods in which no window covers a source; gaps are listed above."""


def _tell(stage: str, done: int, total: int) -> None:
    print(f"\r{stage}: {100 * done // total} %\x1b[K\r", end="", file=sys.stderr, flush=True)


def _time(text: str) -> str:
    try:
        moment = datetime.fromisoformat(f"{text}T00:00:00+00:00" if len(text) == 10 else text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no time: write 2026-11-24 or 2026-11-24T12:00:00Z") from error
    if moment.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text!r} needs Z or an offset")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="verify.py", description="Verify an Attestream evidence bundle offline.")
    parser.add_argument("bundle", help="the zip")
    parser.add_argument("--key", action="append", required=True, help="the log's verifier key, NAME+HASH+BASE64, or a file of it")
    parser.add_argument("--origin", help="the log's name, where it is not the key's")
    parser.add_argument("--min-size", type=int, default=0, metavar="N", help="refuse a checkpoint of fewer entries")
    parser.add_argument("--seen", action="append", default=[], metavar="FILE", help="a checkpoint that you keep from before")
    parser.add_argument("--from", dest="start", type=_time, metavar="TIME", help="the period that you asked for (RFC 3339)")
    parser.add_argument("--to", dest="end", type=_time, metavar="TIME")
    parser.add_argument("--control", action="append", help="the controls that you asked for")
    parser.add_argument("--source", action="append", help="the sources that you asked for")
    parser.add_argument("--known-at", type=int, metavar="N")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    try:
        args = _parser().parse_args(argv)
    except SystemExit as end:
        return int(end.code or 0)
    expected = {"from": args.start, "to": args.end, "known_at": args.known_at}
    expected |= {"controls": args.control and sorted(set(args.control)), "sources": args.source and sorted(set(args.source))}
    asked = {name: value for name, value in expected.items() if value is not None}
    try:
        seen = [Path(name).read_bytes() for name in args.seen]
        options: Any = {"origin": args.origin, "min_size": args.min_size, "seen": seen, "expected": asked}
        report = verify_bundle(args.bundle, args.key, progress=_tell if sys.stderr.isatty() else None, **options)
        print_report(report)
        return report.exit_code
    except Rejected as error:
        words = {NOT_RUN: "COULD NOT RUN", USAGE: "USAGE", TAMPERED: "REFUSED", INCOMPLETE: "INCOMPLETE", STALE: "TOO OLD"}
        print(f"{words[error.code]}: {show(str(error))}", file=sys.stderr)
        return error.code
    except (OSError, ImportError, ValueError, MemoryError) as error:
        print(f"COULD NOT RUN: {show(str(error))}", file=sys.stderr)
        return NOT_RUN


if __name__ == "__main__":
    sys.exit(main())
