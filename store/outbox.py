"""The outbox: which drift is still to be told to which route, and how far each delivery got.

`delivery` has one row per drift and route. `pending` is to be sent, `failed` too (it could not be, many times), `delivered` was
taken by the receiver, `cancelled` is not sent and `error` says why. Rows of one *lane* go in order: a lane is the drift's key,
and the baselines of one source share one; of a route that is told by digests all rows are one. What is claimed together
(attempts > 0) stays one delivery, whatever comes after it, so that what is sent again after a crash is what was sent before.
What is *held* (silenced, quiet hours: attempts = 0, next_at set) was never sent, and is looked at again when its lane has news.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Engine, Row, Select, and_, case, func, or_, select, update

from store import schema
from store.engine import reading, writing
from store.outbox_told import note_told
from store.records import DAY, HOUR
from store.sql import chunks, upsert

PENDING: Final = "pending"
DELIVERED: Final = "delivered"
CANCELLED: Final = "cancelled"
FAILED: Final = "failed"
WAITING: Final = (PENDING, FAILED)
HORIZON: Final = DAY + 2 * HOUR
"""No delivery waits longer; a row that seems to was written before the clock was set back, and is due."""
BASELINE: Final = "baseline"
ACKNOWLEDGEMENT: Final = "acknowledgement"
"""Kind of the drift by which a person takes an alert on: its key is that of the alert."""
DIGEST: Final = "digest"
"""The lane of a route that is told by digests."""
MAX_DIGEST: Final = 10_000
_BATCH: Final = 500


@dataclass(frozen=True, slots=True)
class Drifted:
    """One row of `drift`, as it was written (store/records.py: DriftRow)."""

    id: int
    kind: str
    key: str
    before: str
    after: str
    mapping: str | None
    subject: bytes | None
    account: str
    source: str
    controls: tuple[str, ...]
    level: str
    event_time: int
    recorded_at: int
    idx: int | None
    delivery: str
    text: str

    @property
    def lane(self) -> str:
        """Deliveries of one lane go in order, and are told under this key."""
        return f"source/{self.source}//{BASELINE}" if self.kind == BASELINE else self.key


@dataclass(frozen=True, slots=True)
class Assigned:
    """Whether a route wants a drift: `reason` "" if it does, else why not. `if_told`: it wants it if it was told of its lane."""

    reason: str = ""
    if_told: bool = False


Assign = Callable[[Drifted], Mapping[str, Assigned]]
"""What each route makes of one drift. Pure."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """What is to be sent now as one delivery: rows of one lane, oldest first. `attempts` counts this one."""

    route: str
    lane: str
    drifts: tuple[Drifted, ...]
    attempts: int


def take_in(engine: Engine, assign: Assign) -> int:
    """Give every route its rows for drift that is new, in one transaction; returns how many drifts. Call it until it says 0.

    All routes are given theirs together, so that none is ahead of another when the process ends. A route that was not there
    before begins with what is new then.
    """
    drift, delivery = schema.drift, schema.delivery
    known = select(func.coalesce(func.max(delivery.c.drift_id), 0))
    with reading(engine) as connection:
        newest = connection.execute(select(func.coalesce(func.max(drift.c.id), 0))).scalar_one()
        if newest <= connection.execute(known).scalar_one():
            return 0
    with writing(engine) as connection:
        done = connection.execute(known).scalar_one()
        new = connection.execute(select(drift).where(drift.c.id > done).order_by(drift.c.id).limit(_BATCH)).all()
        rows: list[dict[str, Any]] = []
        live: set[tuple[str, str]] = set()
        for drifted in map(read_drift, new):
            for route, assigned in assign(drifted).items():
                place = (drifted.lane, route)
                told = assigned.if_told and (place in live or _was_told(connection, drifted, route))
                reason = "" if told else assigned.reason
                if not reason:
                    live.add(place)
                rows.append(_row(drifted.id, route, reason))
        upsert(connection, delivery, ["drift_id", "route"], rows)  # another process may take the same in
        _wake(connection, live)
    return len(new)


def _wake(connection: Connection, places: Collection[tuple[str, str]]) -> None:
    """What is held of these (lane, route) is looked at again: it may be over by now."""
    drift, delivery = schema.drift, schema.delivery
    held = (delivery.c.state == PENDING, delivery.c.attempts == 0, delivery.c.next_at > 0)
    if not places or connection.execute(select(delivery.c.route).where(*held).limit(1)).first() is None:
        return
    for lane, route in sorted(places):
        of_lane = select(drift.c.id).where(*_of_lane(lane))
        connection.execute(
            update(delivery).where(*held, delivery.c.route == route, delivery.c.drift_id.in_(of_lane)).values(next_at=0)
        )


def wake(engine: Engine) -> None:
    """Look at everything that is held again: a silence was revoked, or settings changed."""
    table = schema.delivery
    held = (table.c.state == PENDING, table.c.attempts == 0, table.c.next_at > 0)
    with writing(engine) as connection:
        connection.execute(update(table).where(*held).values(next_at=0))


def _row(drift_id: int, route: str, reason: str) -> dict[str, Any]:
    state = CANCELLED if reason else PENDING
    return {"drift_id": drift_id, "route": route, "state": state, "attempts": 0, "next_at": 0, "error": reason or None}


def _was_told(connection: Connection, drifted: Drifted, route: str) -> bool:
    drift, delivery = schema.drift, schema.delivery
    query = select(delivery.c.drift_id).join(drift, drift.c.id == delivery.c.drift_id)
    told = (drift.c.key == drifted.key, delivery.c.route == route, delivery.c.state != CANCELLED)
    return connection.execute(query.where(*told).limit(1)).first() is not None


def due(engine: Engine, route: str, now: int, limit: int = 200) -> Sequence[str]:
    """Lanes of a route whose first row is to be sent now, those that wait longest first."""
    drift, delivery = schema.drift, schema.delivery
    lane = case((drift.c.kind == BASELINE, "source/" + drift.c.source + f"//{BASELINE}"), else_=drift.c.key)
    waiting = (delivery.c.route == route, delivery.c.state.in_(WAITING))
    firsts = select(func.min(delivery.c.drift_id)).join(drift, drift.c.id == delivery.c.drift_id).where(*waiting).group_by(lane)
    query = (
        select(lane)
        .select_from(delivery.join(drift, drift.c.id == delivery.c.drift_id))
        .where(*waiting, delivery.c.drift_id.in_(firsts), _is_due(delivery.c.next_at, now))
        .order_by(delivery.c.next_at, delivery.c.drift_id)
        .limit(limit)
    )
    with reading(engine) as connection:
        return list(connection.execute(query).scalars())


def _is_due(next_at: Any, now: int) -> ColumnElement[bool]:
    return or_(next_at <= now, next_at > now + HORIZON)


def claim(engine: Engine, route: str, lane: str, now: int, lease: int) -> Claimed | None:
    """Take what is to be sent next of a lane; nobody else is given it before `lease` microseconds have passed.

    None when nothing of it is due. What was claimed before and not settled is given again, the same rows. Acknowledgements are
    a delivery of their own.
    """
    return _claim(engine, route, lane, _waiting(route, *_of_lane(lane)), now, lease)


def claim_digest(engine: Engine, route: str, slot: int, now: int, lease: int) -> Claimed | None:
    """Take all that was recorded before `slot` and waits for the route's digest; None where nothing does."""
    waiting = _waiting(route, schema.drift.c.recorded_at < slot).limit(MAX_DIGEST)
    return _claim(engine, route, DIGEST, waiting, now, lease)


def _claim(engine: Engine, route: str, lane: str, waiting: Select[Any], now: int, lease: int) -> Claimed | None:
    with writing(engine) as connection:
        # Who claims the same lane meanwhile is waited for; what is read then is what it left.
        rows = connection.execute(waiting.with_for_update(of=schema.delivery)).all()
        if not rows or now < rows[0].next_at <= now + HORIZON:
            return None
        acknowledges = rows[0].kind == ACKNOWLEDGEMENT
        alike = list(takewhile(lambda row: (row.kind == ACKNOWLEDGEMENT) is acknowledges, rows))
        claimed = [row for row in rows if row.attempts] or (rows if lane == DIGEST else alike)
        attempts = max(row.attempts for row in claimed) + 1
        _mark(connection, route, [row.id for row in claimed], attempts=attempts, next_at=now + lease)
    return Claimed(route, lane, tuple(read_drift(row) for row in claimed), attempts)


def _of_lane(lane: str) -> tuple[ColumnElement[bool], ...]:
    """The drift of a lane. A source's name holds no slash, so the lane of its baselines is read back."""
    drift = schema.drift
    if lane.endswith(f"//{BASELINE}"):
        source = lane.removeprefix("source/").removesuffix(f"//{BASELINE}")
        return drift.c.kind == BASELINE, drift.c.source == source
    return drift.c.key == lane, drift.c.kind != BASELINE


def _waiting(route: str, *where: ColumnElement[bool]) -> Select[Any]:
    """Rows that wait, oldest first."""
    drift, delivery = schema.drift, schema.delivery
    query = select(drift, delivery.c.attempts, delivery.c.next_at).join(delivery, delivery.c.drift_id == drift.c.id)
    return query.where(delivery.c.route == route, delivery.c.state.in_(WAITING), *where).order_by(drift.c.id)


def delivered(engine: Engine, claimed: Claimed, now: int, stands: bool | None = None, receipt: str = "") -> None:
    """The receiver has it. `stands`: what it was told of this lane is open from here on (True), or over (False).

    `receipt` is what the receiver calls what it made of it.
    """
    with writing(engine) as connection:
        _mark(
            connection, claimed.route, [drifted.id for drifted in claimed.drifts], state=DELIVERED, delivered_at=now, error=None
        )
        if stands is not None:
            note_told(connection, claimed.route, claimed.lane, claimed.drifts[-1].id if stands else None, now, receipt)


def held(engine: Engine, claimed: Claimed, until: int, reason: str) -> None:
    """It is not sent before `until`, unless its lane has news; it was never tried."""
    _settle(engine, claimed, state=PENDING, attempts=0, next_at=until, error=reason)


def postponed(engine: Engine, claimed: Claimed, next_at: int, error: str, *, failing: bool) -> None:
    """It could not be sent for `error` (a sentence without secrets); tried again at `next_at`. `failing` shows as failed."""
    _settle(engine, claimed, state=FAILED if failing else PENDING, next_at=next_at, error=error)


def cancelled(engine: Engine, claimed: Claimed, reason: str) -> None:
    """It is not sent after all."""
    _settle(engine, claimed, state=CANCELLED, error=reason)


def _settle(engine: Engine, claimed: Claimed, **values: Any) -> None:
    with writing(engine) as connection:
        _mark(connection, claimed.route, [drifted.id for drifted in claimed.drifts], **values)


def _mark(connection: Connection, route: str, ids: Sequence[int], **values: Any) -> None:
    table = schema.delivery
    for some in chunks(ids):
        where = (table.c.route == route, table.c.drift_id.in_(some), table.c.state.in_(WAITING))
        connection.execute(update(table).where(*where).values(**values))


def read_drift(row: Row[Any]) -> Drifted:
    """A row of the drift table."""
    return Drifted(
        id=row.id,
        kind=row.kind,
        key=row.key,
        before=row.before,
        after=row.after,
        mapping=row.mapping,
        subject=bytes(row.subject) if row.subject is not None else None,
        account=row.account,
        source=row.source,
        controls=tuple(row.controls.split()),
        level=row.level,
        event_time=row.event_time,
        recorded_at=row.recorded_at,
        idx=row.idx,
        delivery=row.delivery,
        text=row.text,
    )


def failing(engine: Engine, route: str) -> bool:
    """Whether anything of a route counts as undeliverable."""
    table = schema.delivery
    query = select(table.c.drift_id).where(table.c.state == FAILED, table.c.route == route).limit(1)
    with reading(engine) as connection:
        return connection.execute(query).first() is not None


def failing_routes(engine: Engine) -> Sequence[str]:
    """Routes of which the last that was said is that they do not deliver."""
    drift = schema.drift
    newest = select(func.max(drift.c.id)).where(drift.c.kind == "route").group_by(drift.c.key)
    query = select(drift.c.key).where(drift.c.id.in_(newest), drift.c.after == "undeliverable").order_by(drift.c.key)
    with reading(engine) as connection:
        return [key.removeprefix("route/") for key in connection.execute(query).scalars()]


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a route has not been told yet of a key: since when, why, and when it is tried next."""

    key: str
    route: str
    state: str
    recorded_at: int
    next_at: int
    error: str


def waiting(engine: Engine, limit: int = 1000) -> Sequence[Waiting]:
    """The oldest of each key and route that waits, those that wait longest first."""
    drift, delivery = schema.drift, schema.delivery
    joined = delivery.join(drift, drift.c.id == delivery.c.drift_id)
    firsts = (
        select(func.min(delivery.c.drift_id).label("id"), delivery.c.route)
        .select_from(joined)
        .where(delivery.c.state.in_(WAITING))
        .group_by(drift.c.key, delivery.c.route)
        .subquery()
    )
    columns = (drift.c.key, delivery.c.route, delivery.c.state, drift.c.recorded_at, delivery.c.next_at, delivery.c.error)
    query = (
        select(*columns)
        .select_from(joined.join(firsts, and_(firsts.c.id == delivery.c.drift_id, firsts.c.route == delivery.c.route)))
        .order_by(drift.c.id, delivery.c.route)
        .limit(limit)
    )
    with reading(engine) as connection:
        return [Waiting(*row[:5], row[5] or "") for row in connection.execute(query)]
