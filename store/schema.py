"""Tables, in SQLAlchemy Core. Times and durations are microseconds; `idx` is always an index of the log.

Truth is `entry`, `block` and `tile` (with `handle` for names). The rest is derived from them or is bookkeeping of collection, and
`evidence verify` rebuilds and compares what is derived.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = MetaData(naming_convention=NAMING)
Big = BigInteger().with_variant(Integer, "sqlite")
PLAIN: dict[str, Any] = {"sqlite_with_rowid": False}
"""Tables whose primary key is the row's place: no hidden row id beside it."""


def _key(name: str, kind: Any = Big) -> Column[Any]:
    return Column(name, kind, primary_key=True, autoincrement=False)


def _need(name: str, kind: Any = Big, **more: Any) -> Column[Any]:
    return Column(name, kind, nullable=False, **more)


# The log and the bytes it commits to.
meta = Table("meta", metadata, _key("name", Text), _need("value", LargeBinary))
head = Table(
    "head",
    metadata,
    _key("id", SmallInteger),
    _need("size"),
    _need("root", LargeBinary),
    _need("recorded_at"),
    _need("mapping_set", Text),
    _need("set_idx"),
    _need("appends", server_default="0"),
)
block = Table("block", metadata, Column("id", Big, primary_key=True), _need("length", Integer), _need("data", LargeBinary))
entry = Table(
    "entry",
    metadata,
    _key("idx"),
    _need("type", Text),
    _need("recorded_at"),
    _need("metadata", LargeBinary),
    _need("leaf", LargeBinary),
    Column("detail_salt", LargeBinary),
    Column("detail_block", Big),
    Column("detail_offset", Integer),
    Column("detail_length", Integer),
    Column("payload_salt", LargeBinary),
    Column("payload_block", Big),
    Column("payload_offset", Integer),
    Column("payload_length", Integer),
    Index(None, "type", "idx"),
    Index(None, "recorded_at"),
)
tile = Table("tile", metadata, _key("level", SmallInteger), _key("idx"), _need("data", LargeBinary))
handle = Table(
    "handle", metadata, _key("handle", LargeBinary), Column("name", Text), UniqueConstraint("name"), Index(None, "name")
)

# What was seen, and the rows by which evidence is found.
seen = Table(
    "seen",
    metadata,
    _key("source", Text),
    _key("key", LargeBinary),
    _need("idx"),
    Column("digest", LargeBinary),
    **PLAIN,
)
passed = Table("passed", metadata, _key("until"), _key("time"), _key("key"), **PLAIN)
recent = Table("recent", metadata, _key("appends"), _need("keys", LargeBinary))
observed = Table(
    "observed",
    metadata,
    _key("source", Text),
    _key("key", LargeBinary),
    _need("digest", LargeBinary),
    _need("idx"),
    _need("time"),
    Index(None, "idx"),
    **PLAIN,
)
evidence = Table(
    "evidence",
    metadata,
    _key("idx"),
    _need("source", Text),
    _need("part_id", Integer),
    _need("type", Text),
    _need("window", Text),
    _need("event_time"),
    Column("conflicts_with", Big),
    Index(None, "event_time", "idx"),
    Index(None, "source", "event_time", "idx"),
    Index(None, "window"),
    Index(
        None,
        "conflicts_with",
        sqlite_where=text("conflicts_with IS NOT NULL"),
        postgresql_where=text("conflicts_with IS NOT NULL"),
    ),
)
tag = Table(
    "tag",
    metadata,
    _key("mapping", Text),
    _key("subject", LargeBinary),
    _key("event_time"),
    _key("idx"),
    _key("verdict", Text),
    _need("part_id", Integer),
    _need("fresh_at"),
    Column("ends_at", Big),
    Index(None, "idx"),
    Index(None, "mapping", "event_time", "idx"),
    **PLAIN,
)
evidence_control = Table(
    "evidence_control", metadata, _key("control", Text), _key("event_time"), _key("idx"), Index(None, "idx"), **PLAIN
)
dead_letter = Table("dead_letter", metadata, _key("idx"), _need("source", Text), _need("window", Text), _need("recorded_at"))
rollup = Table("rollup", metadata, _key("hour"), _key("dim", Text), _key("key", Text), _need("n"), **PLAIN)

# What is said: findings with their history, voices, controls.
part = Table(
    "part",
    metadata,
    Column("id", Integer, primary_key=True),
    _need("source", Text),
    _need("part", Text),
    Column("baseline_idx", Big),
    UniqueConstraint("source", "part"),
)
coverage = Table(
    "coverage",
    metadata,
    _key("part_id", Integer),
    _key("start"),
    _need("end"),
    _need("held"),
    _need("joins", Boolean),
    _need("bridge"),
    _need("idx"),
    **PLAIN,
)
part_type = Table("part_type", metadata, _key("part_id", Integer), _key("type", Text), **PLAIN)
finding_row = Table(
    "finding_row",
    metadata,
    _key("mapping", Text),
    _key("subject", LargeBinary),
    _key("event_time"),
    _key("idx"),
    _need("state", Text),
    Index(None, "idx"),
    **PLAIN,
)
finding = Table(
    "finding",
    metadata,
    _key("mapping", Text),
    _key("subject", LargeBinary),
    _need("part_id", Integer),
    _need("silence", Boolean),
    _need("state", Text),
    _need("since"),
    _need("row_idx"),
    _need("row_time"),
    _need("input_time"),
    Column("matched_at", Big),
    Column("matched_fresh", Big),
    Column("quiet_at", Big),
    Column("due_at", Big),
    _need("errors", Integer),
    Index(None, "due_at"),
    Index(None, "part_id", "state", "quiet_at"),
    Index(None, "part_id", "row_time"),
    Index(None, "part_id", "input_time"),
    Index(None, "row_time", "row_idx"),
    Index(None, "state", "row_time", "row_idx"),
    Index(
        "ix_finding_silences",
        "row_time",
        "row_idx",
        sqlite_where=text("silence IS 1"),
        postgresql_where=text("silence IS TRUE"),
    ),
    **PLAIN,
)
tally = Table("tally", metadata, _key("mapping", Text), _key("state", Text), _need("n"), **PLAIN)
control = Table(
    "control",
    metadata,
    _key("id", Text),
    _need("state", Text),
    Column("since", Big),
    _need("not_satisfied"),
    _need("satisfied"),
    _need("stale"),
    _need("accepted"),
    Column("last_evidence", Big),
    Column("last_idx", Big),
    **PLAIN,
)
mapping = Table(
    "mapping",
    metadata,
    _key("id", Text),
    _need("digest", Text),
    _need("held"),
    _need("active", Boolean),
    _need("record", LargeBinary),
)
mapping_set = Table("mapping_set", metadata, _key("digest", Text), _need("idx"), _need("activated_at"))

# What people state, beside findings: rows of `exception` and `soa` entries, and when somebody is to be reminded of an end.
acceptance = Table(
    "acceptance",
    metadata,
    _key("mapping", Text),
    _key("subject", LargeBinary),
    _key("idx"),
    _need("id", Text),
    _need("start"),
    _need("until"),
    Index(None, "id", "idx"),
    **PLAIN,
)
applicability = Table(
    "applicability",
    metadata,
    _key("control", Text),
    _key("event_time"),
    _key("idx"),
    _need("applicable", Boolean),
    **PLAIN,
)
reminder = Table(
    "reminder",
    metadata,
    _key("kind", Text),
    _key("id", Text),
    _need("until"),
    Column("due_at", Big),
    _need("told", Text),
    Index(None, "due_at"),
    **PLAIN,
)

# Drift, written with what caused it, and how far its delivery got.
drift = Table(
    "drift",
    metadata,
    Column("id", Big, primary_key=True),
    _need("kind", Text),
    _need("key", Text),
    _need("before", Text),
    _need("after", Text),
    Column("mapping", Text),
    Column("subject", LargeBinary),
    _need("account", Text),
    _need("source", Text),
    _need("controls", Text),
    _need("level", Text),
    _need("event_time"),
    _need("recorded_at"),
    Column("idx", Big),
    _need("delivery", Text),
    _need("text", Text),
    Index(None, "recorded_at"),
    Index(None, "key", "id"),
    Index(None, "kind", "id"),
)
delivery = Table(
    "delivery",
    metadata,
    Column("drift_id", Big, ForeignKey("drift.id"), primary_key=True, autoincrement=False),
    _key("route", Text),
    _need("state", Text),
    _need("attempts", Integer),
    _need("next_at"),
    Column("delivered_at", Big),
    Column("error", Text),
    Index(None, "state", "next_at"),
)
told = Table(
    "told",
    metadata,
    _key("route", Text),
    _key("lane", Text),
    _need("drift_id"),
    _need("told_at"),
    _need("receipt", Text),
    **PLAIN,
)
ticket_link = Table(
    "ticket_link",
    metadata,
    _key("mapping", Text),
    _key("subject", LargeBinary),
    _key("ticket", LargeBinary),
    _need("idx"),
    Column("done_idx", Big),
    Index(None, "ticket"),
    **PLAIN,
)

# Collection: who may collect, what was asked, what came.
lease = Table("lease", metadata, _key("name", Text), _need("epoch"), _need("holder", Text), _need("expires"))
position = Table("position", metadata, _key("partition", Integer), _need("epoch"), _need("position"))
source = Table(
    "source",
    metadata,
    _key("name", Text),
    _need("type", Text),
    _need("lateness"),
    _need("schedule"),
    _need("configured", Boolean),
    _need("cursor", LargeBinary),
    Column("cursor_end", Big),
    _need("failures", Integer),
    _need("evidence"),
    _need("unmatched"),
    _need("duplicate"),
    _need("dead_letter"),
)
attempt = Table(
    "attempt",
    metadata,
    _key("id", Text),
    _need("source", Text),
    _need("kind", Text),
    _need("epoch"),
    _need("asked_from"),
    _need("asked_to"),
    _need("registered_at"),
    _need("deadline"),
    _need("finished", Boolean),
    _need("again", Boolean),
    _need("state", Text),
    Column("record", LargeBinary),
    Column("payload", LargeBinary),
    Column("held", Big),
    _need("sets", Text),
    Column("idx", Big),
    Column("closed_at", Big),
    Index(None, "state", "source"),
    Index(None, "source", "asked_to"),
    Index(None, "source", "asked_from", "asked_to", "state"),
    Index(None, "asked_to", "id"),
    Index(None, "source", "closed_at"),
)
attempt_count = Table(
    "attempt_count",
    metadata,
    _key("attempt", Text),
    _key("partition", Integer),
    _need("evidence"),
    _need("unmatched"),
    _need("duplicate"),
    _need("dead_letter"),
    **PLAIN,
)
