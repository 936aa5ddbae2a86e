"""Calls of a window: given up in time, and told apart from refusals."""

from __future__ import annotations

from typing import Any

import pytest

from collectors.base import SourceUnreadable
from collectors.calls import GIVE_UP, Calls
from collectors.http import Answer, ApiError, Kind
from collectors.report import Silent, WindowReport

GOOD = Answer(200, {"date": "Wed, 25 Nov 2026 02:00:00 GMT"}, b"{}")


class Scripted:
    """An Api that answers what it is told, in order."""

    what = "an API"

    def __init__(self, *answers: Answer | Kind) -> None:
        self.answers = list(answers)

    def get(self, path: str) -> Answer:
        answer = self.answers.pop(0)
        if isinstance(answer, Answer):
            return answer
        raise ApiError(self.what, answer, 500)


def outcome(calls: Calls) -> str:
    try:
        calls.get("/x")
    except ApiError as error:
        return error.kind
    except SourceUnreadable:
        return "over"
    return "good"


def play(*answers: Answer | Kind) -> list[str]:
    api: Any = Scripted(*answers)
    calls = Calls(api)
    return [outcome(calls) for _ in answers]


def test_failures_in_a_row_end_it() -> None:
    kinds: list[Kind] = ["failing", "unreachable", "throttled", "nonsense", "failing"]
    assert len(kinds) == GIVE_UP
    assert play(*kinds) == ["failing", "unreachable", "throttled", "nonsense", "over"]


@pytest.mark.parametrize("between", [GOOD, "denied", "missing", "refused"])
def test_an_answer_between_them_even_a_refusal_begins_anew(between: Any) -> None:
    said = play(*["failing"] * 4, between, *["failing"] * 4)
    assert "over" not in said


def test_refusals_never_end_it() -> None:
    assert play(*["denied"] * 50) == ["denied"] * 50


def test_credentials_that_are_not_accepted_end_it_at_once() -> None:
    assert play("credentials") == ["over"]


def test_pages_are_counted_and_their_clock_is_read_once() -> None:
    later = Answer(200, {"date": "Wed, 25 Nov 2026 03:00:00 GMT"}, b"[1]")
    api: Any = Scripted(GOOD, later)
    report = WindowReport(Silent(), {})
    calls = Calls(api, report)
    calls.get("/x")
    first = calls.time
    calls.get("/x")
    assert (report.pages, report.size) == (2, 5)
    assert calls.time == first > 0
