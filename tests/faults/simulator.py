"""A deterministic simulation: every process of an installation in one thread, everything decided by one random.Random(seed).

A process is a greenlet that runs the real components. They are interrupted at *points*: before and after each transaction of the
store, at a statement inside one, around each publishing and each poll, between two records of a source. At a point the hub may
let others go on, stop the process for a while (it goes on later as a zombie), fail the operation, or kill the process: what it
held in memory is gone, its leases and epochs stay. Time is the hub's own; the wall clock is that plus an offset which jumps.
"""

from __future__ import annotations

import heapq
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from typing import Any

from greenlet import greenlet

from pipeline.errors import PipelineError
from store.errors import CommitUnknown, StorageFull, StorageUnusable, StoreError
from store.records import DAY, HOUR, MINUTE, SECOND
from tests.faults.kit import START

RESTARTS = (SECOND, 20 * SECOND, 3 * MINUTE, HOUR)
PAUSES = (5 * SECOND, 90 * SECOND, 15 * MINUTE, 2 * HOUR)
JUMPS = (DAY, -DAY, 10 * MINUTE, -20 * MINUTE, 2 * MINUTE, -2 * MINUTE)


_PATH = re.compile(r"/\S+/store\.db")


class Crash(BaseException):
    """The simulated process ends here. Nothing of ours catches it."""


@dataclass(frozen=True)
class Rates:
    """How often what goes wrong, per point of its kind. Each seed has some kinds of faults and not others."""

    crash: float = 0.0
    pause: float = 0.0
    lost_commit: float = 0.0
    inside: float = 0.0
    publish: float = 0.0
    twice: float = 0.0
    delay: float = 0.0
    rebalance: float = 0.0
    truncate: float = 0.0
    source: float = 0.0
    jump: float = 0.0

    @classmethod
    def draw(cls, rng: random.Random) -> Rates:
        """Swarm testing: a kind that is absent leaves room for what it would hide."""
        high = {"crash": 0.01, "pause": 0.01, "lost_commit": 0.03, "inside": 0.03, "publish": 0.1, "twice": 0.05, "delay": 0.3}
        high |= {"rebalance": 0.03, "truncate": 0.006, "source": 0.1, "jump": 0.15}
        return cls(**{kind.name: high[kind.name] * rng.choice((0.0, 0.3, 1.0)) for kind in fields(cls)})


@dataclass
class Process:
    """One simulated process: `body` runs in a greenlet until it ends or is killed. `doing` is the call that it is in."""

    sim: Simulation
    name: str
    body: Callable[[Process], None]
    dying: bool = False
    ended: bool = False
    token: int = 0
    writes: int | None = None
    doing: tuple[str, Any] | None = None
    gaps: tuple[Any, ...] = ()
    greenlet: greenlet = field(init=False)

    def __post_init__(self) -> None:
        self.greenlet = greenlet(self._run)

    def _run(self) -> None:
        try:
            self.body(self)
        except Crash:
            pass
        except (StoreError, PipelineError) as error:
            self.sim.say(f"ends: {error}")
        except Exception as error:
            self.sim.defect(f"{self.name} ended by {type(error).__name__}: {error}", error)
        finally:
            self.dying = self.ended = True
            self.sim.current = None


class Simulation:
    """The hub: time, the processes in the order of their waking, and what goes wrong."""

    def __init__(self, seed: int, *, rates: Rates | None = None) -> None:
        self.seed = seed
        self.rng = random.Random(seed)
        self.entropy = random.Random(self.rng.getrandbits(64))
        self.rates = rates if rates is not None else Rates.draw(self.rng)
        self.now = START
        self.offset = 0
        self.quiet = True
        self.current: Process | None = None
        self.processes: dict[str, Process] = {}
        self.story: list[str] = []
        self.faults: Counter[str] = Counter()
        self.defects: list[str] = []
        self.cause: Exception | None = None
        self.points = 0
        self.on_end: Callable[[Process], None] = lambda process: None
        self.on_commit: Callable[[Process], None] = lambda process: None
        self._bodies: dict[str, Callable[[Process], None]] = {}
        self._waiting: list[tuple[int, int, Process, int]] = []
        self._number = 0

    # Clocks

    def wall(self) -> int:
        """The wall clock of all processes."""
        return self.now + self.offset

    def boot(self) -> tuple[str, int]:
        """Time since boot, which never jumps."""
        return "this boot", self.now - START + DAY

    # What is told

    def say(self, text: str) -> None:
        """A line of the schedule."""
        who = self.current.name if self.current is not None else "world"
        seconds = (self.now - START) / SECOND
        self.story.append(f"{seconds:>13.3f} {who:<10} {_PATH.sub('the store', text)}")

    def fault(self, kind: str, text: str) -> None:
        """A line for what goes wrong."""
        self.faults[kind] += 1
        self.say(f"** {text}")

    def defect(self, text: str, cause: Exception | None = None) -> None:
        """What must not be; the run fails with the first."""
        self.say(f"!! {text}")
        self.defects.append(text)
        self.cause = self.cause or cause

    # Processes

    def role(self, name: str, body: Callable[[Process], None]) -> None:
        """A process that is started, and started anew when it ends."""
        self._bodies[name] = body
        self.start(name, self.rng.randrange(MINUTE))

    def start(self, name: str, after: int) -> None:
        """Start a process in a while."""
        process = Process(self, name, self._bodies[name])
        self.processes[name] = process
        self._wake(process, after)

    def wake(self, process: Process) -> None:
        """Let a process that sleeps go on now."""
        if not process.ended:
            self._wake(process, self.rng.randrange(SECOND))

    def _wake(self, process: Process, after: int) -> None:
        process.token += 1
        self._number += 1
        heapq.heappush(self._waiting, (self.now + after, self._number, process, process.token))

    def run_until(self, time: int) -> None:
        """Let processes go on, in the order of time, until then."""
        while self._waiting and self._waiting[0][0] <= time and not self.defects:
            at, _, process, token = heapq.heappop(self._waiting)
            if process.ended or token != process.token:
                continue
            self.now = max(self.now, at)
            self._switch(process)
        self.now = max(self.now, time)

    def _switch(self, process: Process) -> None:
        self.current = process
        process.greenlet.parent = greenlet.getcurrent()
        process.greenlet.switch()
        self.current = None
        if process.ended:
            self._ended(process)

    def _ended(self, process: Process) -> None:
        self.on_end(process)
        if self.processes.get(process.name) is process and process.name in self._bodies:
            self.start(process.name, SECOND if self.quiet else self.rng.randrange(self.rng.choice(RESTARTS)))

    def end_all(self) -> None:
        """Kill every process; none is started again."""
        self._bodies.clear()
        for process in self.processes.values():
            if not process.ended:
                process.dying = True
                if process.greenlet:
                    self.current = process
                    process.greenlet.throw(Crash())
                    self.current = None
                process.ended = True
            self.on_end(process)
        self.processes.clear()

    # In a process

    def sleep(self, time: int) -> None:
        """The process sleeps; others go on."""
        process = self._process()
        self._wake(process, time)
        process.greenlet.parent.switch()
        if process.dying:
            raise Crash

    @contextmanager
    def unwatched(self) -> Iterator[None]:
        """While this lasts nothing is interrupted."""
        process, self.current = self.current, None
        try:
            yield
        finally:
            self.current = process

    def _process(self) -> Process:
        process = self.current
        assert process is not None, "only a process sleeps"
        if process.dying:
            raise Crash
        return process

    def crash(self, where: str) -> None:
        """The process is killed."""
        self.fault("crash", f"killed {where}")
        self._process().dying = True
        raise Crash

    def point(self, where: str) -> None:
        """A place where others may go on, and where the process may be stopped or killed. Outside of processes, nothing."""
        if self.current is None:
            return
        self._process()
        self.points += 1
        if self.chance("crash"):
            self.crash(where)
        if self.chance("pause"):
            time = self.rng.randrange(self.rng.choice(PAUSES))
            self.fault("pause", f"stopped for {time / SECOND:.0f} s {where}")
            self.sleep(time)
            self.say(f"goes on {where}")
        elif self.rng.random() < 0.5:
            self.sleep(self.rng.randrange(SECOND))

    def chance(self, kind: str) -> bool:
        """Does this kind of fault happen now?"""
        rate = getattr(self.rates, kind)
        return not self.quiet and rate > 0 and self.rng.random() < rate

    @contextmanager
    def doing(self, what: str, about: Any) -> Iterator[None]:
        """While this lasts, a commit of the current process is one of `what`."""
        process = self.current
        if process is None:
            yield
            return
        process.doing = (what, about)
        try:
            yield
        finally:
            process.doing = None

    # Around and inside a transaction of the store

    def begin(self) -> None:
        """A writing transaction of this process begins: draw the statement at which something happens in it."""
        process = self.current
        if process is not None:
            process.writes = self.rng.randrange(1, 40) if self.chance("inside") else None

    def statement(self) -> None:
        """A statement of a writing transaction is about to be run."""
        process = self.current
        if process is None or process.writes is None:
            return
        process.writes -= 1
        if process.writes:
            return
        process.writes = None
        if process.dying:
            return
        kind = self.rng.choice(("crash", "full", "error", "pause"))
        if kind == "crash":
            self.crash("in a transaction")
        elif kind == "pause":
            time = self.rng.randrange(self.rng.choice(PAUSES[:2]))
            self.fault("inside", f"stopped for {time / SECOND:.0f} s in a transaction")
            self.sleep(time)
        else:
            self.fault("inside", f"the disk is {'full' if kind == 'full' else 'failing'} in a transaction")
            raise StorageFull("no space is left") if kind == "full" else StorageUnusable("the disk reports an error")

    def committed(self) -> None:
        """A writing transaction was committed; its caller does not know yet, and perhaps never will."""
        process = self.current
        if process is None:
            return
        process.writes = None
        self.on_commit(process)
        if self.chance("crash"):
            self.crash("after a commit")
        if self.chance("lost_commit"):
            self.fault("lost_commit", "a commit is done, and its answer is lost")
            raise CommitUnknown("the connection was lost in the middle of a COMMIT")
        self.point("after a commit")

    # The wall clock

    def shift_clock(self) -> None:
        """Now and then the wall clock jumps, and now and then it is put right."""
        if self.offset and self.rng.random() < 0.3:
            self.offset = 0
            self.say("the wall clock is put right")
        elif self.chance("jump"):
            self.offset = max(self.rng.choice(JUMPS), START - self.now)  # not before anything was there to be read
            self.fault("jump", f"the wall clock is {self.offset / MINUTE:+.0f} min wrong")


def readable(story: Sequence[str], last: int = 60) -> str:
    """The schedule: all that went wrong, and all of the end."""
    early = [line for line in story[:-last] if " ** " in line or " !! " in line]
    return "\n".join([*early, "...", *story[-last:]])
