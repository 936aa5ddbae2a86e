"""When a delivery that failed is tried again. Seconds in, microseconds out; pure."""

from __future__ import annotations

from typing import Final

from store.records import DAY, HOUR, MINUTE, SECOND

FIRST: Final = 5 * SECOND
LONGEST_SHORT: Final = 5 * MINUTE
UNDELIVERABLE_AFTER: Final = 8
"""Failed attempts before a delivery counts as undeliverable. It is tried on, but seldom."""
FIRST_LONG: Final = 10 * MINUTE
LONGEST_LONG: Final = HOUR
LONGEST_ASKED: Final = DAY
"""A receiver's Retry-After is honoured up to this."""


def wait(attempts: int, after: float | None, refused: bool, chance: float) -> int:
    """Microseconds until the next try, after `attempts` (at least 1) of them failed. `chance` is within 0..1: the jitter.

    Doubles from 5 s to 5 minutes; refused or undeliverable from 10 minutes to an hour. Never less than `after` seconds asked for.
    """
    tries = attempts if refused else attempts - UNDELIVERABLE_AFTER
    if refused or tries >= 0:
        base = min(FIRST_LONG << min(max(tries - 1, 0), 16), LONGEST_LONG)
    else:
        base = min(FIRST << min(attempts - 1, 16), LONGEST_SHORT)
    jittered = int(base * (0.75 + 0.5 * chance))
    asked = int(min(max(after or 0.0, 0.0), LONGEST_ASKED / SECOND) * SECOND)
    return max(jittered, asked + int(asked * chance) // 20)


def undeliverable(attempts: int, refused: bool) -> bool:
    """Is it to be shown as failed?"""
    return refused or attempts >= UNDELIVERABLE_AFTER
