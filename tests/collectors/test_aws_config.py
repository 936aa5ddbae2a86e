"""Rules and evaluations of AWS Config: each kept as it is, and what was not evaluated never a pass."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from attestream.demo.servers.aws import Call, Refused
from attestream.demo.servers.aws_config import ConfigServer
from collectors.base import Window
from collectors.registry import build, read_settings
from collectors.report import Silent, WindowReport
from store.records import Event

pytestmark = pytest.mark.usefixtures("aws_environment")
NOW = 1_800_000_000.0
ACCOUNT = "111122223333"


class Config(ConfigServer):
    """Its time is set; operations can be refused, or answered with a code."""

    def __init__(self) -> None:
        self.now = NOW
        super().__init__(ACCOUNT, page=2, clock=lambda: self.now)
        self.refused: dict[str, str] = {}

    def call(self, call: Call) -> dict[str, Any]:
        if call.operation in self.refused:
            raise Refused(self.refused[call.operation], 400, "hidden words")
        return super().call(call)


@pytest.fixture
def config() -> Iterator[Config]:
    with Config() as server:
        server.rule("s3-public")
        yield server


class Seen:
    def __init__(self, config: Config, **settings: Any) -> None:
        values: dict[str, Any] = {"name": "rules", "type": "aws-config", "endpoint_url": config.url, "max_attempts": 1}
        self.collector = build(read_settings(values | {"regions": ["eu-west-1"]} | settings), lambda: int(config.now * 1e6))
        self.report = WindowReport(Silent(), {})
        self.events: list[Event] = list(self.collector.collect(Window("a", "rules", 0, 1, {}), self.report))

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [json.loads(event.payload) for event in self.events if event.type == kind]

    @property
    def rule(self) -> dict[str, Any]:
        [value] = self.of("finding.aws.config.rule")
        return value

    @property
    def evaluations(self) -> list[dict[str, Any]]:
        return self.of("finding.aws.config.evaluation")

    def parts(self) -> dict[str, tuple[bool, bool, int]]:
        return {part.type.rpartition(".")[2]: (part.complete, part.enumerates, part.read) for part in self.report.parts}


def test_a_rule_and_its_evaluations_keep_their_words_and_their_origin(config: Config) -> None:
    config.evaluate("s3-public", "b1", "NON_COMPLIANT", Annotation="is public")
    seen = Seen(config)
    rule = seen.rule
    assert rule["Compliance"]["ComplianceType"] == "NON_COMPLIANT"
    assert rule["Source"] == {"Owner": "AWS", "SourceIdentifier": "S3-PUBLIC"}
    assert rule["_evaluations"] == {"COMPLIANT": 0, "NON_COMPLIANT": 1, "NOT_APPLICABLE": 0}
    assert rule["_recording"] is True
    assert "_pass_without_data" not in rule
    [evaluation] = seen.evaluations
    assert evaluation["Annotation"] == "is public"
    assert evaluation["_rule"]["Source"]["Owner"] == "AWS"
    assert evaluation["EvaluationResultIdentifier"]["EvaluationResultQualifier"]["ResourceId"] == "b1"
    assert evaluation["ResultRecordedTime"] == "2027-01-15T00:00:00Z"
    subjects = {event.type: event.subject for event in seen.events}
    arn = rule["ConfigRuleArn"]
    assert subjects["finding.aws.config.rule"] == arn
    assert subjects["finding.aws.config.evaluation"] == f"{arn}/AWS::S3::Bucket/b1"


def test_everything_is_counted_page_by_page(config: Config) -> None:
    for number in range(5):
        config.evaluate("s3-public", f"b{number}", "COMPLIANT")
        config.rule(f"rule-{number}")
    seen = Seen(config)
    assert seen.parts() == {"rule": (True, True, 6), "evaluation": (True, True, 5)}
    assert [value["count"] for value in seen.of("summary.aws.config.rule")] == [6]
    [summary] = seen.of("summary.aws.config.evaluation")
    assert summary["names"][0] == "s3-public/AWS::S3::Bucket/b0"


@pytest.mark.parametrize("kind", ["COMPLIANT", "NON_COMPLIANT", "NOT_APPLICABLE"])
def test_each_result_is_kept_as_such(config: Config, kind: str) -> None:
    config.evaluate("s3-public", "b1", kind)
    [evaluation] = Seen(config).evaluations
    assert evaluation["ComplianceType"] == kind


def test_no_data_is_no_pass(config: Config) -> None:
    config.evaluate("s3-public", "b1", "NOT_APPLICABLE")
    rule = Seen(config).rule
    assert rule["Compliance"] == {"ComplianceType": "INSUFFICIENT_DATA"}
    assert "_pass_without_data" not in rule


def test_a_compliant_rule_says_whether_any_resource_was_found_to_be(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    config.evaluate("s3-public", "b1", "COMPLIANT")
    assert Seen(config).rule["_pass_without_data"] is False
    described = Config._described

    def compliant(self: Config, call: Call, rule: Any) -> dict[str, Any]:
        answer = described(self, call, rule)
        return {**answer, "Compliance": {"ComplianceType": "COMPLIANT"}} if "Compliance" in answer else answer

    monkeypatch.setattr(Config, "_described", compliant)
    config.evaluate("s3-public", "b1", "NOT_APPLICABLE")
    assert Seen(config).rule["_pass_without_data"] is True


@pytest.mark.parametrize(("recording", "expected"), [(True, True), (False, False), (None, None)])
def test_whether_the_recorder_was_on_stands_in_every_finding(
    config: Config, recording: bool | None, expected: bool | None
) -> None:
    config.evaluate("s3-public", "b1", "COMPLIANT")
    config.recording = {} if recording is None else {(ACCOUNT, "eu-west-1"): recording}
    seen = Seen(config)
    assert [value["_recording"] for value in (seen.rule, *seen.evaluations)] == [expected, expected]


def test_evaluated_again_on_the_same_day_is_unchanged(config: Config) -> None:
    config.evaluate("s3-public", "b1", "COMPLIANT")
    before = [event.payload for event in Seen(config).events]
    config.now += 3600
    config.evaluate("s3-public", "b1", "COMPLIANT")
    assert [event.payload for event in Seen(config).events] == before
    config.now += 86_400
    config.evaluate("s3-public", "b1", "COMPLIANT")
    assert [event.payload for event in Seen(config).events] != before


@pytest.mark.parametrize(
    ("operation", "path"),
    [
        ("DescribeConfigurationRecorderStatus", "_recording"),
        ("DescribeComplianceByConfigRule", "Compliance"),
        ("DescribeConfigRuleEvaluationStatus", "EvaluationStatus"),
        ("GetComplianceDetailsByConfigRule", "_evaluations"),
    ],
)
def test_what_is_refused_is_named_and_never_read_as_none(config: Config, operation: str, path: str) -> None:
    config.evaluate("s3-public", "b1", "COMPLIANT")
    config.refused = {operation: "AccessDeniedException"}
    seen = Seen(config)
    rule = seen.rule
    assert rule["_unread"] == [path]
    assert path not in rule
    assert "_pass_without_data" not in rule or path not in ("Compliance", "_evaluations")
    assert seen.report.partial
    assert f"config:{operation}" in "".join(seen.report.errors)
    assert "hidden words" not in "".join(seen.report.errors)
    assert seen.parts()["evaluation"][0] is (path != "_evaluations")
    for evaluation in seen.evaluations:
        assert evaluation.get("_unread") == (["_recording"] if path == "_recording" else None)


def test_rules_that_are_not_listed_are_no_empty_list(config: Config) -> None:
    config.refused = {"DescribeConfigRules": "AccessDeniedException"}
    seen = Seen(config)
    assert seen.events == []
    assert seen.parts() == {"rule": (False, False, 0), "evaluation": (False, False, 0)}


def test_a_rule_that_is_deleted_while_it_is_read_is_left_out(config: Config) -> None:
    config.refused = {"GetComplianceDetailsByConfigRule": "NoSuchConfigRuleException"}
    seen = Seen(config)
    assert seen.of("finding.aws.config.rule") == []
    assert seen.parts() == {"rule": (True, True, 0), "evaluation": (True, True, 0)}


def test_nothing_there_is_said_by_the_summaries(config: Config) -> None:
    config.clear()
    seen = Seen(config)
    assert [(event.type, json.loads(event.payload)["count"]) for event in seen.events] == [
        ("summary.aws.config.rule", 0),
        ("summary.aws.config.evaluation", 0),
    ]


def test_each_account_and_region_is_a_part_of_its_own(config: Config) -> None:
    config.rule("other", region="us-east-1")
    accounts = [{"role_arn": f"arn:aws:iam::{ACCOUNT}:role/reader"}, {"role_arn": "arn:aws:iam::444455556666:role/reader"}]
    seen = Seen(config, accounts=accounts, regions=[])
    parts = {part.part for part in seen.report.parts}
    assert parts == {f"{account}/{region}" for account in (ACCOUNT, "444455556666") for region in ("eu-west-1", "us-east-1")}
    assert len(seen.of("finding.aws.config.rule")) == 2


@pytest.mark.parametrize(
    "operation", ["DescribeConfigRules", "GetComplianceDetailsByConfigRule", "DescribeComplianceByConfigRule"]
)
def test_a_check_names_the_call_that_is_refused(config: Config, operation: str) -> None:
    config.refused = {operation: "AccessDeniedException"}
    denied = [probe.denied.action for probe in Seen(config).collector.check() if probe.denied]
    assert denied == [f"config:{operation}"]
