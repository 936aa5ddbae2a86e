"""alerts/log.py: one line per alert."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from alerts.deliver import Deliverer
from alerts.registry import read_routes

ACCOUNT = "111122223333"


def test_one_line_per_alert_says_what_changed(world: Any) -> None:
    deliverer = Deliverer(world.engine, read_routes(()), world.clock, "https://attestream.example.org")
    with capture_logs() as lines:
        world.finding("m", "s", "not-assessed", "not-satisfied", title="Trail stopped")
        deliverer.run_once()
        world.finding("m", "s", "not-satisfied", "closed", 12, title="Trail stopped")
        deliverer.run_once()
    assert [(line["event"], line["action"], line["log_level"]) for line in lines] == [
        ("alert", "trigger", "warning"),
        ("alert", "resolve", "info"),
    ]
    first, second = lines
    assert (first["severity"], first["key"], first["controls"]) == ("high", f"finding/m/{ACCOUNT}", ["A.8.15"])
    assert first["link"].startswith("https://attestream.example.org/findings/m/")
    assert "Trail stopped: not satisfied for s" in first["sentence"]
    assert second["until"] == "2024-10-04T00:12:00.000000Z"


@pytest.mark.parametrize("renderer", [structlog.dev.ConsoleRenderer(colors=False), structlog.processors.JSONRenderer()])
def test_nothing_a_payload_says_makes_a_second_line_or_moves_a_terminal(world: Any, renderer: Any) -> None:
    out = io.StringIO()
    structlog.configure(
        processors=[renderer], logger_factory=structlog.PrintLoggerFactory(file=out), cache_logger_on_first_use=False
    )
    try:
        world.finding(
            "m", "x\n2026 [error] forged\x1b[2J\u2028", "not-assessed", "not-satisfied", account="1\n2", title="T\r\x07"
        )
        Deliverer(world.engine, read_routes(()), world.clock).run_once()
    finally:
        structlog.reset_defaults()
    written = out.getvalue()
    assert written.count("\n") == 1
    assert written.rstrip("\n").isprintable()
    assert "forged" in (json.loads(written)["sentence"] if written.startswith("{") else written)
