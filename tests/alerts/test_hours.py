"""alerts/hours.py: quiet hours and digests in time zones, over changes of clocks."""

from __future__ import annotations

from datetime import time as Daytime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.hours import DAYS, Digest, Quiet, zone_of
from store.records import DAY, HOUR, MINUTE
from store.times import format_time, parse_time

NIGHT = (Daytime(22), Daytime(7))
EVERY = frozenset(range(7))


def quiet(hours: tuple[Daytime, Daytime] = NIGHT, days: frozenset[int] = EVERY, zone: str = "UTC") -> Quiet:
    return Quiet(*hours, days, zone_of(zone), 4)


@pytest.mark.parametrize(
    ("now", "made", "until"),
    [
        ("2026-11-25T21:59:59Z", quiet(), None),
        ("2026-11-25T22:00:00Z", quiet(), "2026-11-26T07:00:00Z"),
        ("2026-11-26T06:59:59Z", quiet(), "2026-11-26T07:00:00Z"),
        ("2026-11-26T07:00:00Z", quiet(), None),
        ("2026-11-25T12:00:00Z", quiet((Daytime(9), Daytime(17))), "2026-11-25T17:00:00Z"),
        ("2026-11-25T21:00:00Z", quiet(zone="Europe/Berlin"), "2026-11-26T06:00:00Z"),
        # Wednesday's night is not quiet; the night that began on Tuesday still is.
        ("2026-11-25T23:00:00Z", quiet(days=frozenset({1})), None),
        ("2026-11-25T03:00:00Z", quiet(days=frozenset({1})), "2026-11-25T07:00:00Z"),
        # From Saturday 00:00 to Monday 00:00 without a break.
        ("2026-11-28T10:00:00Z", quiet((Daytime(0), Daytime(0)), frozenset({5, 6})), "2026-11-30T00:00:00Z"),
        # The clock is set back in this night: it is an hour longer.
        ("2026-10-24T21:00:00Z", quiet(zone="Europe/Berlin"), "2026-10-25T06:00:00Z"),
    ],
)
def test_until_when_it_is_quiet(now: str, made: Quiet, until: str | None) -> None:
    found = made.until(parse_time(now))
    assert found == (parse_time(until) if until is not None else None)


@pytest.mark.parametrize(
    ("now", "digest", "slot"),
    [
        ("2026-11-25T07:30:00Z", Digest(Daytime(7, 30), zone_of("UTC")), "2026-11-25T07:30:00Z"),
        ("2026-11-25T07:29:59Z", Digest(Daytime(7, 30), zone_of("UTC")), "2026-11-24T07:30:00Z"),
        ("2026-11-25T07:00:00Z", Digest(Daytime(7, 30), zone_of("Europe/Berlin")), "2026-11-25T06:30:00Z"),
        ("2026-11-25T07:00:00Z", Digest(Daytime(7), zone_of("UTC"), 0), "2026-11-23T07:00:00Z"),
        ("2026-11-23T06:59:59Z", Digest(Daytime(7), zone_of("UTC"), 0), "2026-11-16T07:00:00Z"),
    ],
)
def test_when_a_digest_was_due(now: str, digest: Digest, slot: str) -> None:
    assert format_time(digest.slot(parse_time(now))) == format_time(parse_time(slot))


@given(st.integers(0, 40_000 * DAY), st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Pacific/Apia"]), st.data())
def test_any_time_has_its_hours(now: int, zone: str, data: Any) -> None:
    at = Daytime(data.draw(st.integers(0, 23)), data.draw(st.integers(0, 59)))
    day = data.draw(st.none() | st.integers(0, len(DAYS) - 1))
    slot = Digest(at, zone_of(zone), day).slot(now)
    assert now - (9 if day is not None else 3) * DAY < slot <= now  # a day may be skipped where the date line was moved
    end = data.draw(st.integers(0, 23).map(Daytime).filter(lambda end: end != at))
    until = quiet((at, end), zone=zone).until(now)
    assert until is None or now < until <= now + 2 * DAY + 2 * HOUR
    if until is not None:
        assert quiet((at, end), zone=zone).until(until + MINUTE) != until


@pytest.mark.parametrize("name", ["", "Nowhere/Nothing", "../../etc/passwd", "/etc/localtime"])
def test_what_is_no_time_zone_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        zone_of(name)
