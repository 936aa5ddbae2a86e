"""What each route was told that still stands: one row per route and lane, from a trigger to its resolve.

Bookkeeping of delivery, like the rows of `delivery`: it is written when they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, delete, func, select

from store import schema
from store.engine import reading
from store.sql import upsert


@dataclass(frozen=True, slots=True)
class Told:
    """The last that a route was told of a lane: the drift, when, and what the receiver calls what it made of it."""

    lane: str
    drift_id: int
    told_at: int
    receipt: str


def note_told(connection: Connection, route: str, lane: str, drift_id: int | None, now: int, receipt: str) -> None:
    """Remember what stands; None: nothing does any more."""
    table = schema.told
    if drift_id is None:
        connection.execute(delete(table).where(table.c.route == route, table.c.lane == lane))
        return
    row = {"route": route, "lane": lane, "drift_id": drift_id, "told_at": now, "receipt": receipt}
    upsert(connection, table, ["route", "lane"], row, ["drift_id", "told_at", "receipt"])


def told_of(connection: Connection, route: str, lane: str) -> Told | None:
    """What stands of one lane."""
    table = schema.told
    row = connection.execute(select(table).where(table.c.route == route, table.c.lane == lane)).one_or_none()
    return Told(row.lane, row.drift_id, row.told_at, row.receipt) if row is not None else None


def standing(engine: Engine, route: str, after: str = "", limit: int = 500) -> Sequence[Told]:
    """What stands of a route, by lane; pages begin after a lane."""
    table = schema.told
    query = select(table).where(table.c.route == route, table.c.lane > after).order_by(table.c.lane).limit(limit)
    with reading(engine) as connection:
        return [Told(row.lane, row.drift_id, row.told_at, row.receipt) for row in connection.execute(query)]


def routes_of(engine: Engine, lane: str) -> Mapping[str, int]:
    """Routes that were told of a lane that stands, and when."""
    table = schema.told
    with reading(engine) as connection:
        rows = connection.execute(select(table.c.route, table.c.told_at).where(table.c.lane == lane).order_by(table.c.route))
        return {row.route: row.told_at for row in rows}


def open_lanes(engine: Engine, limit: int = 10_000) -> Sequence[tuple[str, int]]:
    """Lanes of which any route was told that something is open, each with when it was told first."""
    table = schema.told
    query = select(table.c.lane, func.min(table.c.told_at)).group_by(table.c.lane).order_by(table.c.lane).limit(limit)
    with reading(engine) as connection:
        return [(lane, at) for lane, at in connection.execute(query)]
