"""`each` and `derive`: fields of one element together, numbers only where still in play, an error never a pass."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from pipeline.rules.lint import lint
from pipeline.rules.plain import PlainRuleSet
from pipeline.rules.ruleset import RuleSet
from store.records import Event, Judgement, Verdict

MAPPING = """
title: Old key
id: 5a1f0c2e-6d0b-4c53-9f7e-0b8f0a4f6f1d
status: stable
description: An active key is older than 90 days.
references: [https://docs.example.com/keys]
date: 2026-11-25
tags: [iso27001-2022.a.5.17]
logsource: {category: snapshot, product: aws, service: iam, resource: user}
population: {Path: /}
each: Keys
derive: {age: 'days_between(Keys.Created, @time)'}
detection:
  selection: {Keys.Status: Active, age|gt: 90}
  condition: selection
level: medium
rationale: An old key has been in many hands.
remediation: Replace it.
finding: evidence
falsepositives: [none]
tests:
  - name: old
    match: true
    time: 2026-11-25T10:00:00Z
    event: {Path: /, Keys: [{Status: Active, Created: '2026-11-01'}, {Status: Active, Created: '2026-01-01'}]}
  - {name: new, match: false, time: 2026-11-25, event: {Path: /, Keys: [{Status: Active, Created: '2026-11-01'}]}}
"""
NOW = 1_795_600_800_000_000  # 2026-11-25T10:00:00Z
OLD, NEW = "2026-01-01T00:00:00Z", "2026-11-20T00:00:00Z"


@pytest.fixture
def says(compiled: Callable[..., RuleSet]) -> Callable[..., Judgement]:
    """What the mapping says of a user with these keys, by both evaluators."""
    fast = compiled(MAPPING)
    plain = PlainRuleSet("", fast.rules, (), ())

    def ask(keys: Any, path: str = "/") -> Any:
        event = Event("s", "1", "snapshot.aws.iam.user", NOW, json.dumps({"Path": path, "Keys": keys}).encode(), subject="u")
        said = fast.judge(event)
        assert said == plain.judge(event)
        return said[0] if said else None

    return ask


def test_fields_of_one_element_hold_together(says: Callable[..., Judgement]) -> None:
    said = says([{"Status": "Active", "Created": NEW}, {"Status": "Active", "Created": OLD}])
    assert (said.verdict, said.reason) == (Verdict.MATCHED, "Keys.Status = Active; age = 328.416666666667")
    assert says([{"Status": "Active", "Created": NEW}, {"Status": "Inactive", "Created": OLD}]).verdict is Verdict.NOT_MATCHED
    assert says({"Status": "Active", "Created": OLD}).verdict is Verdict.MATCHED  # one in place of a list of one


@pytest.mark.parametrize("keys", [[], None, [None], "x", [{}], [{"Status": "Active"}], [{"Status": "Active", "Created": None}]])
def test_nothing_to_match_is_no_match(says: Callable[..., Judgement], keys: Any) -> None:
    assert says(keys).verdict is Verdict.NOT_MATCHED


def test_what_cannot_be_computed_is_an_error_and_only_where_in_play(says: Callable[..., Judgement]) -> None:
    broken = {"Status": "Active", "Created": "soon"}
    said = says([broken, {"Status": "Active", "Created": NEW}])
    assert (said.verdict, said.reason) == (
        Verdict.ERROR, "DeriveError: age cannot be computed: Keys.Created is no time: soon",
    )  # fmt: skip
    assert says([broken, {"Status": "Active", "Created": OLD}]).verdict is Verdict.MATCHED
    assert says([{"Status": "Inactive", "Created": "soon"}]).verdict is Verdict.NOT_MATCHED
    assert says([broken], path="/service/") is None


def test_its_own_tests_pass_and_lint_is_content(make_set: Any) -> None:
    assert [p for p in lint(make_set(MAPPING)) if p.severity == "error"] == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("population: {Path: /}", "population: {age|gt: 1}", "population cannot use 'age'"),
        ("each: Keys", "each: [Keys]", "each is the path of a list"),
        ("each: Keys", "each: Keys[]", "each is the path of a list"),
        ("each: Keys", "each: Other", "the detection reads nothing of 'Other'"),
        ("    time: 2026-11-25T10:00:00Z\n", "", "needs a time"),
        ("time: 2026-11-25,", "time: soon,", "time is a time such as"),
        ("days_between(Keys.Created, @time)", "days_since(Keys.Created)", "unknown function 'days_since'"),
        ("each: Keys", "each: Keys\nsubject: Keys.Id", "its subject cannot lie below each"),
    ],
)
def test_what_is_wrong_is_an_error_with_its_line(make_set: Any, old: str, new: str, message: str) -> None:
    text = MAPPING.replace(old, new, 1)
    [problem] = [p for p in lint(make_set(text)) if p.severity == "error" and message in p.message]
    assert problem.line > 1


def test_a_number_that_is_never_asked_for_is_a_warning(make_set: Any) -> None:
    text = MAPPING.replace("derive: {age:", "derive: {more: count(Keys), age:", 1)
    assert any("never uses 'more'" in p.message for p in lint(make_set(text)))


def test_a_number_can_be_absent_and_compared_with_a_field(compiled: Callable[..., RuleSet], event: Callable[..., Event]) -> None:
    rules = compiled(
        "{title: x, logsource: {product: aws, service: cloudtrail}, rationale: r, derive: {n: count(a)}, "
        "detection: {none: {n|exists: false}, same: {n|fieldref: b}, condition: none or same}}"
    )
    assert [j.reason for j in rules.judge(event({}))] == ["n is absent"]
    assert [j.reason for j in rules.judge(event({"a": [1], "b": "1"}))] == ["n = 1, like the value of b"]
    assert rules.judge(event({"a": [1], "b": 2})) == ()


def test_a_profile_renames_the_list_and_what_is_derived_from(compiled: Callable[..., RuleSet]) -> None:
    profile = (
        "{logsource: {product: gcp, service: gcp.audit}, types: [log.gcp.audit], rename: {gcp.audit.*: protoPayload.*, n: x}}"
    )
    rules = compiled(
        "{title: x, logsource: {product: gcp, service: gcp.audit}, rationale: r, each: gcp.audit.deltas, "
        "derive: {n: count(gcp.audit.deltas.members)}, detection: {s: {n: 2, gcp.audit.deltas.action: ADD}, condition: s}}",
        profiles={"profiles/p.yaml": profile},
    )
    data = b'{"protoPayload":{"deltas":[{"action":"REMOVE","members":[1,2]},{"action":"ADD","members":[1,2]}]}}'
    [said] = rules.judge(Event("s", "1", "log.gcp.audit", 0, data))
    assert said.reason == "n = 2; protoPayload.deltas.action = ADD"
