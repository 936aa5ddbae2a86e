"""The service on Kafka: one run, the roles while the brokers are not there yet, and a look into the stream."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path

import pytest
import structlog

from attestream.errors import Exit
from attestream.service import Service
from attestream.settings import load
from attestream.wiring import opened
from pipeline.rules.reader import builtin_mappings
from store.fsck import verify
from tests.attestream.conftest import Installation, Run, install
from tests.kafka_server import kafka, reserved, wait
from tests.pipeline.stream.conftest import Proxy, some_events

pytestmark = pytest.mark.parts("kafka")


@pytest.fixture
def own(tmp_path: Path) -> Installation:
    """An installation that has not collected yet, with one mapping."""
    installation = install(tmp_path)
    folder = installation.folder / "rules"
    folder.mkdir()
    for name in ("annex_a.yaml", "aws/cloudtrail/trail-logging-stopped.yaml"):
        shutil.copy(builtin_mappings() / name, folder)
    content = installation.config.read_text(encoding="utf-8")
    installation.config.write_text(f"mappings: {{builtin: false, paths: ['{folder}']}}\n{content}", encoding="utf-8")
    return installation


def streams(own: Installation, server: str, more: str = "") -> None:
    """Have it use a topic of its own there."""
    line = f"stream: {{url: 'kafka://{server}/service-{uuid.uuid4().hex}', partitions: 3{more}}}\n"
    own.config.write_text(line + own.config.read_text(encoding="utf-8"), encoding="utf-8")


@pytest.mark.parametrize("form", ["packs", "cloudevents"])
def test_one_run_over_kafka_leaves_everything_processed_and_signed(own: Installation, run: Run, form: str) -> None:
    streams(own, kafka().plain, f", format: {form}, group: '{uuid.uuid4().hex}'")
    assert run("run", "--once", config=own.config).code == Exit.FAILED, "one of its files is cut short"
    with opened(load(own.config, {})) as parts:
        totals = parts.query.totals()
        assert (totals.collected, totals.duplicate, totals.dead_letter) == (8, 0, 1)
        assert {w.state for w in parts.query.windows()} == {"partial"}
        verify(parts.store.engine, parts.latest_checkpoint())
    assert "nothing waits" in run("stream", "peek", config=own.config).err


def test_peek_shows_what_waits_without_taking_it(own: Installation, run: Run) -> None:
    streams(own, kafka().plain)
    run("run", "--once", config=own.config)
    with opened(load(own.config, {})) as parts:
        parts.stream.publish(some_events(5, "waiting"))
    for _ in range(2):
        found = run("stream", "peek", "--limit", "9", config=own.config)
        assert (found.code, sorted(line["id"] for line in found.lines)) == (Exit.DONE, [f"waiting-{n}" for n in range(5)])
        assert {line["specversion"] for line in found.lines} == {"1.0"}


def test_one_run_fails_clearly_where_kafka_is_down(own: Installation, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("kafka_cluster", "kafka_topic"):
        monkeypatch.setattr(f"pipeline.stream.{module}.ANSWER", 1.0)
    with reserved(1) as ports:
        streams(own, f"127.0.0.1:{ports[0]}")
        found = run("run", "--once", config=own.config)
    assert found.code == Exit.FAILED
    assert f"Kafka at 127.0.0.1:{ports[0]} did not answer" in found.err
    assert "Traceback" not in found.err


def test_the_roles_wait_for_kafka_and_lose_nothing(own: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("kafka_cluster", "kafka_topic"):
        monkeypatch.setattr(f"pipeline.stream.{module}.ANSWER", 1.0)
    target, listens = kafka().proxied[2]
    streams(own, f"127.0.0.1:{listens}")
    with opened(load(own.config, {}), create=True) as parts, structlog.testing.capture_logs() as logs:
        service = Service(parts, roles=("collect", "map", "seal"))
        service.start()
        wait(lambda: sum(log["event"] == "waiting for the stream" for log in logs) >= 2, "it says twice that it waits")
        proxy = Proxy(listens, target)
        try:
            wait(lambda: parts.query.totals().collected == 8, "everything is collected once Kafka is there")
            wait(lambda: {w.state for w in parts.query.windows()} == {"partial"}, "the window is closed")
            service.stop()
        finally:
            proxy.down()
    assert any(log["event"] == "the stream answers" for log in logs)
