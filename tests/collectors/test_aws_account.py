"""Source type aws-account: accounts, Regions, what is said of each, and what it must be allowed."""

from __future__ import annotations

import json
import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from collectors.aws import AwsError
from collectors.aws_account import AwsAccount
from collectors.aws_services.base import Call, Look
from collectors.aws_services.look import MAX_BROKEN, AccountLook
from collectors.aws_services.registry import RESOURCES
from collectors.base import SourceUnreadable, Window
from collectors.registry import SOURCE_TYPES, SourceInvalid, read_settings
from collectors.report import Silent, WindowReport
from pipeline.rules.reader import builtin_mappings, read_set
from pipeline.rules.ruleset import RuleSet
from store.records import HOUR
from tests.aws_world import REGION, Request, World, aws_proxy, world
from tests.collectors.aws_services import table

__all__ = ["aws_proxy", "world"]


def settings(**more: Any) -> Any:
    return read_settings({"name": "cloud", "type": "aws-account", **more})


# -- settings and permissions


def test_defaults() -> None:
    assert (settings().schedule, settings().lateness) == (HOUR, 0)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"resources": ["s4"]}, "'s4' is no resource kind"),
        ({"resources": ["iam.usr"]}, "write a service"),
        ({"accounts": [{"role_arn": "arn:aws:iam::1:role/x"}]}, "is no role"),
        ({"regions": ["europe"]}, "is no Region"),
        ({"resource": ["s3"]}, "did you mean resources?"),
    ],
)
def test_a_mistake_in_the_settings_names_the_key(values: dict[str, Any], words: str) -> None:
    with pytest.raises(SourceInvalid, match=r"^source cloud: ") as caught:
        settings(**values)
    assert words in str(caught.value)
    assert next(iter(values)) in str(caught.value)


def test_permissions_follow_the_resources_that_are_read() -> None:
    access = SOURCE_TYPES["aws-account"].access(settings(resources=["s3control", "iam.root"], regions=["eu-west-1"]))
    assert [permission.action for permission in access.permissions] == [
        "iam:GenerateCredentialReport",
        "iam:GetCredentialReport",
        "s3:GetAccountPublicAccessBlock",
    ]
    assert access.permissions[0].types == ("snapshot.aws.iam.root", "summary.aws.iam.root")
    assert access.permissions[0].controls == ("A.5.17", "A.8.5")


def test_regions_are_asked_for_unless_they_are_named() -> None:
    def actions(**more: Any) -> list[str]:
        return [permission.action for permission in SOURCE_TYPES["aws-account"].access(settings(**more)).permissions]

    assert "ec2:DescribeRegions" in actions(resources=["config"])
    assert "ec2:DescribeRegions" not in actions(resources=["config"], regions=["eu-west-1"])
    assert "ec2:DescribeRegions" not in actions(resources=["iam"])


def test_every_operation_and_its_action_are_real_names() -> None:
    import boto3

    session = boto3.Session()
    known: dict[str, set[str]] = {}
    for call in {call for resource in RESOURCES.values() for call in resource.calls}:
        if call.service not in known:
            client = session.client(call.service, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
            known[call.service] = set(client.meta.service_model.operation_names)
        assert call.operation in known[call.service], call
        service, _, action = call.permission.partition(":")
        assert service.replace("-", "").isalnum()
        assert action.isalnum()


def test_kinds_are_declared_whole() -> None:
    assert len({resource.type for resource in RESOURCES.values()}) == len(RESOURCES)
    for resource in RESOURCES.values():
        assert resource.calls, resource.key
        assert resource.what, resource.key
        assert not resource.what.endswith("."), resource.key
        assert all(control.startswith("A.") for control in resource.controls), resource.key


def test_a_kind_names_every_control_that_a_built_in_mapping_judges_by_it() -> None:
    rules = RuleSet.compile(read_set([builtin_mappings()], {}))
    for resource in RESOURCES.values():
        own = {resource.type, resource.summary_type}
        spoken = {control for record in rules.mappings if own & set(record.types) for control, _ in record.controls}
        assert spoken <= set(resource.controls), resource.key


def test_the_page_has_the_table_of_the_registry() -> None:
    assert table.written() == table.table(), "write it: python -m tests.collectors.aws_services.table"


# -- accounts and Regions


def test_the_own_account_is_read_without_a_role(world: World) -> None:
    seen = world.look("sts", accounts=[])
    assert seen.report.who == seen.only("sts.identity")["Arn"]
    assert seen.report.parts[0].part == seen.only("sts.identity")["Account"]


def test_an_account_that_cannot_be_entered_is_not_complete_and_the_others_are_read(world: World) -> None:
    other = "999988887777"
    world.refuse(lambda asked: asked.operation == "AssumeRole" and other in asked.body["RoleArn"])
    accounts = [{"role_arn": f"arn:aws:iam::{account}:role/reader"} for account in (other, world.account)]
    seen = world.look("sts", "config.delivery-channel", accounts=accounts)
    complete = {part.part: part.complete for part in seen.report.parts}
    assert complete == {
        other: False,
        f"{other}/eu-west-1": False,
        world.account: True,
        f"{world.account}/eu-west-1": True,
    }
    assert {event.account for event in seen.events} == {world.account}
    assert seen.report.who == f"arn:aws:sts::{world.account}:assumed-role/reader/attestream"
    assert f"AWS account {other}: STS denies access (AccessDenied): allow sts:AssumeRole of" in seen.said
    assert seen.report.partial


def test_when_no_account_can_be_entered_the_window_fails(world: World) -> None:
    world.refuse("AssumeRole")
    with pytest.raises(SourceUnreadable, match="allow sts:AssumeRole"):
        world.look("sts")


def test_the_external_id_is_sent_and_never_shown(world: World, tmp_path: Path) -> None:
    secret = tmp_path / "id"
    secret.write_text("canary-external-id\n")
    world.refuse("GetCallerIdentity")
    with pytest.raises(SourceUnreadable) as caught:
        world.look("sts", accounts=[{"role_arn": world.role, "external_id_file": str(secret)}])
    assumed = [request for request in world.proxy.seen if request.operation == "AssumeRole"]
    assert [request.body["ExternalId"] for request in assumed] == ["canary-external-id"]
    assert "canary" not in str(caught.value)
    collector = world.collector("sts", accounts=[{"role_arn": world.role, "external_id_file": str(secret)}])
    assert "canary" not in repr(collector)


def test_regions_are_those_that_are_enabled(world: World) -> None:
    regions = "<item><regionName>eu-west-1</regionName></item><item><regionName>ap-south-1</regionName></item>"
    body = f"<DescribeRegionsResponse><regionInfo>{regions}</regionInfo></DescribeRegionsResponse>"
    world.answer("DescribeRegions", (200, {"Content-Type": "text/xml"}, body.encode()))
    seen = world.look("config.delivery-channel", regions=[])
    assert [part.part for part in seen.report.parts] == [f"{world.account}/ap-south-1", f"{world.account}/eu-west-1"]


def test_without_the_regions_global_kinds_are_read_and_the_rest_is_said(world: World) -> None:
    world.refuse("DescribeRegions", "UnauthorizedOperation")
    seen = world.look("config.delivery-channel", "iam.password-policy", regions=[])
    assert [part.type for part in seen.report.parts] == ["snapshot.aws.iam.password-policy"]
    assert "allow ec2:DescribeRegions" in seen.said
    assert seen.report.partial


def test_a_look_owes_nothing(world: World) -> None:
    world.refuse("GetAccountPasswordPolicy")
    seen = world.look("iam.password-policy")
    assert seen.report.denials == 1
    assert not seen.report.holds
    assert seen.report.cursor == {}


# -- faults


@pytest.mark.parametrize("status", [500, 429])
def test_after_ten_broken_calls_the_rest_of_the_account_is_not_asked(world: World, status: int) -> None:
    s3 = world.client("s3")
    for number in range(5):
        s3.create_bucket(Bucket=f"b{number}-{world.account}", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    world.proxy.seen.clear()

    def broken(asked: Request) -> bool:
        return asked.service == "s3" and "?" in asked.operation and asked.operation.startswith("GET /b")

    world.refuse(broken, "InternalError" if status == 500 else "SlowDown", status)
    seen = world.look("s3", "cloudtrail")
    assert not any(part.complete for part in seen.report.parts)
    assert len([request for request in world.proxy.seen if broken(request)]) == MAX_BROKEN
    assert [request for request in world.proxy.seen if request.operation == "DescribeTrails"] == []
    assert f"not asked, for {MAX_BROKEN} calls in a row failed" in seen.said


def test_a_request_that_the_service_says_no_to_does_not_stop_the_rest(world: World) -> None:
    s3 = world.client("s3")
    for number in range(12):
        s3.create_bucket(Bucket=f"b{number}-{world.account}", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    world.refuse(lambda asked: asked.operation.endswith("?replication"), "InvalidRequest", 400)
    seen = world.look("s3.bucket")
    assert "ReplicationConfiguration of 12 not read" in seen.part("s3.bucket").errors[0]
    assert len(seen.subjects("s3.bucket")) == 12


def test_a_role_that_is_taken_away_is_not_said_to_be_a_missing_permission(world: World) -> None:
    soon = (datetime.now(UTC) + timedelta(minutes=5)).isoformat()
    keys = "".join(f"<{name}>{world.keys[name]}</{name}>" for name in ("AccessKeyId", "SecretAccessKey", "SessionToken"))
    inner = f"<AssumeRoleResult><Credentials>{keys}<Expiration>{soon}</Expiration></Credentials></AssumeRoleResult>"
    world.answer("AssumeRole", (200, {}, f"<AssumeRoleResponse>{inner}</AssumeRoleResponse>".encode()))
    collector, window = world.collector("iam.password-policy"), Window("attempt", "cloud", world.now - 1, world.now, {})
    assert [event.kind for event in collector.collect(window, WindowReport(Silent(), {}))] == ["snapshot", "summary"]
    world.refuse("AssumeRole")
    report = WindowReport(Silent(), {})
    assert list(collector.collect(window, report)) == []
    assert f"allow sts:AssumeRole of {world.role}" in report.errors[0]
    assert "allow iam:" not in report.errors[0]


def test_denials_do_not_stop_the_rest(world: World) -> None:
    s3 = world.client("s3")
    for number in range(12):
        s3.create_bucket(Bucket=f"b{number}-{world.account}", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    world.refuse(lambda asked: asked.operation.endswith("?encryption"))
    seen = world.look("s3.bucket")
    assert len(seen.subjects("s3.bucket")) == 12
    assert all(value["_unread"] == ["ServerSideEncryptionConfiguration"] for value in seen.subjects("s3.bucket").values())
    assert len(seen.part("s3.bucket").errors) == 1
    assert "of 12 not read" in seen.part("s3.bucket").errors[0]


def test_what_a_kind_calls_it_has_declared() -> None:
    session: Any = object()
    look = Look(AccountLook(session, "1", "aws", ()), "eu-west-1", (), lambda: None)
    with pytest.raises(LookupError, match="iam:ListUsers is called and not declared"):
        look.ask(Call("iam", "ListUsers"))


def test_a_list_of_which_the_sdk_asks_one_page_is_whole_or_an_error(world: World) -> None:
    call = Call("events", "ListEventBuses")
    collector = world.collector("events")
    assert isinstance(collector, AwsAccount)
    look = Look(AccountLook(collector.sessions[0], world.account, "aws", (REGION,)), REGION, (call,), lambda: None)
    assert [bus["Name"] for bus in look.list(call, "EventBuses")] == ["default"]
    world.fake("ListEventBuses", {"EventBuses": [{"Name": "default"}], "NextToken": "more"})
    found = look.list(call, "EventBuses")
    with pytest.raises(AwsError, match="not all was listed"):
        next(found)


def test_secrets_are_in_nothing_that_is_said(world: World) -> None:
    iam = world.client("iam")
    iam.create_user(UserName="ann")
    secret = iam.create_access_key(UserName="ann")["AccessKey"]["SecretAccessKey"]
    seed = iam.create_virtual_mfa_device(VirtualMFADeviceName="spare")["VirtualMFADevice"]["Base32StringSeed"]
    seen = world.look("iam", "sts")
    said = "".join(event.payload.decode() for event in seen.events) + repr(seen.report)
    for word in (secret, seed.decode(), world.keys["SecretAccessKey"], world.keys["SessionToken"]):
        assert word not in said


# -- check


def test_a_check_probes_each_kind_and_names_the_permission(world: World) -> None:
    probes = world.collector("sts", "s3", "config").check()
    assert [probe.denied for probe in probes] == [None] * len(probes)
    assert [probe.text for probe in probes if "config.delivery-channel" in probe.text]
    world.client("s3").create_bucket(Bucket=f"x-{world.account}", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    world.refuse(lambda asked: asked.operation.endswith("?encryption"))
    world.refuse("DescribeDeliveryChannels", "AccessDeniedException", 400)
    denied = {probe.denied.action: probe.denied for probe in world.collector("s3", "config").check() if probe.denied}
    assert set(denied) == {"s3:GetEncryptionConfiguration", "config:DescribeDeliveryChannels"}
    assert denied["s3:GetEncryptionConfiguration"].types == ("snapshot.aws.s3.bucket", "summary.aws.s3.bucket")
    assert "A.8.3" in denied["s3:GetEncryptionConfiguration"].controls


def test_a_check_of_several_accounts_says_which_role_is_refused(world: World) -> None:
    other = "999988887776"
    world.refuse(lambda asked: asked.operation == "AssumeRole" and other in asked.body["RoleArn"])
    accounts = [{"role_arn": f"arn:aws:iam::{account}:role/reader"} for account in (other, world.account)]
    probes = world.collector("sts", accounts=accounts).check()
    assert [probe.denied.resource for probe in probes if probe.denied] == [f"arn:aws:iam::{other}:role/reader"]
    assert any(world.account in probe.text for probe in probes)
    with pytest.raises(SourceUnreadable):
        world.collector("sts", accounts=accounts[:1]).check()


# -- what is passed on


def test_subjects_are_passed_on_while_others_are_still_to_be_read(world: World) -> None:
    s3 = world.client("s3")
    for number in range(3):
        s3.create_bucket(Bucket=f"b{number}-{world.account}", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    world.proxy.seen.clear()
    window = Window("attempt", "cloud", world.now - 1, world.now, {})
    events = world.collector("s3.bucket").collect(window, WindowReport(Silent(), {}))
    first = next(iter(events))
    assert json.loads(first.payload)["Name"] == f"b0-{world.account}"
    assert [request for request in world.proxy.seen if f"/b1-{world.account}" in request.operation] == []
    assert len([event for event in events if event.kind == "snapshot"]) == 2


def test_many_large_resources_do_not_grow_the_process(world: World) -> None:
    name, text = "GetAccountAuthorizationDetails", "x" * 8192
    document = f"%7B%22Version%22%3A%22{text}%22%7D"

    def page(asked: Request) -> tuple[int, dict[str, str], bytes]:
        number = int(asked.body.get("Marker", 0))
        groups = "".join(
            f"<member><GroupName>g{number}-{n}</GroupName><Arn>arn:aws:iam::1:group/g{number}-{n}</Arn><GroupPolicyList><member>"
            f"<PolicyName>p</PolicyName><PolicyDocument>{document}</PolicyDocument></member></GroupPolicyList></member>"
            for n in range(50)
        )
        more = (
            f"<IsTruncated>true</IsTruncated><Marker>{number + 1}</Marker>" if number < 99 else "<IsTruncated>false</IsTruncated>"
        )
        inner = f"<{name}Result><GroupDetailList>{groups}</GroupDetailList>{more}</{name}Result>"
        return 200, {}, f"<{name}Response>{inner}</{name}Response>".encode()

    world.answer(name, page)
    window, report = Window("attempt", "cloud", world.now - 1, world.now, {}), WindowReport(Silent(), {})
    events = world.collector("iam.group").collect(window, report)
    next(iter(events))  # clients and descriptions are there
    tracemalloc.start()
    try:
        size = sum(len(event.payload) for event in events)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert size > 39 * 1024 * 1024
    assert peak < 15 * 1024 * 1024
    assert report.parts[0].read == 5000
