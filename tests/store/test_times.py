"""store/times.py: RFC 3339 text beside microseconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.errors import InvalidTime, StoreError
from store.times import MAX_TIME, format_time, parse_time

times = st.integers(0, MAX_TIME)


@settings(deadline=None)
@given(times)
def test_round_trips_in_27_characters(micros):
    text = format_time(micros)
    assert len(text) == 27
    assert parse_time(text) == micros


@settings(deadline=None)
@given(times, times)
def test_text_sorts_like_time(one, other):
    assert (format_time(one) < format_time(other)) == (one < other)


@settings(deadline=None)
@given(st.datetimes(datetime(1971, 1, 1), datetime(9998, 12, 31)), st.integers(-1439, 1439))
def test_agrees_with_datetime_at_any_offset(naive, minutes):
    moment = naive.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    micros = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    assert parse_time(moment.isoformat()) == micros
    assert format_time(micros) == moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01t00:00:00.5z", 500_000),
        ("1970-01-01T00:00:00.123456999Z", 123_456),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1969-12-31T23:00:00-01:00", 0),
        ("1970-01-01T00:00:01-00:00", 1_000_000),
        ("9999-12-31T23:59:59.999999999Z", MAX_TIME),
        ("2024-02-29T00:00:00Z", 1_709_164_800_000_000),
    ],
)
def test_reads(text, micros):
    assert parse_time(text) == micros


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2016-12-31T23:59:60Z", "leap second"),
        ("2016-12-31T23:59:61Z", "time of day"),
        ("2016-12-31T24:00:00Z", "time of day"),
        ("2016-12-31T23:60:00Z", "time of day"),
        ("2023-02-29T00:00:00Z", "no such day"),
        ("2023-13-01T00:00:00Z", "no such day"),
        ("0000-01-01T00:00:00Z", "no such day"),
        ("2023-01-01T00:00:00+24:00", "offset"),
        ("2023-01-01T00:00:00+00:60", "offset"),
        ("1969-12-31T23:59:59.999999Z", "out of range"),
        ("1970-01-01T00:00:00+00:01", "out of range"),
        ("9999-12-31T23:59:59-00:01", "out of range"),
        ("2023-01-01T00:00:00", "RFC 3339"),
        ("2023-01-01 00:00:00Z", "RFC 3339"),
        ("2023-01-01T00:00Z", "RFC 3339"),
        ("2023-01-01T00:00:00.Z", "RFC 3339"),
        ("2023-01-01T00:00:00,5Z", "RFC 3339"),
        ("2023-1-1T00:00:00Z", "RFC 3339"),
        ("2023-01-01T00:00:00+0100", "RFC 3339"),
        ("٢٠٢٣-01-01T00:00:00Z", "RFC 3339"),
        (" 2023-01-01T00:00:00Z", "RFC 3339"),
        ("2023-01-01T00:00:00Z\n", "RFC 3339"),
        ("2023-01-01T00:00:00." + "1" * 100 + "Z", "RFC 3339"),
        ("", "RFC 3339"),
        ("\x1b[2J" * 1000, "RFC 3339"),
    ],
)
def test_refuses_with_a_reason(text, reason):
    with pytest.raises(InvalidTime, match=reason) as caught:
        parse_time(text)
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("micros", [-1, MAX_TIME + 1, 1 << 80])
def test_a_time_that_cannot_be_written_is_refused(micros):
    with pytest.raises(InvalidTime, match="out of range"):
        format_time(micros)


@settings(deadline=None)
@given(st.text(max_size=40))
def test_noise_raises_invalid_time_only(text):
    try:
        micros = parse_time(text)
    except InvalidTime:
        return
    assert 0 <= micros <= MAX_TIME


def test_the_error_is_one_of_the_store_s():
    assert issubclass(InvalidTime, StoreError)
