"""Mappings over observations: how a subject stood is evidence, match or not; only a match speaks to a control."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pipeline.rules.lint import lint
from pipeline.rules.logsource import LogSource, reaches
from pipeline.rules.ruleset import RuleSet
from store.records import Event, Verdict

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
