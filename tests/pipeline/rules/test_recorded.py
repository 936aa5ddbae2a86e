"""The built-in mappings over what the sources really send: samples recorded from the collectors of each source type.

A line of `recorded/SOURCE-TYPE.jsonl` is one event: its type, subject, account and payload, the mappings that match it, and the
others that judge it and do not match.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.rules.reader import builtin_mappings, read_set
from pipeline.rules.ruleset import RuleSet
from store.records import Event, Verdict

RECORDED = Path(__file__).parent / "recorded"
SOURCES = (
    "aws-account",
    "aws-config",
    "aws-securityhub",
    "cloudtrail-s3",
    "gcp-audit",
    "gcp-iam",
    "github",
    "jira",
    "pagerduty",
    "prowler",
    "servicenow",
)
UNSEEN = {
    "aws/cloudtrail/trail-cannot-deliver",
    "aws/iam/root-with-second-factor",
    "aws/s3control/account-blocks-public-access",
}
"""Mappings over a state that the simulated cloud never takes; it has their fields."""
LOG = "log.aws.cloudtrail"


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    return RuleSet.compile(read_set([builtin_mappings()], {}))


@pytest.fixture(scope="module")
def names(rules: RuleSet) -> dict[str, str]:
    """From a mapping's id, its file below control_mappings without the suffix."""
    return {record.id: record.path.removeprefix("control_mappings/").removesuffix(".yaml") for record in rules.mappings}


def samples() -> Iterator[Any]:
    for source in SOURCES:
        for number, line in enumerate((RECORDED / f"{source}.jsonl").read_text(encoding="utf-8").splitlines(), 1):
            yield pytest.param(json.loads(line), id=f"{source}-{number}")


@pytest.mark.parametrize("sample", list(samples()))
def test_a_recorded_event_is_matched_by_these_and_no_others(
    sample: dict[str, Any], rules: RuleSet, names: dict[str, str]
) -> None:
    payload = json.dumps(sample["payload"]).encode()
    said = rules.judge(Event("s", "1", sample["type"], 0, payload, subject=sample["subject"], account=sample["account"]))
    by_verdict = {verdict: sorted(names[one.mapping] for one in said if one.verdict == verdict) for verdict in Verdict}
    assert by_verdict[Verdict.ERROR] == []
    assert by_verdict[Verdict.MATCHED] == sample["matches"]
    assert by_verdict[Verdict.NOT_MATCHED] == sample["others"]


def test_every_mapping_beside_cloudtrail_has_a_sample_that_matches(rules: RuleSet, names: dict[str, str]) -> None:
    matched = {name for sample in samples() for name in sample.values[0]["matches"]}
    mapped = {names[record.id] for record in rules.mappings if record.types != (LOG,)}
    assert mapped - matched == UNSEEN
    assert {sample.values[0]["type"] for sample in samples()} >= {
        "snapshot.aws.iam.user",
        "ticket.jira.issue",
        "log.gcp.gcp.audit",
    }


def test_over_observations_a_builtin_mapping_claims_nothing(rules: RuleSet) -> None:
    observed = [record for record in rules.mappings if not all(kind.startswith("log.") for kind in record.types)]
    assert len(observed) > 70
    assert {record.finding for record in observed} == {"evidence"}
