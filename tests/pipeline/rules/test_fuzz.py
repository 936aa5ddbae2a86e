"""Whatever a file holds, lint and compile answer with problems, not with a crash."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.rules.keys import OURS, SIGMA
from pipeline.rules.lint import lint
from pipeline.rules.mapping_set import MappingSet
from pipeline.rules.ruleset import RuleSet
from store.records import Event

WORDS = st.sampled_from(
    [
        "a",
        "a|re",
        "a|contains",
        "a|cidr",
        "x|all",
        "|all",
        "a|gt",
        "a|exists",
        "a|base64offset|contains",
        "a|windash",
        "a|expand",
        "a|fieldref",
        "a|hour",
        "condition",
        "selection",
        "selection and not x",
        "1 of them",
        "not",
        "((a",
        "%l%",
        "10.0.0.0/8",
        "(",
        "*",
        "7d",
        "A.8.15",
        "iso27001-2022.a.8.15",
        "not-satisfied",
        "aws",
        "where",
        "where: ",
        "",
        "\\",
        "until",
        "a.b|tail",
        "|",
        "a|i",
        "a|re|i",
    ]
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), WORDS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=3)),
    max_leaves=8,
)
KEYS = st.sampled_from([*SIGMA, *OURS, "tests", "correlation", "rules", "map"])
PAYLOADS = st.dictionaries(st.sampled_from(["a", "x", "b"]), VALUES, max_size=3)
FUZZ = settings(
    deadline=None, max_examples=250, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def answered(mapping_set: MappingSet, payload: object = None) -> None:
    """Lint names a place in a file for everything; what compiles judges without raising."""
    names = {"annex_a.yaml", *mapping_set.files, *mapping_set.overlays, *mapping_set.profiles}
    names |= {f"{path}:{below}" for path, rules in mapping_set.overlay_rules.items() for below in rules}
    mapping_set = replace(mapping_set, annex=mapping_set.annex if len(mapping_set.annex) < 1000 else "")  # a whole one is slow
    for problem in lint(mapping_set):
        assert problem.path in names
        assert problem.line >= 1
        assert problem.message
    rules = RuleSet.compile(mapping_set)
    event = Event("s", "1", "log.aws.cloudtrail", 0, json.dumps(payload or {}).encode(), account="1")
    assert isinstance(rules.judge(event), tuple)


@FUZZ
@given(st.dictionaries(KEYS, VALUES, max_size=3), PAYLOADS)
def test_random_values_under_known_keys(make_set: Callable[..., MappingSet], changed: dict[str, Any], payload: object) -> None:
    rule = {
        "title": "x",
        "id": "0c3b1f2e-5f0b-4b0e-9b53-6b3f0a4f6f01",
        "tags": ["iso27001-2022.a.8.15"],
        "logsource": {"product": "aws", "service": "cloudtrail"},
        "detection": {"selection": {"a": 1}, "condition": "selection"},
        **changed,
    }
    answered(make_set(json.dumps(rule), lists={"l": ("x", "y")}), payload)


@FUZZ
@given(st.dictionaries(WORDS, VALUES, max_size=3), WORDS, PAYLOADS)
def test_random_detections(
    make_set: Callable[..., MappingSet], selections: dict[str, Any], condition: str, payload: object
) -> None:
    rule = {
        "title": "x",
        "logsource": {"product": "aws"},
        "detection": {**selections, "selection": selections, "condition": condition},
    }
    answered(make_set(json.dumps(rule), lists={"l": ("x*", "10.0.0.0/8")}), payload)


@FUZZ
@given(VALUES, VALUES)
def test_random_overlays_and_profiles(annex: str, third_party: str, entries: object, profile: object) -> None:
    overlay = json.dumps({"rules": "r", "map": entries})
    answered(
        MappingSet(
            annex, {}, {"o.yaml": overlay}, {"o.yaml": {"r.yml": third_party}}, {"p.yaml": json.dumps({"rename": profile})}
        )
    )


@FUZZ
@given(st.integers(0, 2000), st.integers(0, 60), st.text(alphabet=":-[]{}*&!|>'\"#%@, \n\t?", max_size=4))
def test_texts_with_a_hole(make_set: Callable[..., MappingSet], stopped: str, start: int, length: int, put: str) -> None:
    at = start % len(stopped)
    answered(make_set(stopped[:at] + put + stopped[at + length :]))


@FUZZ
@given(st.text(max_size=200))
def test_texts_of_any_kind(text: str) -> None:
    clean = text.encode("utf-8", "replace").decode("utf-8")
    answered(MappingSet(clean, {"m.yaml": clean}, {"o.yaml": clean}, {"o.yaml": {"r.yml": clean}}, {"p.yaml": clean}))


def test_a_condition_of_a_thousand_parentheses_is_refused_quickly(make_set: Callable[..., MappingSet], third_party: str) -> None:
    condition = "(" * 1000 + "selection_usertype" + ")" * 1000
    text = third_party.replace("selection_usertype and not selection_eventtype", condition)
    assert any("too deeply nested" in problem.message for problem in lint(make_set(text)))


def test_the_deepest_condition_that_is_taken(make_set: Callable[..., MappingSet], third_party: str) -> None:
    condition = "(not " * 24 + "selection_eventtype" + ")" * 24
    text = third_party.replace("selection_usertype and not selection_eventtype", condition)
    assert len(RuleSet.compile(make_set(text)).rules) == 1


def test_a_long_chain_of_nots(make_set: Callable[..., MappingSet], third_party: str) -> None:
    text = third_party.replace("selection_usertype and not selection_eventtype", "not " * 900 + "selection_eventtype")
    answered(make_set(text))
