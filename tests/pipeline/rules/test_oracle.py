"""Random rules and texts against oracles written another way."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sigma.types import SigmaString

from pipeline.rules.conditions import compile_detection
from pipeline.rules.detection import Names
from pipeline.rules.evaluate import Explainer, closure
from pipeline.rules.nodes import All, AnyOf, Atom, Node, Not, Pair
from pipeline.rules.values import decode_payload, fold, text_of
from pipeline.rules.view import Gap, View
from pipeline.rules.wildcards import matcher, parts_of


def tokens(pattern: str) -> list[tuple[str, bool]]:
    """(character, is it a wildcard) by the letter of the specification."""
    out: list[tuple[str, bool]] = []
    index = 0
    while index < len(pattern):
        character = pattern[index]
        if character == "\\" and pattern[index + 1 : index + 2] in ("*", "?", "\\"):
            out.append((pattern[index + 1], False))
            index += 2
            continue
        out.append((character, character in "*?"))
        index += 1
    return out


def naive(pattern: list[tuple[str, bool]], text: str) -> bool:
    if not pattern:
        return not text
    (character, wild), rest = pattern[0], pattern[1:]
    if wild and character == "*":
        return any(naive(rest, text[cut:]) for cut in range(len(text) + 1))
    if not text:
        return False
    return (wild or character.lower() == text[0].lower()) and naive(rest, text[1:])


LETTERS = st.text("aAbö*?\\\n.", max_size=7)


@settings(deadline=None, max_examples=1500)
@given(LETTERS, LETTERS)
@example("*a*a*", "aa")
@example("\\\\*", "\\")
@example("a\\", "a\\")
def test_wildcards_match_as_the_naive_matcher_does(pattern: str, text: str) -> None:
    parts = parts_of(SigmaString(pattern))
    assert matcher(parts, cased=False)(text) is naive(tokens(pattern), text)
    cased = matcher(parts, cased=True)(text)
    assert not cased or naive(tokens(pattern), text)


@settings(deadline=None)
@given(st.text(max_size=20))
def test_fold_keeps_the_length_and_is_idempotent(text: str) -> None:
    folded = fold(text)
    assert len(folded) == len(text)
    assert fold(folded) == folded


SCALARS: st.SearchStrategy[Any] = st.sampled_from(["x", "X", "xy", "y", "", 1, 2, "1", None, True, False])
VALUES = st.one_of(SCALARS, st.lists(SCALARS, min_size=1, max_size=3))
KEYS = st.builds(
    lambda name, modifiers: "|".join([name, *modifiers]),
    st.sampled_from(["a", "b", "c.d", "c.e"]),
    st.sampled_from([[], [], ["contains"], ["startswith"], ["endswith"], ["neq"], ["all"], ["contains", "all"]]),
)
SELECTIONS = st.dictionaries(KEYS, VALUES, min_size=1, max_size=3)
CONDITIONS: st.SearchStrategy[str] = st.recursive(
    st.sampled_from(["s1", "s2", "t1", "1 of s*", "all of s*", "1 of them", "all of them"]),
    lambda inner: st.one_of(
        inner.map(lambda c: f"not {c}"),
        inner.map(lambda c: f"({c})"),
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(" ".join),
    ),
    max_leaves=5,
)
LEAF = st.one_of(SCALARS, st.lists(SCALARS, max_size=2))
OBJECTS = st.dictionaries(st.sampled_from(["d", "e"]), LEAF, max_size=2)
EVENTS = st.fixed_dictionaries(
    {}, optional={"a": LEAF, "b": LEAF, "c": st.one_of(OBJECTS, st.lists(OBJECTS, max_size=2), SCALARS)}
)
MISSING = object()


def at(node: Any, parts: list[str]) -> list[Any]:
    """Values at a path by direct reading; [MISSING] where there is none."""
    if isinstance(node, list):
        found = [value for element in node for value in at(element, parts)]
        return found or ([MISSING] if parts else [[]])
    if not parts:
        return [node]
    return at(node[parts[0]], parts[1:]) if isinstance(node, dict) and parts[0] in node else [MISSING]


def text(value: Any) -> str | None:
    return None if value is None or value is MISSING or isinstance(value, list | dict) else json.dumps(value).strip('"').lower()


def atom(value: Any, wanted: Any, modifiers: list[str]) -> bool:
    if wanted is None:
        return value is None or value is MISSING
    own, want = text(value), json.dumps(wanted).strip('"').lower()
    if own is None:
        return False
    if "contains" in modifiers:
        return want in own
    if "startswith" in modifiers:
        return own.startswith(want)
    if "endswith" in modifiers:
        return own.endswith(want)
    return own == want


def selected(selection: dict[str, Any], event: Any) -> bool:
    results = []
    for key, wanted in selection.items():
        name, *modifiers = key.split("|")
        wanteds = wanted if isinstance(wanted, list) else [wanted]
        values = at(event, name.split("."))
        each = [any(atom(value, want, modifiers) for value in values) for want in wanteds]
        result = all(each) if "all" in modifiers else any(each)
        results.append(not result if "neq" in modifiers else result)
    return all(results)


def expected(selections: dict[str, dict[str, Any]], condition: str, event: Any) -> bool:
    truth = {name: selected(selection, event) for name, selection in selections.items()}

    def quantified(found: re.Match[str]) -> str:
        chosen = [value for name, value in truth.items() if found[2] == "them" or name.startswith("s")]
        return str(any(chosen) if found[1] == "1" else all(chosen))

    python = re.sub(r"(1|all) of (s\*|them)", quantified, condition)
    return bool(eval(python, {}, truth))


def usable(selection: dict[str, Any]) -> bool:
    """pySigma takes text positions of text alone; numbers are their digits; null and booleans have none."""
    for key, wanted in selection.items():
        values = wanted if isinstance(wanted, list) else [wanted]
        if ("with" in key or "contains" in key) and any(value is None or isinstance(value, bool) for value in values):
            return False
    return True


RULES = st.fixed_dictionaries({name: SELECTIONS.filter(usable) for name in ("s1", "s2", "t1")})


def compiled(selections: dict[str, Any], condition: str) -> Node:
    return compile_detection({**selections, "condition": condition}, Names(), ()).node


@settings(deadline=None, max_examples=600)
@given(RULES, CONDITIONS, EVENTS)
def test_rules_hold_as_the_oracle_says(selections: dict[str, Any], condition: str, event: Any) -> None:
    node = compiled(selections, condition)
    view = View(decode_payload(json.dumps(event).encode()))
    assert closure(node)(view) is expected(selections, condition, event)


def said(node: Node, view: View, holds: bool) -> list[str]:
    """What is said of a node that is `holds` of the event, by walking the tree each time."""
    match node:
        case Not(child):
            return said(child, view, not holds)
        case All(children) | AnyOf(children):
            if isinstance(node, All) == holds:
                return [text for child in children for text in said(child, view, holds)]
            return next((said(child, view, holds) for child in children if closure(child)(view) == holds), [])
        case Pair():
            raise NotImplementedError
        case Atom(path, test, want):
            assert path is not None
            values = view.values(path)
            found = next(value for value in values if test(value)) if holds else values[0]
            own = text_of(found)
            if own is None:
                state = {Gap.MISSING: "absent", None: "null", Gap.EMPTY: "an empty list"}
                return [f"{path.name} is {'there' if isinstance(found, dict) else state[found]}"]
            return [f"{path.name} = {own}" + ("" if holds or want in ("null", "there") else f", not {want}")]


@settings(deadline=None, max_examples=300)
@given(RULES, CONDITIONS, EVENTS)
def test_what_holds_is_explained_by_the_atoms_that_decide(selections: dict[str, Any], condition: str, event: Any) -> None:
    node = compiled(selections, condition)
    view = View(decode_payload(json.dumps(event).encode()))
    if closure(node)(view):
        explain = Explainer(node)
        parts = list(dict.fromkeys(said(node, view, True)))
        more = [f"and {len(parts) - 12} more"] if len(parts) > 12 else []
        assert explain(view) == explain(view) == "; ".join(parts[:12] + more)


@pytest.mark.parametrize(
    ("condition", "result"),
    [
        ("s1 or t1 and s2", True),
        ("(s1 or t1) and s2", False),
        ("not s1 or s1", True),
        ("not (s1 or s2)", False),
        ("not not s1", True),
        ("not s1 and not s2", False),
        ("1 of s*", True),
        ("all of s*", False),
        ("any of them", True),
        ("all of t*", True),
        ("all of them", False),
        ("not 1 of x*", True),
        (["s2", "s1"], True),
        (["s2", "x_1"], False),
    ],
)
def test_conditions(condition: object, result: bool) -> None:
    raw = {"s1": {"a": 1}, "s2": {"a": 2}, "t1": {"b": 1}, "x_1": {"c": 1}, "_hidden": {"z": 1}, "condition": condition}
    node = compile_detection(raw, Names(), ()).node
    assert closure(node)(View({"a": 1, "b": 1})) is result


def test_a_name_that_begins_like_an_operator_is_a_name(holds: Callable[..., bool]) -> None:
    assert holds("{notepad: {a: 1}, android: {b: 2}, condition: notepad and android}", {"a": 1, "b": 2})
