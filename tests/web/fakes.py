"""A Query in memory over a real Merkle log with real proofs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from store.checkpoint import Checkpoint
from store.entries import JSON, canonical, commit
from store.errors import StoreError
from store.note import SigningKey, sign_note
from store.records import DAY, HOUR, MINUTE, MappingRecord
from store.reports import (
    ControlStatus,
    CoverageView,
    DeadLetter,
    DriftView,
    EntryView,
    Erased,
    EvidenceRow,
    FindingHistoryRow,
    FindingStatus,
    LogStatus,
    Moment,
    SourceStatus,
    Tag,
    WindowView,
)
from store.stated_views import AttestationView, ExceptionView, RiskView, SoaView
from store.tiles import append_leaves, inclusion_proof, leaf_hash
from store.times import format_time, parse_time
from tests.web.makers import ACCOUNT, HOSTILE, NOW
from web.site import CheckpointInfo

ORIGIN = "log.example.org/attestream"


@dataclass
class FakeQuery:
    """Implements store.reports.Query over lists. `broken`: every call fails as a store would."""

    entries: list[EntryView] = field(default_factory=list)
    tiles: dict[tuple[int, int], bytes] = field(default_factory=dict)
    root: bytes = hashlib.sha256(b"").digest()
    rows: list[EvidenceRow] = field(default_factory=list)
    found: list[FindingStatus] = field(default_factory=list)
    states: dict[str, ControlStatus] = field(default_factory=dict)
    earlier: dict[str, ControlStatus] = field(default_factory=dict)
    drifts: list[DriftView] = field(default_factory=list)
    statuses: list[SourceStatus] = field(default_factory=list)
    attempts: list[WindowView] = field(default_factory=list)
    covers: list[CoverageView] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)
    records: tuple[MappingRecord, ...] = ()
    accepted: list[ExceptionView] = field(default_factory=list)
    attested: list[AttestationView] = field(default_factory=list)
    stated: list[SoaView] = field(default_factory=list)
    register: list[RiskView] = field(default_factory=list)
    broken: StoreError | None = None
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def tile(self, level: int, index: int) -> bytes:
        """A tile of the log."""
        return self.tiles[level, index]

    def add(self, kind: str, fields: dict[str, Any], detail: bytes | None, payload: bytes | None, at: int) -> EntryView:
        """Append an entry to the log."""
        idx = len(self.entries)
        salts = (hashlib.sha256(b"d%d" % idx).digest()[:16], hashlib.sha256(b"p%d" % idx).digest()[:16])
        whole: dict[str, Any] = {"v": 1, "type": kind, "recorded_at": format_time(at), **fields}
        for name, salt, data in (("detail", salts[0], detail), ("payload", salts[1], payload)):
            if data is not None:
                whole[name] = {"commit": commit(salt, data), "size": len(data), "media_type": JSON}
        metadata = canonical(whole)
        grown = append_leaves(idx, self, [leaf_hash(metadata)])
        self.tiles.update(grown.tiles)
        self.root = grown.root
        entry = EntryView(
            idx,
            kind,
            metadata,
            json.loads(metadata),
            leaf_hash(metadata),
            detail,
            salts[0] if detail is not None else None,
            payload,
            salts[1] if payload is not None else None,
        )
        self.entries.append(entry)
        return entry

    def add_evidence(
        self, at: int, record: MappingRecord, subject: str, payload: bytes, source: str = "aws-prod", **more: Any
    ) -> int:
        """Append one evidence entry with one tag."""
        controls = tuple(c for c, _ in record.controls)
        tag = Tag(
            record.id, record.title, "matched", record.finding, f"{ACCOUNT}/{subject}", controls, "eventName is StopLogging"
        )
        id_ = more.get("id", f"e-{len(self.entries):06d}-4c53-9f7e-0b8f0a4f6f1d")
        fields = {"source": source, "event_type": "log.aws.cloudtrail", "controls": sorted(controls), "window": "w-000001"}
        entry = self.add("evidence", fields, canonical({"id": id_.encode("utf-8", "replace").decode()}), payload, at + 5 * MINUTE)
        row = EvidenceRow(
            entry.idx,
            source,
            ACCOUNT,
            "eu-west-1",
            "log.aws.cloudtrail",
            id_,
            at,
            at + 4 * MINUTE,
            at + 5 * MINUTE,
            "w-000001",
            controls,
            more.get("tags", (tag,)),
            more.get("conflicts_with"),
            f"{at}.{entry.idx}",
        )
        self.rows.insert(0, row)
        return entry.idx

    def _ask(self, name: str, **given: Any) -> None:
        self.asked.append((name, given))
        if self.broken is not None:
            raise self.broken

    def log(self) -> LogStatus:
        self._ask("log")
        size = len(self.entries)
        return LogStatus(ORIGIN, size, self.root.hex(), NOW if size else 0, "c0ffee" * 10 if size else "", len(self.letters))

    def size_at(self, recorded_at: int) -> int:
        self._ask("size_at", recorded_at=recorded_at)
        return sum(parse_time(e.fields["recorded_at"]) <= recorded_at for e in self.entries)

    def controls(self, moment: Moment) -> dict[str, ControlStatus]:
        self._ask("controls", moment=moment)
        return self.states if moment == Moment() else self.earlier

    def findings(
        self,
        moment: Moment,
        *,
        control: str | None = None,
        mapping: str | None = None,
        state: str | None = None,
        source: str | None = None,
        silence: bool | None = None,
        subject: str | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Sequence[FindingStatus]:
        self._ask("findings", moment=moment, control=control, mapping=mapping, state=state, source=source, silence=silence)
        fits = [
            f
            for f in self.found
            if (control is None or control in f.controls)
            and (mapping is None or f.mapping == mapping)
            and (state is None or f.state == state)
            and (source is None or f.source == source)
            and (silence is None or f.silence is silence)
            and (subject is None or subject in (f.subject, f.subject_handle))
        ]
        return _page(fits, after, limit)

    def exceptions(self, now: int, moment: Moment) -> Sequence[ExceptionView]:
        self._ask("exceptions", moment=moment)
        return self.accepted

    def attestations(self, now: int, moment: Moment) -> Sequence[AttestationView]:
        self._ask("attestations", moment=moment)
        return self.attested

    def soa(self, moment: Moment) -> Sequence[SoaView]:
        self._ask("soa", moment=moment)
        return self.stated

    def risks(self, moment: Moment) -> Sequence[RiskView]:
        self._ask("risks", moment=moment)
        return self.register

    def finding_history(self, mapping: str, subject_handle: str) -> Sequence[FindingHistoryRow]:
        self._ask("finding_history")
        if not any(f.mapping == mapping and f.subject_handle == subject_handle for f in self.found):
            return ()
        return (
            FindingHistoryRow(NOW - 3 * DAY, NOW - 3 * DAY, 1, "", "not-satisfied", (0,), "matched"),
            FindingHistoryRow(NOW - 2 * DAY, NOW - 2 * DAY, 2, "not-satisfied", "closed", (1, 2), "undone"),
            FindingHistoryRow(NOW - 2 * DAY, NOW - DAY, 3, "not-satisfied", "not-satisfied", (), HOSTILE),
        )

    def evidence(
        self,
        *,
        control: str | None = None,
        mapping: str | None = None,
        source: str | None = None,
        start: int | None = None,
        end: int | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Sequence[EvidenceRow]:
        self._ask("evidence", control=control, mapping=mapping, source=source, start=start, end=end)
        fits = [
            r
            for r in self.rows
            if (control is None or control in r.controls)
            and (mapping is None or any(t.mapping == mapping for t in r.tags))
            and (source is None or r.source == source)
            and (start is None or r.event_time >= start)
            and (end is None or r.event_time < end)
        ]
        return _page(sorted(fits, key=lambda r: (-r.event_time, -r.idx)), after, limit)

    def evidence_by_id(self, id_: str, source: str | None = None) -> Sequence[int]:
        self._ask("evidence_by_id")
        return [r.idx for r in self.rows if r.id == id_]

    def entry(self, idx: int) -> EntryView | None:
        self._ask("entry")
        return self.entries[idx] if 0 <= idx < len(self.entries) else None

    def evidence_row(self, idx: int) -> EvidenceRow | None:
        self._ask("evidence_row")
        return next((r for r in self.rows if r.idx == idx), None)

    def drift(
        self,
        *,
        since: int | None = None,
        control: str | None = None,
        kind: str | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Sequence[DriftView]:
        self._ask("drift", since=since, control=control, kind=kind)
        fits = [
            d
            for d in self.drifts
            if (since is None or d.recorded_at >= since)
            and (control is None or control in d.controls)
            and (kind is None or d.kind == kind)
        ]
        return _page(fits, after, limit)

    def sources(self, now: int) -> Sequence[SourceStatus]:
        self._ask("sources")
        return self.statuses

    def windows(
        self, *, source: str | None = None, attempt: str | None = None, after: str | None = None, limit: int = 50
    ) -> Sequence[WindowView]:
        self._ask("windows", source=source)
        fits = [w for w in self.attempts if source in (None, w.source) and attempt in (None, w.attempt)]
        return _page(fits, after, limit)

    def coverage(self, source: str | None = None) -> Sequence[CoverageView]:
        self._ask("coverage")
        return [c for c in self.covers if source in (None, c.source)]

    def dead_letters(self, *, after: str | None = None, limit: int = 50) -> Sequence[DeadLetter]:
        self._ask("dead_letters")
        return _page(self.letters, after, limit)

    def mappings(self) -> Sequence[MappingRecord]:
        self._ask("mappings")
        return self.records

    def mapping_set(self, digest: str | None = None) -> bytes:
        raise StoreError("no mapping set is active yet")

    def rollup(self, dim: str, key: str, start: int, end: int) -> Sequence[tuple[int, int]]:
        self._ask("rollup", dim=dim, key=key)
        return [(start + n * 7 * HOUR, (n * 37) % 90) for n in range(90)] if self.rows else []

    def inclusion(self, idx: int, size: int) -> Sequence[bytes]:
        self._ask("inclusion")
        return inclusion_proof(idx, size, self)

    def consistency(self, old: int, new: int) -> Sequence[bytes]:
        raise StoreError("not asked for here")


def _page(rows: Sequence[Any], after: str | None, limit: int) -> list[Any]:
    start = 0
    if after is not None:
        places = [n for n, row in enumerate(rows) if row.cursor == after]
        if not places:
            raise StoreError(f"{after[:40]!r} is no cursor of this list: use the `cursor` of its last row")
        start = places[0] + 1
    return list(rows[start : start + limit])


def checkpoint(query: FakeQuery, size: int | None = None) -> CheckpointInfo:
    """Sign the log at its present size."""
    key = SigningKey(ORIGIN, Ed25519PrivateKey.from_private_bytes(b"7" * 32))
    whole = Checkpoint(ORIGIN, len(query.entries) if size is None else size, query.root)
    note = sign_note(whole.text(), [key]).decode()
    return CheckpointInfo(whole.size, whole.root.hex(), NOW - 12_000_000, ORIGIN, note, str(key.verifier))


def drop_bytes(query: FakeQuery, idx: int) -> None:
    """Erase an entry's bytes and salts, as an erasure would."""
    gone = {"detail": None, "detail_salt": None, "payload": None, "payload_salt": None}
    erased = Erased(idx + 1, NOW - 3_600_000_000, ("detail", "payload"), "asked for <b>by</b> them", "carol")
    query.entries[idx] = replace(query.entries[idx], **gone, erased=erased)
