"""What tests of alerts share: a real store with drift written into its tables, a clock, notifiers that do as told."""

from __future__ import annotations

import hashlib
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, event, select

from alerts.base import Action, Alert
from alerts.deliver import Deliverer
from alerts.outgoing import Limits
from alerts.registry import read_routes
from alerts.routes import Filters, Route
from store import schema
from store.engine import open_engine
from store.open import open_store
from store.records import DAY, MINUTE, MappingRecord
from store.sql import upsert
from store.sqlite_driver import reading, writing

START = 20_000 * DAY
ACCOUNT = "111122223333"


@dataclass
class World:
    """A store whose drift is written by hand, in the shape in which an append writes it. Times are minutes after START."""

    engine: Engine
    now: int = START
    size: int = 0

    def clock(self) -> int:
        return self.now

    def pass_(self, minutes: float) -> None:
        self.now += int(minutes * MINUTE)

    def mapping(
        self, id_: str, title: str = "", level: str = "high", controls: Sequence[str] = ("A.8.15",), kind: str = "log"
    ) -> None:
        record = MappingRecord(
            id=id_,
            title=title or id_,
            digest="d",
            kind=kind,
            types=("log.aws.cloudtrail",),
            finding="not-satisfied",
            silence=False,
            controls=tuple((control, "strong") for control in controls),
            level=level,
            quiet_for=DAY,
            max_age=DAY,
        )
        row = {"id": id_, "digest": "d", "held": 0, "active": True, "record": msgspec.json.encode(record)}
        with writing(self.engine) as connection:
            upsert(connection, schema.mapping, ["id"], row, ["record"])

    def finding(
        self,
        mapping: str,
        name: str,
        before: str,
        after: str,
        at: float = 0,
        *,
        account: str = ACCOUNT,
        level: str = "high",
        controls: str = "A.8.15",
        delivery: str = "alert",
        source: str = "trail",
        title: str = "",
        cites: Sequence[int] = (),
    ) -> int:
        """A change of one finding: its entry, its row, its present row, its drift. Returns the drift's id."""
        subject = hashlib.sha256(name.encode()).digest()[:16]
        time, idx = START + int(at * MINUTE), self._entry({"cites": list(cites) or "due"})
        with writing(self.engine) as connection:
            full = name if name == account else f"{account}/{name}"
            upsert(connection, schema.handle, ["handle"], {"handle": subject, "name": full})
            part = self._part(connection, source, f"{account}/eu-west-1")
            row = {"mapping": mapping, "subject": subject, "event_time": time, "idx": idx, "state": after}
            connection.execute(schema.finding_row.insert(), row)
            present = {"part_id": part, "silence": False, "since": time, "row_idx": idx, "row_time": time, "input_time": time}
            present |= {"mapping": mapping, "subject": subject, "state": after, "errors": 0}
            changed = ["state", "since", "row_idx", "row_time", "input_time"]
            upsert(connection, schema.finding, ["mapping", "subject"], present, changed)
        return self.drift(
            "finding",
            f"finding/{mapping}/{account}",
            before,
            after,
            at,
            mapping=mapping,
            subject=subject,
            account=account,
            source=source,
            controls=controls,
            level=level,
            delivery=delivery,
            idx=idx,
            text=title or mapping,
        )

    def control(self, id_: str, before: str, after: str, at: float = 0, delivery: str = "alert") -> int:
        stale = "stale" in (before, after)
        level = "medium" if after in ("stale", "not-satisfied") else "informational"
        key = f"control/{id_}/{'stale' if stale else 'state'}"
        return self.drift("control", key, before, after, at, controls=id_, level=level, source="trail", delivery=delivery)

    def source(
        self, what: str, before: str, after: str, text: str, at: float = 0, kind: str = "source", name: str = "trail"
    ) -> int:
        return self.drift(kind, f"source/{name}//{what}", before, after, at, level="high", source=name, text=text)

    def baseline(self, part: str = f"{ACCOUNT}/eu-west-1", at: float = 0, name: str = "trail") -> int:
        key = f"source/{name}/{part}/baseline"
        more = {
            "account": part.split("/")[0],
            "source": name,
            "level": "informational",
            "text": f"{name}: first window of {part}",
        }
        return self.drift("baseline", key, "", "complete", at, **more)

    def drift(self, kind: str, key: str, before: str, after: str, at: float = 0, **more: Any) -> int:
        row = {"mapping": None, "subject": None, "account": "", "source": "", "controls": "", "level": "high", "idx": None}
        row |= {"delivery": "alert", "text": "", "recorded_at": self.now, "event_time": START + int(at * MINUTE), **more}
        with writing(self.engine) as connection:
            inserted = connection.execute(schema.drift.insert().values(kind=kind, key=key, before=before, after=after, **row))
        return int(inserted.inserted_primary_key[0])

    def rows(self, route: str | None = None) -> list[Any]:
        table = schema.delivery
        query = select(table).order_by(table.c.drift_id, table.c.route)
        with reading(self.engine) as connection:
            return list(connection.execute(query if route is None else query.where(table.c.route == route)))

    def states(self, route: str) -> list[str]:
        return [row.state for row in self.rows(route)]

    def _part(self, connection: Any, source: str, part: str) -> int:
        table = schema.part
        upsert(connection, table, ["source", "part"], {"source": source, "part": part})
        return int(connection.execute(select(table.c.id).where(table.c.source == source, table.c.part == part)).scalar_one())

    def _entry(self, fields: dict[str, Any]) -> int:
        self.size += 1
        row = {"idx": self.size, "type": "finding", "recorded_at": self.now, "metadata": msgspec.json.encode(fields), "leaf": b""}
        with writing(self.engine) as connection:
            connection.execute(schema.entry.insert(), row)
        return self.size


@dataclass
class Recorder:
    """Keeps what it is given; `fail` is asked first and may raise."""

    fail: Callable[[Alert], None] = lambda _alert: None
    tried: list[Alert] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def notify(self, alert: Alert) -> None:
        with self.lock:
            self.tried.append(alert)
        self.fail(alert)
        with self.lock:
            self.alerts.append(alert)

    def said(self) -> list[tuple[str, str]]:
        return [(alert.action.value, alert.key) for alert in self.alerts]

    def actions(self) -> list[str]:
        return [alert.action.value for alert in self.alerts]


@dataclass
class Desk:
    """One route to a recorder over a world."""

    world: World
    recorder: Recorder
    route: Route
    deliverer: Deliverer

    def run(self) -> list[Alert]:
        """One pass; returns what it delivered."""
        before = len(self.recorder.alerts)
        self.deliverer.run_once()
        return self.recorder.alerts[before:]


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated store, to be copied: the migration takes longer than most tests."""
    path = tmp_path_factory.mktemp("empty") / "store.db"
    store = open_store(f"sqlite:///{path}")
    with store.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    store.engine.dispose()
    return path


def engine_of(path: Path) -> Engine:
    """Its engine. No test here is about power cuts."""
    engine = open_engine(f"sqlite:///{path}")
    event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))
    return engine


@pytest.fixture
def world(tmp_path: Path, empty: Path) -> Iterator[World]:
    engine = engine_of(Path(shutil.copy(empty, tmp_path / "store.db")))
    yield World(engine)
    engine.dispose()


@pytest.fixture
def make_desk(world: World) -> Callable[..., Desk]:
    def make(fail: Callable[[Alert], None] | None = None, link: str = "", **filters: Any) -> Desk:
        recorder = Recorder(fail) if fail is not None else Recorder()
        route = Route("desk", recorder, Filters(**filters))
        return Desk(world, recorder, route, Deliverer(world.engine, [route], world.clock, link, jitter=lambda: 0.5))

    return make


@pytest.fixture
def desk(make_desk: Callable[..., Desk]) -> Desk:
    return make_desk()


@pytest.fixture
def make_world(empty: Path) -> Callable[[Path], World]:
    return lambda folder: World(engine_of(Path(shutil.copy(empty, folder / "store.db"))))


@pytest.fixture
def make_alert() -> Callable[..., Alert]:
    """An alert as `compose` makes them, with what a test wants to be otherwise."""
    sentence = f"Trail stopped from logging: not satisfied for main in account {ACCOUNT} since 2024-10-04 00:00:00 UTC."

    def make(action: Action = Action.TRIGGER, **more: Any) -> Alert:
        said: dict[str, Any] = {
            "id": "3b0f6c0f4f6c0c8f7a4e4f5f0b8f1c2d",
            "key": f"finding/trail-stopped/{ACCOUNT}",
            "kind": "finding",
            "level": "critical",
            "title": "Trail stopped from logging",
            "sentence": sentence,
            "before": "not-assessed",
            "after": "not-satisfied",
            "since": START,
            "until": START + 12 * MINUTE if action is Action.RESOLVE else None,
            "changed_at": START,
            "known_at": START,
            "origin": "urn:uuid:0b6f7c1e-8f2d-4a7b-9a55-7b1f6a1c2d3e",
            "source": "trail",
            "account": ACCOUNT,
            "mapping": "trail-stopped",
            "controls": ("A.8.15",),
            "subjects": ("main",),
            "subject_count": 1,
            "entry": 4711,
            "evidence": (4708,),
            "link": "https://attestream.example.org/findings/trail-stopped/8f0c",
        }
        return Alert(action=action, **(said | more))

    return make


@pytest.fixture
def build() -> Callable[..., Any]:
    """build("slack", url=…): the notifier of such a route, which may call this machine, and is patient with it."""

    def make(kind: str, **settings: Any) -> Any:
        allowed = {"allow_private": True, "allow_http": True}
        [route] = read_routes([{"name": "r", "type": kind, **allowed, **settings}])
        notifier: Any = route.notifier
        if hasattr(notifier, "caller"):
            caller = replace(notifier.caller, limits=Limits(connect=120.0, total=120.0), clock=lambda: START)
            return replace(notifier, caller=caller)
        return notifier

    return make
