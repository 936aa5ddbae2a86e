"""Sets: files that say who joins and leaves, mappings that ask them, and members that are text and never patterns."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.rules.lint import lint
from pipeline.rules.mapping_set import MappingSet
from pipeline.rules.members import Sets, always
from pipeline.rules.plain import PlainRuleSet
from pipeline.rules.ruleset import RuleSet
from store.records import DAY, Event, Judgement, Verdict

LEAVERS = """
title: People who have left
description: Who had a leaving ticket that was done.
logsource: {category: ticket, product: jira, service: issue}
selection: {type: Leave, status: Done}
field: who|tail
for: 90d
until: {type: Return}
tests:
  - {name: left, match: true, event: {type: Leave, status: Done, who: staff/bob}}
  - {name: not yet, match: false, event: {type: Leave, status: Open, who: staff/bob}}
  - {name: came back, match: until, event: {type: Return, who: bob}}
"""
MAPPING = """
title: Leaver with a user
id: 5a1f0c2e-6d0b-4c53-9f7e-0b8f0a4f6f1d
status: stable
description: A user of somebody who has left is active.
references: [https://docs.example.com/leavers]
date: 2026-11-25
tags: [iso27001-2022.a.5.18]
logsource: {category: snapshot, product: aws, service: iam, resource: user}
detection:
  selection: {UserName|expand: '%leavers%', Active: true}
  condition: selection
level: high
rationale: Who has left needs no access.
remediation: Delete the user.
finding: not-satisfied
falsepositives: [none]
tests:
  - {name: a leaver, match: true, sets: {leavers: [bob]}, event: {UserName: Bob, Active: true}}
  - {name: someone else, match: false, sets: {leavers: [bob]}, event: {UserName: Ann, Active: true}}
"""
USER, TICKET = "snapshot.aws.iam.user", "ticket.jira.issue"
Asked = Callable[..., tuple[Judgement, ...]]


def texts(leavers: str = LEAVERS, mapping: str = MAPPING) -> dict[str, str]:
    return {"own/sets/leavers.yaml": leavers, "own/leaver.yaml": mapping}


def made(annex: str, **more: Any) -> MappingSet:
    return MappingSet(annex=annex, files=texts(**more))


def judged(rules: RuleSet, type: str, payload: Any, sets: Sets | None = None, time: int = 0) -> tuple[Judgement, ...]:
    """What both evaluators say."""
    one = Event("s", "1", type, time, json.dumps(payload).encode(), subject="a subject")
    said = rules.judge(one, sets)
    assert said == PlainRuleSet("", rules.rules, (), (), rules.sets).judge(one, sets)
    return said


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    return RuleSet.compile(MappingSet(files=texts()))


def test_lint_has_nothing_against_them_and_their_tests_pass(annex: str) -> None:
    assert lint(made(annex)) == []


def test_an_event_makes_its_member_join_and_leave(rules: RuleSet) -> None:
    [said] = judged(rules, TICKET, {"type": "Leave", "status": "Done", "who": "staff/bob"})
    assert (said.mapping, said.verdict, said.subject, said.controls) == ("set:leavers", Verdict.MATCHED, "bob", ())
    [said] = judged(rules, TICKET, {"type": "Return", "who": "bob"})
    assert (said.verdict, said.subject) == (Verdict.UNTIL, "bob")
    assert judged(rules, TICKET, {"type": "Leave", "status": "Open", "who": "bob"}) == ()
    assert rules.sets[0].lasts == 90 * DAY


@pytest.mark.parametrize("who", [None, [], "", ["a", "b"], {"name": "a"}])
def test_an_event_that_names_nobody_or_several_is_an_error(rules: RuleSet, who: Any) -> None:
    [said] = judged(rules, TICKET, {"type": "Leave", "status": "Done", "who": who})
    assert said.verdict is Verdict.ERROR
    assert "members where one is meant" in said.reason


def test_sets_are_no_mappings(rules: RuleSet) -> None:
    assert [record.title for record in rules.mappings] == ["Leaver with a user"]
    assert rules.asking == {"5a1f0c2e-6d0b-4c53-9f7e-0b8f0a4f6f1d"}


def test_a_member_matches_in_its_time(rules: RuleSet) -> None:
    sets: Sets = {"leavers": {"bob": ((10, 20),)}}
    user = {"UserName": "BOB", "Active": True}
    verdicts = {time: judged(rules, USER, user, sets, time)[0].verdict for time in (9, 10, 19, 20)}
    assert verdicts == {9: Verdict.NOT_MATCHED, 10: Verdict.MATCHED, 19: Verdict.MATCHED, 20: Verdict.NOT_MATCHED}
    [said] = judged(rules, USER, user, sets, 15)
    assert said.reason == "UserName = BOB, a member of leavers; Active = true"


def test_a_set_that_was_not_read_is_an_error_never_a_pass(rules: RuleSet) -> None:
    for sets in (None, {}):
        [said] = judged(rules, USER, {"UserName": "bob", "Active": True}, sets)
        assert (said.verdict, said.reason) == (Verdict.ERROR, "SetsError: the set 'leavers' was not read")


@given(st.text(alphabet="aB*?\\.[]", min_size=1, max_size=5), st.text(alphabet="aB*?\\.[]", max_size=5))
def test_members_are_text_without_case_and_never_patterns(rules: RuleSet, member: str, value: str) -> None:
    [said] = judged(rules, USER, {"UserName": value, "Active": True}, always({"leavers": [member]}))
    assert (said.verdict is Verdict.MATCHED) is (member.lower() == value.lower())


CHANGES = [
    ({"leavers": LEAVERS.replace("for: 90d", "for: long")}, "for: 'long' is no duration", 7),
    ({"leavers": LEAVERS.replace("for: 90d\n", "")}, "how long a member stays one", 2),
    ({"leavers": LEAVERS.replace("field: who|tail\n", "")}, "the one that names the member", 2),
    ({"leavers": LEAVERS.replace("who|tail", "who|head")}, "field is a field's path", 6),
    ({"leavers": LEAVERS.replace("selection: {type: Leave, status: Done}\n", "")}, "which events make somebody a member", 2),
    ({"leavers": LEAVERS.replace("{category: ticket, product: jira, service: issue}", "{}")}, "names no product", 4),
    ({"leavers": LEAVERS.replace("category: ticket", "category: window")}, "cannot read window events", 4),
    ({"leavers": LEAVERS.replace("title:", "titel:")}, "unknown key 'titel' in a set", 2),
    ({"leavers": LEAVERS.replace("match: true", "match: false")}, "the test 'left' must not match", 10),
    ({"leavers": "- 1"}, "a set is a map", 1),
    ({"mapping": MAPPING.replace("UserName|expand: '%leavers%'", "UserName|expand: 'x-%leavers%'")}, "never part of a text", 11),
    ({"mapping": MAPPING.replace("UserName|expand", "UserName|expand|contains")}, "only all and neq may stand", 11),
    ({"mapping": MAPPING.replace("'%leavers%'", "'%leaver%'")}, "the list 'leaver' is empty", 11),
    ({"mapping": MAPPING.replace("UserName|expand:", "'|expand':")}, "name a field", 11),
    ({"mapping": MAPPING.replace("category: snapshot, product: aws, service: iam, resource: user", "product: aws, service: iam")},
     "asks a set is evidence only", 16),
    ({"mapping": MAPPING.replace("sets: {leavers: [bob]}, ", "sets: [bob], ", 1)}, "sets is a map of sets", 19),
]  # fmt: skip


@pytest.mark.parametrize(("change", "words", "line"), CHANGES)
def test_what_is_wrong_is_said_with_its_line(annex: str, change: dict[str, str], words: str, line: int) -> None:
    found = [p for p in lint(made(annex, **change)) if words in p.message]
    assert [p.line for p in found] == [line], [str(p) for p in lint(made(annex, **change))]


def test_a_name_is_a_list_or_a_set_and_stands_once(annex: str) -> None:
    twice = MappingSet(annex=annex, files=texts() | {"other/sets/leavers.yaml": LEAVERS})
    assert any("is defined by other" in p.message or "is defined by own" in p.message for p in lint(twice))
    both = MappingSet(annex=annex, files=texts(), lists={"leavers": ("ann",)})
    assert any("a name is one of both" in p.message for p in lint(both))


def test_another_set_makes_another_mapping(annex: str) -> None:
    [one] = RuleSet.compile(made(annex)).mappings
    [other] = RuleSet.compile(made(annex, leavers=LEAVERS.replace("90d", "91d"))).mappings
    assert one.digest != other.digest


def test_a_set_is_asked_beside_each_and_denied(annex: str) -> None:
    mapping = MAPPING.replace(
        "selection: {UserName|expand: '%leavers%', Active: true}", "selection: {Names.N|expand|neq: '%leavers%'}"
    )
    rules = RuleSet.compile(made(annex, mapping=mapping.replace("detection:", "each: Names\ndetection:")))
    sets = always({"leavers": ["bob"]})
    assert judged(rules, USER, {"Names": [{"N": "bob"}]}, sets)[0].verdict is Verdict.NOT_MATCHED
    [said] = judged(rules, USER, {"Names": [{"N": "bob"}, {"N": "ann"}]}, sets)
    assert (said.verdict, said.reason) == (Verdict.MATCHED, "Names.N = ann, not a member of leavers")
