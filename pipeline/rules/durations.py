"""Durations as mappings write them: `7d`, `26h`, `30m`, `90s`."""

from __future__ import annotations

import re
from typing import Final

from pipeline.rules.problems import RulesError
from store.records import DAY, HOUR, MINUTE, SECOND

_UNITS: Final = {"d": DAY, "h": HOUR, "m": MINUTE, "s": SECOND}
_TEXT: Final = re.compile(r"([0-9]{1,6})([dhms])")
MAX_DURATION: Final = 3660 * DAY


def parse_duration(raw: object) -> int:
    """Microseconds. Raises RulesError for anything but a whole number of days, hours, minutes or seconds up to ten years."""
    found = _TEXT.fullmatch(raw) if isinstance(raw, str) else None
    if found is None:
        raise RulesError(f"{raw!r} is no duration; write 7d, 26h, 30m or 90s")
    duration = int(found[1]) * _UNITS[found[2]]
    if not 0 < duration <= MAX_DURATION:
        raise RulesError(f"{raw!r}: a duration is more than nothing and at most ten years")
    return duration
