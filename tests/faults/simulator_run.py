"""One seed: its world, the schedule with all that goes wrong in it, the rest, and what must hold in the end."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from collectors.runner import run_attempts
from pipeline.worker import Worker
from store.cursors import Lease
from store.records import DAY, HOUR, MINUTE, Advance
from tests.faults.kit import START
from tests.faults.observe import Observed, observe
from tests.faults.simulator import Process, Rates, Simulation, readable
from tests.faults.simulator_check import check_cursors, check_end
from tests.faults.simulator_ground import Ground, Rows, activate, interrupted
from tests.faults.simulator_roles import Installation
from tests.faults.simulator_stream import Broker, SimStream
from tests.faults.simulator_world import END, LOGS, SPAN, World, make_world

STEP = 20 * MINUTE
ROUNDS = 12


class Found(AssertionError):
    """The schedule of a seed ends in what must not be."""


@dataclass(frozen=True)
class Outcome:
    """What came of a seed."""

    root: bytes
    size: int
    observed: Observed
    story: tuple[str, ...]
    faults: dict[str, int]


def check_seed(
    ground: Ground,
    seed: int,
    mutation: Callable[[], AbstractContextManager[Any]] = nullcontext,
    rates: Rates | None = None,
) -> Outcome:
    """Run a seed. Raises Found, whose text is the schedule and how to run it again.

    `mutation`: what is broken meanwhile; `rates`: how much goes wrong, where the seed is not to say.
    """
    world = make_world(random.Random(seed))
    straight = undisturbed(ground, world)
    sim = Simulation(seed, rates=rates)
    try:
        with mutation():
            return _disturbed(ground, world, sim, straight)
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        if sim.defects:
            why = sim.defects[0]
        again = f"SEED={seed} pytest tests/faults/test_simulator.py"
        raise Found(f"{readable(sim.story)}\n\nseed {seed}: {why}\nrates: {sim.rates}\nagain: {again}") from (sim.cause or error)


def undisturbed(ground: Ground, world: World) -> Observed:
    """The same world, read at once in the end, with nothing going wrong."""
    ground.renew()
    sim = Simulation(0, rates=Rates())
    installation = Installation(sim, ground, world, Broker(sim))
    with interrupted(sim):
        for _, partition, data in world.junk:
            installation.broker.write(partition, data)
        rest(installation)
    return observe(ground.path)


def _disturbed(ground: Ground, world: World, sim: Simulation, straight: Observed) -> Outcome:
    ground.renew()
    installation = Installation(sim, ground, world, Broker(sim))
    with _watching(installation) as watch, interrupted(sim):
        try:
            _faults(installation, watch)
            _calm(installation, watch)
        finally:
            sim.end_all()
        for defect in sim.defects:
            raise Found(defect)
        rest(installation)
        check_end(installation, watch.skipped, watch.rows, straight)
        ((size, root),) = watch.rows("select size, root from head")
    return Outcome(bytes(root), size, observe(ground.path), tuple(sim.story), dict(sim.faults))


def _faults(installation: Installation, watch: Watch) -> None:
    """Everything runs, and goes wrong."""
    sim, world = installation.sim, installation.world
    for number in range(sim.rng.choice((2, 3))):
        sim.role(f"collect-{number}", installation.collect)
    for number in range(sim.rng.choice((1, 2, 3))):
        sim.role(f"map-{number}", installation.map)
    for number in range(sim.rng.choice((1, 1, 2))):
        sim.role(f"seal-{number}", installation.seal)
    sim.quiet = False
    junk = sorted(world.junk)
    for time in range(START, START + SPAN, STEP):
        sim.run_until(time)
        if time <= world.activation < time + STEP:
            sim.role("person", installation.change_set)
        while junk and junk[0][0] <= time:
            _, partition, data = junk.pop(0)
            installation.broker.write(partition, data)
        sim.shift_clock()
        if sim.chance("truncate"):
            installation.broker.truncate()
        if sim.rng.random() < 0.1:
            check_cursors(installation, watch.rows)
    for _, partition, data in junk:
        installation.broker.write(partition, data)


def _calm(installation: Installation, watch: Watch) -> None:
    """Nothing goes wrong any more; those that were stopped go on. Soon every source is read up to date again."""
    sim = installation.sim
    sim.quiet = True
    sim.offset = 0
    sim.say("from here on nothing goes wrong")
    sim.run_until(START + SPAN + HOUR)
    if not sim.defects:
        installation.keeper(installation.opened("rest")).confirm_clock()
    sim.run_until(START + SPAN + 5 * HOUR)
    if not sim.defects:
        for name in LOGS:
            ((end,),) = watch.rows("select cursor_end from source where name = ?", name)
            assert (end or 0) >= START + SPAN, f"{name} was not read for hours though nothing went wrong"
        check_cursors(installation, watch.rows)


def rest(installation: Installation) -> None:
    """Read everything up to the end, by one process of each kind, until nothing is open and nothing is to be asked again."""
    sim, broker = installation.sim, installation.broker
    sim.now, sim.quiet, sim.offset = max(sim.now, END), True, 0
    broker.members.clear()
    broker.owner.clear()
    broker.show_all()
    opened = installation.opened("rest")
    ledger, stream, keeper = installation.ledger(opened), SimStream(broker), installation.keeper(opened)
    keeper.confirm_clock()
    activate(opened, installation.ground.later)
    epoch = Lease(opened.engine, clock=sim.wall).acquire(steal=True)
    assert epoch is not None
    worker = Worker(stream, opened)
    rows = Rows(installation.ground.path)
    for _ in range(ROUNDS):
        for collector in installation.collectors():
            run_attempts(collector, stream, ledger, epoch, END, clock=sim.wall)
        worker.drain()
        keeper.tick()
        if rows("select count(*) from attempt where state = 'open' or again") == [(0,)]:
            break
        sim.now += 2 * HOUR
    else:
        raise AssertionError("windows stay open, or are asked for again and again, though nothing goes wrong")
    sim.now += 30 * DAY
    keeper.confirm_clock()
    keeper.tick()
    installation.signer(opened).publish()
    worker.close()
    rows.close()


class Watch:
    """Looks at each commit: nobody commits under an old epoch, and a partition's records are taken in order, each once."""

    def __init__(self, installation: Installation) -> None:
        self.sim = installation.sim
        self.rows = Rows(installation.ground.path)
        self.positions: dict[int, int] = {}
        self.skipped: set[tuple[int, int]] = set()
        """(partition, offset) of records that were deleted before they were read."""

    def committed(self, process: Process) -> None:
        """A process has committed what it was doing."""
        if process.doing is None:
            return
        what, about = process.doing
        if what == "append":
            self._appended(process, about)
        elif self.rows("select epoch from lease where name = 'collect'") != [(about,)]:
            self.sim.defect(f"I12: {process.name} wrote under the lease's epoch {about}, which is an old one")

    def _appended(self, process: Process, advances: tuple[Advance, ...]) -> None:
        stand = {row[0]: row[1:] for row in self.rows("select partition, epoch, position from position")}
        for advance in advances:
            epoch, position = stand[advance.partition]
            if epoch != advance.epoch:
                text = f"partition {advance.partition} under epoch {advance.epoch}, which is now {epoch}"
                self.sim.defect(f"I12: {process.name} appended {text}")
            before = self.positions.get(advance.partition, 0)
            if (before, position) != (advance.start, advance.end):
                text = f"{advance.start} to {advance.end}, it went from {before} to {position}"
                self.sim.defect(f"I1: partition {advance.partition}: {process.name} appended {text}")
            self.positions[advance.partition] = advance.end
        moved = {advance.partition for advance in advances}
        for gap in process.gaps:
            if gap.partition in moved:
                self.skipped |= {(gap.partition, offset) for offset in range(gap.start, gap.end)}


@contextmanager
def _watching(installation: Installation) -> Iterator[Watch]:
    watch = Watch(installation)
    sim = installation.sim
    stores: dict[str, Any] = installation.ground.stores

    def ended(process: Process) -> None:
        if process.name in stores:
            stores[process.name].engine.dispose()

    sim.on_commit, sim.on_end = watch.committed, ended
    try:
        yield watch
    finally:
        watch.rows.close()
