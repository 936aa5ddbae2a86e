"""Periods that were asked of a source, joined where they touch: what lies between them is a gap."""

from __future__ import annotations

from bisect import bisect_left

Span = tuple[str, str]
"""From and to, as entries write times: fixed width, so that text sorts like time."""


class Spans:
    """Disjoint periods in order. Periods mostly come in order, so that there is one."""

    def __init__(self) -> None:
        self._spans: list[Span] = []

    def add(self, start: str, end: str) -> None:
        """Add [start, end], which joins all that it touches."""
        spans = self._spans
        first = bisect_left(spans, start, key=lambda span: span[1])
        last = first
        while last < len(spans) and spans[last][0] <= end:
            start, end = min(start, spans[last][0]), max(end, spans[last][1])
            last += 1
        spans[first:last] = [(start, end)]

    def gaps(self) -> list[Span]:
        """What lies between the periods."""
        return [(a[1], b[0]) for a, b in zip(self._spans, self._spans[1:], strict=False)]
