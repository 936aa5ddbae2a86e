"""Waiting for a store or a stream that does not answer yet: with back-off, saying so, and for nothing that will not pass."""

from __future__ import annotations

import operator
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from attestream import waiting, wiring
from attestream.errors import Exit
from attestream.service import Service
from attestream.settings import load
from attestream.waiting import when_it_answers
from attestream.wiring import Parts, opened
from pipeline.errors import StreamError, StreamUnreachable
from pipeline.rules.reader import builtin_mappings
from store.engine import open_engine
from store.errors import CommitUnknown, StorageBusy, StorageFull, StorageUnreachable, StorageUnusable
from store.postgres_errors import _passes
from tests.attestream.conftest import Installation, Run, install
from tests.kafka_server import reserved
from tests.postgres_server import KEEPER, PASSWORD, postgres
from tests.tcp_proxy import TcpProxy

postgresql = pytest.mark.parts("postgres")


class Waits(threading.Event):
    """Passes no time, and keeps how long it would have been."""

    def __init__(self, most: int = 100) -> None:
        super().__init__()
        self.waits: list[float] = []
        self._most = most

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout or 0.0)
        if len(self.waits) >= self._most:
            self.set()
        return self.is_set()


def failing(errors: list[Exception]) -> Callable[[], str]:
    left = list(errors)

    def act() -> str:
        if left:
            raise left.pop(0)
        return "done"

    return act


def test_what_passes_is_waited_for_with_back_off_and_said() -> None:
    stop = Waits()
    errors = [StreamUnreachable("k"), StorageUnreachable("p"), StorageBusy("b"), CommitUnknown("c")] * 2
    with structlog.testing.capture_logs() as logs:
        assert when_it_answers(failing(errors), stop) == "done"
    assert stop.waits == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]
    assert [log["error"] for log in logs[:-1]] == ["k", "p", "b", "c"] * 2
    assert {log["event"] for log in logs if log.get("error") == "k"} == {"waiting for the stream"}
    assert {log["event"] for log in logs if log.get("error") in ("p", "b", "c")} == {"waiting for the store"}
    assert logs[-1]["event"] == "the store answers"


def test_what_answers_at_once_is_not_spoken_of() -> None:
    with structlog.testing.capture_logs() as logs:
        assert when_it_answers(failing([]), Waits()) == "done"
    assert logs == []


def test_an_error_that_was_met_before_is_waited_for_first() -> None:
    stop = Waits()
    with structlog.testing.capture_logs() as logs:
        assert when_it_answers(failing([]), stop, StreamUnreachable("met")) == "done"
    assert (stop.waits, [log["event"] for log in logs]) == ([1.0], ["waiting for the stream", "the stream answers"])


@pytest.mark.parametrize("error", [StorageUnusable("x"), StorageFull("x"), StreamError("x"), ValueError("x")])
def test_what_does_not_pass_is_raised(error: Exception) -> None:
    with pytest.raises(type(error), match="x"):
        when_it_answers(failing([error]), Waits())


def test_who_is_told_to_stop_waits_no_longer() -> None:
    stop = Waits(most=3)
    assert when_it_answers(failing([StorageUnreachable("p")] * 100), stop) is None
    assert len(stop.waits) == 3


@pytest.mark.parametrize(
    ("words", "passes"),
    [
        ('connection to server at "10.0.0.1", port 5432 failed: Connection refused', True),
        ("connection timeout expired", True),
        ('could not translate host name "db" to address: Temporary failure in name resolution', True),
        ("server closed the connection unexpectedly", True),
        ("FATAL:  the database system is starting up", True),
        ("FATAL:  the database system is shutting down", True),
        ("FATAL:  the database system is in recovery mode", True),
        ("FATAL:  sorry, too many clients already", True),
        ("FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute", True),
        ('FATAL:  password authentication failed for user "attestream"', False),
        ("fe_sendauth: no password supplied", False),
        ('FATAL:  database "evidence" does not exist', False),
        ('FATAL:  no pg_hba.conf entry for host "10.0.0.1", user "x", database "y", no encryption', False),
        ("SSL error: certificate verify failed", False),
        ("server does not support SSL, but SSL was required", False),
    ],
)
def test_what_a_connection_is_refused_with_says_whether_it_passes(words: str, passes: bool) -> None:
    assert _passes(words) is passes


@postgresql
def test_a_port_where_nobody_listens_is_out_of_reach_and_a_database_that_is_not_there_is_not() -> None:
    with reserved(1) as ports, pytest.raises(StorageUnreachable, match="gives no connection"):
        open_engine(f"postgresql://attestream@127.0.0.1:{ports[0]}/x")
    with pytest.raises(StorageUnusable, match="does not exist") as caught:
        open_engine(postgres().url("not_there"))
    assert not isinstance(caught.value, StorageUnreachable)


# -- the service


@pytest.fixture
def proxy() -> Iterator[TcpProxy]:
    with TcpProxy(postgres().port) as made:
        yield made


@pytest.fixture
def own(tmp_path: Path, proxy: TcpProxy, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    """An installation whose database is behind the proxy."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(waiting, "FIRST", 0.05)
    found, name = install(tmp_path), postgres().create()
    place = postgres().url(name).replace(f":{postgres().port}/", f":{proxy.port}/")
    words = found.config.read_text().replace(f"sqlite:///{tmp_path}/data/store.db", place)
    rules = tmp_path / "rules"
    rules.mkdir()
    for name in ("annex_a.yaml", "aws/cloudtrail/trail-logging-stopped.yaml"):
        shutil.copy(builtin_mappings() / name, rules)
    found.config.write_text(f"signing: {{every: 1}}\nmappings: {{builtin: false, paths: ['{rules}']}}\n{words}")
    yield found
    postgres().drop(name)


def until(so: Callable[[], bool], what: str) -> None:
    """Wait. What never comes is an AssertionError."""
    end = time.monotonic() + 240
    while not so():
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.02)


def count(logs: list[Any], event: str) -> int:
    return sum(log["event"] == event for log in list(logs))


def collected(parts: Parts) -> bool:
    return parts.query.totals().collected == 8 and {w.state for w in parts.query.windows()} == {"partial"}


@postgresql
def test_the_roles_wait_for_a_database_that_does_not_answer_and_go_on(own: Installation, proxy: TcpProxy) -> None:
    proxy.refuse(True)
    with opened(load(own.config, {}), create=True) as parts, structlog.testing.capture_logs() as logs:
        service = Service(parts, roles=("collect", "map", "seal"))
        starting = threading.Thread(target=service.start)
        starting.start()
        until(lambda: count(logs, "waiting for the store") >= 2, "it says twice that it waits")
        assert PASSWORD not in str(logs)
        proxy.refuse(False)
        try:
            starting.join()
            until(lambda: collected(parts), "everything is collected once it is there")
        finally:
            service.stop()
    assert count(logs, "the store answers") == 1


@postgresql
def test_who_waits_for_the_database_can_be_stopped(own: Installation, proxy: TcpProxy) -> None:
    proxy.refuse(True)
    with opened(load(own.config, {}), create=True) as parts, structlog.testing.capture_logs() as logs:
        service = Service(parts, roles=("collect", "map", "seal"))
        starting = threading.Thread(target=service.start)
        starting.start()
        until(lambda: count(logs, "waiting for the store") >= 1, "it says that it waits")
        service.stop()
        starting.join()
        assert service._threads == []


@postgresql
@pytest.mark.parametrize("nth", [1, 2])
def test_a_database_that_goes_just_when_the_stream_is_there_leaves_no_role_out(
    own: Installation, monkeypatch: pytest.MonkeyPatch, nth: int
) -> None:
    """Once as the stream is opened, once as the sources are declared."""
    lost = iter([nth])
    place = ("attestream.wiring.adopt_stream", "attestream.wiring.CollectionLedger.declare")[nth - 1]
    real = operator.attrgetter(place.removeprefix("attestream.wiring."))(wiring)

    def fails_once(*args: Any) -> Any:
        if next(lost, None):
            raise StorageUnreachable("gone for a moment")
        return real(*args)

    monkeypatch.setattr(place, fails_once)
    with opened(load(own.config, {}), create=True) as parts, structlog.testing.capture_logs() as logs:
        service = Service(parts, roles=("collect", "map", "seal"))
        service.start()
        try:
            until(lambda: collected(parts), "everything is collected all the same")
        finally:
            service.stop()
        names = sorted(thread.name for thread in service._threads)
    assert names == ["map", "seal", "stream"], "each of them once"
    assert (count(logs, "waiting for the store"), count(logs, "the store answers")) == (1, 1)


@postgresql
def test_one_run_and_other_commands_fail_clearly_where_the_database_does_not_answer(
    own: Installation, run: Run, proxy: TcpProxy
) -> None:
    proxy.refuse(True)
    for words in (("run", "--once"), ("status",), ("evidence", "verify")):
        found = run(*words, config=own.config)
        assert (found.code, "Traceback" in found.err) == (Exit.FAILED, False)
        assert f"PostgreSQL 127.0.0.1:{proxy.port}/" in found.err


@postgresql
def test_a_wrong_password_is_not_waited_for(own: Installation, run: Run) -> None:
    own.config.write_text(own.config.read_text().replace("attestream@", f"{KEEPER}:wrong@"))
    found = run("run", "--role", "map", config=own.config)
    assert (found.code, "password authentication failed" in found.err) == (Exit.FAILED, True)
    assert "wrong@" not in found.err
