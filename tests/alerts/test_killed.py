"""The process that delivers is killed at the worst moment: the receiver has the alert, and nothing says so yet."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from alerts.deliver import LEASE
from tests.repository import ROOT


def test_what_was_sent_before_a_kill_is_sent_again_under_the_same_id_and_key(
    world: Any, httpserver: HTTPServer, tmp_path: Path
) -> None:
    got: list[dict[str, Any]] = []
    running: list[subprocess.Popen[bytes]] = []

    def take(request: Request) -> Response:
        got.append(json.loads(request.data))
        if len(got) == 1:
            os.kill(running[0].pid, signal.SIGKILL)
            running[0].wait(120)
        return Response("")

    httpserver.expect_request("/hook").respond_with_handler(take)
    world.finding("trail-stopped", "main", "not-assessed", "not-satisfied")

    def deliver() -> int:
        words = [sys.executable, "-m", "tests.alerts.child", f"sqlite:///{tmp_path}/store.db", httpserver.url_for("/hook")]
        running[:] = [subprocess.Popen([*words, str(world.now)], cwd=ROOT, stdout=subprocess.DEVNULL)]
        return running[0].wait(120)

    assert deliver() == -signal.SIGKILL
    assert world.states("hook") == ["pending"]
    # What comes meanwhile does not change what is sent again; it follows.
    world.finding("trail-stopped", "main", "not-satisfied", "closed", 1)
    world.now += LEASE
    assert deliver() == 0
    first, again, after = got
    assert first == again
    assert (after["subject"], after["type"], after["id"] != first["id"]) == (
        first["subject"],
        "io.attestream.drift.resolve",
        True,
    )
    assert world.states("hook") == ["delivered", "delivered"]
