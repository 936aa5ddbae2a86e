"""Alerts that stand now: what was told somewhere and is open, and what waits to be told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine

from alerts.acknowledge import is_acknowledged, open_drift
from alerts.meaning import level_of
from alerts.text import plain
from store.engine import reading
from store.outbox import Waiting, waiting
from store.outbox_told import open_lanes, routes_of


@dataclass(frozen=True, slots=True)
class Standing:
    """One alert. `told` are the routes that heard of it, `waits` what is not delivered yet and why."""

    key: str
    level: str
    title: str
    since: int
    controls: tuple[str, ...]
    told: tuple[str, ...]
    waits: tuple[Waiting, ...]
    acknowledged: bool


def standing_alerts(engine: Engine) -> Sequence[Standing]:
    """What is open or waits, the most recent first."""
    waits: dict[str, list[Waiting]] = {}
    for one in waiting(engine):
        waits.setdefault(one.key, []).append(one)
    told = {lane: tuple(routes_of(engine, lane)) for lane, _ in open_lanes(engine)}
    with reading(engine) as connection:
        found = [_standing(connection, key, told.get(key, ()), tuple(waits.get(key, ()))) for key in {**told, **waits}]
    return sorted((one for one in found if one is not None), key=lambda one: (-one.since, one.key))


def _standing(connection: Connection, key: str, told: tuple[str, ...], waits: tuple[Waiting, ...]) -> Standing | None:
    drift = open_drift(connection, key)
    if drift is None:
        return None
    title = plain(drift.text) or key
    acknowledged = is_acknowledged(connection, key)
    return Standing(key, level_of(drift), title, drift.event_time, drift.controls, told, waits, acknowledged)
