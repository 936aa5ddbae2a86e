"""Needles: all that occur are found, however long the text; and a pattern's needle is in every text that the pattern fits."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.rules.needles import Needles, needle_of
from pipeline.rules.regex import searcher
from pipeline.rules.values import fold

SHORT = st.text("abß\ud800", min_size=1, max_size=4)


@settings(deadline=None, max_examples=300)
@given(st.lists(SHORT, max_size=14), st.text("abß\ud800c", max_size=40))
def test_exactly_those_that_occur(needles: list[str], text: str) -> None:
    assert set(Needles(needles).among(text)) == {needle for needle in needles if needle in text}


@pytest.mark.parametrize("at", [0, 1530, 2040, 2047, 2048, 4090, 9990])
def test_none_is_lost_where_a_long_text_is_cut(at: int) -> None:
    needles = Needles([f"needle-{number}" for number in range(20)] + ["n" * 700])
    text = "x" * at + "needle-13" + "y" * (10_000 - at)
    assert {"needle-13"} <= set(needles.among(text)) <= {"needle-13", "needle-1"}
    assert "n" * 700 in set(needles.among("x" * at + "n" * 700))


PIECES = st.sampled_from(
    ["ab", "abc", "a", "B", "-", "\\.", "\\d", "[ab]", "[^]x]", "(ab)", "(a|b)", "(?:ab)+", "a*", "b?", "ab+", "a{2}", "b{0,1}",
     ".", "^", "$", "x|y", "\\\\", "{", "[[:alpha:]]"]
)  # fmt: skip


@settings(deadline=None, max_examples=600)
@given(st.lists(PIECES, min_size=1, max_size=5).map("".join), st.text("abBxy-.\\1{c", max_size=14))
def test_a_pattern_fits_no_text_without_its_needle(pattern: str, text: str) -> None:
    needle = needle_of(pattern)
    try:
        search = searcher(pattern)
    except ValueError:
        return
    if needle is not None and search(text):
        assert fold(needle) in fold(text)


@pytest.mark.parametrize(
    ("pattern", "needle"),
    [
        ("scanner[0-9]+-7", "scanner"),
        ("(?i)evil.*tool", "evil"),
        ("evils?", "evil"),
        ("a|b", None),
        (".*", None),
        ("(?P<n>abc)", None),
        ("\\x41bcd", None),
        ("abc{0}", "ab"),
    ],
)
def test_needles_of_patterns(pattern: str, needle: str | None) -> None:
    assert needle_of(pattern) == needle
