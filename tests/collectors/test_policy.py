"""What a source must be allowed, in the other side's own form; its parts are those of the source's type."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from collectors.base import Permission
from collectors.policy import policy
from collectors.registry import access, read_settings
from collectors.source_type import Access

S3 = {"name": "trail", "type": "cloudtrail-s3", "bucket": "my-trail", "prefix": "AWSLogs/"}


def test_an_iam_policy_grants_each_action_on_its_resource() -> None:
    document = json.loads(policy(access(read_settings(S3)), "trail"))
    assert document["Version"] == "2012-10-17"
    granted = {(action, s["Resource"]) for s in document["Statement"] for action in s["Action"] if s["Effect"] == "Allow"}
    wanted = {("s3:ListBucket", "arn:aws:s3:::my-trail"), ("s3:GetObject", "arn:aws:s3:::my-trail/AWSLogs/*")}
    assert granted >= wanted
    sids = [s["Sid"] for s in document["Statement"]]
    assert len(set(sids)) == len(sids)
    assert all(sid.isalnum() for sid in sids)


def test_a_custom_role_lists_permissions_once() -> None:
    twice = (Permission("logging.logEntries.list", "read"), Permission("a.b.get", "x"), Permission("a.b.get", "y"))
    role: Any = yaml.safe_load(policy(Access("gcp-role", twice), "gcp"))
    assert role["includedPermissions"] == ["a.b.get", "logging.logEntries.list"]
    assert role["title"] == "Attestream gcp"


@pytest.mark.parametrize("word", ["read:jira-work", "incidents.read"])
def test_scopes_are_lines(word: str) -> None:
    assert policy(Access("scopes", (Permission(word, "tickets", "example.org"),)), "x") == f"{word}  on example.org  # tickets\n"
