"""The reference evaluator: one closure per node, nothing clever. Faster matchers are tested against it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from pipeline.rules.nodes import All, AnyOf, Atom, Member, Node, Not, Pair
from pipeline.rules.problems import RulesError
from pipeline.rules.values import printable, text_of
from pipeline.rules.view import EMPTY, MISSING, FieldPath, View

Closure = Callable[[View], bool]
Teller = Callable[[View], list[str]]

FAILURES: Final = (ArithmeticError, AttributeError, LookupError, RecursionError, RulesError, TypeError, ValueError)
"""What evaluating a rule may raise; all else is a defect of the process, not of the rule."""

_MAX_ATOMS: Final = 12


def closure(node: Node) -> Closure:
    """A function that says whether an event fits `node`."""
    match node:
        case Atom():
            return _atom(node)
        case Pair(path, other, fits):
            return lambda view: any(fits(a, b) for a in view.values(path) for b in view.values(other))
        case Member(path, name):
            return lambda view: any(view.has(name, value) for value in view.values(path))
        case All(children):
            return _every([closure(child) for child in children])
        case AnyOf(children):
            return _some([closure(child) for child in children])
        case Not(child):
            inner = closure(child)
            return lambda view: not inner(view)


# Loops where `any` and `all` over a generator would read better: they take half the time, and every match is judged here.
def _every(closures: Sequence[Closure]) -> Closure:
    def every(view: View) -> bool:
        for holds in closures:  # noqa: SIM110
            if not holds(view):
                return False
        return True

    return every


def _some(closures: Sequence[Closure]) -> Closure:
    def some(view: View) -> bool:
        for holds in closures:  # noqa: SIM110
            if holds(view):
                return True
        return False

    return some


def _atom(node: Atom) -> Closure:
    path, test = node.path, node.test

    def anywhere(view: View) -> bool:
        return any(map(test, view.leaves()))

    def there(view: View, path: FieldPath = path) -> bool:  # type: ignore[assignment]
        for value in view.values(path):  # noqa: SIM110
            if test(value):
                return True
        return False

    return anywhere if path is None else there


class Explainer:
    """Says which atoms made a node true of an event, for people: `eventName = StopLogging; errorCode is absent`.

    Made ready at its first use: of many rules, few ever match.
    """

    __slots__ = ("_node", "_tell")

    def __init__(self, node: Node) -> None:
        self._node = node
        self._tell: Teller | None = None

    def __call__(self, view: View) -> str:
        """What to say of an event that the node is true of."""
        if self._tell is None:
            self._tell = _teller(self._node, True)
        said = list(dict.fromkeys(self._tell(view)))
        if len(said) <= _MAX_ATOMS:
            return "; ".join(said)
        return "; ".join([*said[:_MAX_ATOMS], f"and {len(said) - _MAX_ATOMS} more"])


def _teller(node: Node, holds: bool) -> Teller:
    """What to say of a node that is `holds` of the event."""
    match node:
        case Not(child):
            return _teller(child, not holds)
        case All(children) | AnyOf(children):
            if isinstance(node, All) == holds:
                tellers = [_teller(child, holds) for child in children]
                return lambda view: [text for tell in tellers for text in tell(view)]
            # One child that decides is enough: the first that holds, or the first that fails.
            deciding = [(closure(child), _teller(child, holds)) for child in children]
            return lambda view: next((tell(view) for fits, tell in deciding if fits(view) == holds), [])
        case Atom():
            return _fitting(node) if holds else _failing(node.path, node.want)
        case Member(path, name):
            return _belonging(path, name, node.want) if holds else _failing(path, node.want)
        case Pair(path, _, _, want):
            name, like = printable(path.name), "like" if holds else "unlike"
            return lambda view: [f"{_shown(name, view.values(path)[0])}, {like} {want}"]


def _fitting(node: Atom) -> Teller:
    path, test, want = node.path, node.test, printable(node.want)
    if path is None:
        return lambda view: [
            f"a value fits {want}: {printable(text_of(next(value for value in view.leaves() if test(value))) or '')}"
        ]
    name = printable(path.name)
    return lambda view: [_shown(name, next(value for value in view.values(path) if test(value)))]


def _belonging(path: FieldPath, set_name: str, want: str) -> Teller:
    name = printable(path.name)
    return lambda view: [
        f"{_shown(name, next(value for value in view.values(path) if view.has(set_name, value)))}, {printable(want)}"
    ]


def _failing(path: FieldPath | None, want: str) -> Teller:
    if path is None:
        said = [f"no value fits {printable(want)}"]
        return lambda _: said
    name, plain, more = printable(path.name), want in ("null", "there"), f", not {printable(want)}"

    def tell(view: View) -> list[str]:
        found = view.values(path)[0]
        shown = _shown(name, found)
        return [shown if plain or text_of(found) is None else shown + more]

    return tell


def _shown(name: str, value: object) -> str:
    if value is MISSING:
        return f"{name} is absent"
    if value is None:
        return f"{name} is null"
    if value is EMPTY:
        return f"{name} is an empty list"
    text = text_of(value)
    return f"{name} is there" if text is None else f"{name} = {printable(text)}"
