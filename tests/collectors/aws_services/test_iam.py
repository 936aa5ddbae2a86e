"""IAM: users joined with everything they sign in with, policies as objects, and a report that is older than the user."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.aws_world import World

ADMIN = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": ["b", "a"]}, "Action": "sts:AssumeRole"}],
}
HEADER = (
    "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,mfa_active,"
    "access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,access_key_1_last_used_region,"
    "access_key_1_last_used_service,access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,"
    "access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,cert_1_last_rotated,cert_2_active,cert_2_last_rotated"
)


def report(world: World, *rows: str, generated: str = "2099-01-01T00:00:00Z") -> None:
    """Let IAM hand out this credential report."""
    content = base64.b64encode("\n".join((HEADER, *rows)).encode()).decode()
    body = (
        "<GetCredentialReportResponse><GetCredentialReportResult><ReportFormat>text/csv</ReportFormat>"
        f"<Content>{content}</Content><GeneratedTime>{generated}</GeneratedTime></GetCredentialReportResult>"
        "</GetCredentialReportResponse>"
    )
    world.answer("GetCredentialReport", (200, {"Content-Type": "text/xml"}, body.encode()))


def made(world: World, name: str) -> Any:
    return world.client("iam").create_user(UserName=name)["User"]


def row(user: Any, rest: str) -> str:
    return f"{user['UserName']},{user['Arn']},{user['CreateDate'].isoformat(timespec='seconds')},{rest}"


QUIET = "false,N/A,N/A,N/A,false,false,N/A,N/A,N/A,N/A,false,N/A,N/A,N/A,N/A,false,N/A,false,N/A"


def test_a_user_says_all_that_it_can_sign_in_with_and_may_do(world: World) -> None:
    iam, user = world.client("iam"), made(world, "ann")
    iam.create_login_profile(UserName="ann", Password="pass-1-WORD-that-is-long")
    iam.create_group(GroupName="admins")
    iam.put_group_policy(GroupName="admins", PolicyName="all", PolicyDocument=json.dumps(ADMIN))
    iam.add_user_to_group(GroupName="admins", UserName="ann")
    iam.put_user_policy(UserName="ann", PolicyName="own", PolicyDocument=json.dumps(ADMIN))
    arn = iam.create_policy(PolicyName="managed", PolicyDocument=json.dumps(ADMIN))["Policy"]["Arn"]
    iam.attach_user_policy(UserName="ann", PolicyArn=arn)
    iam.tag_user(UserName="ann", Tags=[{"Key": "owner", "Value": "ops"}])
    key = iam.create_access_key(UserName="ann")["AccessKey"]
    used = "true,2026-11-20T10:11:12+00:00,2026-01-01T00:00:00+00:00,N/A,false"
    report(
        world,
        row(
            user,
            f"{used},true,{key['CreateDate'].isoformat(timespec='seconds')},N/A,N/A,N/A,false,N/A,N/A,N/A,N/A,false,N/A,false,N/A",
        ),
    )
    seen = world.look("iam.user")
    value = seen.only("iam.user")
    assert seen.event("iam.user").subject == user["Arn"]
    assert value["UserPolicyList"] == [{"PolicyName": "own", "PolicyDocument": ADMIN}]
    assert value["AttachedManagedPolicies"] == [{"PolicyName": "managed", "PolicyArn": arn}]
    assert value["GroupList"] == ["admins"]
    assert value["GroupDetailList"][0]["GroupPolicyList"] == [{"PolicyName": "all", "PolicyDocument": ADMIN}]
    assert value["Tags"] == [{"Key": "owner", "Value": "ops"}]
    assert value["LoginProfile"]["UserName"] == "ann"
    assert value["MFADevices"] == []
    assert [item["AccessKeyId"] for item in value["AccessKeyMetadata"]] == [key["AccessKeyId"]]
    columns = value["CredentialReport"]
    assert columns["password_enabled"] is True
    assert columns["mfa_active"] is False
    assert columns["password_last_used"] == "2026-11-20T00:00:00Z"
    assert columns["password_last_changed"] == "2026-01-01T00:00:00Z"
    assert columns["password_next_rotation"] is None
    assert columns["access_key_1_active"] is True
    assert columns["GeneratedTime"] == "2099-01-01T00:00:00Z"
    assert "_corrected" not in columns
    assert "_unread" not in value
    assert not seen.report.partial
    assert key["SecretAccessKey"] not in "".join(event.payload.decode() for event in seen.events)


def test_a_user_made_after_the_report_is_judged_by_what_is_known_now(world: World) -> None:
    made(world, "old")
    iam, new = world.client("iam"), made(world, "new")
    iam.create_login_profile(UserName="new", Password="pass-1-WORD-that-is-long")
    iam.create_access_key(UserName="new")
    report(world)
    seen = world.look("iam.user")
    value = seen.subjects("iam.user")[new["Arn"]]
    columns = value["CredentialReport"]
    assert (columns["password_enabled"], columns["mfa_active"], columns["access_key_1_active"]) == (True, False, True)
    assert columns["access_key_1_last_used_date"] is None
    assert columns["access_key_2_active"] is False
    assert "CredentialReport.password_last_used" in value["_unread"]
    assert "CredentialReport.cert_1_active" in value["_unread"]
    assert seen.part("iam.user").complete


def test_a_row_about_an_earlier_user_of_that_name_is_not_taken(world: World) -> None:
    user = made(world, "again")
    stale = f"again,{user['Arn']},2020-01-01T00:00:00+00:00,true,no_information,N/A,N/A,true,true,2020-01-01T00:00:00+00:00"
    report(world, f"{stale},N/A,N/A,N/A,false,N/A,N/A,N/A,N/A,false,N/A,false,N/A")
    columns = world.look("iam.user").only("iam.user")["CredentialReport"]
    assert columns["password_enabled"] is False
    assert columns["password_last_used"] is None
    assert columns["mfa_active"] is False
    assert columns["access_key_1_active"] is False
    assert "user_creation_time" not in columns


def test_what_changed_since_the_report_comes_out_as_it_is_now(world: World) -> None:
    iam, user = world.client("iam"), made(world, "moved")
    report(world, row(user, QUIET), generated="2020-01-01T00:00:00Z")
    iam.create_access_key(UserName="moved")
    iam.create_login_profile(UserName="moved", Password="pass-1-WORD-that-is-long")
    device = iam.create_virtual_mfa_device(VirtualMFADeviceName="moved")["VirtualMFADevice"]["SerialNumber"]
    iam.enable_mfa_device(UserName="moved", SerialNumber=device, AuthenticationCode1="123456", AuthenticationCode2="654321")
    value = world.look("iam.user").only("iam.user")
    columns = value["CredentialReport"]
    assert columns["mfa_active"] is True
    assert columns["password_enabled"] is True
    assert columns["access_key_1_active"] is True
    assert columns["_corrected"]["mfa_active"] is False
    assert columns["_corrected"]["access_key_1_active"] is False
    assert "CredentialReport.password_last_changed" in value["_unread"]
    assert columns["cert_1_active"] is False


def test_without_the_report_users_are_there_and_the_window_says_what_is_missing(world: World) -> None:
    made(world, "ann")
    world.refuse("GenerateCredentialReport")
    seen = world.look("iam.user", "iam.root")
    value = seen.only("iam.user")
    assert value["CredentialReport"]["password_enabled"] is False
    assert "CredentialReport.cert_1_active" in value["_unread"]
    assert "CredentialReport.mfa_active" not in value["_unread"]
    assert seen.part("iam.user").complete
    assert "allow iam:GenerateCredentialReport" in seen.part("iam.user").errors[0]
    assert not seen.part("iam.root").complete
    assert seen.report.partial


def test_a_report_in_the_making_is_waited_for(world: World) -> None:
    user, states = made(world, "ann"), iter(["STARTED", "INPROGRESS", "INPROGRESS", "COMPLETE"])

    def state(_asked: Any) -> Any:
        inner = f"<GenerateCredentialReportResult><State>{next(states)}</State></GenerateCredentialReportResult>"
        return 200, {}, f"<GenerateCredentialReportResponse>{inner}</GenerateCredentialReportResponse>".encode()

    world.answer("GenerateCredentialReport", state)
    report(world, row(user, QUIET))
    seen = world.look("iam")
    assert seen.only("iam.user")["CredentialReport"]["cert_1_active"] is False
    assert seen.only("iam.credential-report") == {"GeneratedTime": "2099-01-01T00:00:00Z", "Rows": 1}
    assert next(states, None) is None, "asked once for the whole account"


@pytest.mark.parametrize("answer", ["STARTED", "INPROGRESS"])
def test_a_report_that_is_never_finished_is_given_up(world: World, answer: str) -> None:
    inner = f"<GenerateCredentialReportResult><State>{answer}</State></GenerateCredentialReportResult>"
    body = f"<GenerateCredentialReportResponse>{inner}</GenerateCredentialReportResponse>"
    world.answer("GenerateCredentialReport", (200, {}, body.encode()))
    seen = world.look("iam.credential-report")
    assert not seen.part("iam.credential-report").complete
    assert "did not finish the credential report" in seen.said


@pytest.mark.parametrize("content", ["", "<html>", "a,b\nc", HEADER + "\nshort,row", '"unclosed'])
def test_what_is_no_report_is_no_report(world: World, content: str) -> None:
    body = (
        "<GetCredentialReportResponse><GetCredentialReportResult>"
        f"<Content>{base64.b64encode(content.encode()).decode()}</Content><GeneratedTime>2026-01-01T00:00:00Z</GeneratedTime>"
        "</GetCredentialReportResult></GetCredentialReportResponse>"
    )
    world.answer("GetCredentialReport", (200, {}, body.encode()))
    seen = world.look("iam.credential-report")
    assert "no credential report" in seen.said
    assert not seen.part("iam.credential-report").complete


def test_a_denied_detail_of_one_user_is_that_path_alone(world: World) -> None:
    for name in ("ann", "bob"):
        made(world, name)
    report(world)
    world.refuse(lambda asked: asked.operation == "ListMFADevices" and asked.body["UserName"] == "ann")
    seen = world.look("iam.user")
    ann, bob = (value for _, value in sorted(seen.subjects("iam.user").items()))
    assert {"MFADevices", "CredentialReport.mfa_active"} <= set(ann["_unread"])
    assert not {"MFADevices", "CredentialReport.mfa_active"} & set(bob["_unread"])
    assert "allow iam:ListMFADevices" in seen.said
    assert seen.summary("iam.user")["names"] == ["ann", "bob"]


def test_a_role_says_which_accounts_it_trusts(world: World) -> None:
    other, third = "444455556666", "777788889999"
    allowed = {"Effect": "Allow", "Principal": {"AWS": [f"arn:aws:iam::{other}:root", third, "*", "AROAEXAMPLE"]}, "Action": "*"}
    denied = {"Effect": "Deny", "Principal": {"AWS": "arn:aws:iam::111111111111:root"}, "Action": "*"}
    service = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    for name, statement in (("many", [allowed, denied]), ("service", service)):
        document = json.dumps({"Version": "2012-10-17", "Statement": statement})
        world.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=document)
    values = {value["RoleName"]: value for value in world.look("iam.role").subjects("iam.role").values()}
    assert values["many"]["_trusted_accounts"] == [other, third]
    assert values["service"]["_trusted_accounts"] == []
    assert values["service"]["_account"] == world.account


def test_roles_and_policies_hold_objects_and_only_what_is_in_force(world: World) -> None:
    iam = world.client("iam")
    iam.create_role(RoleName="crossing", AssumeRolePolicyDocument=json.dumps(TRUST))
    arn = iam.create_policy(PolicyName="wide", PolicyDocument=json.dumps(ADMIN))["Policy"]["Arn"]
    narrow = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}]}
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(narrow), SetAsDefault=True)
    seen = world.look("iam.role", "iam.policy")
    role = seen.only("iam.role")
    assert role["AssumeRolePolicyDocument"] == TRUST, "the order within a policy stays"
    assert role["RoleLastUsed"] is None
    policy = seen.only("iam.policy")
    assert policy["Document"] == narrow
    assert policy["DefaultVersionId"] == "v2"
    assert [sorted(version) for version in policy["PolicyVersionList"]] == [["CreateDate", "IsDefaultVersion", "VersionId"]] * 2


def test_a_trust_policy_that_is_no_json_is_unread(world: World) -> None:
    world.client("iam").create_role(RoleName="odd", AssumeRolePolicyDocument=json.dumps(TRUST))
    detail = (
        "<RoleDetailList><member><RoleName>odd</RoleName><Arn>arn:aws:iam::1:role/odd</Arn>"
        "<AssumeRolePolicyDocument>%7B%22a%22</AssumeRolePolicyDocument></member></RoleDetailList>"
    )
    name = "GetAccountAuthorizationDetails"
    body = f"<{name}Response><{name}Result><IsTruncated>false</IsTruncated>{detail}</{name}Result></{name}Response>"
    world.answer(name, (200, {}, body.encode()))
    seen = world.look("iam.role")
    assert seen.only("iam.role")["_unread"] == ["AssumeRolePolicyDocument"]
    assert seen.report.partial


def test_no_password_policy_is_a_fact(world: World) -> None:
    assert world.look("iam.password-policy").only("iam.password-policy") == {"PasswordPolicy": None}
    world.client("iam").update_account_password_policy(MinimumPasswordLength=14)
    seen = world.look("iam.password-policy")
    assert seen.only("iam.password-policy")["PasswordPolicy"]["MinimumPasswordLength"] == 14
    assert seen.event("iam.password-policy").subject == f"arn:aws:iam::{world.account}:root"
    world.refuse("GetAccountPasswordPolicy")
    refused = world.look("iam.password-policy")
    assert refused.events == []
    assert not refused.part("iam.password-policy").complete


def test_access_keys_devices_and_providers(world: World) -> None:
    iam, user = world.client("iam"), made(world, "ann")
    key = iam.create_access_key(UserName="ann")["AccessKey"]["AccessKeyId"]
    serial = iam.create_virtual_mfa_device(VirtualMFADeviceName="spare")["VirtualMFADevice"]["SerialNumber"]
    provider = iam.create_open_id_connect_provider(Url="https://idp.example", ThumbprintList=["0" * 40], ClientIDList=["b", "a"])
    iam.create_saml_provider(SAMLMetadataDocument="x" * 1000, Name="corp")
    seen = world.look("iam")
    [(subject, value)] = seen.subjects("iam.access-key").items()
    assert subject == f"{user['Arn']}/access-key/{key}"
    assert value["Status"] == "Active"
    assert value["AccessKeyLastUsed"] == {"LastUsedDate": None, "Region": None, "ServiceName": None}
    assert seen.subjects("iam.virtual-mfa-device")[serial]["User"] is None
    [oidc] = seen.subjects("iam.open-id-connect-provider").values()
    assert oidc["Arn"] == provider["OpenIDConnectProviderArn"]
    assert oidc["OpenIDConnectProvider"]["ClientIDList"] == ["a", "b"]
    assert list(seen.subjects("iam.saml-provider")) == [f"arn:aws:iam::{world.account}:saml-provider/corp"]
    assert seen.only("iam.account-summary")["SummaryMap"]["Users"] == 1
    assert not seen.report.partial


def test_uses_are_cut_to_the_day_and_looks_without_change_are_equal(world: World) -> None:
    iam = world.client("iam")
    made(world, "ann")
    identity = iam.create_access_key(UserName="ann")["AccessKey"]["AccessKeyId"]

    def used(hour: int) -> None:
        name = "GetAccessKeyLastUsed"
        inner = f"<LastUsedDate>2026-11-20T{hour:02}:00:00Z</LastUsedDate><Region>eu-west-1</Region><ServiceName>s3</ServiceName>"
        inner = f"<AccessKeyLastUsed>{inner}</AccessKeyLastUsed><UserName>ann</UserName>"
        world.answer(name, (200, {}, f"<{name}Response><{name}Result>{inner}</{name}Result></{name}Response>".encode()))

    used(9)
    first = world.look("iam.access-key", "iam.user")
    used(17)
    second = world.look("iam.access-key", "iam.user")
    assert first.only("iam.access-key")["AccessKeyLastUsed"]["LastUsedDate"] == "2026-11-20T00:00:00Z"
    assert [event.payload for event in first.events] == [event.payload for event in second.events]
    assert first.only("iam.access-key")["AccessKeyId"] == identity
