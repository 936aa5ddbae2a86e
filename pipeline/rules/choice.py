"""Which fields to read first: few that between them rule out most clauses, so that the rest of a payload is seldom decoded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from pipeline.rules.clauses import Clause, Literal
from pipeline.rules.peek import apart, readable
from pipeline.rules.specs import Null
from pipeline.rules.view import FieldPath

MAX_FIRST: Final = 12
_MORE: Final = 8
_NULL: Final = frozenset((Null(),))


def first_fields(clauses: Sequence[Clause]) -> list[FieldPath]:
    """Readable fields, none below another, most telling first. Ties are broken by name: the plan is the same everywhere."""
    chosen: list[FieldPath] = []
    left = _cover(clauses, chosen, _tells)
    _cover(left, chosen, lambda literal: True)  # noqa: ARG005
    # Fields that many clauses ask something of: where the first leave a clause alive, these often rule it out.
    asked = Counter(path for clause in clauses for path in {literal.path for literal in clause} if path is not None)
    for path in sorted(asked, key=lambda path: (-asked[path], path.name)):
        if len(chosen) < _MORE and readable(path) and apart(path, chosen):
            chosen.append(path)
    return chosen


def _tells(literal: Literal) -> bool:
    """Does it rule out most events? That something is not so, or is not there, rarely does."""
    return literal.holds and literal.specs != _NULL


def _cover(clauses: Sequence[Clause], chosen: list[FieldPath], useful: Callable[[Literal], bool]) -> list[Clause]:
    """Choose fields until every clause that can has a useful literal on one; returns the clauses that have none."""
    left = [paths for paths in (_paths(clause, useful) for clause in clauses) if paths.isdisjoint(chosen)]
    while len(chosen) < MAX_FIRST:
        counts = Counter(path for paths in left for path in paths if readable(path) and apart(path, chosen))
        if not counts:
            break
        best = min(counts, key=lambda path: (-counts[path], path.name))
        chosen.append(best)
        left = [paths for paths in left if best not in paths]
    return [clause for clause in clauses if _paths(clause, useful).isdisjoint(chosen)]


def _paths(clause: Clause, useful: Callable[[Literal], bool]) -> set[FieldPath]:
    return {literal.path for literal in clause if literal.path is not None and useful(literal)}
