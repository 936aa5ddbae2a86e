"""Who is a member of which set: the store's rows, folded into spans of time, as a batch reads them at one size of the log."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from sqlalchemy import Engine

from pipeline.rules.members import PREFIX, Sets
from pipeline.rules.rule import Rule
from pipeline.rules.values import fold
from store.engine import reading
from store.members import Joined, erased_since, read_members
from store.writer import read_head

Said = tuple[int, bool, int]
"""When, joined (not left), the index of the evidence. In this order a leaving comes before a joining at the same time."""


class Membership:
    """The sets of one mapping set. What was read stays read: each call reads what the log has gained."""

    def __init__(self, sets: Iterable[Rule]) -> None:
        self._lasts = {rule.record.id: rule.lasts or 0 for rule in sets}
        self._said: dict[tuple[str, str], list[Said]] = defaultdict(list)
        self._sets: dict[str, dict[str, Sequence[tuple[int, int]]]] = {id_.removeprefix(PREFIX): {} for id_ in self._lasts}
        self._size = 0

    def read(self, engine: Engine) -> tuple[Sets, int]:
        """The sets as the log has them now, and the log's size: members known later are not in them."""
        if not self._lasts:
            return self._sets, 0
        with reading(engine) as connection:
            size = read_head(connection).size
            if self._size and erased_since(connection, self._size):
                self._forget()
            if size > self._size:
                self._add(read_members(connection, self._lasts, self._size, size))
                self._size = size
        return self._sets, size

    def _forget(self) -> None:
        """Start anew: a name that was erased is not remembered here either."""
        self._said.clear()
        self._sets = {name: {} for name in self._sets}
        self._size = 0

    def _add(self, joined: Iterable[Joined]) -> None:
        changed = set()
        for row in joined:
            key = row.set_id, fold(row.member)
            self._said[key].append((row.time, not row.left, row.idx))
            changed.add(key)
        for key in changed:
            set_id, member = key
            self._sets[set_id.removeprefix(PREFIX)][member] = spans(self._said[key], self._lasts[set_id])


def spans(said: Iterable[Said], lasts: int) -> list[tuple[int, int]]:
    """When somebody is a member: from each joining for `lasts`, until a leaving. The order is by event time."""
    found: list[tuple[int, int]] = []
    for time, joined, _ in sorted(said):
        inside = bool(found) and time < found[-1][1]
        if joined:
            start = found.pop()[0] if inside else time
            found.append((start, time + lasts))
        elif inside:
            found[-1] = (found[-1][0], time)
    return found
