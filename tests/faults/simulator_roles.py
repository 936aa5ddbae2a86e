"""The simulated processes, of the real components: schedulers that race for the lease, workers, the sealer, a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from collectors.base import Collector
from collectors.runner import run_attempts
from collectors.schedule import Job, Schedule
from pipeline.errors import PipelineError
from pipeline.timekeeper import Timekeeper
from pipeline.worker import Worker
from store.active import active_digest
from store.checkpoint import CheckpointSigner, CheckpointStore, Refused
from store.cursors import CollectionLedger, Lease, adopt_stream
from store.errors import StoreError
from store.evidence import EvidenceStore
from store.log_source import SqlLogSource, check_entry
from store.records import HOUR, MINUTE, SECOND, WindowRecord
from tests.faults.kit import START
from tests.faults.simulator import Process, Simulation
from tests.faults.simulator_ground import ORIGIN, Ground, activate, schedule_log
from tests.faults.simulator_stream import Broker, SimStream
from tests.faults.simulator_world import LOGS, SOURCES, LogSource, StateSource, World

EVERY = 3 * HOUR
"""A simulated scheduler fires this often."""
FOR_EVER = 1 << 60


class WatchedLedger(CollectionLedger):
    """The real ledger; who moves a cursor or an attempt under an epoch is known to be doing so."""

    def __init__(self, engine: Any, sim: Simulation) -> None:
        super().__init__(engine, sim.wall)
        self._sim = sim

    def register(self, source: str, epoch: int, periods: Sequence[tuple[int, int]], kind: str) -> Sequence[str]:
        with self._sim.doing("lease", epoch):
            return super().register(source, epoch, periods, kind)

    def finish(self, attempt: str, epoch: int, record: WindowRecord, cursor: Mapping[str, Any] | None) -> None:
        with self._sim.doing("lease", epoch):
            super().finish(attempt, epoch, record, cursor)
        moves = "moves" if cursor is not None else "stays"
        self._sim.say(f"{record.source}: finished a window that is {record.state}; cursor {moves}")


class Stop:
    """What a role waits on: simulated time."""

    def __init__(self, sim: Simulation) -> None:
        self.sim = sim

    def is_set(self) -> bool:
        return False

    def wait(self, seconds: float) -> None:
        self.sim.sleep(self.sim.rng.randrange(int(min(seconds, 60) * SECOND)))


@dataclass
class Installation:
    """Everything that the processes of one schedule share, and their bodies."""

    sim: Simulation
    ground: Ground
    world: World
    broker: Broker

    def collectors(self) -> list[Collector]:
        """The configured sources."""
        logs: list[Collector] = [LogSource(self.sim, self.world, name) for name in LOGS]
        return [*logs, StateSource(self.sim, self.world)]

    def opened(self, name: str) -> EvidenceStore:
        """The store, as opened by a process of this name."""
        return self.ground.store(name, self.sim, self.sim.wall)

    def ledger(self, opened: EvidenceStore) -> CollectionLedger:
        """The ledger, with the sources declared."""
        ledger = WatchedLedger(opened.engine, self.sim)
        ledger.declare(SOURCES)
        return ledger

    def collect(self, process: Process) -> None:
        """The collect role: the scheduler's own acts, at the times that its timers would have."""
        sim, opened = self.sim, self.opened(process.name)
        stream = SimStream(self.broker)
        adopt_stream(opened.engine, stream.identity)
        ledger = self.ledger(opened)

        def job(collector: Collector) -> Job:
            def run(epoch: int, stop: Any) -> Sequence[WindowRecord]:
                return run_attempts(collector, stream, ledger, epoch, sim.wall(), stop=stop, clock=sim.wall)

            return Job(collector.source, EVERY, run)

        schedule = Schedule([job(collector) for collector in self.collectors()], Lease(opened.engine, clock=sim.wall))
        schedule._log = schedule_log(sim)
        while True:
            for again in range(2):
                led = schedule.leading
                schedule.tick()
                if schedule.leading and not (again and led):
                    for one in schedule.jobs:
                        schedule.fire(one)
                sim.sleep(90 * SECOND)
            sim.sleep(EVERY - (sim.now - START) % EVERY + sim.rng.randrange(40 * SECOND))

    def map(self, process: Process) -> None:
        """The map role."""
        worker = Worker(SimStream(self.broker), self.opened(process.name), batch=self.sim.rng.randint(1, 30))
        worker.run(Stop(self.sim), patience=1800.0)  # type: ignore[arg-type]

    def seal(self, process: Process) -> None:
        """The seal role: what is due, then a checkpoint."""
        opened = self.opened(process.name)
        keeper, signer = self.keeper(opened), self.signer(opened)
        while True:
            try:
                keeper.tick()
                signed = signer.publish()
                self.sim.say(f"sealed {signed.checkpoint.size}")
            except Refused as error:
                self.sim.defect(f"the signer refused: {error}", error)
            except (StoreError, PipelineError) as error:
                self.sim.say(f"sealing failed: {error}")
            self.sim.sleep(HOUR + self.sim.rng.randrange(MINUTE))

    def change_set(self, process: Process) -> None:
        """A person activates another mapping set, once."""
        opened = self.opened(process.name)
        while active_digest(opened.engine) != self.ground.later.digest:
            try:
                activate(opened, self.ground.later)
                self.sim.say("another mapping set is active")
            except StoreError as error:
                self.sim.say(f"activation failed: {error}")
                self.sim.sleep(MINUTE)
        self.sim.sleep(FOR_EVER)

    def keeper(self, opened: EvidenceStore) -> Timekeeper:
        """The timekeeper, on the simulated clocks."""
        return Timekeeper(opened, boot=self.sim.boot)

    def signer(self, opened: EvidenceStore) -> CheckpointSigner[Any]:
        """The signer."""
        place = CheckpointStore(self.ground.checkpoints)
        return CheckpointSigner(self.ground.key, ORIGIN, place, SqlLogSource(opened.engine), check_entry)
