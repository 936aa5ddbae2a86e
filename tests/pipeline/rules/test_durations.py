"""Durations as mappings write them."""

from __future__ import annotations

import pytest

from pipeline.rules.durations import parse_duration
from pipeline.rules.problems import RulesError
from store.records import DAY, HOUR, MINUTE, SECOND


@pytest.mark.parametrize(("text", "value"), [("7d", 7 * DAY), ("26h", 26 * HOUR), ("30m", 30 * MINUTE), ("90s", 90 * SECOND)])
def test_units(text: str, value: int) -> None:
    assert parse_duration(text) == value


@pytest.mark.parametrize("raw", ["", "7", "7 d", "7D", "-1d", "0d", "1.5h", "1w", 7, None, "999999d", "1d\n", "٧d"])
def test_refused(raw: object) -> None:
    with pytest.raises(RulesError, match="duration"):
        parse_duration(raw)
