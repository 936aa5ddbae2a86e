"""A rule's logic as a tree of plain nodes: what the reference evaluator runs, and what a faster matcher compiles from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pipeline.rules.specs import Spec
from pipeline.rules.view import FieldPath

Test = Callable[[object], bool]
"""Says whether one value fits: a scalar, None, an object, MISSING or EMPTY."""


@dataclass(frozen=True, slots=True)
class Atom:
    """True when any value at `path` fits `test`; without a path, any scalar in the event.

    `want` says for people what fits. `spec` says it as data; without one, only `test` knows, and it may raise.
    """

    path: FieldPath | None
    test: Test
    want: str
    spec: Spec | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """True when any scalar at `path` fits any scalar at `other`."""

    path: FieldPath
    other: FieldPath
    test: Callable[[object, object], bool]
    want: str


@dataclass(frozen=True, slots=True)
class All:
    """True when every child is."""

    children: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """True when at least one child is."""

    children: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """True when the child is not."""

    child: Node


Node = Atom | Pair | All | AnyOf | Not
