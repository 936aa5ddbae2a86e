"""A rule's logic -> clauses (disjunctive normal form) over questions about single fields: what the fast matcher makes bits of.

Clauses never leave out an event that the logic fits. Where the form would grow too large, or a part can only be asked of the
whole event, they may let through events that it does not: `exact` says so, and the plain evaluator has the last word.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.rules.nodes import All, AnyOf, Atom, Member, Node, Not, Pair
from pipeline.rules.specs import Spec
from pipeline.rules.view import FieldPath

MAX_CLAUSES: Final = 64
"""Of one rule."""


@dataclass(frozen=True, slots=True)
class Literal:
    """Some value at `path` (None: any scalar in the event) fits one of `specs`; with `holds` false, none does."""

    path: FieldPath | None
    specs: frozenset[Spec]
    holds: bool


Clause = frozenset[Literal]
"""All of these; an empty one is always true."""


@dataclass(frozen=True, slots=True)
class Form:
    """Any of these clauses; none: never true."""

    clauses: tuple[Clause, ...]
    exact: bool = True


UNKNOWN: Final = Form((frozenset(),), exact=False)


def form_of(node: Node, holds: bool = True) -> Form:
    """The form of `node`, or of its opposite."""
    match node:
        case Atom(path=path, spec=spec) if spec is not None:
            return Form((frozenset((Literal(path, frozenset((spec,)), holds),)),))
        case Atom() | Pair() | Member():
            return UNKNOWN
        case Not(child):
            return form_of(child, not holds)
        case All(children) | AnyOf(children):
            forms = [form_of(child, holds) for child in children]
            return product(forms) if isinstance(node, All) == holds else union(forms)


def union(forms: Sequence[Form]) -> Form:
    """Any of several. Clauses that ask one field one thing become one clause that asks it several."""
    alone: dict[FieldPath | None, set[Spec]] = {}
    clauses: dict[Clause, None] = {}
    for clause in (clause for form in forms for clause in form.clauses):
        literal = next(iter(clause)) if len(clause) == 1 else None
        if literal is not None and literal.holds:
            alone.setdefault(literal.path, set()).update(literal.specs)
        else:
            clauses[clause] = None
    for path, specs in alone.items():
        clauses[frozenset((Literal(path, frozenset(specs), True),))] = None
    form = Form(tuple(clauses), all(form.exact for form in forms))
    return form if len(form.clauses) <= MAX_CLAUSES else weakened(form)


def product(forms: Iterable[Form]) -> Form:
    """All of several."""
    clauses: tuple[Clause, ...] = (frozenset(),)
    exact = True
    for form in sorted(forms, key=lambda form: len(form.clauses)):
        factor = form if len(clauses) * len(form.clauses) <= MAX_CLAUSES else weakened(form)
        exact = exact and factor.exact
        clauses = tuple(dict.fromkeys(one | other for one in clauses for other in factor.clauses))
    return Form(tuple(dict.fromkeys(map(_joined, clauses))), exact)


def weakened(form: Form) -> Form:
    """One clause that holds whenever the form does: what all its clauses ask, each field with all their alternatives."""
    needs = [{literal.path: literal.specs for literal in clause if literal.holds} for clause in form.clauses]
    common = set(needs[0]).intersection(*needs[1:]) if needs else set()
    literals = (Literal(path, frozenset().union(*(need[path] for need in needs)), True) for path in common)
    return Form((frozenset(literals),), exact=False)


def _joined(clause: Clause) -> Clause:
    """The clause with what it denies of one field as one literal."""
    denied: dict[FieldPath | None, set[Spec]] = {}
    for literal in clause:
        if not literal.holds:
            denied.setdefault(literal.path, set()).update(literal.specs)
    if not denied:
        return clause
    kept = [literal for literal in clause if literal.holds]
    return frozenset([*kept, *(Literal(path, frozenset(specs), False) for path, specs in denied.items())])
