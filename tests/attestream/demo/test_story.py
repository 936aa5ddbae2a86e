"""The scripted happenings: each is in the files once, at its time, in the shape in which AWS records it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from attestream.demo.history import live_act
from attestream.demo.story import TRAIL_OFF
from attestream.demo.world import (
    DAY,
    FOREIGN_ACCOUNT,
    GLOBAL_REGION,
    HOME_REGION,
    HOUR,
    KEY_INVOICES,
    KEY_ORDERS,
    PRESS_BUCKET,
    TRAIL_ARN,
)


def everyone(policy):
    return any(one["Principal"] == "*" and "Condition" not in one for one in policy["Statement"])


def key_policy(record):
    return json.loads(record["requestParameters"]["policy"])


def ip_ranges(record):
    return [
        (rule["fromPort"], rule["toPort"], one["cidrIp"])
        for rule in record["requestParameters"]["ipPermissions"]["items"]
        for one in rule["ipRanges"]["items"]
    ]


def signed_in(record):
    return record["eventName"] == "ConsoleLogin" and record["responseElements"] == {"ConsoleLogin": "Success"}


STORY = {
    "root": (
        11 * DAY,
        lambda r: signed_in(r) and r["userIdentity"]["type"] == "Root" and r["userIdentity"]["arn"].endswith(":root"),
    ),
    "trail stopped": (
        TRAIL_OFF[0],
        lambda r: (
            r["eventName"] == "StopLogging"
            and r["requestParameters"] == {"name": TRAIL_ARN}
            and r["userIdentity"]["userName"] == "deploy-bot"
        ),
    ),
    "trail started": (
        TRAIL_OFF[1],
        lambda r: r["eventName"] == "StartLogging" and r["requestParameters"] == {"name": TRAIL_ARN},
    ),
    "snapshot shared": (
        6 * DAY,
        lambda r: (
            r["eventName"] == "ModifySnapshotAttribute"
            and r["requestParameters"]["createVolumePermission"]["add"]["items"] == [{"userId": FOREIGN_ACCOUNT}]
        ),
    ),
    "password alone": (
        5 * DAY,
        lambda r: (
            signed_in(r)
            and r["userIdentity"]["type"] == "IAMUser"
            and r["userIdentity"]["userName"] == "k.brandt"
            and r["additionalEventData"]["MFAUsed"] == "No"
        ),
    ),
    "bucket public": (
        4 * DAY,
        lambda r: (
            r["eventName"] == "PutBucketPolicy"
            and r["requestParameters"]["bucketName"] == PRESS_BUCKET
            and everyone(r["requestParameters"]["bucketPolicy"])
        ),
    ),
    "bucket repaired": (
        4 * DAY - 3 * HOUR,
        lambda r: r["eventName"] == "DeleteBucketPolicy" and r["requestParameters"]["bucketName"] == PRESS_BUCKET,
    ),
    "key public": (3 * DAY, lambda r: r["eventName"] == "PutKeyPolicy" and everyone(key_policy(r))),
    "key repaired": (3 * DAY - 2 * HOUR, lambda r: r["eventName"] == "PutKeyPolicy" and not everyone(key_policy(r))),
    "port opened": (
        2 * DAY,
        lambda r: r["eventName"] == "AuthorizeSecurityGroupIngress" and ip_ranges(r) == [(22, 22, "0.0.0.0/0")],
    ),
    "key for another": (
        34 * HOUR,
        lambda r: r["eventName"] == "CreateAccessKey" and r["requestParameters"]["userName"] != r["userIdentity"]["userName"],
    ),
}


@pytest.mark.parametrize("name", STORY)
def test_each_happening_is_recorded_once_at_its_time_and_succeeded(name, records, now):
    before, fits = STORY[name]
    found = [record for record in records if fits(record)]
    assert len(found) == 1
    assert "errorCode" not in found[0]
    assert datetime.fromisoformat(found[0]["eventTime"]) == datetime.fromtimestamp((now - before) // 10**6, UTC)


@pytest.mark.parametrize(
    "names",
    [{"StopLogging"}, {"PutBucketPolicy"}, {"ModifySnapshotAttribute"}, {"AuthorizeSecurityGroupIngress"}, {"CreateAccessKey"}],
)
def test_routine_never_does_what_the_story_tells(names, records):
    assert sum(record["eventName"] in names for record in records) == 1


def test_only_root_and_brandt_break_the_rules_of_sign_in(records):
    without = {r["userIdentity"]["userName"] for r in records if signed_in(r) and r["additionalEventData"]["MFAUsed"] == "No"}
    assert without == {"k.brandt"}
    assert sum(signed_in(r) and r["userIdentity"]["type"] == "Root" for r in records) == 1


def test_nothing_is_recorded_in_any_region_while_the_trail_is_stopped(records, now):
    stopped, started = (datetime.fromtimestamp((now - before) // 10**6, UTC) for before in TRAIL_OFF)
    assert started - stopped == timedelta(minutes=47)
    assert not [r for r in records if stopped < datetime.fromisoformat(r["eventTime"]) < started]
    minute = started + timedelta(minutes=1)
    resumed = {r["awsRegion"] for r in records if started <= datetime.fromisoformat(r["eventTime"]) < minute}
    assert resumed == {HOME_REGION, GLOBAL_REGION}


def test_an_older_finding_has_seven_covered_days_before_it_closes():
    quiet_days = STORY["root"][0] - 3 * HOUR - HOUR  # less the hole, less the source's lateness
    assert quiet_days >= 7 * DAY


def test_changes_by_hand_are_the_storys_only(records):
    by_hand = {r["eventName"] for r in records if r.get("sessionCredentialFromConsole") and not r["readOnly"]}
    assert by_hand == {"ModifySnapshotAttribute", "PutBucketPolicy", "AuthorizeSecurityGroupIngress"}


def test_the_routine_shows_the_processes_that_work(records):
    names = {record["eventName"] for record in records if not record.get("errorCode")}
    assert {
        "BackupJobCompleted",
        "DeactivateMFADevice",
        "DeleteUser",
        "EnableMFADevice",
        "GenerateCredentialReport",
        "RestoreDBInstanceFromDBSnapshot",
        "RotateKey",
        "StartBackupJob",
        "UpdateFunctionCode20150331v2",
    } <= names
    refused = [record for record in records if record.get("errorCode") in {"AccessDenied", "Client.UnauthorizedOperation"}]
    assert 0 < len(refused) < len(records) / 50


def test_the_live_act_opens_and_closes_another_key_than_the_history(seed, now, read_records):
    wrong, right = live_act(seed, now)
    opened, closed = ([r for r in read_records(act.files) if r["eventName"] == "PutKeyPolicy"] for act in (wrong, right))
    assert [everyone(key_policy(r)) for r in opened] == [True]
    assert [everyone(key_policy(r)) for r in closed] == [False]
    assert {r["requestParameters"]["keyId"] for r in opened + closed} == {KEY_INVOICES} != {KEY_ORDERS}
