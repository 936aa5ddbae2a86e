"""How often the fault tests strike: rarely by default, as often as it takes with FAULTS=long, a part of that with FAULTS=5%."""

from __future__ import annotations

import os
import re

ASKED = os.environ.get("FAULTS", "")
LONG = ASKED == "long"


def share(asked: str) -> float:
    """What part of the long run is asked for; 0 for none of it. Raises ValueError for what is neither `long` nor a percentage."""
    if asked in ("", "long"):
        return float(bool(asked))
    if not re.fullmatch(r"\d{1,2}%", asked):
        raise ValueError(f"FAULTS={asked}: it is `long`, or a part of the long run such as 5%")
    return int(asked[:-1]) / 100


def times(default: int, long: int, asked: str = ASKED) -> int:
    """How often: `long` times what is asked for of it, never less than `default`."""
    return max(default, round(long * share(asked)))
