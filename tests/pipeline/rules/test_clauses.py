"""Clauses never leave out an event that the logic fits; an exact form lets no other through."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.rules.clauses import MAX_CLAUSES, UNKNOWN, Form, form_of
from pipeline.rules.evaluate import closure
from pipeline.rules.nodes import All, AnyOf, Atom, Node, Not, Pair
from pipeline.rules.specs import Spec, Text
from pipeline.rules.view import FieldPath, View

PATHS = [FieldPath.of(name) for name in "abc"]
SPECS = {Text((letter,), cased=True): (lambda value, letter=letter: value == letter) for letter in "xyz"}
ATOMS = st.builds(
    lambda path, spec: Atom(path, SPECS[spec], "", spec), st.sampled_from([*PATHS, None]), st.sampled_from(sorted(SPECS, key=str))
)
PAIRS = st.builds(lambda one, other: Pair(one, other, lambda a, b: a == b, ""), st.sampled_from(PATHS), st.sampled_from(PATHS))
NODES: st.SearchStrategy[Node] = st.recursive(
    st.one_of(ATOMS, ATOMS, ATOMS, PAIRS),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=4).map(lambda children: All(tuple(children))),
        st.lists(inner, min_size=1, max_size=4).map(lambda children: AnyOf(tuple(children))),
        inner.map(Not),
    ),
    max_leaves=14,
)
EVENTS = st.dictionaries(
    st.sampled_from("abcd"), st.one_of(st.sampled_from("xyzw"), st.lists(st.sampled_from("xyz"), max_size=2))
)


def fits(form: Form, view: View) -> bool:
    def literal(path: FieldPath | None, specs: frozenset[Spec], holds: bool) -> bool:
        values = view.leaves() if path is None else view.values(path)
        return any(SPECS[spec](value) for spec in specs for value in values) is holds  # type: ignore[index]

    return any(all(literal(one.path, one.specs, one.holds) for one in clause) for clause in form.clauses)


@settings(deadline=None, max_examples=800)
@given(NODES, EVENTS)
def test_a_form_fits_what_its_node_fits(node: Node, event: dict[str, Any]) -> None:
    view = View(event)
    form = form_of(node)
    assert len(form.clauses) <= MAX_CLAUSES
    if closure(node)(view):
        assert fits(form, view)
    elif form.exact:
        assert not fits(form, view)


def test_what_grows_too_large_lets_more_through_and_says_so() -> None:
    spec = next(iter(SPECS))
    either = [AnyOf(tuple(Atom(FieldPath.of(f"f{row}{one}"), SPECS[spec], "", spec) for one in range(4))) for row in range(6)]
    needed = Atom(PATHS[0], SPECS[spec], "", spec)
    form = form_of(All((needed, *either)))
    assert not form.exact
    assert len(form.clauses) <= MAX_CLAUSES
    assert not fits(form, View({"b": "x"})) or form == UNKNOWN


def test_only_the_whole_event_can_say_how_two_fields_stand_to_each_other() -> None:
    assert form_of(Pair(PATHS[0], PATHS[1], lambda a, b: a == b, "")) == UNKNOWN
