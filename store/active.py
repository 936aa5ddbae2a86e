"""The active mapping set, as the store needs it: which mappings are held since when, and which of them speak for a control."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection, Engine, select, update

from store import schema
from store.attested import records_of
from store.blocks import BlockReader
from store.changes import HeldMapping
from store.engine import reading
from store.entries import committed, decode
from store.errors import StoreError, VerificationError
from store.records import Activation, MappingRecord
from store.sql import upsert
from store.writer import EntryWriter, read_head


@dataclass(frozen=True, slots=True)
class ActiveSet:
    """Mappings of the active set by id; `idx` is its entry, `voices` are the mappings that speak for each control."""

    digest: str
    idx: int
    mappings: Mapping[str, HeldMapping]
    voices: Mapping[str, tuple[str, ...]]

    def holds(self, mapping: str, silence: bool) -> bool:
        """Whether this set says anything about a finding (or a silence) of the mapping."""
        held = self.mappings.get(mapping)
        return held is not None and held.record.finding != "evidence" and (held.record.voiced or not silence)

    def observing(self, mapping: str) -> bool:
        """Whether it says of subjects how they stand."""
        held = self.mappings.get(mapping)
        return held is not None and held.record.finding != "evidence" and held.record.observes

    def silences(self, types: frozenset[str]) -> list[str]:
        """Two-sided mappings that judge any of these event types."""
        return [id_ for id_, held in self.mappings.items() if held.record.voiced and reaches(held.record.types, types)]


def reaches(patterns: tuple[str, ...], types: frozenset[str]) -> bool:
    """Whether any of the patterns ("log.aws.cloudtrail", or a prefix "log.aws.*") fits any of the types."""
    return any(
        kind == pattern or (pattern.endswith("*") and kind.startswith(pattern[:-1])) for pattern in patterns for kind in types
    )


def load_active(connection: Connection, digest: str, idx: int) -> ActiveSet:
    """Read the active set's mappings. Every set holds the voices of attestations, and held them always."""
    table = schema.mapping
    mappings = {
        row.id: HeldMapping(msgspec.json.decode(row.record, type=MappingRecord), row.held)
        for row in connection.execute(select(table).where(table.c.active))
    }
    controls = connection.execute(select(schema.control.c.id).order_by(schema.control.c.id)).scalars()
    mappings |= {id_: HeldMapping(record, 0) for id_, record in records_of(controls).items()}
    voices: dict[str, list[str]] = defaultdict(list)
    for id_, held in mappings.items():
        for control in held.record.speaks_for():
            voices[control].append(id_)
    return ActiveSet(digest, idx, mappings, {control: tuple(ids) for control, ids in voices.items()})


def activate(writer: EntryWriter, activation: Activation) -> ActiveSet:
    """Write the `mapping_set` entry and make the set the active one; returns it.

    A mapping that the set before held unchanged keeps the index since which it is held; any other starts anew.
    """
    connection = writer.connection
    fields = {"digest": activation.digest, "mappings": len(activation.mappings)}
    index = writer.add("mapping_set", "attestream", writer.now, writer.now, fields, payload=committed(activation.payload))
    table = schema.mapping
    before = {row.id: row for row in connection.execute(select(table.c.id, table.c.digest, table.c.held, table.c.active))}
    connection.execute(update(table).values(active=False))
    rows = []
    for record in activation.mappings:
        old = before.get(record.id)
        held = old.held if old is not None and old.active and old.digest == record.digest else index
        data = msgspec.json.encode(record)
        rows.append({"id": record.id, "digest": record.digest, "held": held, "active": True, "record": data})
    upsert(connection, table, ["id"], rows, ["digest", "held", "active", "record"])
    row = {"digest": activation.digest, "idx": index, "activated_at": writer.now}
    upsert(connection, schema.mapping_set, ["digest"], row, ["idx", "activated_at"])
    connection.execute(update(schema.head).values(mapping_set=activation.digest, set_idx=index))
    empty = {"state": "not-assessed", "not_satisfied": 0, "satisfied": 0, "stale": 0, "accepted": 0}
    controls = [{"id": id_, **empty} for id_ in activation.controls]
    upsert(connection, schema.control, ["id"], controls)
    return load_active(connection, activation.digest, index)


def set_before(connection: Connection, index: int) -> tuple[str, int]:
    """Digest and index of the mapping set under which the entry at `index` was judged."""
    table = schema.entry
    query = select(table.c.idx, table.c.metadata).where(table.c.type == "mapping_set", table.c.idx < index)
    row = connection.execute(query.order_by(table.c.idx.desc()).limit(1)).one()
    return str(decode(row.metadata, row.idx)["digest"]), row.idx


def active_digest(engine: Engine) -> str:
    """Digest of the active mapping set, "" while there is none."""
    with reading(engine) as connection:
        return read_head(connection).mapping_set


def set_payload(engine: Engine, digest: str) -> bytes:
    """The bytes of a mapping set as they stand in the log. Raises StoreError when no set of this digest was ever active."""
    with reading(engine) as connection:
        return read_payload(connection, digest)


def read_payload(connection: Connection, digest: str) -> bytes:
    """As `set_payload`, through a connection. Raises VerificationError when the bytes are not those of the digest."""
    entry, table = schema.entry, schema.mapping_set
    query = (
        select(entry.c.payload_block, entry.c.payload_offset, entry.c.payload_length)
        .join(table, table.c.idx == entry.c.idx)
        .where(table.c.digest == digest)
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        raise StoreError(f"no mapping set {digest[:12]} was ever active in this store")
    payload = BlockReader(connection).piece(row.payload_block, row.payload_offset, row.payload_length)
    if hashlib.sha256(payload).hexdigest() != digest:
        raise VerificationError(f"the mapping set {digest[:12]} is not what was activated: its bytes have changed")
    return payload
