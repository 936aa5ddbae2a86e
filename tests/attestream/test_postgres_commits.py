"""Commands and the seal role when the connection is lost around COMMIT: nobody knows if it was done, the same again is safe."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from attestream.errors import Exit
from attestream.service import Sealer
from attestream.settings import load
from attestream.wiring import Parts, opened
from collectors.runner import run_attempts
from pipeline.worker import Worker
from store.engine import reading
from store.errors import StoreError
from store.fsck import verify
from store.records import DAY
from tests.attestream.conftest import Installation, Run, call
from tests.postgres_server import postgres
from tests.tcp_proxy import TcpProxy, When

pytestmark = pytest.mark.parts("postgres")
UNKNOWN = "it may or may not be done; the same again is safe"


@pytest.fixture
def cut(made: Installation, run: Run) -> Iterator[TcpProxy]:
    """The proxy by which everything reaches a store that was filled."""
    assert run("run", "--once", config=made.config).code == Exit.FAILED, "one file is cut short"
    with TcpProxy(postgres().port) as proxy:
        made.config.write_text(made.config.read_text().replace(f":{postgres().port}/", f":{proxy.port}/"))
        yield proxy


def entries(made: Installation, kind: str) -> int:
    """How many entries of a type the log has; it is whole."""
    with opened(load(made.config)) as parts:
        verify(parts.store.engine, None)
        with reading(parts.store.engine) as connection:
            text = f"SELECT count(*) FROM entry WHERE type = '{kind}'"
            return int(connection.exec_driver_sql(text).scalar_one())


def twice(made: Installation, run: Run, cut: TcpProxy, *words: str) -> None:
    """The command with its first COMMIT cut before it reached the server, then with the answer cut."""
    moments: tuple[When, When] = ("before", "after")
    for when in moments:
        done = cut.cut(when, b"COMMIT\0")
        found = run(*words, config=made.config)
        assert (found.code, done.wait(60)) == (Exit.FAILED, True), found.err
        assert UNKNOWN in found.err
        assert "Traceback" not in found.err


def test_a_finding_is_closed_once(made: Installation, run: Run, cut: TcpProxy) -> None:
    (finding,) = (f for f in run("finding", "list", "--json", config=made.config).lines if f["state"] == "not-satisfied")
    words = ("finding", "close", finding["mapping"], finding["subject"], "--reason", "looked at")
    twice(made, run, cut, *words)
    again = run(*words, config=made.config)
    assert (again.code, "no open finding" in again.err) == (Exit.FAILED, True), "it was done, and the list says so"
    assert entries(made, "closing") == 1


def test_a_mapping_set_is_activated_once(made: Installation, run: Run, cut: TcpProxy) -> None:
    before = entries(made, "mapping_set")
    made.config.write_text(made.config.read_text() + "mappings: {builtin: false}\n")
    twice(made, run, cut, "mappings", "activate")
    again = run("mappings", "activate", config=made.config)
    assert (again.code, "was active already" in again.err) == (Exit.DONE, True)
    assert entries(made, "mapping_set") == before + 1


def test_bytes_are_erased_once(made: Installation, run: Run, cut: TcpProxy) -> None:
    row = run("evidence", "list", "--json", config=made.config).lines[0]
    words = ("store", "erase", "--index", str(row["index"]), "--reason", "asked for", "--yes")
    twice(made, run, cut, *words)
    again = run(*words, config=made.config)
    assert "nothing to erase" in again.err, again.err
    assert entries(made, "erasure") == 1


@pytest.mark.parametrize("when", ["before", "after"])
def test_the_timekeeper_and_the_signer_go_on(made: Installation, when: When) -> None:
    """Each COMMIT of a tick in which everything becomes stale, one after another, until a tick has none left to cut."""
    with TcpProxy(postgres().port) as proxy:
        made.config.write_text(made.config.read_text().replace(f":{postgres().port}/", f":{proxy.port}/"))
        with opened(load(made.config), create=True) as parts:
            size = _filled(made, parts)
            real = parts.store.clock
            parts.store.clock = lambda: real() + 400 * DAY
            for nth in range(1, 30):
                done = proxy.cut(when, b"COMMIT\0", nth)
                with suppress(StoreError):
                    Sealer(parts).tick()
                if not done.wait(2):  # what it cut is told a moment later than to the client
                    break
            assert nth > 3
            log, signed = parts.query.log(), parts.latest_checkpoint()
            assert log.size > size, "something became stale"
            assert signed is not None
            assert signed.checkpoint.size == log.size
            with reading(parts.store.engine) as connection:
                doubled = "SELECT mapping, subject, event_time, state FROM finding_row GROUP BY 1, 2, 3, 4 HAVING count(*) > 1"
                assert not connection.exec_driver_sql(doubled).all(), "each became stale once"
            verify(parts.store.engine, signed)


def _filled(made: Installation, parts: Parts) -> int:
    """Collect and map a trail of the last hours, of which nothing is stale yet; returns the log's size."""
    for path in made.trail.folder.iterdir():
        path.unlink()
    now = datetime.now(UTC)
    for hours in (4, 3, 2, 1):
        at = now - timedelta(hours=hours)
        made.trail.deliver(f"{at:%Y%m%dT%H%MZ}", call(f"{at:%Y-%m-%dT%H:%M:%SZ}", "sts", "GetCallerIdentity"))
    parts.activate()
    epoch, worker = parts.lease.acquire(), Worker(parts.stream, parts.store)
    assert epoch is not None
    run_attempts(parts.collectors[0], parts.stream, parts.ledger, epoch, parts.store.clock())
    worker.drain()
    worker.close()
    return parts.query.log().size
