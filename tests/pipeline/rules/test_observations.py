"""Mappings over observations: how a subject stood is evidence, match or not; only a match speaks to a control."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pipeline.rules.lint import lint
from pipeline.rules.logsource import LogSource, reaches
from pipeline.rules.ruleset import RuleSet
from store.records import DAY, Event, Verdict

MAPPING = """
title: Rotated key
id: 5a1f0c2e-6d0b-4c53-9f7e-0b8f0a4f6f1d
status: stable
description: A customer's key is rotated every year.
references: [https://docs.example.com/rotation]
date: 2026-11-25
tags: [iso27001-2022.a.8.24]
logsource: {category: snapshot, product: aws, service: kms, resource: key}
detection:
  selection: {KeyRotationEnabled: true}
  condition: selection
level: informational
rationale: Rotation bounds how much one key protects.
finding: evidence
falsepositives: [none]
population: {KeyManager: CUSTOMER}
tests:
  - {name: rotated, match: true, event: {KeyManager: CUSTOMER, KeyRotationEnabled: true}}
  - {name: not rotated, match: false, event: {KeyManager: CUSTOMER, KeyRotationEnabled: false}}
"""

USER = {"category": "snapshot", "product": "aws", "service": "iam", "resource": "user"}


def event(payload: bytes, type: str = "snapshot.aws.kms.key") -> Event:
    return Event("aws", "1", type, 0, payload, subject="arn:aws:kms:key/1", account="111122223333")


@pytest.fixture
def rules(compiled: Callable[..., RuleSet]) -> RuleSet:
    return compiled(MAPPING)


def test_a_match_speaks_and_no_match_is_kept_in_silence(rules: RuleSet) -> None:
    [yes] = rules.judge(event(b'{"KeyManager":"CUSTOMER","KeyRotationEnabled":true}'))
    assert (yes.verdict, yes.controls, yes.subject) == (Verdict.MATCHED, ("A.8.24",), "arn:aws:kms:key/1")
    [no] = rules.judge(event(b'{"KeyManager":"CUSTOMER","KeyRotationEnabled":false}'))
    assert (no.verdict, no.controls) == (Verdict.NOT_MATCHED, ())


def test_outside_the_population_and_of_other_types_nothing_is_said(rules: RuleSet) -> None:
    assert rules.judge(event(b'{"KeyManager":"AWS","KeyRotationEnabled":true}')) == ()
    for other in ("snapshot.aws.kms.alias", "log.aws.kms", "summary.aws.kms.key"):
        assert rules.judge(event(b'{"KeyManager":"CUSTOMER"}', other)) == ()


def test_what_cannot_be_read_is_an_error_about_the_subject(rules: RuleSet) -> None:
    [said] = rules.judge(event(b"[1"))
    assert (said.verdict, said.subject) == (Verdict.ERROR, "arn:aws:kms:key/1")


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ('{"KeyManager":"CUSTOMER","_unread":["KeyRotationEnabled"]}', "KeyRotationEnabled was not read"),
        (
            '{"KeyManager":"CUSTOMER","KeyRotationEnabled":true,"_unread":["KeyRotationEnabled"]}',
            "KeyRotationEnabled was not read",
        ),
        ('{"KeyRotationEnabled":false,"_unread":["KeyManager"]}', "KeyManager was not read"),
        ('{"KeyManager":"CUSTOMER","_unread":"everything"}', "what was not read is not said clearly"),
        ('{"KeyManager":"CUSTOMER","_unread":[1]}', "what was not read is not said clearly"),
    ],
)
def test_what_was_not_read_is_an_error_and_never_a_pass(rules: RuleSet, payload: str, said: str) -> None:
    [one] = rules.judge(event(payload.encode()))
    assert (one.verdict, one.reason, one.subject) == (Verdict.ERROR, said, "arn:aws:kms:key/1")


def test_what_was_not_read_matters_to_those_who_ask_for_it(rules: RuleSet) -> None:
    assert rules.judge(event(b'{"KeyManager":"AWS","_unread":["KeyRotationEnabled"]}')) == ()
    for other in (b'["Tags", "KeyRotation"]', b"[]", b"null"):
        [one] = rules.judge(event(b'{"KeyManager":"CUSTOMER","KeyRotationEnabled":true,"_unread":' + other + b"}"))
        assert one.verdict is Verdict.MATCHED


def test_fields_below_what_was_not_read_and_keywords_are_unread_too(compiled: Callable[..., RuleSet]) -> None:
    source = "logsource: {category: snapshot, product: aws, service: kms, resource: key}, rationale: r"
    rules = compiled(
        f"{{title: x, {source}, derive: {{n: count(a.b)}}, detection: {{s: {{n|gt: 1}}, condition: s}}}}",
        f"{{title: y, {source}, detection: {{s: [word], condition: s}}}}",
        f"{{title: z, {source}, detection: {{s: {{ab: 1}}, condition: s}}}}",
    )
    said = rules.judge(event(b'{"_unread":["a"],"ab":1}'))
    assert [one.verdict for one in said] == [Verdict.ERROR, Verdict.ERROR, Verdict.MATCHED]


def test_its_own_tests_pass(make_set: Any) -> None:
    assert [p for p in lint(make_set(MAPPING)) if p.severity == "error"] == []


@pytest.mark.parametrize("kind", ["ticket", "finding"])
def test_tickets_and_findings_of_others_need_a_population(make_set: Any, kind: str) -> None:
    text = MAPPING.replace("category: snapshot", f"category: {kind}").replace("population: {KeyManager: CUSTOMER}\n", "")
    assert any("add population" in p.message for p in lint(make_set(text)) if p.severity == "error")


@pytest.mark.parametrize(
    ("source", "reached", "not_reached"),
    [
        ({"category": "snapshot", "product": "aws", "service": "iam"}, "snapshot.aws.iam.user", "log.aws.iam.user"),
        (
            {"category": "snapshot", "product": "aws", "service": "iam", "resource": "user"},
            "snapshot.aws.iam.user",
            "snapshot.aws.iam.role",
        ),
        ({"category": "ticket", "product": "jira"}, "ticket.jira.issue", "ticket.github.issue"),
        ({"category": "finding", "product": "aws", "service": "securityhub"}, "finding.aws.securityhub", "finding.aws.config"),
        ({"product": "gcp", "service": "gcp.audit"}, "log.gcp.gcp.audit", "log.gcp.gcp"),
    ],
)
def test_a_logsource_reaches_its_kind(source: dict[str, str], reached: str, not_reached: str) -> None:
    types = LogSource.of(source).types()
    assert reaches(types, reached)
    assert not reaches(types, not_reached)


FACT = """
title: Closed without a look back
id: 5a1f0c2e-6d0b-4c53-9f7e-0b8f0a4f6f1e
status: stable
description: An incident was closed and nobody looked back at it.
references: [https://docs.example.com/incidents]
date: 2026-11-25
tags: [iso27001-2022.a.5.27]
logsource: {category: ticket, product: jira, service: issue}
population: {type: Incident}
detection:
  selection: {review: null, closed|exists: true}
  condition: selection
level: low
rationale: Nothing is learnt from it.
fact: closed
falsepositives: [none]
tests:
  - {name: none, match: true, event: {type: Incident, closed: '2026-11-20T10:00:00Z'}}
  - {name: some, match: false, event: {type: Incident, closed: '2026-11-20T10:00:00Z', review: done}}
"""


def ticket(payload: bytes) -> Event:
    return Event("jira", "1", "ticket.jira.issue", 0, payload, subject="SEC-1")


def test_a_fact_gives_its_time_and_ninety_days(compiled: Callable[..., RuleSet]) -> None:
    rules = compiled(FACT)
    assert [p for p in rules.problems if p.severity == "error"] == []
    assert (rules.mappings[0].quiet_for, rules.mappings[0].max_age) == (90 * DAY, 7 * DAY)
    [said] = rules.judge(ticket(b'{"type":"Incident","closed":"1970-01-02T00:00:00Z"}'))
    assert (said.verdict, said.fact) == (Verdict.MATCHED, DAY)
    [said] = rules.judge(ticket(b'{"type":"Incident","closed":"1970-01-02T00:00:00Z","review":"yes"}'))
    assert (said.verdict, said.fact) == (Verdict.NOT_MATCHED, None)
    [said] = rules.judge(ticket(b'{"type":"Incident","closed":"last week"}'))
    assert (said.verdict, said.reason) == (Verdict.ERROR, "DeriveError: closed is no time: last week")


@pytest.mark.parametrize("key", ["until: {a: 1}", "no_until: because", "subject: a.b"])
def test_keys_of_logs_have_no_place_over_observations(make_set: Any, key: str) -> None:
    problems = [p for p in lint(make_set(FACT.replace("fact: closed", key))) if p.severity == "error"]
    assert any("is for logs" in p.message for p in problems)


@pytest.mark.parametrize("value", ["[closed]", "closed|tail", "''"])
def test_a_fact_is_a_path(make_set: Any, value: str) -> None:
    problems = [p for p in lint(make_set(FACT.replace("fact: closed", f"fact: {value}"))) if p.severity == "error"]
    assert any("fact is the path" in p.message for p in problems)
