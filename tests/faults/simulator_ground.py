"""What the simulated processes stand on: the store's file, an engine for each process, and where they are interrupted."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import yaml
from sqlalchemy import Engine, event

import collectors.runner
import pipeline.stream.packs
import pipeline.worker
import store.checkpoint
import store.open
from pipeline.posture import decide
from pipeline.rules.mapping_set import MappingSet
from pipeline.rules.reader import read_set
from pipeline.rules.ruleset import RuleSet
from store import sqlite_driver
from store.changes import Decide
from store.evidence import EvidenceStore
from store.open import open_store
from store.records import SECOND, Activation, Advance, Appended, Batch
from store.signing_key import load_or_create_key
from store.sqlite_driver import sqlite_module
from tests.faults import kit, rules
from tests.faults.simulator import Simulation
from tests.faults.simulator_world import SPARE_RULE, STATE_RULE
from tests.faults.world import copy_mappings

ORIGIN = "example.org/simulated"


class Watched(EvidenceStore):
    """The real store; the process that appends is known to be doing so, so that its commit can be looked at."""

    def __init__(self, engine: Engine, secret: bytes, clock: Callable[[], int], sim: Simulation) -> None:
        super().__init__(engine, secret, clock)
        self._sim = sim

    def append(self, batch: Batch, positions: Sequence[Advance], decide: Decide) -> Appended:
        with self._sim.doing("append", tuple(positions)):
            return super().append(batch, positions, decide)


@dataclass
class Ground:
    """Made once: a store that was begun, the two mapping sets, the signing key; and engines, which are used again."""

    folder: Path
    template: Path
    later: Activation
    key: Any
    stores: dict[str, EvidenceStore] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        return self.folder / "run" / "store.db"

    @property
    def checkpoints(self) -> Path:
        return self.folder / "run" / "checkpoints"

    def renew(self) -> None:
        """Begin anew: the store is the template again, and nothing was signed."""
        for opened in self.stores.values():
            opened.engine.dispose()
        shutil.rmtree(self.path.parent, ignore_errors=True)
        self.path.parent.mkdir()
        shutil.copy(self.template, self.path)

    def store(self, name: str, sim: Simulation, clock: Callable[[], int]) -> EvidenceStore:
        """The store as the process of this name opens it. Its engine is made once: it keeps nothing but connections."""
        if name not in self.stores:
            with sim.unwatched():  # it happens in the first schedule only, and no schedule may depend on those before it
                opened = open_store(f"sqlite:///{self.path}", clock)
            event.listen(opened.engine, "connect", _settings)
            event.listen(opened.engine, "before_cursor_execute", _statement)
            opened.engine.dispose()
            self.stores[name] = opened
        sim.point("before the store is opened")
        before = self.stores[name]
        secret = before._secret
        self.stores[name] = Watched(before.engine, secret, clock, sim)
        return self.stores[name]


class _Hub:
    """Which simulation the hooks belong to. They are listeners of engines, which outlive it."""

    sim: Simulation | None = None


def _settings(connection: Any, _record: object) -> None:
    """Crashes are those of processes here, not of the machine; and whoever waits for a lock that a stopped process has, fails."""
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("PRAGMA busy_timeout=0")


def _statement(*_args: Any) -> None:
    if _Hub.sim is not None:
        _Hub.sim.statement()


def prepare(folder: Path) -> Ground:
    """Make what all schedules begin with. Deterministic: no random bytes of the machine's get in."""
    sim = Simulation(0)
    with patch("os.urandom", sim.entropy.randbytes):
        mappings = copy_mappings(folder / "rules", ("root-account-used",))
        rules.write(mappings)
        (mappings / "state.yaml").write_text(yaml.safe_dump(STATE_RULE, sort_keys=False))
        template = kit.begin(folder, mappings)
        (mappings / "spare.yaml").write_text(yaml.safe_dump(SPARE_RULE, sort_keys=False))
        found = read_set([mappings], {})
    compiled = RuleSet.compile(found)
    controls = tuple(control.id for control in compiled.controls)
    later = Activation(compiled.digest, found.to_bytes(), compiled.mappings, controls)
    return Ground(folder, template, later, load_or_create_key(folder / "key", ORIGIN))


@cache
def compiled(payload: bytes) -> RuleSet:
    """A rule set says the same whoever compiles it."""
    return RuleSet.compile(MappingSet.from_bytes(payload))


class _Log:
    """Takes what the worker and the scheduler say into the schedule. What is no fault of ours is a defect."""

    EXPECTED = frozenset(
        ("CommitUnknown", "Fenced", "StorageBusy", "StorageFull", "StorageUnusable", "StreamError", "window", "NoMappingSet")
    )

    def __init__(self, sim: Simulation) -> None:
        self.sim = sim

    def _said(self, text: str, **more: Any) -> None:
        self.sim.say(" ".join([text, *(f"{name}={value}" for name, value in more.items())]))
        kind = more.get("kind")
        if kind is not None and kind not in self.EXPECTED and more.get("error") != "it does not answer":
            self.sim.defect(f"{text}: {kind}: {more.get('error')}")
        if "looking for the event" in text:
            self.sim.defect(f"the store refused a batch for its data: {more.get('error')}")

    info = warning = error = _said


@contextmanager
def interrupted(sim: Simulation) -> Iterator[None]:
    """While this lasts the product's components are those of `sim`: interrupted, and with its clock and its random bytes."""
    real_writing, real_reading, real_write = sqlite_driver.writing, sqlite_driver.reading, store.checkpoint.write_whole

    @contextmanager
    def writing(engine: Engine) -> Iterator[Any]:
        sim.point("before a transaction")
        with real_writing(engine) as connection:
            sim.begin()
            yield connection
        sim.committed()

    @contextmanager
    def reading(engine: Engine) -> Iterator[Any]:
        sim.point("before a look at the store")
        with real_reading(engine) as connection:
            yield connection

    def write_whole(path: Path, data: bytes, mode: int, **more: Any) -> None:
        sim.point(f"before {path.parent.name}/{path.name} is written")
        real_write(path, data, mode, **more)
        sim.point(f"after {path.parent.name}/{path.name} is written")

    clock = SimpleNamespace(
        monotonic=lambda: sim.now / SECOND, sleep=lambda seconds: sim.sleep(int(seconds * SECOND)) if sim.current else None
    )
    patches: list[tuple[object, str, object]] = [
        (os, "urandom", sim.entropy.randbytes),
        (os, "fsync", lambda descriptor: None),
        (sqlite_driver, "writing", writing),
        (sqlite_driver, "reading", reading),
        (store.checkpoint, "write_whole", write_whole),
        (store.checkpoint, "time", clock),
        (store.open, "migrate", lambda engine: None),
        (collectors.runner, "MAX_CHUNK_EVENTS", 5),
        (pipeline.stream.packs, "MAX_PACK_EVENTS", 3),
        (pipeline.worker, "log", _Log(sim)),
        (pipeline.worker, "MappingSet", SimpleNamespace(from_bytes=lambda payload: payload)),
        (pipeline.worker, "RuleSet", SimpleNamespace(compile=compiled)),
    ]
    with ExitStack() as stack:
        for owner, name, replacement in patches:
            stack.enter_context(patch.object(owner, name, replacement))
        _Hub.sim = sim
        try:
            yield
        finally:
            _Hub.sim = None


def schedule_log(sim: Simulation) -> _Log:
    """The log of a scheduler."""
    return _Log(sim)


class Rows:
    """Reads the store's tables beside everybody, as they are now."""

    def __init__(self, path: Path) -> None:
        module: Any = sqlite_module()
        self.connection: sqlite3.Connection = module.connect(str(path))

    def __call__(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql, values).fetchall()

    def close(self) -> None:
        self.connection.close()


def activate(opened: EvidenceStore, activation: Activation) -> None:
    """Make a set the active one."""
    opened.append(Batch(activate=activation), (), decide)
