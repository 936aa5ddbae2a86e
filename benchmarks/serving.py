"""The small servers of the simulated organisation, filled with many facts, in a process of their own: what is measured is the
collector, and its memory is its own."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any, Final

from attestream.demo.servers.aws_config import ConfigServer
from attestream.demo.servers.cloudtrail_lookup import CloudTrailServer
from attestream.demo.servers.gcp_logging import GcpLoggingServer
from attestream.demo.servers.github import GithubServer
from attestream.demo.servers.jira import JiraServer
from attestream.demo.servers.pagerduty import PagerdutyServer
from attestream.demo.servers.securityhub import SecurityHubServer
from attestream.demo.servers.servicenow import ServiceNowServer
from benchmarks.secrets import PASSWORD, TOKEN

_SPAN: Final = 20 * 3600.0
"""Seconds over which the facts are spread, up to an hour ago."""


def _times(count: int) -> Iterator[float]:
    start = time.time() - _SPAN - 3600
    return (start + number * _SPAN / count for number in range(count))


def _jira(count: int) -> JiraServer:
    server = JiraServer("cloud", TOKEN)
    for number, at in enumerate(_times(count)):
        server.create("SEC", f"ticket {number}", at=int(at * 1000))
    return server


def _servicenow(count: int) -> ServiceNowServer:
    server = ServiceNowServer(password=PASSWORD)
    for number, at in enumerate(_times(count)):
        server.create("incident", at=at, short_description=f"incident {number}")
    return server


def _pagerduty(count: int) -> PagerdutyServer:
    server = PagerdutyServer(TOKEN)
    for number, at in enumerate(_times(count)):
        server.trigger(f"P{number:06d}", at)
    return server


def _github(count: int) -> GithubServer:
    server = GithubServer("acme", TOKEN)
    server.repository("shop")
    for number, at in enumerate(_times(count), 1):
        server.issue("shop", number, at)
    return server


def _gcp_audit(count: int) -> GcpLoggingServer:
    from google.cloud.audit.audit_log_pb2 import AuditLog  # type: ignore[import-untyped]
    from google.protobuf.any_pb2 import Any as AnyMessage  # type: ignore[import-untyped]

    server = GcpLoggingServer()
    name = "projects/shop-prod/logs/cloudaudit.googleapis.com%2Factivity"
    for number, at in enumerate(_times(count)):
        payload = AnyMessage()
        payload.Pack(AuditLog(service_name="iam.googleapis.com", method_name="SetIamPolicy", resource_name=f"r{number}"))
        server.put(name, stamped=at - 5, received=at, insert_id=f"i{number}", proto_payload=payload)
    return server


def _security_hub(count: int) -> SecurityHubServer:
    server = SecurityHubServer()
    for number, at in enumerate(_times(count)):
        server.put(f"b{number}", ago=time.time() - at)
    return server


def _config_rules(count: int) -> ConfigServer:
    server = ConfigServer()
    server.rule("s3")
    for number in range(count):
        server.evaluate("s3", f"bucket-{number}", "NON_COMPLIANT" if number % 5 == 0 else "COMPLIANT")
    return server


def _lookup(count: int) -> CloudTrailServer:
    server = CloudTrailServer(regions=("eu-west-1",))
    for at in _times(count):
        server.put("DescribeInstances", ago=time.time() - at)
    return server


SERVERS: Final[Mapping[str, Callable[[int], Any]]] = {
    "jira": _jira,
    "servicenow": _servicenow,
    "pagerduty": _pagerduty,
    "github": _github,
    "gcp-audit": _gcp_audit,
    "aws-securityhub": _security_hub,
    "aws-config": _config_rules,
    "cloudtrail-lookup": _lookup,
}
"""One line each: the source type whose collector it feeds."""


@contextmanager
def served(name: str, count: int) -> Iterator[str]:
    """Run a server with `count` facts in another process; yields its URL (host:port of the one that speaks gRPC)."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(name, count, theirs), daemon=True)
    process.start()
    try:
        if not ours.poll(300):
            raise RuntimeError(f"the server of {name} did not start")
        yield str(ours.recv())
    finally:
        ours.send("end")
        process.join(30)
        process.kill()


def _serve(name: str, count: int, pipe: Connection) -> None:
    with SERVERS[name](count) as server:
        pipe.send(server.address if isinstance(server, GcpLoggingServer) else server.url)
        pipe.recv()
