"""Which rules can match an event at all: by its type, then by the exact texts that some of their fields must hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar

from pipeline.rules.nodes import All, AnyOf, Atom, Node
from pipeline.rules.values import fold, text_of
from pipeline.rules.view import FieldPath, View

Needs = Mapping[FieldPath, frozenset[str]]
T = TypeVar("T")


def needs(node: Node) -> Needs:
    """Fields of which at least one value must be among these folded texts whenever `node` holds. Nothing is a safe answer."""
    match node:
        case Atom(path=FieldPath() as path, exact=frozenset() as exact):
            return {path: exact}
        case All(children):
            found: dict[FieldPath, frozenset[str]] = {}
            for child in children:
                for path, texts in needs(child).items():
                    if path not in found or len(texts) < len(found[path]):
                        found[path] = texts
            return found
        case AnyOf(children):
            return either([needs(child) for child in children])
    return {}


def either(all_needs: Sequence[Needs]) -> Needs:
    """What is needed when any one of several holds: the fields common to all."""
    first, *others = all_needs
    common = set(first).intersection(*others)
    return {path: frozenset().union(*(each[path] for each in all_needs)) for path in common}


class Dispatch(Generic[T]):
    """The rules of one event type. `candidates` leaves out only rules that cannot match, and keeps their order."""

    __slots__ = ("_always", "_by_text", "rules")

    def __init__(self, rules: Sequence[T], needs_of: Callable[[T], Needs]) -> None:
        self.rules = tuple(rules)
        self._always: list[int] = []
        self._by_text: dict[FieldPath, dict[str, list[int]]] = {}
        all_needs = [needs_of(rule) for rule in self.rules]
        # The field with the most different texts tells rules apart best. Names break ties: the plan is the same everywhere.
        texts: dict[FieldPath, set[str]] = {}
        for each in all_needs:
            for path, wanted in each.items():
                texts.setdefault(path, set()).update(wanted)
        for index, each in enumerate(all_needs):
            if not each:
                self._always.append(index)
                continue
            path = max(each, key=lambda path: (len(texts[path]), path.name))
            for text in each[path]:
                self._by_text.setdefault(path, {}).setdefault(text, []).append(index)

    def candidates(self, view: View) -> list[T]:
        """The rules that may match this event."""
        chosen = set(self._always)
        for path, by_text in self._by_text.items():
            for value in view.values(path):
                text = text_of(value)
                if text is not None:
                    chosen.update(by_text.get(fold(text), ()))
        return [self.rules[index] for index in sorted(chosen)]
