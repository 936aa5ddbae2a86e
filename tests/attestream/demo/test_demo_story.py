"""The demonstration, played once with less of its trail: what it shows, who is told of it and how often, and that it proves."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from attestream.demo.receiver import Received
from attestream.demo.show import Stage, play
from attestream.errors import Exit
from attestream.settings import load
from attestream.wiring import Parts, opened
from store.reports import DriftView, Moment
from tests.alertmanager_server import alertmanager, program
from tests.attestream.conftest import Run

ACCOUNT = "111122223333"
STORY = {
    "root sign-in": f"finding/4f86880f-4a6b-42d7-bfa2-c2bca740c951/{ACCOUNT}",
    "logging stopped": f"finding/14f7d867-24fe-4162-86bf-725b5db14a3f/{ACCOUNT}",
    "public bucket": f"finding/c00d84e5-eab8-47ec-a39f-52fa92a50968/{ACCOUNT}",
    "second factor removed": f"finding/7018c5c9-55a4-401c-b2ef-0df988733cbd/{ACCOUNT}",
    "late incident ticket": "finding/19b61610-420b-5672-b049-c2098b39ec04/127.0.0.1:",
    "expired attestation": "control/A.5.5/stale",
    "permission taken": "source/github//failing",
    "dead collector": "source/pagerduty//failing",
}
"""What happens, and how the keys of its alerts begin."""
PATIENCE = 60.0


@dataclass
class Played:
    """A demonstration that has been played. `hook`: what Alertmanager told its receiver, None where none is installed."""

    parts: Parts
    stage: Stage
    came: list[Received] = field(default_factory=list)
    hook: list[dict[str, Any]] | None = None

    def drift(self, key: str) -> list[DriftView]:
        """Of the live act and before, oldest first."""
        every = self.parts.query.drift(limit=5000)
        return [drift for drift in reversed(every) if self._lane(drift).startswith(key)]

    @staticmethod
    def _lane(drift: DriftView) -> str:
        return f"finding/{drift.mapping}/{drift.account}" if drift.kind == "finding" else drift.key


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    """One run for all tests: a day and a half of the trail, all 90 days of tickets."""
    folder = tmp_path_factory.mktemp("demo") / "demo"
    hook: list[dict[str, Any]] = []
    came: list[Received] = []

    def take(request: Any) -> Response:
        hook.extend(json.loads(request.data)["alerts"])
        return Response("")

    with ExitStack() as stack:
        stack.enter_context(mock.patch.dict(os.environ))  # it points the AWS SDK at its own cloud
        url = ""
        if program() is not None:
            server = stack.enter_context(HTTPServer(host="127.0.0.1"))
            server.expect_request("/hook").respond_with_handler(take)
            url = stack.enter_context(alertmanager(server.url_for("/hook")))
        stage = Stage(folder, 27001, 8737, url, trail_days=1, told=came.append)
        play(stage, once=True)
        parts = stack.enter_context(opened(load(stage.config, {})))
        yield Played(parts, stage, came, hook if url else None)


def awaited(told: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE
    while not (found := told()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


@pytest.mark.parametrize("what", STORY)
def test_what_goes_wrong_is_drift_and_so_is_that_it_was_put_right(played: Played, what: str) -> None:
    drifts = [drift for drift in played.drift(STORY[what]) if drift.delivery == "alert"]
    assert len(drifts) == 2, drifts
    wrong, right = drifts
    assert wrong.after == right.before in ("not-satisfied", "stale", "failing")
    assert right.after in ("closed", "satisfied", "collecting")


@pytest.mark.parametrize("what", STORY)
def test_it_is_told_once_to_slack_and_pagerduty_and_resolved_once(played: Played, what: str) -> None:
    pages = [one for one in played.came if one.service == "pagerduty" and one.body.get("dedup_key", "").startswith(STORY[what])]
    assert [one.action for one in pages] == ["trigger", "resolve"]
    slack = [one.text for one in played.came if one.service == "slack" and STORY[what] in json.dumps(one.body)]
    assert [text.split(" (")[0] for text in slack] == ["Open", "Resolved"]


@pytest.mark.parts("alertmanager")
@pytest.mark.parametrize("what", STORY)
def test_it_fires_once_and_is_resolved_once_in_a_real_alertmanager(played: Played, what: str) -> None:
    hook = played.hook
    assert hook is not None

    def told() -> list[str]:
        return [alert["status"] for alert in hook if alert["labels"]["key"].startswith(STORY[what])]

    awaited(lambda: "resolved" in told())
    assert Counter(told()) == {"firing": 1, "resolved": 1}


def test_at_most_ten_controls_stay_not_assessed_and_all_states_are_there(played: Played) -> None:
    states = {id_: str(control.state) for id_, control in played.parts.query.controls(Moment()).items()}
    count = Counter(states.values())
    assert sum(count.values()) == 93
    assert count["not-assessed"] <= 10
    assert min(count["satisfied"], count["not-satisfied"]) >= 15
    assert states["A.8.34"] == "not-assessed", "its attestation waits for a second person, so it speaks for nothing"
    assert states["A.7.7"] == states["A.8.7"] == "stale", "what was said of them has ended"
    assert states["A.5.11"] == "not-satisfied", "an attestation says so"
    assert states["A.8.30"] == "not-applicable"


def test_each_control_that_is_satisfied_is_so_by_a_finding_a_silence_or_an_attestation(played: Played) -> None:
    query = played.parts.query
    for id_, control in query.controls(Moment()).items():
        if control.state == "satisfied":
            assert query.findings(Moment(), control=id_, state="satisfied"), id_


def test_attestations_of_all_states_and_an_accepted_deviation_are_there(played: Played) -> None:
    now = played.parts.store.clock()
    states = Counter(view.state for view in played.parts.query.attestations(now, Moment()))
    assert states["valid"] > 50
    assert (states["expired"], states["waiting"]) == (2, 1)
    [accepted] = played.parts.query.exceptions(now, Moment())
    assert "k.brandt" in (accepted.subject or "")
    assert played.parts.query.controls(Moment())["A.8.5"].accepted == 1


def test_the_evidence_verifies_and_the_commands_read_it(played: Played, run: Run) -> None:
    assert run("evidence", "verify", config=played.stage.config).code == Exit.DONE
    assert "not-assessed" in run("status", config=played.stage.config).out
