"""A rule's logic as a tree of plain nodes: what the reference evaluator runs, and what a faster matcher compiles from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pipeline.rules.specs import Null, Spec, There
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


@dataclass(frozen=True, slots=True)
class Member:
    """True when any scalar at `path` is a member of the set at the event's time."""

    path: FieldPath
    set_name: str

    @property
    def want(self) -> str:
        """What fits, for people."""
        return f"a member of {self.set_name}"


Node = Atom | Pair | Member | All | AnyOf | Not


def sets_of(node: Node) -> set[str]:
    """The names of the sets that a node asks."""
    match node:
        case Member():
            return {node.set_name}
        case All(children) | AnyOf(children):
            return {name for child in children for name in sets_of(child)}
        case Not(child):
            return sets_of(child)
    return set()


def has_keyword(node: Node) -> bool:
    """Does it look for something anywhere in the event?"""
    match node:
        case Atom():
            return node.path is None
        case Pair() | Member():
            return False
        case All(children) | AnyOf(children):
            return any(map(has_keyword, children))
        case Not(child):
            return has_keyword(child)


def texts_of(node: Node) -> set[str]:
    """The names of the fields that a node compares with a text or number."""
    match node:
        case Atom(path, spec=spec):
            return {path.name} if path is not None and not isinstance(spec, Null | There) else set()
        case All(children) | AnyOf(children):
            return {name for child in children for name in texts_of(child)}
        case Not(child):
            return texts_of(child)
    return set()


def fields_of(node: Node) -> set[str]:
    """The names of the fields that a node reads."""
    match node:
        case Atom():
            return {node.path.name} if node.path else set()
        case Pair():
            return {node.path.name, node.other.name}
        case Member():
            return {node.path.name}
        case All(children) | AnyOf(children):
            return {name for child in children for name in fields_of(child)}
        case Not(child):
            return fields_of(child)
