"""Readiness to recover: Elastic Disaster Recovery's servers and drills, and what Resilience Hub says of applications."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from collectors.aws import AwsError
from collectors.aws_services.base import Call, Look, NotHere, Resource, Subject
from collectors.aws_services.paged import paged

JOBS: Final = Call("drs", "DescribeJobs")
SERVERS: Final = Call("drs", "DescribeSourceServers")
APPS: Final = Call("resiliencehub", "ListApps")
_SERVER: Final = ("sourceServerID", "lastLaunchResult", "replicationDirection", "tags")
_REPLICATION: Final = ("dataReplicationState", "dataReplicationError")
_UNUSED: Final = "UninitializedAccountException"


def _jobs(look: Look) -> Iterator[Subject]:
    for item in _of_drs(look, JOBS):
        yield look.subject(str(item["arn"]), item, str(item["jobID"]))


def _servers(look: Look) -> Iterator[Subject]:
    """Servers that are copied. How far a copy lags moves by the second and is left out; its state says what matters."""
    for item in _of_drs(look, SERVERS):
        server = look.subject(str(item["arn"]), {key: item.get(key) for key in _SERVER}, str(item["sourceServerID"]))
        copied = item.get("dataReplicationInfo") or {}
        server.put("dataReplicationInfo", {key: copied.get(key) for key in _REPLICATION})
        yield server


def _of_drs(look: Look, call: Call) -> Iterator[dict[str, Any]]:
    """A list of the service's. Raises NotHere in a Region where it was never set up."""
    try:
        yield from look.list(call, "items", maxResults=200, filters={})
    except AwsError as error:
        if error.code == _UNUSED:
            raise NotHere(str(error)) from error
        raise


def _apps(look: Look) -> Iterator[Subject]:
    for item in paged(look, APPS, "appSummaries", ask_by="nextToken", maxResults=100):
        app = look.subject(str(item["appArn"]), item, str(item["name"]))
        app.days("lastAppComplianceEvaluationTime")
        yield app


RESOURCES: Final = (
    Resource("drs", "job", "regional", "recovery drills and launches", (JOBS,), _jobs, ("A.5.29", "A.5.30")),
    Resource(
        "drs",
        "source-server",
        "regional",
        "servers that are copied for recovery, and the copy's state",
        (SERVERS,),
        _servers,
        ("A.5.30", "A.8.14"),
    ),
    Resource(
        "resiliencehub",
        "app",
        "regional",
        "applications and whether they meet their recovery objectives",
        (APPS,),
        _apps,
        ("A.5.30", "A.8.14"),
    ),
)
