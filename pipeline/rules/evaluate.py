"""The reference evaluator: one closure per node, nothing clever. Faster matchers are tested against it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pipeline.rules.nodes import All, AnyOf, Atom, Node, Not, Pair
from pipeline.rules.values import printable, text_of
from pipeline.rules.view import EMPTY, MISSING, FieldPath, View

Closure = Callable[[View], bool]

_MAX_ATOMS: Final = 12


def closure(node: Node) -> Closure:
    """A function that says whether an event fits `node`."""
    match node:
        case Atom():
            return _atom(node)
        case Pair(path, other, fits):
            return lambda view: any(fits(a, b) for a in view.values(path) for b in view.values(other))
        case All(children):
            every = [closure(child) for child in children]
            return lambda view: all(holds(view) for holds in every)
        case AnyOf(children):
            some = [closure(child) for child in children]
            return lambda view: any(holds(view) for holds in some)
        case Not(child):
            inner = closure(child)
            return lambda view: not inner(view)


def _atom(node: Atom) -> Closure:
    path, test = node.path, node.test
    if path is None:
        return lambda view: any(map(test, view.leaves()))
    return lambda view: any(map(test, view.values(path)))


def explain(node: Node, view: View) -> str:
    """Which atoms made `node` true of this event, for people: `eventName = StopLogging; errorCode is absent`."""
    said = list(dict.fromkeys(_said(node, view, True)))
    rest = len(said) - _MAX_ATOMS
    return "; ".join(said[:_MAX_ATOMS] + ([f"and {rest} more"] if rest > 0 else []))


def _said(node: Node, view: View, holds: bool) -> list[str]:
    """What to say of a node that is `holds` of the event."""
    match node:
        case Not(child):
            return _said(child, view, not holds)
        case All(children) | AnyOf(children):
            if isinstance(node, All) == holds:
                return [text for child in children for text in _said(child, view, holds)]
            # One child that decides is enough: the first that holds, or the first that fails.
            return next((_said(child, view, holds) for child in children if closure(child)(view) == holds), [])
        case Atom():
            return [_fitting(node, view) if holds else _failing(node.path, node.want, view)]
        case Pair():
            shown = _shown(node.path, view.values(node.path)[0])
            return [f"{shown}, {'like' if holds else 'unlike'} {node.want}"]


def _fitting(node: Atom, view: View) -> str:
    values = view.values(node.path) if node.path else view.leaves()
    found = next(value for value in values if node.test(value))
    if node.path is None:
        return f"a value fits {printable(node.want)}: {printable(text_of(found) or '')}"
    return _shown(node.path, found)


def _failing(path: FieldPath | None, want: str, view: View) -> str:
    if path is None:
        return f"no value fits {printable(want)}"
    found = view.values(path)[0]
    shown = _shown(path, found)
    return shown if want in ("null", "there") or text_of(found) is None else f"{shown}, not {printable(want)}"


def _shown(path: FieldPath, value: object) -> str:
    name = printable(path.name)
    if value is MISSING:
        return f"{name} is absent"
    if value is None:
        return f"{name} is null"
    if value is EMPTY:
        return f"{name} is an empty list"
    text = text_of(value)
    return f"{name} is there" if text is None else f"{name} = {printable(text)}"
