"""What time alone changes, and what it lets go of: read for the timekeeper."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
from sqlalchemy import Engine, func, or_, select

from store import schema
from store.engine import reading, writing
from store.open import find_meta, write_meta
from store.partitions import keep_ahead
from store.passed import FORGET, forget_passed
from store.records import WindowState


def due_findings(engine: Engine, now: int, limit: int = 500) -> list[tuple[str, bytes]]:
    """Findings that became stale by `now`, oldest first; not those that an open attempt of their source may still change."""
    finding, part, attempt = schema.finding, schema.part, schema.attempt
    waits = (
        select(attempt.c.source, func.max(attempt.c.registered_at).label("registered"))
        .where(attempt.c.state == WindowState.OPEN.value)
        .group_by(attempt.c.source)
        .subquery()
    )
    query = (
        select(finding.c.mapping, finding.c.subject)
        .join(part, part.c.id == finding.c.part_id)
        .outerjoin(waits, waits.c.source == part.c.source)
        .where(finding.c.due_at <= now, or_(waits.c.registered.is_(None), finding.c.due_at >= waits.c.registered))
        .order_by(finding.c.due_at, finding.c.mapping, finding.c.subject)
        .limit(limit)
    )
    with reading(engine) as connection:
        return [(row.mapping, bytes(row.subject)) for row in connection.execute(query)]


def due_attempts(engine: Engine, now: int) -> list[str]:
    """Open attempts that may close now (their record was processed and finished) or that must be given up."""
    table = schema.attempt
    ready = table.c.finished & table.c.record.is_not(None)
    with reading(engine) as connection:
        query = select(table.c.id).where(table.c.state == WindowState.OPEN.value, or_(table.c.deadline <= now, ready))
        return list(connection.execute(query).scalars())


def forget(engine: Engine, now: int) -> int:
    """Housekeeping: forget events that were judged by none and whose time has passed, and have room made for what comes.

    Returns how many were forgotten. Others may write in between.
    """
    keep_ahead(engine)
    total = 0
    while True:
        with writing(engine) as connection:
            gone = forget_passed(connection, now)
        total += gone
        if gone < FORGET:
            return total


@dataclass(frozen=True, slots=True)
class Clocks:
    """The wall clock beside the time since boot at the timekeeper's last tick. `held`: it did not believe the wall clock."""

    boot_id: str
    wall: int
    boot: int
    held: bool


def last_clocks(engine: Engine) -> Clocks | None:
    """The clocks of the last tick, None before the first."""
    value = find_meta(engine, "clocks")
    return msgspec.json.decode(value, type=Clocks) if value is not None else None


def remember_clocks(engine: Engine, clocks: Clocks) -> None:
    """Keep the clocks of this tick."""
    write_meta(engine, "clocks", msgspec.json.encode(clocks))
