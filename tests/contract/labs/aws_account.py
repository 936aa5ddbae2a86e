"""An AWS account in moto, entered by a role: users, buckets, a trail, a recorder."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3

from tests.aws import SECRET, moto
from tests.contract.front import Asked, Front, Reply, fronted
from tests.contract.labs.base import Fronted, Lab

REGION = "eu-west-1"
EXTERNAL = "external-id-of-the-lab"
READ = ("iam.user", "iam.access-key", "iam.password-policy", "s3.bucket", "cloudtrail", "config.configuration-recorder")
"""Enough kinds to meet every way of asking; more would only take longer."""
AWS: Mapping[str, Any] = {"max_attempts": 1, "connect_timeout": 120, "read_timeout": 120, "regions": [REGION]}


def denial(asked: Asked) -> Reply:
    """A refusal in JSON to those who ask in JSON, else in XML as S3 and as IAM word it."""
    if asked.body.startswith(b"{"):
        return 400, {"Content-Type": "application/x-amz-json-1.1"}, b'{"__type": "AccessDeniedException", "message": "hidden"}'
    error = b"<Error><Code>AccessDenied</Code><Message>hidden</Message></Error>"
    if asked.body.startswith(b"Action="):
        error = b"<ErrorResponse>" + error + b"</ErrorResponse>"
    return 403, {"Content-Type": "application/xml"}, error


class Account(Fronted):
    """See Lab."""

    secrets: tuple[str, ...] = (SECRET, EXTERNAL)

    def __init__(self, front: Front, url: str, folder: Path) -> None:
        self.front, self.url = front, url
        self.name = uuid.uuid4().hex[:12]
        number = str(uuid.uuid4().int)[:12]
        self.role = f"arn:aws:iam::{number}:role/reader"
        sts = boto3.client("sts", endpoint_url=url, region_name=REGION)
        self.keys = sts.assume_role(RoleArn=self.role, RoleSessionName="maker")["Credentials"]
        external = folder / "external-id"
        external.write_text(EXTERNAL)
        accounts = [{"role_arn": self.role, "external_id_file": str(external)}]
        self.settings = {"name": "cloud", "type": "aws-account", "endpoint_url": front.url, "accounts": accounts, **AWS}
        self.settings["resources"] = list(READ)
        self.iam, self.s3 = self.client("iam"), self.client("s3")
        self.users = 0
        self.more()
        self.secrets = (*self.secrets, self.iam.create_access_key(UserName="user-1")["AccessKey"]["SecretAccessKey"])
        self.bucket = f"lab-{self.name}"
        self.s3.create_bucket(Bucket=self.bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        self.client("cloudtrail").create_trail(Name="trail", S3BucketName=self.bucket, IsMultiRegionTrail=True)
        recorder = {"name": "default", "roleARN": self.role}
        self.client("config").put_configuration_recorder(ConfigurationRecorder=recorder)

    def client(self, service: str) -> Any:
        key, secret, token = (self.keys[name] for name in ("AccessKeyId", "SecretAccessKey", "SessionToken"))
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            aws_session_token=token,
        )

    def more(self) -> None:
        self.users += 1
        self.iam.create_user(UserName=f"user-{self.users}")

    def empty(self) -> None:
        for user in self.iam.list_users()["Users"]:
            for key in self.iam.list_access_keys(UserName=user["UserName"])["AccessKeyMetadata"]:
                self.iam.delete_access_key(UserName=user["UserName"], AccessKeyId=key["AccessKeyId"])
            self.iam.delete_user(UserName=user["UserName"])
        self.client("cloudtrail").delete_trail(Name="trail")
        self.s3.delete_bucket(Bucket=self.bucket)
        self.client("config").delete_configuration_recorder(ConfigurationRecorderName="default")

    def hostile(self, text: str) -> bool:
        policy = {"Version": "2012-10-17", "Statement": [{"Sid": text, "Effect": "Deny", "Principal": "*", "Action": "s3:*"}]}
        self.s3.put_bucket_policy(Bucket=self.bucket, Policy=json.dumps(policy))
        return True


@contextmanager
def lab(folder: Path) -> Iterator[Lab]:
    url = moto()
    with fronted(url, denial) as front:
        yield Account(front, url, folder)
