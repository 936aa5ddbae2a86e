"""What `each` and `derive` add to a mapping: its detection is asked of one element of a list after the other, with numbers
computed beside it.

Of fields outside the list an element's view says what the event says. So whether a mapping can match at all is asked first, of
the event as it is (`gate`), then of each element without its numbers (`ajar`); only what is still in play is derived.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.rules.derive import Derived, DeriveError
from pipeline.rules.evaluate import FAILURES, closure
from pipeline.rules.nodes import All, AnyOf, Atom, Member, Node, Not, Pair
from pipeline.rules.view import EMPTY, MISSING, FieldPath, View, raw_at, values_at

ALWAYS: Final = All(())


@dataclass(frozen=True, slots=True)
class Inner:
    """The list whose elements a detection is asked of, and the numbers that it names."""

    each: FieldPath | None = None
    derive: tuple[Derived, ...] = ()

    def __bool__(self) -> bool:
        return self.each is not None or bool(self.derive)

    def names(self) -> frozenset[str]:
        """The names of the numbers."""
        return frozenset(derived.name for derived in self.derive)

    def fields(self) -> set[str]:
        """The names of the fields that the numbers are computed from, and of the list."""
        names = self.names()
        found = {path.name for derived in self.derive for path in derived.arguments if path is not None}
        return (found - names) | ({self.each.name} if self.each is not None else set())

    def below(self, path: FieldPath) -> bool:
        """Does an element say what is at `path`?"""
        each = self.each
        return each is not None and path.parts[: len(each.parts)] == each.parts

    def gate(self, node: Node) -> Node:
        """What holds of an event, as it is, whenever `node` holds of one of its elements."""
        names = self.names()
        return _relaxed(node, True, lambda path: path.name in names or self.below(path))

    def ajar(self, node: Node) -> Node:
        """What holds of an element, without its numbers, whenever `node` holds of it."""
        names = self.names()
        return _relaxed(node, True, lambda path: path.name in names)

    def elements(self, view: View) -> Iterator[Element]:
        """A view of each element of the list, or one of the whole."""
        if self.each is None:
            yield Element(view, (), None)
            return
        for value in view.values(self.each):
            if value is not None and value is not MISSING and value is not EMPTY:
                yield Element(view, self.each.parts, value)


class Element(View):
    """An event with a list replaced by one of its elements, and numbers under names of their own."""

    __slots__ = ("_below", "_element", "_whole")

    def __init__(self, whole: View, below: tuple[str, ...], element: object) -> None:
        super().__init__(whole.payload, whole.members)
        self._whole = whole
        self._below = below
        self._element = element

    def values(self, path: FieldPath) -> Sequence[object]:
        """See View."""
        found = self._memo.get(path.name)
        if found is None:
            rest = self._rest(path)
            found = self._whole.values(path) if rest is None else values_at(self._element, rest)
            self._memo[path.name] = found
        return found

    def raw(self, path: FieldPath) -> Sequence[object]:
        """See View."""
        rest = self._rest(path)
        return self._whole.raw(path) if rest is None else raw_at(self._element, rest)

    def leaves(self) -> list[object]:
        """See View: of the whole event, whatever the element."""
        return self._whole.leaves()

    def derive(self, numbers: tuple[Derived, ...], time: int) -> None:
        """Compute the numbers, each in sight of those before it. Raises DeriveError, ArithmeticError."""
        for number in numbers:
            try:
                self._memo[number.name] = (number.value(self, time),)
            except (ArithmeticError, DeriveError) as error:
                raise DeriveError(f"{number.name} cannot be computed: {error}") from error

    def _rest(self, path: FieldPath) -> tuple[str, ...] | None:
        depth = len(self._below)
        return path.parts[depth:] if depth and path.parts[:depth] == self._below else None


class Search:
    """Looks for the element that a detection holds of."""

    __slots__ = ("_ajar", "_gate", "_inner", "_matches")

    def __init__(self, inner: Inner, node: Node) -> None:
        self._inner = inner
        self._gate = closure(inner.gate(node))
        self._ajar = closure(inner.ajar(node))
        self._matches = closure(node)

    def __call__(self, view: View, time: int) -> View | None:
        """The view of the first element that matches, or None. An element that fails is an error only if no other matches.

        Raises what the detection and its numbers raise.
        """
        if not self._gate(view):
            return None
        failure: Exception | None = None
        for element in self._inner.elements(view):
            try:
                if self._ajar(element):
                    element.derive(self._inner.derive, time)
                    if self._matches(element):
                        return element
            except FAILURES as error:
                failure = failure or error
        if failure is not None:
            raise failure
        return None


def _relaxed(node: Node, holds: bool, blind: Callable[[FieldPath], bool]) -> Node:
    """`node` (or its opposite) with every test of a field that cannot be seen taken as passed."""
    match node:
        case Atom(path):
            if path is not None and blind(path):
                return ALWAYS
            return node if holds else Not(node)
        case Member(path):
            if blind(path):
                return ALWAYS
            return node if holds else Not(node)
        case Pair(path, other):
            if blind(path) or blind(other):
                return ALWAYS
            return node if holds else Not(node)
        case Not(child):
            return _relaxed(child, not holds, blind)
        case All(children) | AnyOf(children):
            relaxed = tuple(_relaxed(child, holds, blind) for child in children)
            if isinstance(node, All) == holds:
                kept = tuple(child for child in relaxed if child is not ALWAYS)
                return All(kept) if kept else ALWAYS
            return ALWAYS if any(child is ALWAYS for child in relaxed) else AnyOf(relaxed)
