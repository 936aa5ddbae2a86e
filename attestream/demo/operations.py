"""What can be done in the simulated cloud: operations with request, response and resources as AWS records them.

Two habits of CloudTrail are kept: reads have no responseElements, and lists of the EC2 API are wrapped in {"items": […]}.
"""

from __future__ import annotations

import json
from typing import Any

from attestream.demo.cloudtrail import Json, Operation
from attestream.demo.world import ACCOUNT, HOME_REGION, HOUR, Role, User, moment


def read(service: str, name: str, request: Json | None = None, *resources: tuple[str, str]) -> Operation:
    return Operation(service, name, request, resources=resources)


def change(service: str, name: str, request: Json, response: Json | None = None, *resources: tuple[str, str]) -> Operation:
    return Operation(service, name, request, response, read_only=False, resources=resources)


# -- S3: the bucket is named three times, and the sub-resource is an empty parameter ----------------------------------


def bucket(name: str, bucket_name: str, part: str, request: Json | None = None, *, read_only: bool = True) -> Operation:
    """An operation on a bucket's settings; `part` is the query parameter that selects it ("acl", "policy", …)."""
    host = f"{bucket_name}.s3.{HOME_REGION}.amazonaws.com"
    size = len(json.dumps(request)) if request else 0
    return Operation(
        "s3",
        name,
        {**(request or {}), "bucketName": bucket_name, "Host": host, part: ""},
        read_only=read_only,
        resources=(("AWS::S3::Bucket", f"arn:aws:s3:::{bucket_name}"),),
        additional={
            "SignatureVersion": "SigV4",
            "CipherSuite": "TLS_AES_128_GCM_SHA256",
            "bytesTransferredIn": size,
            "AuthenticationMethod": "AuthHeader",
            "bytesTransferredOut": 321 if read_only else 0,
        },
    )


# -- Sign-in and sessions ---------------------------------------------------------------------------------------------


def console_login(mfa: str | None, *, success: bool = True) -> Operation:
    """A sign-in at the console; `mfa` is the ARN of the second factor, None when a password alone was used."""
    seen: Json = {"LoginTo": "https://console.aws.amazon.com/console/home", "MobileVersion": "No"}
    if mfa:
        seen["MFAIdentifier"] = mfa
    seen["MFAUsed"] = "Yes" if mfa else "No"
    answer = {"ConsoleLogin": "Success" if success else "Failure"}
    return Operation("signin", "ConsoleLogin", None, answer, False, (), seen, None, "AwsConsoleSignIn")


def mfa_arn(user: User) -> str:
    return f"arn:aws:iam::{ACCOUNT}:mfa/{user.name}"


def assume_role(role: Role, session: str, at: int, key: str, *, shared_with: str | None = None) -> Operation:
    """AssumeRole, answered with the session's short key; a supplier's call carries its external id."""
    request: Json = {"roleArn": role.arn, "roleSessionName": session, "durationSeconds": 3600}
    if shared_with:
        request["externalId"] = shared_with
    who = {
        "assumedRoleId": f"{role.principal}:{session}",
        "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{role.name}/{session}",
    }
    # A session token is left out of the story: it would look like a secret, and nothing reads it.
    keys = {"accessKeyId": key, "sessionToken": "EXAMPLE", "expiration": _spoken(at + HOUR)}
    answer = {"credentials": keys, "assumedRoleUser": who}
    return Operation("sts", "AssumeRole", request, answer, resources=(("AWS::IAM::Role", role.arn),))


# -- Keys -------------------------------------------------------------------------------------------------------------


def key_resource(key: str, region: str = HOME_REGION) -> tuple[str, str]:
    return ("AWS::KMS::Key", f"arn:aws:kms:{region}:{ACCOUNT}:key/{key}")


def decrypt(key: str, context: dict[str, str]) -> Operation:
    request = {"encryptionAlgorithm": "SYMMETRIC_DEFAULT", "encryptionContext": context}
    return read("kms", "Decrypt", request, key_resource(key))


def put_key_policy(key: str, *, public: bool) -> Operation:
    """PutKeyPolicy; the policy is JSON in a text, as KMS takes it. Public: everyone may use the key."""
    statements: list[Json] = [_statement("Enable IAM User Permissions", {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "kms:*")]
    if public:
        statements.append(_statement("Allow use of the key", "*", ["kms:Decrypt", "kms:GenerateDataKey*", "kms:DescribeKey"]))
    policy = json.dumps({"Version": "2012-10-17", "Id": "key-default-1", "Statement": statements}, separators=(",", ":"))
    request = {"keyId": key, "policyName": "default", "policy": policy, "bypassPolicyLockoutSafetyCheck": False}
    return change("kms", "PutKeyPolicy", request, None, key_resource(key))


def _statement(sid: str, principal: str | Json, action: str | list[str]) -> Json:
    return {"Sid": sid, "Effect": "Allow", "Principal": principal, "Action": action, "Resource": "*"}


# -- Network and disks ------------------------------------------------------------------------------------------------


def open_port(group: str, port: int, cidr: str, note: str, request_id: str) -> Operation:
    """AuthorizeSecurityGroupIngress for one TCP port and one address range."""
    rule = {
        "ipProtocol": "tcp",
        "fromPort": port,
        "toPort": port,
        "groups": {},
        "ipRanges": {"items": [{"cidrIp": cidr, "description": note}]},
        "ipv6Ranges": {},
        "prefixListIds": {},
    }
    made = {
        "groupOwnerId": ACCOUNT,
        "groupId": group,
        "securityGroupRuleId": f"sgr-{request_id[:8]}{request_id[9:13]}{request_id[14:18]}0",
        "description": note,
        "isEgress": False,
        "ipProtocol": "tcp",
        "fromPort": port,
        "toPort": port,
        "cidrIpv4": cidr,
    }
    answer = {"requestId": request_id, "_return": True, "securityGroupRuleSet": {"items": [made]}}
    return change("ec2", "AuthorizeSecurityGroupIngress", {"groupId": group, "ipPermissions": {"items": [rule]}}, answer)


def share_snapshot(snapshot: str, account: str, request_id: str) -> Operation:
    """ModifySnapshotAttribute that lets another account make volumes of a snapshot."""
    request = {
        "snapshotId": snapshot,
        "createVolumePermission": {"add": {"items": [{"userId": account}]}},
        "attributeType": "CREATE_VOLUME_PERMISSION",
    }
    return change("ec2", "ModifySnapshotAttribute", request, {"requestId": request_id, "_return": True})


def ec2_list(name: str, *sets: str, **items: Any) -> Operation:
    """A Describe… call of EC2: `sets` are the parameters that were left empty, `items` those that were given."""
    return read("ec2", name, {**{one: {} for one in sets}, **{key: {"items": value} for key, value in items.items()}})


# -- Identities -------------------------------------------------------------------------------------------------------


def create_user(user: User, at: int) -> Operation:
    made = {"path": "/", "userName": user.name, "userId": user.principal, "arn": user.arn, "createDate": _spoken(at)}
    return change("iam", "CreateUser", {"path": "/", "userName": user.name}, {"user": made})


def create_login(user: User, at: int) -> Operation:
    request = {"userName": user.name, "passwordResetRequired": True}
    return change("iam", "CreateLoginProfile", request, {"loginProfile": {**request, "createDate": _spoken(at)}})


def create_access_key(user: User, key: str, at: int) -> Operation:
    made = {"userName": user.name, "accessKeyId": key, "status": "Active", "createDate": _spoken(at)}
    return change("iam", "CreateAccessKey", {"userName": user.name}, {"accessKey": made})


def iam(name: str, user: User, **more: str) -> Operation:
    """A change to one IAM user that answers nothing."""
    return change("iam", name, {"userName": user.name, **more})


def _spoken(at: int) -> str:
    return f"{moment(at):%b %-d, %Y, %-I:%M:%S %p}"
