"""alerts/slack.py against a real HTTP server: what a channel sees, and when Slack has it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from alerts.base import Action, AlertError, Refused, Retry
from alerts.slack import message
from tests.alerts.hostile import HOSTILE

PATH = "/services/T00/B00/T0K3N"


@pytest.fixture
def notifier(build: Any, httpserver: HTTPServer) -> Any:
    return build("slack", url=httpserver.url_for(PATH), mention="channel")


def texts(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every text object of the blocks."""
    found = []
    for block in blocks:
        found += [block["text"]] if "text" in block else []
        found += block.get("fields", []) + [e for e in block.get("elements", []) if e["type"] == "plain_text"]
    return found


def test_a_message_is_a_header_the_sentence_and_facts(notifier: Any, make_alert: Any, httpserver: HTTPServer) -> None:
    httpserver.expect_request(PATH, method="POST").respond_with_data("ok")
    notifier.notify(make_alert())
    [(request, _)] = httpserver.log
    sent = json.loads(request.data)
    assert request.headers["Content-Type"] == "application/json; charset=utf-8"
    shown = "\n".join(text["text"] for text in texts(sent["blocks"]))
    for part in ("Open (critical): Trail stopped from logging", "not satisfied for main", "Controls: A.8.15", "Subjects: main"):
        assert part in shown
    assert sent["blocks"][-2]["elements"][0]["url"].startswith("https://attestream.example.org/")
    assert sent["text"].startswith("<!channel> Open (critical)")


@pytest.mark.parametrize("action", [action for action in Action if action is not Action.TRIGGER])
def test_only_what_opens_mentions_anybody(make_alert: Any, action: Action) -> None:
    assert "<!" not in json.dumps(message(make_alert(action), "channel"))


@pytest.mark.parametrize(
    ("who", "said"), [("here", "<!here>"), ("U024BE7LH", "<@U024BE7LH>"), ("S0614TZR7", "<!subteam^S0614TZR7>")]
)
def test_who_is_mentioned(make_alert: Any, who: str, said: str) -> None:
    assert message(make_alert(), who)["text"].startswith(said)


def test_texts_from_outside_are_no_markup(make_alert: Any) -> None:
    sent = message(make_alert(title=HOSTILE, sentence=HOSTILE, subjects=(HOSTILE,), account=HOSTILE, key=HOSTILE))
    assert "<!channel>" not in sent["text"]
    assert "&lt;!channel&gt;" in sent["text"]
    assert {text["type"] for text in texts(sent["blocks"])} == {"plain_text"}


def test_nothing_is_longer_than_slack_takes(make_alert: Any) -> None:
    long = "x" * 5000
    sent = message(make_alert(Action.DIGEST, title=long, sentence=long, lines=(long,) * 30, counts={"high": 3}))
    header, *others = sent["blocks"]
    assert len(header["text"]["text"]) <= 150
    assert all(len(text["text"]) <= 3000 for text in texts(others))
    assert len(sent["blocks"]) <= 50


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, "invalid_payload", Refused),
        (200, "something else", Retry),
        (200, "", Retry),
        (200, '{"ok":false,"error":"channel_not_found"}', Refused),
        (200, '{"ok":false,"error":"ratelimited"}', Retry),
        (403, "action_prohibited", Refused),
        (404, "no_service", Refused),
        (410, "channel_is_archived", Refused),
        (400, "s3cr3t", Refused),
        (500, "rollup_error", Retry),
    ],
)
def test_slack_has_it_when_it_says_so(
    notifier: Any, make_alert: Any, httpserver: HTTPServer, status: int, body: str, kind: type[AlertError]
) -> None:
    httpserver.expect_request(PATH).respond_with_data(body, status=status)
    with pytest.raises(kind) as error:
        notifier.notify(make_alert())
    assert "T0K3N" not in str(error.value)
    assert "s3cr3t" not in str(error.value)
    assert f"answered {status}" in str(error.value)


@pytest.mark.parametrize("body", ["ok", '{"ok":true}', "ok\n"])
def test_what_slack_answers_when_it_has_it(notifier: Any, make_alert: Any, httpserver: HTTPServer, body: str) -> None:
    httpserver.expect_request(PATH).respond_with_data(body)
    notifier.notify(make_alert(Action.RESOLVE))
    assert len(httpserver.log) == 1
