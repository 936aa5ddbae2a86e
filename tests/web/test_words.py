"""Times, numbers and names in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.records import DAY, HOUR, MINUTE, SECOND
from store.times import parse_time
from web import words

NOW = parse_time("2026-11-24T15:00:00Z")


@pytest.mark.parametrize(
    ("micros", "said"),
    [
        (0, "0 s"),
        (59 * SECOND, "59 s"),
        (MINUTE, "1 min"),
        (38 * MINUTE, "38 min"),
        (5 * HOUR, "5 h"),
        (47 * HOUR, "47 h"),
        (48 * HOUR, "2 d"),
        (1000 * DAY, "2 y"),
        (-MINUTE, "1 min"),
    ],
)
def test_duration(micros: int, said: str) -> None:
    assert words.duration(micros) == said


def test_ago() -> None:
    assert words.ago(NOW - 38 * MINUTE, NOW) == "38 min ago"
    assert words.ago(NOW - SECOND, NOW) == "just now"
    assert words.ago(NOW + 3 * HOUR, NOW) == "in 3 h"


@pytest.mark.parametrize(
    ("then", "short", "whole"),
    [
        ("2026-11-24T14:22:00Z", "14:22", "14:22"),
        ("2026-11-23T09:00:00Z", "Mon 09:00", "Mon 09:00"),
        ("2026-11-10T09:00:00Z", "10 Nov", "10 Nov 09:00"),
        ("2025-11-10T09:00:00Z", "10 Nov 2025", "10 Nov 2025 09:00"),
        ("2026-11-26T09:00:00Z", "26 Nov", "26 Nov 09:00"),
    ],
)
def test_clock_time(then: str, short: str, whole: str) -> None:
    assert words.clock_time(parse_time(then), NOW) == short
    assert words.day_and_time(parse_time(then), NOW) == whole


def test_numbers_and_sentences() -> None:
    assert words.number(1204518) == "1,204,518"
    assert words.counted(1, "entry", "entries") == "1 entry"
    assert words.counted(2, "entry", "entries") == "2 entries"
    assert [words.in_words(n) for n in (0, 3, 12, 13, 1300)] == ["no", "three", "twelve", "13", "1,300"]
    assert words.listed(["a", "b", "c"], "or") == "a, b or c"
    assert words.listed(["a"]) == "a"
    assert words.listed([]) == ""
    assert words.sentence("three controls") == "Three controls"
    assert [words.size(n) for n in (1, 812, 14 * 1024, 3 * 1024 * 1024)] == ["1 byte", "812 bytes", "14 KiB", "3.0 MiB"]


@given(st.text(), st.integers(min_value=3, max_value=80))
def test_middle_keeps_both_ends(text: str, keep: int) -> None:
    short = words.middle(text, keep)
    assert len(short) == min(len(text), keep)
    if len(text) > keep:
        head, tail = short.split("…", 1) if text.count("…") == 0 else (short[: keep // 2], short[keep // 2 + 1 :])
        assert text.startswith(head)
        assert text.endswith(tail)


@given(st.text(st.characters(codec=None), max_size=60))
def test_nothing_hidden_is_left(text: str) -> None:
    shown = words.visible(text)
    assert not [c for c in shown if words.is_hidden(c)]
    assert [c for c in text if not words.is_hidden(c)] == [c for c in text if c in shown and not words.is_hidden(c)]


@pytest.mark.parametrize(
    "character", ["\x00", "\x1b", "\x7f", "\x85", "\u200b", "\u202e", "\u2066", "\u2028", "\ufeff", "\ud800", "\U000e0041"]
)
def test_hidden_characters_are_named(character: str) -> None:
    assert words.visible(f"a{character}b").startswith("a⟨")


@pytest.mark.parametrize("text", ["plain", "Grüße", "日本語", "עברית", "a b", "🙂", "`$(x)`"])
def test_what_can_be_seen_stays(text: str) -> None:
    assert words.visible(text) == text


@given(st.integers())
def test_any_number_is_a_time_in_words(micros: int) -> None:
    assert words.exact(micros)
    assert words.clock_time(micros, NOW)
    assert words.ago(micros, NOW)
