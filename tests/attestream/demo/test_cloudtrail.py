"""Records have the fields of CloudTrail's record contents, in its order, as the kind of event demands."""

from __future__ import annotations

import itertools

from attestream.demo import operations as ops
from attestream.demo.actors import user_at_sign_in
from attestream.demo.cloudtrail import Call, record
from attestream.demo.world import GLOBAL_REGION, KELLER, dice

ORDER = (
    *("eventVersion", "userIdentity", "eventTime", "eventSource", "eventName", "awsRegion", "sourceIPAddress", "userAgent"),
    *("errorCode", "errorMessage", "requestParameters", "responseElements", "additionalEventData", "requestID", "eventID"),
    *("readOnly", "resources", "eventType", "managementEvent", "recipientAccountId", "sharedEventID", "serviceEventDetails"),
    *("eventCategory", "tlsDetails", "sessionCredentialFromConsole"),
)
ALWAYS = set(ORDER[:8]) | {
    "requestParameters",
    "responseElements",
    "eventID",
    "readOnly",
    "eventType",
    "managementEvent",
    "recipientAccountId",
    "eventCategory",
}


def test_fields_are_known_complete_and_in_order(records):
    place = {name: number for number, name in enumerate(ORDER)}
    for one in records:
        assert set(one) >= ALWAYS
        assert all(place[a] < place[b] for a, b in itertools.pairwise(one))


def test_the_kind_of_event_decides_what_it_carries(records):
    kinds = {one["eventType"] for one in records}
    assert kinds == {"AwsApiCall", "AwsConsoleSignIn", "AwsServiceEvent"}
    for one in records:
        kind = one["eventType"]
        assert ("requestID" in one) == (kind == "AwsApiCall")
        assert ("serviceEventDetails" in one) == (kind == "AwsServiceEvent")
        assert ("sharedEventID" in one) == (one["userIdentity"].get("type") == "AWSService")


def test_refused_calls_answer_nothing(records):
    refused = [r for r in records if "errorCode" in r]
    assert refused
    assert all(r["responseElements"] is None and r["errorMessage"] for r in refused)


def test_a_failed_sign_in_says_so_and_has_a_message_but_no_code(now):
    failed = ops.console_login(ops.mfa_arn(KELLER), success=False)
    made = record(Call(now, GLOBAL_REGION, user_at_sign_in(KELLER), failed, (None, "Failed authentication")), dice(1, "ids"))
    assert made["responseElements"] == {"ConsoleLogin": "Failure"}
    assert made["errorMessage"] == "Failed authentication"
    assert "errorCode" not in made


def test_reads_answer_nothing_but_a_session(records):
    answered = {r["eventName"] for r in records if r["readOnly"] and r["responseElements"] is not None}
    assert answered == {"AssumeRole"}
