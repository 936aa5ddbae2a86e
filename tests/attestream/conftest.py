"""What tests of the command line share: a way to run it, and a small installation with a story."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import structlog

from attestream import cli
from tests.postgres_server import KEEPER, PASSWORD, postgres

ACCOUNT = "111122223333"
REGION = "eu-west-1"


@dataclass(frozen=True, slots=True)
class Result:
    """What a command did. `out` is data, `err` is for people."""

    code: int
    raw: bytes
    err: str

    @property
    def out(self) -> str:
        return self.raw.decode("utf-8")

    @property
    def json(self) -> Any:
        return json.loads(self.raw)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.raw.splitlines()]


Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Iterator[Run]:
    """run("status", "--json", config=path): the whole command line in this process, with its exit code."""

    def run(*words: str, config: Path | None = None) -> Result:
        tail = ("--config", str(config)) if config is not None else ()
        monkeypatch.setattr("sys.argv", ["attestream", *words, *tail])
        capfdbinary.readouterr()
        with pytest.raises(SystemExit) as end:
            cli.main()
        out, err = capfdbinary.readouterr()
        assert isinstance(end.value.code, int)
        return Result(end.value.code, out, err.decode("utf-8"))

    yield run
    structlog.reset_defaults()  # logs went to this test's stderr


@dataclass
class Trail:
    """Writes CloudTrail log files into a folder, as AWS names and fills them."""

    folder: Path
    count: int = 0
    records: list[bytes] = field(default_factory=list)

    def deliver(self, at: str, *events: Mapping[str, Any], body: bytes | None = None) -> Path:
        """A file delivered at `at` ("20261120T1000Z"). Every event needs an `at` of its own."""
        self.count += 1
        slices = [json.dumps(self._record(event)).encode() for event in events]
        self.records += slices
        content = gzip.compress(b'{"Records": [' + b", ".join(slices) + b"]}", mtime=0) if body is None else body
        path = self.folder / f"{ACCOUNT}_CloudTrail_{REGION}_{at}_{self.count:016d}.json.gz"
        path.write_bytes(content)
        return path

    def _record(self, event: Mapping[str, Any]) -> dict[str, Any]:
        self.count += 1
        return {
            "eventVersion": "1.09",
            "eventID": f"00000000-0000-0000-0000-{self.count:012d}",
            "eventType": "AwsApiCall",
            "awsRegion": REGION,
            "recipientAccountId": ACCOUNT,
            "userIdentity": {"type": "IAMUser", "userName": "alice", "accountId": ACCOUNT},
            **event,
        }


def call(at: str, source: str, action: str, **parameters: Any) -> dict[str, Any]:
    """An API call."""
    return {"eventTime": at, "eventSource": f"{source}.amazonaws.com", "eventName": action, "requestParameters": parameters}


@dataclass(frozen=True, slots=True)
class Installation:
    """A settings file, its folder, and the trail that it collects."""

    config: Path
    folder: Path
    trail: Trail


def install(folder: Path) -> Installation:
    """Settings over a trail of a few hours: a trail that was stopped, one that was stopped and started, a file cut short."""
    logs = folder / "logs"
    logs.mkdir(parents=True)
    trail = Trail(logs)
    stopped = call("2026-11-20T09:50:00Z", "cloudtrail", "StopLogging", name="main")
    again = call("2026-11-20T10:20:00Z", "cloudtrail", "StopLogging", name="second")
    started = call("2026-11-20T10:25:00Z", "cloudtrail", "StartLogging", name="second")
    quiet = [call(f"2026-11-20T1{hour}:05:00Z", "sts", "GetCallerIdentity") for hour in range(1, 4)]
    trail.deliver("20261120T1000Z", stopped, call("2026-11-20T09:55:00Z", "ec2", "DescribeInstances"))
    trail.deliver("20261120T1030Z", again, started)
    for hour, event in enumerate(quiet, start=11):
        trail.deliver(f"20261120T{hour}10Z", event)
    trail.deliver("20261120T1400Z", body=b"\x1f\x8b\x08 cut short")
    config = folder / "attestream.yaml"
    config.write_text(
        f"store: {{url: 'sqlite:///{folder}/data/store.db'}}\n"
        f"sources:\n  - {{name: trail, type: cloudtrail-files, path: '{logs}'}}\n",
        encoding="utf-8",
    )
    return Installation(config, folder, trail)


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    """An installation whose store is a database of PostgreSQL; the password is in a file."""
    monkeypatch.chdir(tmp_path)
    found, name = install(tmp_path), postgres().create()
    words = found.config.read_text()
    place = postgres().url(name, KEEPER)
    found.config.write_text(words.replace(f"sqlite:///{tmp_path}/data/store.db", place))
    secret = tmp_path / "secret"
    secret.write_text(PASSWORD + "\n")
    monkeypatch.setenv("ATTESTREAM_STORE__PASSWORD_FILE", str(secret))
    yield found
    postgres().drop(name)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """An installation that has collected once. Tests of the module read it and leave it whole."""
    from attestream.service import run_once
    from attestream.settings import load
    from attestream.wiring import opened

    made = install(tmp_path_factory.mktemp("installed"))
    with opened(load(made.config, {}), create=True) as parts:
        run_once(parts)
    return made
