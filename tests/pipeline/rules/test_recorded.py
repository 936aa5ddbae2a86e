"""The built-in mappings over what the sources really send: samples recorded from the collectors of each source type.

A line of `recorded/SOURCE-TYPE.jsonl` is one event: its type, subject, account and payload, the mappings that match it, and the
others that judge it and do not match. `time` is when it is judged, where a mapping computes ages; `sets` are members of sets that
are empty else; `errors` are the mappings that cannot judge it, for what they need was not answered.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.rules.members import PREFIX, always
from pipeline.rules.reader import builtin_mappings, read_set
from pipeline.rules.ruleset import RuleSet
from store.records import Event, Verdict
from store.times import parse_time

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
LOG = "log.aws.cloudtrail"


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    return RuleSet.compile(read_set([builtin_mappings()], {}))


@pytest.fixture(scope="module")
def names(rules: RuleSet) -> dict[str, str]:
    """From a mapping's id, its file below control_mappings without the suffix."""
    records = [*rules.mappings, *(rule.record for rule in rules.sets)]
    return {record.id: record.path.removeprefix("control_mappings/").removesuffix(".yaml") for record in records}


def samples() -> Iterator[Any]:
    for source in SOURCES:
        for number, line in enumerate((RECORDED / f"{source}.jsonl").read_text(encoding="utf-8").splitlines(), 1):
            yield pytest.param(json.loads(line), id=f"{source}-{number}")


@pytest.mark.parametrize("sample", list(samples()))
def test_a_recorded_event_is_matched_by_these_and_no_others(
    sample: dict[str, Any], rules: RuleSet, names: dict[str, str]
) -> None:
    payload = json.dumps(sample["payload"]).encode()
    time = parse_time(sample["time"]) if "time" in sample else 0
    event = Event("s", "1", sample["type"], time, payload, subject=sample["subject"], account=sample["account"])
    empty: dict[str, tuple[str, ...]] = {rule.record.id.removeprefix(PREFIX): () for rule in rules.sets}
    said = rules.judge(event, always(empty | sample.get("sets", {})))
    by_verdict = {verdict: sorted(names[one.mapping] for one in said if one.verdict == verdict) for verdict in Verdict}
    assert by_verdict[Verdict.ERROR] == sample.get("errors", [])
    assert by_verdict[Verdict.MATCHED] == sample["matches"]
    assert by_verdict[Verdict.NOT_MATCHED] == sample["others"]


def test_every_mapping_beside_cloudtrail_has_a_sample_that_matches(rules: RuleSet, names: dict[str, str]) -> None:
    matched = {name for sample in samples() for name in sample.values[0]["matches"]}
    mapped = {names[record.id] for record in rules.mappings if record.types != (LOG,)}
    assert sorted(mapped - matched) == []
    assert {sample.values[0]["type"] for sample in samples()} >= {
        "snapshot.aws.iam.user",
        "ticket.jira.issue",
        "log.gcp.gcp.audit",
    }


def test_over_observations_a_builtin_mapping_judges_unless_it_is_weak(rules: RuleSet) -> None:
    observed = [record for record in rules.mappings if not all(kind.startswith("log.") for kind in record.types)]
    judging = [record for record in observed if record.finding != "evidence"]
    assert len(judging) > 100
    assert all(record.rationale and record.remediation for record in judging)
    weak = [record for record in observed if all(strength == "weak" for _, strength in record.controls)]
    assert {record.finding for record in weak} == {"evidence"}
