"""Numbers computed from an event, against sums done another way."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.rules.derive import Derived, DeriveError, parse_derive
from pipeline.rules.report import Report
from pipeline.rules.values import decode_payload
from pipeline.rules.view import MISSING, View
from pipeline.rules.yamldoc import read_documents

NOW = datetime(2026, 11, 25, 10, tzinfo=UTC)
TIME = int(NOW.timestamp()) * 1_000_000


def derived(text: str) -> Derived:
    report = Report("m.yaml")
    found = parse_derive({"n": text}, str, report)
    assert found is not None, report.problems
    return found[0]


def value(text: str, payload: Any, time: int = TIME) -> Any:
    data = payload if isinstance(payload, str) else json.dumps(payload)
    return derived(text).value(View(decode_payload(data.encode())), time)


@pytest.mark.parametrize(
    ("text", "payload", "number"),
    [
        ("hours_between(a, b)", {"a": "2026-11-25T06:00:00Z", "b": "2026-11-25T10:30:00Z"}, "4.5"),
        ("hours_between(a, @time)", {"a": "2026-11-25T06:00:00Z"}, "4"),
        ("days_between(@time, a)", {"a": "2026-11-24T10:00:00Z"}, "-1"),
        ("days_between(a, @time)", {"a": "2026-11-24"}, "1.416666666667"),
        ("days_between(a, @time)", {"a": "2026-11-24T12:00:00.000+0200"}, "1"),
        ("days_between(a, @time)", {"a": "2026-11-24 10:00:00"}, "1"),
        ("days_between(a, @time)", {"a": "2026-11-24T10:00:00.123456789Z"}, "0.999998571111"),
        ("days_between(a, @time)", {"a": (TIME // 1_000_000) - 86400}, "1"),
        ("days_between(a, @time)", {"a": (TIME // 1_000) - 43_200_000}, "0.5"),
        ("days_between(a.b, @time)", {"a": [{"b": "2026-11-24T10:00:00Z"}, {"c": 1}]}, "1"),
        ("count(a)", {"a": [1, None, {"b": 2}]}, "3"),
        ("count(a)", {"a": []}, "0"),
        ("count(a)", {"a": [[1, 2], [], [3]]}, "3"),
        ("count(a.b)", {"a": [{"b": [1, 2]}, {"b": [3]}, {"b": None}, {}]}, "3"),
        ("count(a.b)", {"a.b": [1]}, "1"),
        ("ratio(a, b)", {"a": 1, "b": 3}, "0.333333333333"),
        ("ratio(a, b)", {"a": "3", "b": "1.5"}, "2"),
        ("ratio(a, b)", '{"a": 9007199254740993, "b": 1}', "9007199254740993"),
        ("ratio(a, b)", {"a": 0, "b": -7}, "0"),
    ],
)
def test_numbers(text: str, payload: Any, number: str) -> None:
    assert str(value(text, payload)) == number


@pytest.mark.parametrize(
    ("text", "payload"),
    [
        ("hours_between(a, b)", {"a": "2026-11-25T06:00:00Z"}),
        ("hours_between(a, b)", {"a": "2026-11-25T06:00:00Z", "b": None}),
        ("hours_between(a, b)", {"a": "", "b": "2026-11-25T06:00:00Z"}),
        ("days_between(a.b, @time)", {"a": []}),
        ("count(a)", {}),
        ("count(a)", {"a": None}),
        ("ratio(a, b)", {"a": 1}),
        ("ratio(a, b)", {"a": 0, "b": 0}),
    ],
)
def test_what_is_absent_gives_nothing(text: str, payload: Any) -> None:
    assert value(text, payload) is MISSING


@pytest.mark.parametrize(
    ("text", "payload", "said"),
    [
        ("days_between(a, @time)", {"a": "yesterday"}, "a is no time: yesterday"),
        ("days_between(a, @time)", {"a": True}, "a is no time: true"),
        ("days_between(a, @time)", {"a": {"b": 1}}, "a is no time: an object"),
        ("days_between(a, @time)", {"a": ["2026-11-24", "2026-11-23"]}, "2 values where one time is meant"),
        ("count(a)", {"a": "x"}, "a is no list"),
        ("count(a)", {"a": {"b": 1}}, "a is no list"),
        ("ratio(a, b)", {"a": "many", "b": 1}, "a is no number: many"),
        ("ratio(a, b)", {"a": True, "b": 1}, "a is no number: true"),
    ],
)
def test_what_cannot_be_understood_is_an_error(text: str, payload: Any, said: str) -> None:
    with pytest.raises(DeriveError, match=said):
        value(text, payload)


def test_what_no_number_can_hold_is_an_error() -> None:
    with pytest.raises(ArithmeticError):
        value("ratio(a, b)", '{"a": 1e999999, "b": 1e-999999}')
    with pytest.raises(ArithmeticError):
        value("ratio(a, b)", {"a": "1" * 80, "b": 1})


MOMENTS = st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2099, 1, 1), timezones=st.just(UTC))


@given(MOMENTS, MOMENTS)
def test_time_between_is_exact_to_its_last_digit(start: datetime, end: datetime) -> None:
    payload = {"a": start.isoformat(), "b": end.isoformat()}
    for unit, length in (("hours_between", timedelta(hours=1)), ("days_between", timedelta(days=1))):
        exact = Fraction((end - start) // timedelta(microseconds=1), length // timedelta(microseconds=1))
        assert abs(Fraction(str(value(f"{unit}(a, b)", payload))) - exact) <= Fraction(1, 2 * 10**12)


NESTED: st.SearchStrategy[Any] = st.recursive(st.integers(), lambda inner: st.lists(inner, max_size=3), max_leaves=8)


@given(st.lists(NESTED, max_size=4))
def test_count_counts_what_a_list_holds_however_deep(values: list[Any]) -> None:
    def size(node: Any) -> int:
        return sum(map(size, node)) if isinstance(node, list) else 1

    assert value("count(a)", {"a": values}) == size(values)


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("{h: 'hours_betwen(a, b)'}", "unknown function 'hours_betwen'", "'hours_between'"),
        ("{h: a - b}", "is no function of fields", "days_between"),
        ("{h: ratio(a}", "is no function of fields", "in { } a function is quoted"),
        ("{h: 1}", "is no function of fields", ""),
        ("{h: 'count(a, b)'}", "count takes 1 fields", ""),
        ("{h: 'hours_between(a, )'}", "hours_between takes 2 fields", ""),
        ("{h: count(@time)}", "@time is a time", ""),
        ("{h: 'hours_between(a, @now)'}", "unknown '@now'", "@time"),
        ("{a.b: count(a)}", "the name 'a.b' must be letters", ""),
        ("{r: 'ratio(n, m)', n: count(a)}", "not derived above it", ""),
        ("{n: count(a), m: count(n)}", "count cannot take 'n'", ""),
        ("[count(a)]", "a map of names", ""),
        ("{}", "a map of names", ""),
    ],
)
def test_what_cannot_be_used_is_reported(text: str, said: str, hint: str) -> None:
    report = Report("m.yaml")
    assert parse_derive(read_documents(text)[0].data, str, report) is None
    [problem] = report.problems
    assert said in problem.message
    assert hint in problem.hint


def test_a_ratio_may_take_numbers_derived_above_it(compiled: Callable[..., Any], event: Callable[..., Any]) -> None:
    rules = compiled(
        "{title: x, logsource: {product: aws, service: cloudtrail}, rationale: r, derive: {n: count(bad), m: count(all), "
        "share: 'ratio(n, m)'}, detection: {s: {share|gte: 0.5}, condition: s}}"
    )
    assert [j.reason for j in rules.judge(event({"bad": [1], "all": [1, 2]}))] == ["share = 0.5"]
    assert rules.judge(event({"bad": [1], "all": [1, 2, 3]})) == ()
    assert rules.judge(event({"bad": [1], "all": []})) == ()
