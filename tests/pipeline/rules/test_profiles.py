"""Logsource profiles: the field names of others, and fields that nothing knows."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pipeline.rules.lint import lint
from pipeline.rules.mapping_set import MappingSet
from pipeline.rules.problems import RulesError
from pipeline.rules.profiles import parse_profile
from pipeline.rules.reader import builtin_mappings
from pipeline.rules.ruleset import RuleSet
from store.records import Event

MakeEvent = Callable[..., Event]
BUCKETS = """\
title: Buckets changed
id: 4d9f2ee2-c903-48ab-b9c1-8c0f474913d0
logsource: {product: gcp, service: gcp.audit}
detection:
  selection:
    FIELD: storage.buckets.delete
  condition: selection
level: medium
"""
DELIVERED = {
    "logName": "projects/p/logs/cloudaudit.googleapis.com%2Factivity",
    "protoPayload": {
        "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
        "methodName": "storage.buckets.delete",
        "authorizationInfo": [{"permission": "storage.buckets.get"}, {"permission": "storage.buckets.delete", "granted": True}],
    },
}


@pytest.fixture
def gcp() -> dict[str, str]:
    """The profile of Google's audit logs that comes with the product."""
    return {"gcp.audit.yaml": (builtin_mappings() / "profiles" / "gcp.audit.yaml").read_text(encoding="utf-8")}


@pytest.mark.parametrize(
    "field",
    [
        "gcp.audit.method_name",
        "data.protoPayload.methodName",
        "protoPayload.methodName",
        "data.protoPayload.authorizationInfo.permission",
        "gcp.audit.authorization_info.permission",
    ],
)
def test_rules_of_others_fire_on_records_as_delivered(
    make_set: Callable[..., MappingSet], gcp: dict[str, str], event: MakeEvent, field: str
) -> None:
    rules = RuleSet.compile(make_set(BUCKETS.replace("FIELD", field), profiles=gcp))
    assert rules.mappings[0].types == ("log.gcp.audit", "log.gcp.gcp.audit")
    assert len(rules.judge(event(DELIVERED, type="log.gcp.audit"))) == 1
    without = RuleSet.compile(make_set(BUCKETS.replace("FIELD", field)))
    assert without.mappings[0].types == ("log.gcp.gcp.audit",)


def test_referenced_fields_are_renamed_too(make_set: Callable[..., MappingSet], gcp: dict[str, str], event: MakeEvent) -> None:
    text = BUCKETS.replace(
        "FIELD: storage.buckets.delete", "gcp.audit.method_name|fieldref: data.protoPayload.authorizationInfo.permission"
    )
    assert RuleSet.compile(make_set(text, profiles=gcp)).judge(event(DELIVERED, type="log.gcp.audit"))


def test_lint_names_a_field_that_nothing_knows(make_set: Callable[..., MappingSet], gcp: dict[str, str]) -> None:
    (problem,) = lint(make_set(BUCKETS.replace("FIELD", "protPayload.methodName"), profiles=gcp))
    assert (problem.severity, problem.hint) == ("warning", "did you mean 'protoPayload'?")
    assert "'protPayload.methodName'" in problem.message
    assert lint(make_set(BUCKETS.replace("FIELD", "gcp.audit.method_name"), profiles=gcp)) == []


@pytest.mark.parametrize(
    ("name", "renamed"),
    [("a.b", "x"), ("a.b.c", "y.z.c"), ("a.c.d", "w.c.d"), ("a", "a"), ("d.e.f", "e.f"), ("d", "d"), ("other", "other")],
)
def test_the_longest_rename_wins(name: str, renamed: str) -> None:
    raw = {"logsource": {"product": "p"}, "rename": {"a.b": "x", "a.b.*": "y.z.*", "a.*": "w.*", "d.*": "*"}}
    assert parse_profile("p.yaml", raw).renamed(name) == renamed


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ([], "a profile is a map"),
        ({"logsource": {"product": "p"}, "renames": {}}, "did you mean 'rename'"),
        ({"rename": {}}, "logsource"),
        ({"logsource": {"product": "p"}, "rename": {"a.*": "b"}}, "both names end"),
        ({"logsource": {"product": "p"}, "rename": ["a"]}, "must be a map"),
        ({"logsource": {"product": "p"}, "fields": "a"}, "must be a list"),
    ],
)
def test_refused(raw: object, words: str) -> None:
    with pytest.raises(RulesError, match=words):
        parse_profile("p.yaml", raw)


def test_a_broken_profile_is_a_lint_error(make_set: Callable[..., MappingSet], stopped: str) -> None:
    (problem,) = lint(make_set(stopped, profiles={"p.yaml": "rename: {}\n"}))
    assert (problem.path, problem.severity) == ("p.yaml", "error")


def test_the_organisation_may_name_fields_its_own_way(
    make_set: Callable[..., MappingSet], gcp: dict[str, str], event: MakeEvent
) -> None:
    ours = "logsource: {product: gcp, service: gcp.audit}\nrename: {gcp.audit.method_name: flat.method}\n"
    profiles = {"control_mappings/profiles/gcp.audit.yaml": gcp["gcp.audit.yaml"], "mine/profiles/gcp.yaml": ours}
    rules = RuleSet.compile(make_set(BUCKETS.replace("FIELD", "gcp.audit.method_name"), profiles=profiles))
    assert rules.judge(event({"flat": {"method": "storage.buckets.delete"}}, type="log.gcp.gcp.audit"))


def test_a_text_asked_of_an_object_never_matches_and_lint_says_so(compiled: Callable[..., RuleSet]) -> None:
    profile = "{logsource: {product: aws, service: cloudtrail}, fields: [requestParameters.*, eventName]}"
    rule = "{title: x, logsource: {product: aws, service: cloudtrail}, detection: {s: {%s}, condition: s}}"

    def said(selection: str) -> list[str]:
        rules = compiled(rule % selection, profiles={"mine/profiles/p.yaml": profile})
        return [p.message for p in rules.problems if "is an object" in p.message]

    assert said("'requestParameters|contains': word") == [
        "'requestParameters' is an object as delivered, and no text fits an object: this never matches"
    ]
    assert said("requestParameters: null") == said("'requestParameters|exists': true") == said("eventName: x") == []
