"""Asked periods: joined where they touch, in whatever order they come."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from exports.spans import Spans
from exports.verify import Source


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 6)), max_size=12))
def test_gaps_are_what_no_period_covers_between_the_first_and_the_last(periods: list[tuple[int, int]]) -> None:
    spans, theirs, covered = Spans(), Source(), set()
    for start, length in periods:
        spans.add(f"{start:03}", f"{start + length:03}")
        asked = {"from": f"{start:03}", "to": f"{start + length:03}"}
        theirs.add({"state": "complete", "counts": {}, "asked": asked})
        covered |= set(range(start, start + length))
    missing = set(range(min(covered), max(covered))) - covered if covered else set()
    found = {at for start, end in spans.gaps() for at in range(int(start), int(end))}
    assert found == missing
    assert [(gap["from"], gap["to"]) for gap in theirs.gaps()] == spans.gaps()
    assert all(a[1] < b[0] for a, b in zip(spans.gaps(), spans.gaps()[1:], strict=False))
