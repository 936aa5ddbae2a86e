"""Organizations, alternate contacts and the reading identity: facts of the account, asked only where they are allowed."""

from __future__ import annotations

import json

from tests.aws_world import World

SCP = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "cloudtrail:StopLogging", "Resource": "*"}]}
LISTS = ("organizations.account", "organizations.root", "organizations.policy")


def test_an_account_without_organisation_says_so(world: World) -> None:
    seen = world.look("organizations")
    assert seen.only("organizations.organization") == {"Organization": None}
    assert [seen.parts(kind) for kind in LISTS] == [[], [], []]
    assert not seen.report.partial


def test_the_management_account_lists_accounts_roots_and_policies(world: World) -> None:
    client = world.client("organizations", "us-east-1")
    client.create_organization(FeatureSet="ALL")
    root = client.list_roots()["Roots"][0]["Id"]
    client.enable_policy_type(RootId=root, PolicyType="SERVICE_CONTROL_POLICY")
    made = client.create_policy(Content=json.dumps(SCP), Description="d", Name="keep-logging", Type="SERVICE_CONTROL_POLICY")
    identity = made["Policy"]["PolicySummary"]["Id"]
    client.attach_policy(PolicyId=identity, TargetId=root)
    seen = world.look("organizations")
    assert seen.only("organizations.organization")["Organization"]["MasterAccountId"] == world.account
    [account] = seen.subjects("organizations.account").values()
    assert (account["Id"], account["Tags"]) == (world.account, [])
    assert seen.summary("organizations.account")["names"] == [world.account]
    assert len(seen.subjects("organizations.root")) == 1
    policies = {value["PolicySummary"]["Name"]: value for value in seen.subjects("organizations.policy").values()}
    assert policies["keep-logging"]["Content"] == SCP
    assert [target["TargetId"] for target in policies["keep-logging"]["Targets"]] == [root]
    assert not seen.report.partial


def test_a_member_account_is_not_asked_for_what_it_may_not_list(world: World) -> None:
    own = {"Id": "o-1", "Arn": "arn:aws:organizations::999999999999:organization/o-1", "MasterAccountId": "999999999999"}
    world.fake("DescribeOrganization", {"Organization": own})
    seen = world.look("organizations")
    assert seen.only("organizations.organization")["Organization"]["MasterAccountId"] == "999999999999"
    assert {request.operation for request in world.proxy.seen if request.service == "organizations"} == {"DescribeOrganization"}
    assert [seen.parts(kind) for kind in LISTS] == [[], [], []]
    assert not seen.report.partial


def test_where_the_organisation_is_refused_nothing_is_said_of_it(world: World) -> None:
    world.refuse("DescribeOrganization", "AccessDeniedException", 400)
    seen = world.look("organizations")
    assert seen.events == []
    assert {part.type: part.complete for part in seen.report.parts} == dict.fromkeys(
        (f"snapshot.aws.{kind}" for kind in ("organizations.organization", *LISTS)), False
    )
    assert "allow organizations:DescribeOrganization" in seen.said


def test_lists_go_on_over_pages_and_stop_at_a_token_that_comes_again(world: World) -> None:
    own = {"Id": "o-1", "Arn": "a", "MasterAccountId": world.account}
    world.fake("DescribeOrganization", {"Organization": own})
    world.fake("ListTagsForResource", {"Tags": []})
    pages = {"": ("1", "next"), "next": ("2", "last"), "last": ("3", None)}

    def page(token: str) -> dict[str, object]:
        number, following = pages[token]
        arn = f"arn:aws:organizations::{world.account}:account/o-1/{number}"
        return {"Accounts": [{"Id": number, "Arn": arn}], **({"NextToken": following} if following else {})}

    for token in pages:
        world.fake(
            lambda asked, token=token: asked.operation == "ListAccounts" and asked.body.get("NextToken", "") == token, page(token)
        )
    seen = world.look("organizations.account")
    assert seen.summary("organizations.account")["names"] == ["1", "2", "3"]
    assert seen.part("organizations.account").enumerates
    pages["last"] = ("3", "next")
    world.fake(lambda asked: asked.operation == "ListAccounts" and asked.body.get("NextToken") == "last", page("last"))
    seen = world.look("organizations.account")
    assert seen.summaries("organizations.account") == []
    assert not seen.part("organizations.account").complete
    assert "the same page twice" in seen.said


def test_alternate_contacts_are_there_or_null(world: World) -> None:
    details = {"EmailAddress": "sec@example.com", "Name": "Security", "PhoneNumber": "1", "Title": "t"}
    world.client("account").put_alternate_contact(AlternateContactType="SECURITY", **details)
    seen = world.look("account")
    found = {
        value["AlternateContactType"]: value["AlternateContact"] for value in seen.subjects("account.alternate-contact").values()
    }
    assert found == {"BILLING": None, "OPERATIONS": None, "SECURITY": {"AlternateContactType": "SECURITY", **details}}


def test_the_identity_that_reads(world: World) -> None:
    value = world.look("sts").only("sts.identity")
    assert value["Account"] == world.account
    assert value["Arn"] == f"arn:aws:sts::{world.account}:assumed-role/reader/attestream"


def test_identity_center_is_named_where_it_lives(world: World) -> None:
    world.fake("ListInstances", {"Instances": []})
    assert world.look("sso-admin").summary("sso-admin.instance")["marks"] == {"active": 0}
    item = {"InstanceArn": "arn:aws:sso:::instance/ssoins-1", "OwnerAccountId": world.account, "Status": "ACTIVE"}
    world.fake("ListInstances", {"Instances": [item]})
    seen = world.look("sso-admin")
    assert seen.only("sso-admin.instance")["OwnerAccountId"] == world.account
    assert seen.summary("sso-admin.instance")["marks"] == {"active": 1}
    world.refuse("ListInstances", "AccessDeniedException", 400)
    assert "allow sso:ListInstances" in world.look("sso-admin").said
