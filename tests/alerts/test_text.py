"""alerts/text.py: words and what may not be in them."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from alerts import text
from store.records import DAY, MINUTE

START = 20_000 * DAY


@given(st.text())
def test_plain_text_is_one_line_without_controls_and_short(value: str) -> None:
    shown = text.plain(value, 50)
    assert len(shown) <= 50
    assert not any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in shown)
    assert text.plain(shown, 50) == shown
    assert shown.encode().decode() == shown


def test_printable_text_stays_as_it_is() -> None:
    assert text.plain("Zürich – 東京 100 %") == "Zürich – 東京 100 %"


def test_periods_name_the_day_once_where_it_is_one() -> None:
    assert text.period(START, START + 12 * MINUTE) == "2024-10-04 00:00:00 to 00:12:00 UTC"
    assert text.period(START, START + DAY) == "2024-10-04 00:00:00 to 2024-10-05 00:00:00 UTC"


def test_lists_say_how_many_more() -> None:
    assert text.listed(["a", "b"], 2) == "a, b"
    assert text.listed(list("abcdefgh"), 40) == "a, b, c, d, e and 35 more"
    assert text.whose(["a"], 1, "acc") == "a in account acc"
    assert text.whose(["acc"], 1, "acc") == "account acc"
    assert text.whose([], 3, "acc") == "3 subjects in account acc"


def test_names_lose_the_account_before_them_only() -> None:
    assert text.short("1234/trail/x", "1234") == "trail/x"
    assert text.short("1234", "1234") == "1234"
    assert text.short("12345/x", "1234") == "12345/x"
