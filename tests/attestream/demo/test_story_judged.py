"""What the built-in mappings say of the simulated cloud: the story's happenings, and nothing against the routine."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime

import pytest

from attestream.demo.history import live_act
from attestream.demo.world import demo_lists
from pipeline.rules.reader import builtin_mappings, read_set
from pipeline.rules.ruleset import RuleSet
from store.records import Event, Verdict

NO_SETS = "SetsError"
"""Sets are made of other sources' settings, of which there are none here."""


@pytest.fixture(scope="module")
def rules():
    return RuleSet.compile(read_set([builtin_mappings()], demo_lists()))


def judged(rules, records):
    """How often a verdict about a not-satisfied mapping was spoken, by (verdict, event name)."""
    said = Counter()
    for one in records:
        at = int(datetime.fromisoformat(one["eventTime"]).timestamp()) * 1_000_000
        payload = json.dumps(one).encode()
        event = Event("demo", one["eventID"], "log.aws.cloudtrail", at, payload, account=one["recipientAccountId"])
        for judgement in rules.judge(event):
            assert judgement.verdict is not Verdict.ERROR or NO_SETS in judgement.reason, judgement
            if judgement.finding == "not-satisfied":
                said[judgement.verdict, one["eventName"]] += 1
    return said


def matches(said):
    return {name: count for (verdict, name), count in said.items() if verdict is Verdict.MATCHED}


def test_the_history_speaks_against_nothing_but_what_the_story_tells(rules, records):
    said = judged(rules, records)
    assert matches(said) == {
        "ConsoleLogin": 2,  # root, and k.brandt without a second factor
        "GetContactInformation": 1,  # root's session
        "StopLogging": 1,
        "ModifySnapshotAttribute": 1,
        "PutBucketPolicy": 1,
        "PutKeyPolicy": 1,
        "AuthorizeSecurityGroupIngress": 1,
        "DeactivateMFADevice": 1,  # the leaver, whose user is deleted a few seconds later
    }
    closed = {name for verdict, name in said if verdict is Verdict.UNTIL}
    assert {"StartLogging", "DeleteBucketPolicy", "PutKeyPolicy", "DeleteUser"} <= closed


def test_the_live_act_opens_five_findings_and_closes_all_but_that_root_was_used(rules, seed, now, read_records):
    wrong, right = (judged(rules, read_records(act.files)) for act in live_act(seed, now))
    root = {"ConsoleLogin": 1, "GetContactInformation": 1}
    done = {"PutKeyPolicy": 1, "StopLogging": 1, "PutBucketPolicy": 1, "DeactivateMFADevice": 1}
    assert matches(wrong) == root | done
    assert matches(right) == {}
    undone = {name for verdict, name in right if verdict is Verdict.UNTIL}
    assert undone == {"PutKeyPolicy", "StartLogging", "DeleteBucketPolicy", "EnableMFADevice"}
