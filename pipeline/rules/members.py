"""Sets: names that come and go with events (people who have left), as a batch reads them at one size of the log.

A value is a member at a time when some of its spans holds that time: [from, until). Values are compared as text without case and
never as patterns: events choose them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.rules.problems import RulesError
from pipeline.rules.values import fold, text_of

PREFIX: Final = "set:"
"""Begins the id under which what a set reads is kept."""
ALWAYS: Final = ((-(1 << 62), 1 << 62),)

Spans = Sequence[tuple[int, int]]
Sets = Mapping[str, Mapping[str, Spans]]
"""Set -> folded member -> when it is one, in microseconds."""


class SetsError(RulesError):
    """A mapping asks a set that was not read."""


@dataclass(frozen=True, slots=True)
class Members:
    """What sets hold at one time."""

    sets: Sets | None
    time: int

    def has(self, name: str, value: object) -> bool:
        """Is this value a member? Raises SetsError where the set was not read."""
        if self.sets is None or name not in self.sets:
            raise SetsError(f"the set {name!r} was not read")
        text = text_of(value)
        if text is None:
            return False
        return any(start <= self.time < end for start, end in self.sets[name].get(fold(text), ()))


def always(sets: Mapping[str, Iterable[str]]) -> Sets:
    """Sets whose members are members at any time."""
    return {name: {fold(member): ALWAYS for member in members} for name, members in sets.items()}
