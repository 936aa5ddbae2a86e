"""Matching: the same events judged under sets of different sizes, and events in which nothing repeats."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.events import JUDGED, crafted, events, hostile, payloads
from benchmarks.mappings import mapping_set
from benchmarks.measure import Measured, best, timed
from benchmarks.sizes import Size
from pipeline.rules.ruleset import RuleSet
from store.records import Event

LARGE = 500
"""Mappings from which on one run is long enough."""


def match(size: Size, folder: Path) -> Iterator[Measured]:
    """Judge under three sets; then hostile events under the middle one."""
    made = events(payloads(size.match))
    few, some, many = size.mappings
    for count in (few, some, many):
        yield _judge(f"match, {count} mappings", made, _compiled(folder / str(count), count), size)
    with timed() as watch:
        rules = _compiled(folder / "hostile", some)
    yield Measured(f"read and compile {some} mappings", some, watch.seconds, watch.cpu)
    for name, make in (("hostile", hostile), ("crafted", crafted)):
        yield _judge(f"match {name}, {some} mappings", events(payloads(size.match, make)), rules, size)


def _compiled(folder: Path, count: int) -> RuleSet:
    rules = RuleSet.compile(mapping_set(folder, count))
    if len(rules.rules) != count:
        raise AssertionError(f"{len(rules.rules)} of {count} mappings can be used: {rules.problems[:3]}")
    return rules


def _judge(name: str, made: Sequence[Event], rules: RuleSet, size: Size) -> Measured:
    judged = sum(1 for event in made if rules.judge(event))
    if "hostile" not in name and judged != -(-len(made) // JUDGED):
        raise AssertionError(f"{judged} of {len(made)} events were judged, not one in {JUDGED}")
    watch = best(size.repeat if len(rules.rules) < LARGE else 1, lambda: [rules.judge(event) for event in made])
    return Measured(name, len(made), watch.seconds, watch.cpu, {"judged": judged / len(made)})
