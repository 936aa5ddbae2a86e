"""An installation at scale for the fault tests: roles in processes of their own, a Kafka topic, a PostgreSQL database.

Nothing is measured. Limits are for what hangs; a slow machine does not meet them.
"""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from signal import SIGKILL, SIGTERM, SIGUSR1
from typing import Any

import psycopg
import yaml

from attestream.demo.world import demo_lists
from pipeline.stream.kafka import KafkaStream
from pipeline.stream.kafka_cluster import Cluster
from pipeline.stream.options import StreamOptions
from tests.faults.cursor import check_known
from tests.faults.observe import Observed, Tables, observe
from tests.faults.probe import Probe, Strike
from tests.faults.whole import check_whole
from tests.faults.world import LIMIT, SOURCE, Run, Server

ROLES = ("collect", "map-1", "map-2", "seal")
"""Process -> its role stands before the dash."""
PARTITIONS = 4
LIMITS: Mapping[str, float] = {
    "pipeline.stream.kafka_consumer:SESSION": 2.0,
    "pipeline.stream.kafka_consumer:JOIN": 5.0,
    "pipeline.stream.kafka_cluster:ANSWER": 5.0,
    "pipeline.stream.kafka_topic:ANSWER": 5.0,
    "pipeline.stream.kafka_producer:ANSWER": 5.0,
    "pipeline.stream.kafka_consumer:ANSWER": 5.0,
    "pipeline.stream.kafka_producer:DELIVERY": 10.0,
    "pipeline.stream.kafka_consumer:CHECK": 1.0,
}
"""Shorter than in use, so that a dead worker's partitions are not waited for all the time."""
MODULES = ("attestream.service", "kafka", "psycopg", "sqlalchemy.dialects.postgresql.psycopg", "pipeline.stream.kafka_consumer")


@dataclass
class Scale:
    """An installation in a folder of its own. `kafka` is host:port,…; `url` the database's."""

    server: Server
    folder: Path
    files: Path
    mappings: Path
    kafka: str
    url: str
    more: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the stream."""
    at: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Process -> other addresses for it, through a proxy: {"kafka": …, "url": …}."""
    ahead: Mapping[str, float] = field(default_factory=dict)
    """Process -> seconds that its machine's clock is ahead."""
    topic: str = field(default_factory=lambda: f"scale-{uuid.uuid4().hex}")
    limits: Mapping[str, float] = field(default_factory=lambda: LIMITS)
    runs: dict[str, Run] = field(default_factory=dict)
    ended: list[Run] = field(default_factory=list)
    _stream: KafkaStream | None = None

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)

    def configure(self, name: str) -> Path:
        """Write the settings of a process."""
        place = {"kafka": self.kafka, "url": self.url, **self.at.get(name, {})}
        settings = {
            "store": {"url": place["url"]},
            "stream": {"url": f"kafka://{place['kafka']}/{self.topic}", **self.options},
            "mappings": {"builtin": False, "paths": [str(self.mappings)], "lists": demo_lists()},
            "sources": [{"name": SOURCE, "type": "cloudtrail-files", "path": str(self.files), "schedule": "5s"}],
            "signing": {"key_file": str(self.folder / "signing.key"), "place": str(self.checkpoints), "every": 1},
        }
        path = self.folder / f"{name}.yaml"
        path.write_text(yaml.safe_dump(json.loads(json.dumps(settings))))
        return path

    @property
    def options(self) -> dict[str, Any]:
        """Of the stream."""
        return {"partitions": PARTITIONS, "group": self.topic, **self.more}

    @property
    def checkpoints(self) -> Path:
        return self.folder / "checkpoints"

    @property
    def tables(self) -> Tables:
        return Tables(self.url)

    @property
    def stream(self) -> KafkaStream:
        """The topic, for publishing past the collectors and for looking."""
        if self._stream is None:
            self._stream = KafkaStream(Cluster.of(f"{self.kafka}/{self.topic}", StreamOptions(**self.options)))
        return self._stream

    def start(self, *names: str, strikes: Iterable[Strike] = (), hold: bool = False) -> None:
        """Start processes that do not run; `hold`: each stops itself before it does anything."""
        for name in names:
            assert name not in self.runs, name
            self.configure(name)
            argv = ["run", "--role", name.partition("-")[0]]
            self.runs[name] = self.spawn(name, argv, strikes, hold=hold)

    def spawn(self, name: str, argv: Sequence[str], strikes: Iterable[Strike] = (), *, hold: bool = False) -> Run:
        """Run a command with the settings of a process, by its clock."""
        place = self.folder / f"{name}-{len(self.ended) + len(self.runs)}-{uuid.uuid4().hex[:6]}"
        probe, output = place.with_suffix(".probe"), place.with_suffix(".out")
        asked: dict[str, Any] = {"argv": [*argv, "--config", str(self.folder / f"{name}.yaml")]}
        asked |= {"probe": str(probe), "output": str(output), "folder": str(self.folder), "limits": dict(self.limits)}
        asked |= {"strikes": [asdict(strike) for strike in strikes], "kafka": True, "environment": {}}
        asked |= {"bare": False, "fsize": 0, "hold": hold, "ahead": self.ahead.get(name, 0.0)}
        watched = Probe(probe)
        return Run(self.server, self.server.ask(asked)["pid"], watched, output)

    def signal(self, name: str, number: int) -> None:
        """Send a process a signal."""
        os.kill(self.runs[name].pid, number)

    def asleep(self, name: str) -> bool:
        """Whether a process was stopped by a signal."""
        return "State:\tT" in Path(f"/proc/{self.runs[name].pid}/status").read_text()

    def kill(self, name: str) -> Run:
        """End a process by SIGKILL; returns what it was."""
        run = self.runs[name]
        run.kill()
        return self.gone(name)

    def gone(self, name: str) -> Run:
        """Wait for a process that was killed."""
        run = self.runs.pop(name)
        status = run.end()
        assert status == -SIGKILL, f"{name} ended by itself, {status}: {run.said()[-3000:]}"
        self.ended.append(run)
        if name == "collect":
            self.pass_lease()
        return run

    def pass_lease(self) -> None:
        """As if the minute had passed after which a dead collector's lease is anybody's."""
        with psycopg.connect(self.url, connect_timeout=60) as connection:
            connection.execute("update lease set expires = 0 where name = 'collect'")

    def pass_deadline(self) -> None:
        """As if the hour had passed after which a window whose record is nowhere is given up."""
        with psycopg.connect(self.url, connect_timeout=60) as connection:
            connection.execute("update attempt set deadline = 0 where state = 'open' and record is null")

    def stop(self, *names: str) -> None:
        """End processes as an operator does."""
        for name in names:
            self.signal(name, SIGTERM)
        for name in names:
            run = self.runs.pop(name)
            self.ended.append(run)
            early = (-SIGTERM,) if "running (" not in run.said() else ()  # it had not begun to look for signals
            assert run.end() in (0, *early), f"{name}: {run.said()[-3000:]}"

    def close(self) -> None:
        """End whatever runs."""
        for name in list(self.runs):
            run = self.runs.pop(name)
            run.kill()
            run.wait()
        if self._stream is not None:
            self._stream.close()

    def until(self, so: Callable[[], Any], what: str) -> None:
        """Wait for what is to come about while the processes work. What never comes is an AssertionError with what they said."""

        def is_so() -> bool:
            with suppress(psycopg.OperationalError):  # it recovers just now
                return bool(so())
            return False

        deadline = time.monotonic() + LIMIT
        while not is_so():
            for name, run in self.runs.items():
                status = run.wait(0)
                assert status in (None, -SIGKILL), f"{name} ended by itself, {status}: {run.said()[-3000:]}"
            if time.monotonic() > deadline:
                for run in self.runs.values():
                    os.kill(run.pid, SIGUSR1)
                time.sleep(1)
                said = "\n".join(f"{name}: {run.said()[-4000:]}" for name, run in self.runs.items())
                raise AssertionError(f"never: {what}\n{said}")
            time.sleep(0.1)

    def up(self) -> bool:
        """Whether every process that was started has begun its work."""
        return all("running (" in run.said() for run in self.runs.values())

    def made(self) -> bool:
        """Whether the store is there."""
        return bool(self.tables.rows("select 1 from information_schema.tables where table_name = 'head'"))

    def positions(self) -> dict[int, int]:
        return {row["partition"]: row["position"] for row in self.tables.rows("select * from position")}

    def epochs(self) -> dict[int, int]:
        """How often each partition was claimed."""
        return {row["partition"]: row["epoch"] for row in self.tables.rows("select * from position")}

    def caught_up(self) -> bool:
        """Everything that is in the topic is in the store."""
        ends, positions = self.stream.ends(), self.positions()
        return all(positions.get(partition, 0) >= end for partition, end in ends.items())

    def collected(self) -> bool:
        """The cursor has passed every file, and no window is open."""
        newest = max(path.stat().st_mtime_ns // 1000 for path in self.files.rglob("*.json.gz"))
        rows = self.tables.rows("select cursor_end from source where name = ?", SOURCE)
        return bool(rows) and (rows[0]["cursor_end"] or 0) > newest

    def whole(self) -> bool:
        """No window is open, and none is to be asked for again."""
        return not self.open() and not self.tables.one("select count(*) from attempt where again")

    def pause(self, seconds: float) -> None:
        """Let the processes work."""
        time.sleep(seconds)

    def busy(self, name: str) -> bool:
        """Whether a process has begun some operation, or has ended."""
        run = self.runs[name]
        return run.wait(0) is not None or any(count for what, count in run.probe.begun().items() if what != "activate")

    def appends(self, name: str) -> int:
        """How often a process that runs has written to the store, or begun to."""
        return self.runs[name].probe.begun()["append"]

    def open(self) -> int:
        return int(self.tables.one("select count(*) from attempt where state = 'open'"))

    def sealed(self) -> bool:
        """Everything in the log is signed, and nothing is due."""
        due = self.tables.one("select count(*) from finding where due_at < ?", time.time_ns() // 1000)
        sizes = [int(path.read_text().split("\n")[1]) for path in self.checkpoints.glob("latest")]
        return not due and sizes == [self.tables.one("select size from head")]

    def finish(self) -> Observed:
        """Let everything be read, processed and signed, end the processes, and look at what came of it: I1, I3, I4, I17."""
        self.start(*(name for name in ROLES if name not in self.runs))
        self.until(lambda: self.made() and self.collected() and self.whole(), "everything is collected")
        self.stop("collect")
        self.until(lambda: self.caught_up() and not self.open(), "everything is processed")
        self.stop(*(name for name in self.runs if name.startswith("map")))
        self.until(self.sealed, "everything is signed")
        self.stop("seal")
        assert self.caught_up()
        check_whole(self.url, self.checkpoints)
        verify = self.spawn("seal", ("evidence", "verify"))
        assert verify.end() == 0, verify.said()
        return observe(self.url)


def killed_at(run: Run) -> str:
    """What a kill interrupted, else what lies between."""
    return "+".join(run.probe.inside()) or "between"


def check_covered(scale: Scale) -> None:
    """I2, when nothing runs: the cursor is behind every file, and every record of them is in the store."""
    end = scale.tables.one("select cursor_end from source where name = ?", SOURCE)
    assert check_known(scale.tables, scale.files, end, ()) > 1000
