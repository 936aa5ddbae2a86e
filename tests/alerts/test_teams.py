"""alerts/teams.py against a real HTTP server: the card, and when Teams has it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from alerts.base import Action, AlertError, Refused, Retry
from alerts.teams import MAX_MESSAGE, message
from tests.alerts.hostile import HOSTILE

PATH = "/workflows/T0K3N/triggers"


@pytest.fixture
def notifier(build: Any, httpserver: HTTPServer) -> Any:
    return build("teams", url=httpserver.url_for(PATH) + "?sig=s3cr3t")


def card_of(sent: dict[str, Any]) -> dict[str, Any]:
    [attachment] = sent["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    return dict(attachment["content"])


def test_a_card_has_the_headline_the_sentence_facts_and_a_link(notifier: Any, make_alert: Any, httpserver: HTTPServer) -> None:
    httpserver.expect_request(PATH, method="POST").respond_with_data("", status=202)
    notifier.notify(make_alert())
    [(request, _)] = httpserver.log
    card = card_of(json.loads(request.data))
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
    shown = "\n".join("".join(run["text"] for run in block["inlines"]) for block in card["body"])
    for part in (
        "Open (critical): Trail stopped from logging",
        "not satisfied for main",
        "Controls: A.8.15",
        "Evidence: entry 4708",
    ):
        assert part in shown
    assert card["actions"][0]["url"].startswith("https://attestream.example.org/")


def test_texts_from_outside_stand_where_no_markdown_is_read(make_alert: Any) -> None:
    card = card_of(message(make_alert(title=HOSTILE, sentence=HOSTILE, subjects=(HOSTILE,)), 20))
    assert {block["type"] for block in card["body"]} == {"RichTextBlock"}
    assert {run["type"] for block in card["body"] for run in block["inlines"]} == {"TextRun"}


def test_what_would_be_too_large_goes_without_its_lines(notifier: Any, make_alert: Any, httpserver: HTTPServer) -> None:
    httpserver.expect_request(PATH).respond_with_data("", status=202)
    notifier.notify(make_alert(Action.DIGEST, lines=("y" * 4000,) * 15))
    [(request, _)] = httpserver.log
    assert 500 < len(request.data) < MAX_MESSAGE


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429", Retry),
        (429, "", Retry),
        (502, "", Retry),
        (400, "s3cr3t", Refused),
        (401, "", Refused),
    ],
)
def test_teams_has_it_when_it_says_so(
    notifier: Any, make_alert: Any, httpserver: HTTPServer, status: int, body: str, kind: type[AlertError]
) -> None:
    httpserver.expect_request(PATH).respond_with_data(body, status=status)
    with pytest.raises(kind) as error:
        notifier.notify(make_alert())
    assert not {"T0K3N", "s3cr3t"} & set(str(error.value).replace("/", " ").split())


@pytest.mark.parametrize(("status", "body"), [(202, ""), (202, "{}"), (200, "1"), (200, "")])
def test_what_teams_answers_when_it_has_it(
    notifier: Any, make_alert: Any, httpserver: HTTPServer, status: int, body: str
) -> None:
    httpserver.expect_request(PATH).respond_with_data(body, status=status)
    notifier.notify(make_alert(Action.RESOLVE))
    assert len(httpserver.log) == 1
